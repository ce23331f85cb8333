/* grid.c: see grid.h.
 *
 * A variant is a method with one choice of each of its own dimensions; a point is a variant at one num_shots
 * and seed. point_describe fills in what follows from the choices: canonical text, key and folder.
 */
#include "experiments/grid/grid.h"

#include "clip/base/text_map.h"
#include "experiments/config/config_keys.h"

#include <stddef.h>
#include <string.h>

#define MAX_POINTS 100000

/* What all points of one experiment share while it is expanded. */
typedef struct {
    const Experiment *experiment;
    PointContext context;
    Grid *grid;
    int capacity;
    TextMap keys;          /* of the points so far */
    TextMap labels;        /* label -> index in variants, so that two variants get two labels */
    const char **variants; /* (n_variants) what tells one from another */
    int n_variants, max_variants;
    Arena *arena;
    Error *err;
} Expansion;

static int too_many(const Expansion *expansion) {
    return error_set(expansion->err, "%s: over %d points in the grid", expansion->experiment->path,
                     MAX_POINTS);
}

static int add_point(Expansion *expansion, const Point *point) {
    Grid *grid = expansion->grid;
    if (text_map_find(&expansion->keys, point->key)) {
        grid->n_same++;
        return 0;
    }
    if (grid->n >= MAX_POINTS)
        return too_many(expansion);
    Point *points =
        arena_grow(expansion->arena, grid->points, &expansion->capacity, grid->n + 1, sizeof *points);
    if (!points)
        return error_memory(expansion->err);
    grid->points = points;
    grid->points[grid->n] = *point;
    if (text_map_put(&expansion->keys, grid->points[grid->n].key, grid->n) < 0)
        return error_memory(expansion->err);
    grid->n++;
    return 0;
}

static int add_label(Expansion *expansion, const char *label, const char *variant) {
    const char **variants = arena_grow(expansion->arena, expansion->variants, &expansion->max_variants,
                                       expansion->n_variants + 1, sizeof *variants);
    if (!variants)
        return error_memory(expansion->err);
    expansion->variants = variants;
    expansion->variants[expansion->n_variants] = variant;
    return text_map_put(&expansion->labels, label, expansion->n_variants++) < 0 ? error_memory(expansion->err)
                                                                                : 0;
}

/* A label that an earlier, different variant has taken gets a number. */
static int unique_label(Expansion *expansion, Point *variant) {
    char *own = point_variant_text(variant, &expansion->context, expansion->arena);
    const char *label = variant->label;
    if (!own || !label)
        return error_memory(expansion->err);
    for (int i = 2;; i++) {
        const int *taken = text_map_find(&expansion->labels, variant->label);
        if (!taken)
            return add_label(expansion, variant->label, own);
        if (strcmp(expansion->variants[*taken], own) == 0)
            return 0;
        variant->label = arena_printf(expansion->arena, "%s (%d)", label, i);
        if (!variant->label)
            return error_memory(expansion->err);
    }
}

/* All shots and seeds of a variant. */
static int add_variant(Expansion *expansion, Point variant) {
    const Experiment *experiment = expansion->experiment;
    IntList shots = experiment->grid.num_shots, seeds = experiment->grid.seed;
    static const int none[] = {SHOTS_NONE}, zero[] = {0};
    if (!(variant.method->uses & USES_TRAINING)) {
        shots = (IntList){(int *)none, 1};
        seeds = (IntList){(int *)zero, 1};
    }
    if ((long)shots.n * seeds.n > MAX_POINTS)
        return too_many(expansion);
    variant.logits = experiment->outputs.logits;
    if (unique_label(expansion, &variant) < 0)
        return -1;
    for (int i = 0; i < shots.n; i++)
        for (int j = 0; j < seeds.n; j++) {
            Point point = variant;
            point.num_shots = shots.values[i];
            point.seed = seeds.values[j];
            if (point.method->uses & USES_OPTIM && point.optim.max_epoch == 0)
                point.optim.max_epoch = auto_epochs(experiment->dataset.name, point.num_shots);
            if (point_describe(&point, &expansion->context, expansion->arena, expansion->err) < 0 ||
                add_point(expansion, &point) < 0)
                return -1;
        }
    return 0;
}

/* --- methods --- */

/* The values of a dimension, of which a key that is not given has one; 0 for a key that is none. */
static int dimension(const KeySpec *key, const MethodOptions *options) {
    if (!(key->flags & KEY_LIST) || key->flags & KEY_TEMPLATES)
        return 0;
    int n = key_count(key, options);
    return n > 0 ? n : 1;
}

/* The number of variants, or -1 when it is out of hand. */
static long count_variants(const MethodEntry *entry) {
    const SectionSpec *section = &entry->method->section;
    long product = 1;
    const KeySpec *key;
    for (int i = 0; (key = section_key_at(section, i)); i++) {
        int n = dimension(key, entry->options);
        product *= n > 0 ? n : 1;
        if (product > MAX_POINTS)
            return -1;
    }
    return product;
}

/* Variants are counted like a number whose digits are the dimensions, the last one turning fastest. */
static MethodOptions *variant_options(const MethodEntry *entry, long index, Arena *arena) {
    const SectionSpec *section = &entry->method->section;
    MethodOptions *options = arena_alloc(arena, 1, entry->method->options_size);
    if (!options)
        return NULL;
    memcpy(options, entry->options, entry->method->options_size);
    int n_keys = 0;
    while (section_key_at(section, n_keys))
        n_keys++;
    for (int i = n_keys - 1; i >= 0; i--) {
        const KeySpec *key = section_key_at(section, i);
        int n = dimension(key, entry->options);
        if (n > 0 && key_count(key, options) > 0)
            key_cut(key, options, (int)(index % n));
        index /= n > 0 ? n : 1;
    }
    return options;
}

/* Puts the method's own values in the place of those of the section optim. */
static void override_optim(Point *point) {
    const SectionSpec *section = &point->method->section, *optim = section_find("optim");
    const KeySpec *key;
    for (int i = 0; (key = section_key_at(section, i)); i++) {
        if (!(key->flags & KEY_OPTIM) || key_count(key, point->options) == 0)
            continue;
        memcpy(optim_field(section_key(optim, key->name), &point->optim), key_value(key, point->options, 0),
               key_size(key));
    }
}

static int add_method(Expansion *expansion, const MethodEntry *entry) {
    const Experiment *experiment = expansion->experiment;
    const MethodSpec *method = entry->method;
    long n = count_variants(entry);
    if (n < 0)
        return too_many(expansion);
    for (long i = 0; i < n; i++) {
        MethodOptions *options = variant_options(entry, i, expansion->arena);
        if (!options)
            return error_memory(expansion->err);
        if (method->rules && method->rules->resolve &&
            method->rules->resolve(options, expansion->arena, expansion->err) < 0)
            return -1;
        Point point = {.method = method, .options = options, .target = -1};
        if (method->uses & USES_VIEWS)
            point.views = experiment->augment.views;
        if (method->uses & USES_OPTIM) {
            point.optim = experiment->optim;
            if (method->rules && method->rules->recipe)
                method->rules->recipe(&point.optim, options, experiment->dataset.name);
            override_optim(&point);
        }
        point.label = point_label(&point, entry, &expansion->context, expansion->arena);
        if (!point.label)
            return error_memory(expansion->err);
        if (add_variant(expansion, point) < 0)
            return -1;
    }
    return 0;
}

int grid_expand(Grid *grid, const Experiment *experiment, const GridDigests *digests, Arena *arena,
                Error *err) {
    *grid = (Grid){0};
    Expansion expansion = {.experiment = experiment,
                           .grid = grid,
                           .keys.arena = arena,
                           .labels.arena = arena,
                           .arena = arena,
                           .err = err};
    if (point_context(&expansion.context, experiment, digests, arena, err) < 0)
        return -1;
    for (int i = 0; i < experiment->n_methods; i++)
        if (add_method(&expansion, &experiment->methods[i]) < 0)
            return -1;
    return 0;
}
