/* grid.c: see grid.h.
 *
 * A variant is a method with one choice of each of its own dimensions; a point is a variant at one num_shots
 * and seed. point_describe fills in what follows from the choices: canonical text, key and folder.
 */
#include "experiments/grid.h"

#include "experiments/point.h"

#include <jansson.h>
#include <string.h>

#define MAX_POINTS 100000

/* What all points of one experiment share while it is expanded. */
typedef struct {
    const Experiment *experiment;
    PointContext context;
    Grid *grid;
    int capacity;
    json_t *keys;   /* a set: keys so far */
    json_t *labels; /* label -> the variant's own text, so that two variants get two labels */
    Arena *arena;
    Error *err;
} Expansion;

static int too_many(const Expansion *expansion) {
    return error_set(expansion->err, "%s: over %d points in the grid", expansion->experiment->path,
                     MAX_POINTS);
}

static int add_point(Expansion *expansion, const Point *point) {
    Grid *grid = expansion->grid;
    if (json_object_get(expansion->keys, point->key))
        return 0;
    if (grid->n >= MAX_POINTS)
        return too_many(expansion);
    if (grid->n == expansion->capacity) {
        int capacity = expansion->capacity ? 2 * expansion->capacity : 64;
        Point *points = ARENA_NEW(expansion->arena, Point, capacity);
        if (!points)
            return error_memory(expansion->err);
        if (grid->n > 0)
            memcpy(points, grid->points, (size_t)grid->n * sizeof *points);
        grid->points = points;
        expansion->capacity = capacity;
    }
    if (json_object_set_new(expansion->keys, point->key, json_true()))
        return error_memory(expansion->err);
    grid->points[grid->n++] = *point;
    return 0;
}

/* A label that an earlier, different variant has taken gets a number. */
static int unique_label(Expansion *expansion, Point *variant) {
    char *own = point_variant_text(variant, &expansion->context, expansion->arena);
    const char *label = variant->label;
    if (!own || !label)
        return error_memory(expansion->err);
    for (int i = 2;; i++) {
        json_t *taken = json_object_get(expansion->labels, variant->label);
        if (!taken)
            break;
        if (strcmp(json_string_value(taken), own) == 0)
            return 0;
        variant->label = arena_printf(expansion->arena, "%s (%d)", label, i);
        if (!variant->label)
            return error_memory(expansion->err);
    }
    return json_object_set_new(expansion->labels, variant->label, json_string(own))
               ? error_memory(expansion->err)
               : 0;
}

/* All shots and seeds of a variant. */
static int add_variant(Expansion *expansion, Point variant, bool auto_epoch) {
    const Experiment *experiment = expansion->experiment;
    IntList shots = experiment->grid.num_shots, seeds = experiment->grid.seed;
    static const int none[] = {SHOTS_NONE}, zero[] = {0};
    if (variant.kind == METHOD_ZEROSHOT) {
        shots = (IntList){(int *)none, 1};
        seeds = (IntList){(int *)zero, 1};
    }
    if ((long)shots.n * seeds.n > MAX_POINTS)
        return too_many(expansion);
    variant.logits = experiment->outputs.logits;
    if (unique_label(expansion, &variant))
        return -1;
    for (int i = 0; i < shots.n; i++)
        for (int j = 0; j < seeds.n; j++) {
            Point point = variant;
            point.num_shots = shots.values[i];
            point.seed = seeds.values[j];
            if (point.kind == METHOD_COOP) {
                point.learner.seed = (uint32_t)point.seed;
                if (auto_epoch)
                    point.optim.max_epoch = auto_epochs(experiment->dataset.name, point.num_shots);
            }
            if (point_describe(&point, &expansion->context, expansion->arena, expansion->err) ||
                add_point(expansion, &point))
                return -1;
        }
    return 0;
}

/* --- labels --- */

static const char *zeroshot_label(const MethodSpec *method, const DatasetSpec *dataset, Arena *arena) {
    if (method->name)
        return method->name;
    if (method->templates.n > 1)
        return arena_printf(arena, "zero-shot ensemble (%d)", method->templates.n);
    const char *text = method->templates.values[0];
    if (strcmp(text, default_template(dataset)) == 0)
        return "zero-shot";
    return arena_printf(arena, "zero-shot \"%s\"", text);
}

/* "CoOp M=16 end csc". Under a name of its own, a method shows only the dimensions in which it varies. */
static const char *coop_label(const MethodSpec *method, const Point *point, Arena *arena) {
    const LearnerConfig *learner = &point->learner;
    bool all = !method->name;
    const char *start = all ? "CoOp" : method->name, *m = "", *init = "", *lr = "", *epochs = "";
    if (learner->ctx_init[0] == '\0' && (all || method->n_ctx.n > 1))
        m = arena_printf(arena, " M=%d", learner->n_ctx);
    const char *position =
        all || method->class_token_position.n > 1 ? position_name(learner->class_token_position) : "";
    const char *csc = !(all || method->csc.n > 1) ? "" : learner->csc ? " csc" : all ? "" : " unified";
    if (learner->ctx_init[0] != '\0' && (all || method->ctx_init.n > 1))
        init = arena_printf(arena, " \"%s\"", learner->ctx_init);
    if (all ? method->lr.n > 0 : method->lr.n > 1)
        lr = arena_printf(arena, " lr=%g", point->optim.lr);
    if (all ? method->max_epoch.n > 0 : method->max_epoch.n > 1)
        epochs = point->optim.max_epoch > 0 ? arena_printf(arena, " epochs=%d", point->optim.max_epoch)
                                            : " epochs=auto";
    if (arena_failed(arena))
        return NULL;
    return arena_printf(arena, "%s%s%s%s%s%s%s%s", start, m, *position ? " " : "", position, csc, init, lr,
                        epochs);
}

/* --- methods --- */

/* The number of variants, or -1 when it is out of hand. */
static long count_variants(const MethodSpec *method) {
    const int n[] = {method->n_ctx.n,
                     method->class_token_position.n,
                     method->csc.n,
                     method->ctx_init.n,
                     method->lr.n > 0 ? method->lr.n : 1,
                     method->max_epoch.n > 0 ? method->max_epoch.n : 1};
    long product = 1;
    for (size_t i = 0; i < sizeof n / sizeof *n; i++) {
        product *= n[i];
        if (product > MAX_POINTS)
            return -1;
    }
    return product;
}

/* Variants are counted like a number whose digits are the dimensions, the last one turning fastest. */
static int digit(long *index, int n) {
    int value = (int)(*index % n);
    *index /= n;
    return value;
}

static int add_coop(Expansion *expansion, const MethodSpec *method) {
    const Experiment *experiment = expansion->experiment;
    long n = count_variants(method);
    if (n < 0)
        return too_many(expansion);
    const char **digests = ARENA_NEW(expansion->arena, const char *, method->ctx_init.n);
    if (!digests)
        return error_memory(expansion->err);
    for (int i = 0; i < method->ctx_init.n; i++)
        if (ctx_file_digest(&digests[i], method->ctx_init.values[i], expansion->arena, expansion->err))
            return -1;
    for (long i = 0; i < n; i++) {
        long rest = i;
        Point point = {.kind = METHOD_COOP,
                       .target = -1,
                       .optim = experiment->optim,
                       .views = experiment->augment.views};
        if (method->max_epoch.n > 0)
            point.optim.max_epoch = method->max_epoch.values[digit(&rest, method->max_epoch.n)];
        if (method->lr.n > 0)
            point.optim.lr = method->lr.values[digit(&rest, method->lr.n)];
        LearnerConfig *learner = &point.learner;
        int init = digit(&rest, method->ctx_init.n);
        learner->ctx_init = method->ctx_init.values[init];
        point.ctx_digest = digests[init];
        learner->csc = method->csc.values[digit(&rest, method->csc.n)];
        learner->class_token_position =
            (ClassTokenPosition)
                method->class_token_position.values[digit(&rest, method->class_token_position.n)];
        learner->n_ctx = method->n_ctx.values[digit(&rest, method->n_ctx.n)];
        point.label = coop_label(method, &point, expansion->arena);
        if (!point.label)
            return error_memory(expansion->err);
        if (add_variant(expansion, point, point.optim.max_epoch == 0))
            return -1;
    }
    return 0;
}

static int add_method(Expansion *expansion, const MethodSpec *method) {
    Point point = {.kind = method->kind, .target = -1};
    switch (method->kind) {
    case METHOD_ZEROSHOT:
        point.templates = method->templates;
        point.label = zeroshot_label(method, &expansion->experiment->dataset, expansion->arena);
        break;
    case METHOD_LINEAR_PROBE:
        point.label = method->name ? method->name : "linear probe";
        break;
    case METHOD_COOP:
        return add_coop(expansion, method);
    }
    return point.label ? add_variant(expansion, point, false) : error_memory(expansion->err);
}

int grid_expand(Grid *grid, const Experiment *experiment, const GridDigests *digests, Arena *arena,
                Error *err) {
    *grid = (Grid){0};
    Expansion expansion = {.experiment = experiment, .grid = grid, .arena = arena, .err = err};
    if (point_context(&expansion.context, experiment, digests, arena, err))
        return -1;
    expansion.keys = json_object();
    expansion.labels = json_object();
    int result = expansion.keys && expansion.labels ? 0 : error_memory(err);
    for (int i = 0; i < experiment->n_methods && result == 0; i++)
        result = add_method(&expansion, &experiment->methods[i]);
    json_decref(expansion.keys);
    json_decref(expansion.labels);
    return result;
}
