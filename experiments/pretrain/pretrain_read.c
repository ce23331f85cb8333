/* pretrain_read.c: from the YAML tree to a PretrainConfig. Sections are read through the table of keys;
 * here are the rules that concern more than one key. */
#include "experiments/pretrain/pretrain_read.h"

#include "clip/base/files.h"
#include "experiments/config/config.h"
#include "experiments/config/names.h"
#include "experiments/config/section_read.h"
#include "experiments/config/templates.h"
#include "experiments/pretrain/pretrain_keys.h"

#include <string.h>

static const SectionList all_sections = {pretrain_section_at, NULL};

/* --- where pairs come from --- */

/* Keys that go with each kind alone. */
static bool goes_with(PairKind kind, const char *key) {
    static const char *const table[] = {"csv", "separator", "image_key", "caption_key", "root"};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(key, table[i]) == 0)
            return kind == PAIRS_TABLE;
    return strcmp(key, "webdataset") == 0 ? kind == PAIRS_SHARDS : kind == PAIRS_LABELLED;
}

static int choose_kind(PairSpec *spec, const Node *map, Error *err) {
    static const char *const names[] = {NULL, "csv", "webdataset", "dataset"};
    for (int kind = PAIRS_TABLE; kind <= PAIRS_LABELLED; kind++)
        if (node_find(map, names[kind])) {
            if (spec->kind)
                return node_error(map, err, "%s: %s and %s exclude each other", spec->section,
                                  names[spec->kind], names[kind]);
            spec->kind = (PairKind)kind;
        }
    if (!spec->kind)
        return node_error(map, err, "%s: one of csv, webdataset and dataset is needed", spec->section);
    for (int i = 0; i < map->n; i++)
        if (!goes_with(spec->kind, map->keys[i]->text))
            return node_error(map->keys[i], err, "%s.%s does not go with %s", spec->section,
                              map->keys[i]->text, names[spec->kind]);
    return 0;
}

static int read_pairs(PairSpec *spec, const char *name, const SectionSpec *keys, const Node *map,
                      Arena *arena, Error *err) {
    SectionSpec section = *keys;
    section.name = name;
    *spec = (PairSpec){.section = name, .node = map};
    if (node_is_empty(map))
        return node_error(map, err, "%s has no value", name);
    if (section_read(&section, map, map, spec, &all_sections, arena, err) < 0 ||
        choose_kind(spec, map, err) < 0)
        return -1;
    if (spec->separator && *spec->separator == '\0')
        return node_error(map, err, "%s.separator: an empty text", name);
    if (spec->kind == PAIRS_SHARDS && *spec->webdataset == '\0')
        return node_error(node_find(map, "webdataset"), err, "%s.webdataset: an empty text", name);
    if (spec->kind != PAIRS_LABELLED)
        return 0;
    const Node *templates = node_find(map, "templates");
    if (dataset_spec_read(&spec->dataset, node_find(map, "dataset"), arena, err) < 0)
        return -1;
    if (spec->dataset.exif != EXIF_IGNORE)
        return node_error(map, err,
                          "%s.dataset.exif: a pretraining takes images as they are stored, as OpenCLIP does",
                          name);
    return templates_resolve(&spec->templates, &spec->dataset, name, templates ? templates : map, arena, err);
}

static int read_data(PretrainConfig *config, const Node *root, Arena *arena, Error *err) {
    const Node *data = node_find(root, "data"), *node;
    const SectionSpec *pairs = pretrain_section("data.train"), *classes = pretrain_section("data.zeroshot");
    if (section_read(pretrain_section("data"), data, root, config, &all_sections, arena, err) < 0 ||
        read_pairs(&config->train, "data.train", pairs, node_find(data, "train"), arena, err) < 0)
        return -1;
    if ((node = node_find(data, "val")) && read_pairs(&config->val, "data.val", pairs, node, arena, err) < 0)
        return -1;
    node = node_find(data, "zeroshot");
    return node ? read_pairs(&config->zeroshot, "data.zeroshot", classes, node, arena, err) : 0;
}

/* --- what goes together --- */

static int read_model(PretrainConfig *config, const Node *root, Arena *arena, Error *err) {
    const Node *map = node_find(root, "model"), *key;
    if (section_read(pretrain_section("model"), map, root, config, &all_sections, arena, err) < 0)
        return -1;
    if (!config->model.config == !config->model.weights)
        return node_error(map, err, "model: either config (from scratch) or weights is needed");
    if (config->model.config && ((key = node_find(map, "activation")) || (key = node_find(map, "heads"))))
        return node_error(key, err, "model: activation and heads go with weights; a config says them itself");
    return 0;
}

/* A key that only another value of `name` or lr_scheduler gives a meaning. */
static int check_optim_key(const Node *map, const char *key, bool meant, const char *with, Error *err) {
    const Node *node = node_find(map, key);
    return node && !meant ? node_error(node, err, "optim.%s goes with %s alone", key, with) : 0;
}

static int read_optim(PretrainConfig *config, const Node *root, Arena *arena, Error *err) {
    const Node *map = node_find(root, "optim");
    PretrainOptim *optim = &config->optim;
    if (section_read(pretrain_section("optim"), map, root, config, &all_sections, arena, err) < 0)
        return -1;
    const bool adamw = optim->name == OPTIM_ADAMW, cooldown = optim->lr_scheduler == LR_CONST_COOLDOWN;
    if (check_optim_key(map, "beta1", adamw, "adamw", err) < 0 ||
        check_optim_key(map, "beta2", adamw, "adamw", err) < 0 ||
        check_optim_key(map, "eps", adamw, "adamw", err) < 0 ||
        check_optim_key(map, "momentum", !adamw, "sgd", err) < 0 ||
        check_optim_key(map, "epochs_cooldown", cooldown, "const-cooldown", err) < 0 ||
        check_optim_key(map, "lr_cooldown_end", cooldown, "const-cooldown", err) < 0 ||
        check_optim_key(map, "lr_cooldown_power", cooldown, "const-cooldown", err) < 0)
        return -1;
    if (optim->accum_freq % optim->parts != 0)
        return node_error(node_find(map, "parts"), err,
                          "optim.parts: %d, of which accum_freq (%d) is no multiple", optim->parts,
                          optim->accum_freq);
    if (cooldown && optim->epochs_cooldown == 0)
        return node_error(map, err, "missing key 'epochs_cooldown' in optim (const-cooldown needs it)");
    if (optim->epochs_cooldown > optim->epochs)
        return node_error(node_find(map, "epochs_cooldown"), err, "optim.epochs_cooldown: %d of %d epochs",
                          optim->epochs_cooldown, optim->epochs);
    return 0;
}

static int read_augment(PretrainConfig *config, const Node *root, Arena *arena, Error *err) {
    const Node *map = node_find(root, "augment");
    const RealList *scale = &config->augment.scale;
    config->augment.random = !(map && map->kind == NODE_SCALAR && strcmp(map->text, "none") == 0);
    if (section_read(pretrain_section("augment"), config->augment.random ? map : NULL, root, config,
                     &all_sections, arena, err) < 0)
        return -1;
    if (scale->n != 2 || scale->values[0] > scale->values[1])
        return node_error(node_find(map, "scale"), err,
                          "augment.scale: the least and the greatest share of the area are needed, as "
                          "[0.9, 1.0]");
    return 0;
}

static int read_lock(PretrainConfig *config, const Node *root, Arena *arena, Error *err) {
    const Node *map = node_find(root, "lock");
    if (section_read(pretrain_section("lock"), map, root, config, &all_sections, arena, err) < 0)
        return -1;
    if (config->lock.image_unlocked_groups > 0 && !config->lock.image)
        return node_error(node_find(map, "image_unlocked_groups"), err,
                          "lock.image_unlocked_groups goes with image: true alone");
    return 0;
}

static int read_tree(PretrainConfig *config, const Node *root, Arena *arena, Error *err) {
    if (root->kind != NODE_MAP)
        return node_error(root, err, "such a file is a map of keys, as 'output: runs/mine'");
    if (section_read(pretrain_section(""), root, root, config, &all_sections, arena, err) < 0 ||
        read_model(config, root, arena, err) < 0 || read_data(config, root, arena, err) < 0 ||
        read_optim(config, root, arena, err) < 0 || read_augment(config, root, arena, err) < 0)
        return -1;
    return read_lock(config, root, arena, err);
}

int pretrain_config_read(PretrainConfig *config, const char *path, const char *const *overrides,
                         int n_overrides, Arena *arena, Error *err) {
    *config = (PretrainConfig){.path = arena_strdup(arena, path)};
    if (!config->path)
        return error_memory(err);
    const Node *root = experiment_tree(config->path, overrides, n_overrides, arena, err);
    if (!root || read_tree(config, root, arena, err) < 0)
        return -1;
    fill_in_names(&config->name, &config->output, config->path, arena);
    return arena_failed(arena) ? error_memory(err) : 0;
}
