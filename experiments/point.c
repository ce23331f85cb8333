/* point.c: canonical text, key and folder of a point (point.h).
 *
 * The canonical text is JSON with sorted keys and no blanks, so that no two configurations share a text
 * whatever their strings hold. Where a file matters its digest stands in the text, so a moved file keeps its
 * results.
 */
#include "experiments/point.h"

#include "clip/base/files.h"
#include "experiments/config_keys.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define CANONICAL (JSON_COMPACT | JSON_SORT_KEYS)

/* What names the lists of the dataset when their digest is not known. */
static char *dataset_paths(const DatasetSpec *spec, Arena *arena) {
    const char *parts[] = {spec->format, spec->root,  spec->images, spec->split,
                           spec->csv,    spec->train, spec->val,    spec->test};
    char *text = arena_strdup(arena, "paths");
    for (size_t i = 0; i < sizeof parts / sizeof *parts && text; i++)
        text = arena_printf(arena, "%s:%s", text, parts[i] ? parts[i] : "");
    return text;
}

/* The defaults of the table of keys, without an experiment file. */
static int default_recipe(PointContext *context, Arena *arena, Error *err) {
    static const char *const names[] = {"optim", "augment"};
    Experiment defaults = {0};
    for (int s = 0; s < 2; s++) {
        const SectionSpec *section = section_find(names[s]);
        for (int i = 0; i < section->n_keys; i++) {
            const KeySpec *key = &section->keys[i];
            Node *node = yaml_parse(key->fallback, strlen(key->fallback), "default", false, arena, err);
            if (!node || key_read(key, section->name, node, &defaults, arena, err))
                return -1;
        }
    }
    context->default_optim = defaults.optim;
    context->default_views = defaults.augment.views;
    return 0;
}

int point_context(PointContext *context, const Experiment *experiment, const GridDigests *digests,
                  Arena *arena, Error *err) {
    *context = (PointContext){.experiment = experiment};
    if (digests)
        context->digests = *digests;
    if (!context->digests.model)
        context->digests.model = experiment->model.weights;
    if (!context->digests.vocab)
        context->digests.vocab = experiment->model.vocab ? experiment->model.vocab : "auto";
    if (!context->digests.split)
        context->digests.split = dataset_paths(&experiment->dataset, arena);
    context->dataset = experiment_dataset_name(experiment, arena);
    context->backbone = experiment_backbone_name(experiment, arena);
    if (arena_failed(arena))
        return error_memory(err);
    return default_recipe(context, arena, err);
}

int ctx_file_digest(const char **digest, const char *ctx_init, Arena *arena, Error *err) {
    *digest = NULL;
    if (!ctx_init_is_file(ctx_init))
        return 0;
    FileMap map;
    char hex[65];
    if (file_map(&map, ctx_init, err))
        return -1;
    digest_bytes(hex, map.data, map.size);
    file_unmap(&map);
    *digest = arena_strdup(arena, hex);
    return *digest ? 0 : error_memory(err);
}

/* --- JSON. A NULL object or value anywhere makes the enclosing json_pack fail, which the last caller sees.
 * --- */

static json_t *optim_json(const OptimConfig *optim) {
    return json_pack("{s:s, s:f, s:f, s:f, s:i, s:i, s:s, s:i, s:f, s:b}", "name", "sgd", "lr", optim->lr,
                     "momentum", optim->momentum, "weight_decay", optim->weight_decay, "max_epoch",
                     optim->max_epoch, "batch_size", optim->batch_size, "lr_scheduler",
                     optim->lr_scheduler == SCHEDULE_COSINE ? "cosine" : "constant", "warmup_epoch",
                     optim->warmup_epoch, "warmup_cons_lr", optim->warmup_cons_lr, "shuffle", optim->shuffle);
}

/* The method with all that shots and seed do not change. M follows from ctx_init where that is given. */
static json_t *method_json(const Point *point, const PointContext *context) {
    const LearnerConfig *learner = &point->learner;
    if (point->kind == METHOD_LINEAR_PROBE)
        return json_pack("{s:s}", "name", method_name(point->kind));
    if (point->kind == METHOD_COOP) {
        bool random_start = learner->ctx_init[0] == '\0';
        return json_pack("{s:s, s:i, s:b, s:s, s:s, s:o, s:i, s:s}", "name", method_name(point->kind),
                         "n_ctx", random_start ? learner->n_ctx : 0, "csc", learner->csc,
                         "class_token_position", position_name(learner->class_token_position), "ctx_init",
                         point->ctx_digest ? point->ctx_digest : learner->ctx_init, "optim",
                         optim_json(&point->optim), "views", point->views, "vocab", context->digests.vocab);
    }
    json_t *templates = json_array();
    for (int i = 0; templates && i < point->templates.n; i++)
        if (json_array_append_new(templates, json_string(point->templates.values[i]))) {
            json_decref(templates);
            return NULL;
        }
    return json_pack("{s:s, s:o, s:s}", "name", method_name(point->kind), "templates", templates, "vocab",
                     context->digests.vocab);
}

/* The text of a JSON value, owned by the arena; takes the value over. */
static char *json_text(json_t *json, Arena *arena) {
    char *text = json ? json_dumps(json, CANONICAL) : NULL;
    char *copy = text ? arena_strdup(arena, text) : NULL;
    free(text);
    json_decref(json);
    return copy;
}

char *point_variant_text(const Point *point, const PointContext *context, Arena *arena) {
    return json_text(method_json(point, context), arena);
}

static int describe_config(Point *point, const PointContext *context, Arena *arena, Error *err) {
    const char *part = context->experiment->dataset.subsample_classes;
    json_t *json =
        json_pack("{s:i, s:{s:s, s:s, s:s}, s:s, s:o}", "version", 1, "dataset", "name", context->dataset,
                  "lists", context->digests.split, "subsample_classes", part ? part : "all", "model",
                  context->digests.model, "method", method_json(point, context));
    int failed = !json;
    if (json && point->num_shots != SHOTS_NONE) {
        failed |= json_object_set_new(json, "num_shots",
                                      point->num_shots == SHOTS_ALL ? json_string("all")
                                                                    : json_integer(point->num_shots));
        failed |= json_object_set_new(json, "seed", json_integer(point->seed));
    }
    point->config = json_text(json, arena);
    if (failed || !point->config)
        return error_memory(err);
    digest_bytes(point->key, point->config, strlen(point->config));
    return 0;
}

/* --- folders --- */

/* Eight digits for what a folder's name does not spell out. Contents of files are left out: a folder stays
 * where it is when they change. */
static char *short_digest(const Point *point, const PointContext *context, Arena *arena) {
    Point bare_point = *point;
    PointContext bare = *context;
    bare_point.ctx_digest = NULL;
    bare.digests.vocab = "";
    char *text = point_variant_text(&bare_point, &bare, arena);
    char hex[65];
    if (!text)
        return NULL;
    digest_bytes(hex, text, strlen(text));
    return arena_printf(arena, "%.8s", hex);
}

static bool is_default_recipe(const Point *point, const PointContext *context) {
    const OptimConfig *a = &point->optim, *b = &context->default_optim;
    int epochs = auto_epochs(context->experiment->dataset.name, point->num_shots);
    return a->lr == b->lr && a->momentum == b->momentum && a->weight_decay == b->weight_decay &&
           a->max_epoch == epochs && a->batch_size == b->batch_size && a->lr_scheduler == b->lr_scheduler &&
           a->warmup_epoch == b->warmup_epoch && a->warmup_cons_lr == b->warmup_cons_lr &&
           a->shuffle == b->shuffle && point->views == context->default_views;
}

/* "nctx16_cscFalse_ctpend", as in CoOp's scripts; "_1f2e3d4c" follows where something else is not the
 * default. */
static char *coop_leaf(const Point *point, const PointContext *context, Arena *arena) {
    const LearnerConfig *learner = &point->learner;
    bool random_start = learner->ctx_init[0] == '\0';
    char *start = arena_printf(arena, "nctx%d", learner->n_ctx);
    if (!random_start) {
        char *words =
            safe_name(point->ctx_digest ? path_stem(learner->ctx_init, arena) : learner->ctx_init, arena);
        start = words ? arena_printf(arena, "init_%s", words) : NULL;
    }
    if (!start)
        return NULL;
    const char *csc = learner->csc ? "True" : "False";
    const char *position = position_name(learner->class_token_position);
    if (random_start && is_default_recipe(point, context))
        return arena_printf(arena, "%s_csc%s_ctp%s", start, csc, position);
    char *digest = short_digest(point, context, arena);
    return digest ? arena_printf(arena, "%s_csc%s_ctp%s_%s", start, csc, position, digest) : NULL;
}

static char *zeroshot_leaf(const Point *point, const PointContext *context, Arena *arena) {
    const char *first = point->templates.values[0];
    int n = point->templates.n;
    if (n == 1 && strcmp(first, dataset_template(context->experiment->dataset.name)) == 0)
        return arena_strdup(arena, "default");
    char *start = n == 1 ? safe_name(first, arena) : arena_printf(arena, "ensemble%d", n);
    char *digest = short_digest(point, context, arena);
    return start && digest ? arena_printf(arena, "%s_%s", start, digest) : NULL;
}

static int describe_folder(Point *point, const PointContext *context, Arena *arena, Error *err) {
    char *start =
        arena_printf(arena, "%s/%s/%s", context->dataset, method_name(point->kind), context->backbone);
    if (start && point->num_shots > 0)
        start = arena_printf(arena, "%s_%dshots", start, point->num_shots);
    else if (start && point->num_shots == SHOTS_ALL)
        start = arena_printf(arena, "%s_allshots", start);
    if (start && point->kind == METHOD_ZEROSHOT) {
        char *leaf = zeroshot_leaf(point, context, arena);
        start = leaf ? arena_printf(arena, "%s/%s", start, leaf) : NULL;
    }
    if (start && point->kind == METHOD_COOP) {
        char *leaf = coop_leaf(point, context, arena);
        start = leaf ? arena_printf(arena, "%s/%s", start, leaf) : NULL;
    }
    if (start && point->num_shots != SHOTS_NONE)
        start = arena_printf(arena, "%s/seed%d", start, point->seed);
    point->folder = start;
    return start ? 0 : error_memory(err);
}

int point_describe(Point *point, const PointContext *context, Arena *arena, Error *err) {
    if (describe_config(point, context, arena, err))
        return -1;
    return describe_folder(point, context, arena, err);
}
