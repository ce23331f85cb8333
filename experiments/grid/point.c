/* point.c: canonical text, key and folder of a point (point.h).
 *
 * The canonical text is JSON with sorted keys and no blanks, so that no two configurations share a text
 * whatever their strings hold. Where a file matters its digest stands in the text, so a moved file keeps its
 * results.
 */
#include "experiments/grid/point.h"

#include "clip/base/files.h"
#include "clip/base/json.h"
#include "datasets/lists/catalog.h"
#include "experiments/config/config_keys.h"
#include "experiments/config/config_values.h"
#include "experiments/config/names.h"

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
    Experiment defaults = {0};
    if (section_defaults(section_find("optim"), NULL, &defaults, arena, err) < 0 ||
        section_defaults(section_find("augment"), NULL, &defaults, arena, err) < 0)
        return -1;
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
    if (context->digests.precision != PRECISION_FLOAT32 && context->backbone)
        context->backbone =
            arena_printf(arena, "%s_%s", context->backbone, precision_name(context->digests.precision));
    if (arena_failed(arena))
        return error_memory(err);
    return default_recipe(context, arena, err);
}

/* --- JSON. A NULL object or value anywhere makes the enclosing json_pack fail, which the last caller sees.
 * --- */

static json_t *value_json(const KeySpec *key, const void *value, Arena *arena) {
    switch (key->type) {
    case KEY_REAL:
        return json_real(*(const double *)value);
    case KEY_INT:
        return json_integer(*(const int *)value);
    case KEY_BOOL:
        return json_boolean(key_truth(key, value));
    default:
        return json_string(key_value_text(key, value, arena));
    }
}

void *optim_field(const KeySpec *key, const OptimConfig *optim) {
    return (char *)optim + (key->offset - offsetof(Experiment, optim));
}

bool optim_tells(const KeySpec *key, const OptimConfig *optim, Arena *arena) {
    const void *value = optim_field(key, optim);
    if (!(key->flags & KEY_LATER))
        return true;
    if (key->type == KEY_TEXT)
        return *(const char *const *)value && **(const char *const *)value;
    const char *text = key_value_text(key, value, arena);
    return text && strcmp(text, key->fallback) != 0;
}

json_t *optim_json(const OptimConfig *optim, Arena *arena) {
    const SectionSpec *section = section_find("optim");
    json_t *json = json_object();
    const KeySpec *key;
    int failed = !json;
    for (int i = 0; (key = section_key_at(section, i)); i++)
        if (optim_tells(key, optim, arena))
            failed |= json_object_set_new(json, key->name, value_json(key, optim_field(key, optim), arena));
    if (!failed)
        return json;
    json_decref(json);
    return NULL;
}

static json_t *templates_json(const KeySpec *key, const MethodOptions *options, Arena *arena) {
    json_t *list = json_array();
    int failed = !list;
    for (int i = 0; !failed && i < key_count(key, options); i++)
        failed = json_array_append_new(list, value_json(key, key_value(key, options, i), arena));
    if (!failed)
        return list;
    json_decref(list);
    return NULL;
}

json_t *options_json(const Point *point, const PointContext *context, Arena *arena) {
    const MethodSpec *method = point->method;
    json_t *json = json_pack("{s:s}", "name", method->section.name);
    const KeySpec *key;
    int failed = !json;
    for (int i = 0; (key = section_key_at(&method->section, i)); i++) {
        if (key->flags & KEY_TEMPLATES)
            failed |= json_object_set_new(json, key->name, templates_json(key, point->options, arena));
        else if (key->flags & KEY_LIST && !(key->flags & KEY_OPTIM))
            failed |= json_object_set_new(json, key->name,
                                          value_json(key, key_value(key, point->options, 0), arena));
    }
    if (method->uses & USES_OPTIM) {
        OptimConfig optim = point->optim;
        if (section_key(&method->section, "optimizer")) /* tells which it is */
            optim.optimizer = OPTIMIZER_SGD;
        failed |= json_object_set_new(json, "optim", optim_json(&optim, arena));
    }
    if (method->uses & USES_VIEWS)
        failed |= json_object_set_new(json, "views", json_integer(point->views));
    if (method->uses & USES_TEXT)
        failed |=
            json_object_set_new(json, "vocab", json_string(context->names ? "" : context->digests.vocab));
    if (!failed)
        return json;
    json_decref(json);
    return NULL;
}

/* The method with all that shots and seed do not change. */
static json_t *method_json(const Point *point, const PointContext *context, Arena *arena) {
    const PointRules *rules = point->method->rules;
    return rules && rules->json ? rules->json(point, context, arena) : options_json(point, context, arena);
}

/* The text of a JSON value, owned by the arena; takes the value over. */
static char *json_text(json_t *json, Arena *arena) {
    char *text = json ? json_write(json, CANONICAL) : NULL;
    char *copy = text ? arena_strdup(arena, text) : NULL;
    free(text);
    json_decref(json);
    return copy;
}

char *point_variant_text(const Point *point, const PointContext *context, Arena *arena) {
    return json_text(method_json(point, context, arena), arena);
}

static int describe_config(Point *point, const PointContext *context, Arena *arena, Error *err) {
    const char *part = context->experiment->dataset.subsample_classes;
    json_t *json =
        json_pack("{s:i, s:{s:s, s:s, s:s}, s:s, s:o}", "version", 1, "dataset", "name", context->dataset,
                  "lists", context->digests.split, "subsample_classes", part ? part : "all", "model",
                  context->digests.model, "method", method_json(point, context, arena));
    int failed = !json;
    if (json && context->digests.precision != PRECISION_FLOAT32)
        failed |=
            json_object_set_new(json, "precision", json_string(precision_name(context->digests.precision)));
    if (json && context->experiment->dataset.exif == EXIF_ROTATE)
        failed |= json_object_set_new(json, "exif", json_string("rotate"));
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

/* --- labels --- */

const char *options_label(const char *start, const char *except, const Point *variant,
                          const MethodEntry *entry, Arena *arena) {
    const SectionSpec *section = &variant->method->section;
    bool all = !entry->options->name;
    const char *label = all ? start : entry->options->name;
    const KeySpec *key;
    for (int i = 0; label && (key = section_key_at(section, i)); i++) {
        bool is_dimension = key->flags & KEY_LIST && !(key->flags & KEY_TEMPLATES);
        int n = is_dimension ? key_count(key, entry->options) : 0;
        if (n == 0 || (all && except && strcmp(key->name, except) == 0))
            continue;
        const char *text = key_value_text(key, key_value(key, variant->options, 0), arena);
        if (text && !*text)
            text = "\"\""; /* as it is written */
        bool is_default = text && key->fallback && strcmp(text, key->fallback) == 0;
        if (n > 1 || (all && !is_default))
            label = text ? arena_printf(arena, "%s %s=%s", label, key->name, text) : NULL;
    }
    return label;
}

const char *point_label(const Point *variant, const MethodEntry *entry, const PointContext *context,
                        Arena *arena) {
    const MethodSpec *method = variant->method;
    return method->rules && method->rules->label ? method->rules->label(variant, entry, context, arena)
                                                 : options_label(method->title, NULL, variant, entry, arena);
}

/* --- folders --- */

char *short_digest(const Point *point, const PointContext *context, Arena *arena) {
    PointContext bare = *context;
    bare.names = true;
    char *text = point_variant_text(point, &bare, arena);
    char hex[65];
    if (!text)
        return NULL;
    digest_bytes(hex, text, strlen(text));
    return arena_printf(arena, "%.8s", hex);
}

bool is_default_recipe(const Point *point, const PointContext *context) {
    const SectionSpec *section = section_find("optim");
    OptimConfig recipe = context->default_optim;
    recipe.max_epoch = auto_epochs(context->experiment->dataset.name, point->num_shots);
    const KeySpec *key;
    for (int i = 0; (key = section_key_at(section, i)); i++)
        if (!key_equal(key, optim_field(key, &point->optim), optim_field(key, &recipe)))
            return false;
    return point->views == context->default_views;
}

bool is_default_template(const TextList *templates, const PointContext *context) {
    return templates->n == 1 &&
           strcmp(templates->values[0], dataset_template(context->experiment->dataset.name)) == 0;
}

/* "default", or the values that are not and a digest: "trainTrue_1f2e3d4c"; "" for a method without options.
 */
static const char *options_leaf(const Point *point, const PointContext *context, Arena *arena) {
    const MethodSpec *method = point->method;
    const SectionSpec *section = &method->section;
    bool is_default = !(method->uses & USES_OPTIM) || is_default_recipe(point, context);
    is_default &= !(method->uses & USES_VIEWS) || point->views == context->default_views;
    const char *leaf = "", *none = "";
    const KeySpec *key;
    for (int i = 0; leaf && (key = section_key_at(section, i)); i++) {
        if (key->flags & KEY_LIST)
            none = "default";
        if (key->flags & KEY_TEMPLATES) {
            is_default &= is_default_template(&point->options->templates, context);
        } else if (key->flags & KEY_LIST && !(key->flags & KEY_OPTIM)) {
            const char *text = key_value_text(key, key_value(key, point->options, 0), arena);
            if (text && strcmp(text, key->fallback) == 0)
                continue;
            is_default = false;
            leaf = text ? arena_printf(arena, "%s%s%s_", leaf, key->name, text) : NULL;
        }
    }
    if (!leaf || is_default)
        return leaf ? none : NULL;
    char *digest = short_digest(point, context, arena);
    return digest ? arena_printf(arena, "%s%s", leaf, digest) : NULL;
}

static int describe_folder(Point *point, const PointContext *context, Arena *arena, Error *err) {
    const MethodSpec *method = point->method;
    char *start = arena_printf(arena, "%s/%s/%s", context->dataset, method->section.name, context->backbone);
    if (start && point->num_shots > 0)
        start = arena_printf(arena, "%s_%dshots", start, point->num_shots);
    else if (start && point->num_shots == SHOTS_ALL)
        start = arena_printf(arena, "%s_allshots", start);
    const char *leaf = method->rules && method->rules->leaf ? method->rules->leaf(point, context, arena)
                                                            : options_leaf(point, context, arena);
    if (start && leaf && *leaf)
        start = arena_printf(arena, "%s/%s", start, leaf);
    if (!leaf)
        start = NULL;
    if (start && point->num_shots != SHOTS_NONE)
        start = arena_printf(arena, "%s/seed%d", start, point->seed);
    point->folder = start;
    return start ? 0 : error_memory(err);
}

int point_describe(Point *point, const PointContext *context, Arena *arena, Error *err) {
    if (describe_config(point, context, arena, err) < 0)
        return -1;
    return describe_folder(point, context, arena, err);
}
