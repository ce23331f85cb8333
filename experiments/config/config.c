/* config.c: from the YAML tree to an Experiment (config.h).
 *
 * Sections are read through the table of keys; here are the rules that concern more than one key: which
 * dataset keys go together, what follows from what.
 */
#include "experiments/config/config.h"

#include "clip/base/files.h"
#include "clip/base/nearest.h"
#include "datasets/lists/catalog.h"
#include "experiments/config/config_keys.h"
#include "experiments/config/names.h"
#include "experiments/config/section_read.h"
#include "experiments/config/templates.h"

#include <string.h>

static const SectionSpec *method_section_at(const void *methods, int index) {
    return section_at(methods, index);
}

static int read_section(const SectionSpec *section, const Node *map, const Node *parent, void *base,
                        const MethodList *methods, Arena *arena, Error *err) {
    const SectionList all = {method_section_at, methods};
    return section_read(section, map, parent, base, &all, arena, err);
}

/* --- the dataset --- */

/* Keys that a kind of dataset has, beside those that all have. */
typedef struct {
    const char *what; /* for messages */
    const char *required[3], *optional[5];
} DatasetRule;

/* Of one folder for all images, unless the keys of the other kind are used. */
static const DatasetRule *dataset_rule(const DatasetSpec *spec) {
    static const DatasetRule known = {
        "a dataset known by name", {"name", "root"}, {"original_caches", "features"}};
    static const DatasetRule split = {"format split", {"images", "split"}, {"class_names", "features"}};
    static const DatasetRule csv = {
        "format csv", {"csv"}, {"images", "p_trn", "p_val", "split_seed", "class_names"}};
    static const DatasetRule one = {
        "format folder with images", {"images"}, {"p_trn", "p_val", "split_seed", "class_names"}};
    static const DatasetRule three = {"format folder with test", {"test"}, {"train", "val", "class_names"}};
    if (!spec->format)
        return &known;
    if (strcmp(spec->format, "split") == 0)
        return &split;
    if (strcmp(spec->format, "csv") == 0)
        return &csv;
    return spec->images || !(spec->train || spec->val || spec->test) ? &one : &three;
}

static bool is_among(const char *name, const char *const *names, int n) {
    for (int i = 0; i < n && names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static int check_dataset(DatasetSpec *spec, const Node *map, Error *err) {
    static const char *const always[] = {"name", "format", "subsample_classes", "template", "exif"};
    const DatasetRule *rule = dataset_rule(spec);
    if (node_is_empty(map))
        return node_error(map, err, "dataset: give a name with root, or a format (folder, split or csv)");
    if (!spec->format && !spec->name)
        return node_error(map, err, "dataset: give a name with root, or a format (folder, split or csv)");
    for (int i = 0; i < 3 && rule->required[i]; i++)
        if (!node_find(map, rule->required[i]))
            return node_error(map, err, "missing key '%s' in dataset (%s needs it)", rule->required[i],
                              rule->what);
    for (int i = 0; i < map->n; i++) {
        const char *key = map->keys[i]->text;
        if (!is_among(key, always, 5) && !is_among(key, rule->required, 3) &&
            !is_among(key, rule->optional, 5))
            return node_error(map->keys[i], err, "dataset.%s does not go with %s", key, rule->what);
    }
    const Node *p_trn = node_find(map, "p_trn"), *p_val = node_find(map, "p_val");
    spec->draw_asked = p_trn || p_val || node_find(map, "split_seed");
    if (spec->p_trn + spec->p_val >= 1)
        return node_error(p_val ? p_val : p_trn, err,
                          "dataset: p_trn %g and p_val %g leave nothing to test on", spec->p_trn,
                          spec->p_val);
    if (spec->template && !strstr(spec->template, "{}"))
        return node_error(node_find(map, "template"), err,
                          "dataset.template: '%.100s' has no {} for the class name", spec->template);
    if (spec->val && !spec->train)
        return node_error(map, err, "dataset.val needs dataset.train");
    if (!spec->format && !catalog_find(spec->name)) {
        const char *nearest = catalog_nearest(spec->name);
        return node_error(node_find(map, "name"), err,
                          "dataset.name: '%.60s' is not known%s%s%s; own data needs a format", spec->name,
                          nearest ? " (did you mean '" : "", nearest ? nearest : "", nearest ? "'?)" : "");
    }
    return 0;
}

int dataset_spec_read(DatasetSpec *spec, const Node *map, Arena *arena, Error *err) {
    const MethodList none = {0};
    Experiment experiment = {0};
    if (read_section(section_find("dataset"), map, map, &experiment, &none, arena, err) < 0)
        return -1;
    *spec = experiment.dataset;
    return check_dataset(spec, map, err);
}

/* --- the recipe --- */

/* Steps down need to be said where, and nothing else has any. */
static int check_optim(const OptimConfig *optim, const Node *map, Error *err) {
    static const char *const keys[] = {"step_epochs", "milestones", "gamma"};
    const char *text = optim->milestones;
    if (text[strspn(text, "0123456789 ")] || strlen(text) > 1000)
        return node_error(node_find(map, "milestones"), err, "optim.milestones: '%.60s' is not like '30 60'",
                          text);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (optim->lr_scheduler != SCHEDULE_STEP && node_find(map, keys[i]))
            return node_error(node_find(map, keys[i]), err, "optim.%s needs lr_scheduler: step", keys[i]);
    if (optim->lr_scheduler == SCHEDULE_STEP && optim->step_epochs == 0 && !text[strspn(text, " ")])
        return node_error(map, err, "optim.lr_scheduler: step needs step_epochs or milestones");
    return 0;
}

/* --- methods --- */

static const MethodSpec *find_method(const MethodList *methods, const Node *entry, int index, Error *err) {
    const char *names[32];
    int n = methods->n < 32 ? methods->n : 32;
    if (entry->kind != NODE_MAP || entry->n != 1) {
        node_error(entry, err, "methods[%d]: must be one method and its keys, as 'coop: {n_ctx: 16}'", index);
        return NULL;
    }
    const char *name = entry->keys[0]->text;
    char known[512] = "";
    for (int i = 0; i < n; i++) {
        names[i] = methods->specs[i]->section.name;
        if (strcmp(name, names[i]) == 0)
            return methods->specs[i];
        size_t length = strlen(known);
        snprintf(known + length, sizeof known - length, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    const char *nearest = nearest_word(name, names, n);
    node_error(entry->keys[0], err, "unknown method '%.60s' (%s%s%s)", name,
               nearest ? "did you mean '" : "known are ", nearest ? nearest : known, nearest ? "'?" : "");
    return NULL;
}

static int read_method(MethodEntry *read, const MethodSpec *method, const Node *entry,
                       const DatasetSpec *dataset, const MethodList *methods, Arena *arena, Error *err) {
    const SectionSpec *section = &method->section;
    *read = (MethodEntry){method, arena_alloc(arena, 1, method->options_size)};
    if (!read->options)
        return error_memory(err);
    const Node *map = entry->children[0];
    if (read_section(section, map, entry, read->options, methods, arena, err) < 0)
        return -1;
    const KeySpec *key;
    for (int i = 0; (key = section_key_at(section, i)); i++)
        read->options->given |= (uint64_t)(node_find(map, key->name) != NULL) << i;
    const Node *node = node_find(map, "templates");
    DatasetSpec named = *dataset;
    if (!named.template && method->template)
        named.template = method->template(named.name);
    return templates_resolve(&read->options->templates, &named, section->name, node ? node : entry, arena,
                             err);
}

static int read_methods(Experiment *experiment, const Node *list, const MethodList *methods, Arena *arena,
                        Error *err) {
    if (list->kind != NODE_LIST || list->n == 0)
        return node_error(list, err, "methods: must be a list, as '- coop: {n_ctx: 16}'");
    experiment->n_methods = list->n;
    experiment->methods = ARENA_NEW(arena, MethodEntry, list->n);
    if (!experiment->methods)
        return error_memory(err);
    for (int i = 0; i < list->n; i++) {
        const MethodSpec *method = find_method(methods, list->children[i], i, err);
        if (!method || read_method(&experiment->methods[i], method, list->children[i], &experiment->dataset,
                                   methods, arena, err) < 0)
            return -1;
    }
    return 0;
}

/* --- the whole --- */

static int read_tree(Experiment *experiment, const Node *root, const MethodList *methods, Arena *arena,
                     Error *err) {
    static const char *const names[] = {"model", "dataset", "grid", "optim", "augment", "outputs"};
    if (root->kind != NODE_MAP)
        return node_error(root, err, "an experiment file is a map of keys, as 'output: runs/pets'");
    if (read_section(section_find(""), root, root, experiment, methods, arena, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (read_section(section_find(names[i]), node_find(root, names[i]), root, experiment, methods, arena,
                         err) < 0)
            return -1;
    if (check_dataset(&experiment->dataset, node_find(root, "dataset"), err) < 0 ||
        check_optim(&experiment->optim, node_find(root, "optim"), err) < 0)
        return -1;
    return read_methods(experiment, node_find(root, "methods"), methods, arena, err);
}

/* What follows from other keys when it is not given. */
static int fill_in(Experiment *experiment, Arena *arena, Error *err) {
    fill_in_names(&experiment->name, &experiment->output, experiment->path, arena);
    if (!experiment->cache && experiment->output)
        experiment->cache = path_join(arena, experiment->output, "cache");
    experiment->optim.epsilon = 1e-8; /* as PyTorch */
    return arena_failed(arena) ? error_memory(err) : 0;
}

Node *experiment_tree(const char *path, const char *const *overrides, int n_overrides, Arena *arena,
                      Error *err) {
    Node *root = yaml_read(path, arena, err);
    for (int i = 0; root && i < n_overrides; i++)
        if (node_set(root, overrides[i], arena, err) < 0)
            return NULL;
    return root;
}

int experiment_from_tree(Experiment *experiment, const char *path, const Node *root,
                         const MethodList *methods, Arena *arena, Error *err) {
    *experiment = (Experiment){.path = path};
    return read_tree(experiment, root, methods, arena, err) < 0 ? -1 : fill_in(experiment, arena, err);
}

int experiment_read(Experiment *experiment, const char *path, const char *const *overrides, int n_overrides,
                    const MethodList *methods, Arena *arena, Error *err) {
    const char *copy = arena_strdup(arena, path);
    if (!copy)
        return error_memory(err);
    const Node *root = experiment_tree(copy, overrides, n_overrides, arena, err);
    return root ? experiment_from_tree(experiment, copy, root, methods, arena, err) : -1;
}
