/* transfer.c: see transfer.h */
#include "experiments/stage/transfer.h"

#include "clip/base/files.h"
#include "clip/base/json.h"
#include "experiments/config/names.h"
#include "experiments/methods/method.h"
#include "experiments/session/prompt_classes.h"

#include <stdlib.h>
#include <string.h>

/* The point's configuration with the target beside it. */
static char *canonical_text(const Point *learned, const Session *target, Arena *arena) {
    const char *part = target->experiment->dataset.subsample_classes;
    json_error_t why;
    json_t *json =
        json_pack("{s:o, s:{s:s, s:s, s:s}}", "learned",
                  json_read(learned->config, strlen(learned->config), &why), "dataset", "name", target->name,
                  "lists", target->split_digest, "subsample_classes", part ? part : "all");
    char *text = json ? json_write(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    char *copy = text ? arena_strdup(arena, text) : NULL;
    free(text);
    json_decref(json);
    return copy;
}

/* The test of one learned point on one target. */
static int describe(Point *point, const Point *learned, int t, const Session *target, Arena *arena,
                    Error *err) {
    *point = *learned;
    point->target = t;
    point->learned = learned;
    char *name = safe_name(target->name, arena);
    point->folder = name ? arena_printf(arena, "%s/on_%s", learned->folder, name) : NULL;
    point->config = canonical_text(learned, target, arena);
    if (!point->folder || !point->config)
        return error_memory(err);
    digest_bytes(point->key, point->config, strlen(point->config));
    return 0;
}

/* The hand-written prompts, as points of the target's own grid. */
static int add_unlearned(Grid *grid, int t, const Session *target, const GridDigests *digests, Arena *arena,
                         Error *err) {
    Grid own;
    GridDigests of_target = *digests;
    of_target.split = target->split_digest;
    if (grid_expand(&own, target->experiment, &of_target, arena, err) < 0)
        return -1;
    for (int i = 0; i < own.n; i++)
        if (own.points[i].num_shots == SHOTS_NONE) {
            grid->points[grid->n] = own.points[i];
            grid->points[grid->n++].target = t;
        }
    return 0;
}

int transfer_expand(Grid *grid, const Session *own, const Session *targets, const GridDigests *digests,
                    Arena *arena, Error *err) {
    const int n_targets = own->experiment->n_targets, n_own = grid->n;
    if (n_targets == 0)
        return 0;
    Point *points = ARENA_NEW(arena, Point, (size_t)n_own * (size_t)(1 + n_targets));
    if (!points)
        return error_memory(err);
    memcpy(points, grid->points, (size_t)n_own * sizeof *points);
    grid->points = points;
    for (int t = 0; t < n_targets; t++) {
        for (int i = -1; i < t; i++)
            if (strcmp((i < 0 ? own : &targets[i])->name, targets[t].name) == 0)
                return error_set(err,
                                 "%s: transfer: two datasets called '%s'; a name of its own tells them apart",
                                 own->experiment->path, targets[t].name);
        bool known = class_all_known(&own->dataset, &targets[t].dataset);
        if (add_unlearned(grid, t, &targets[t], digests, arena, err) < 0)
            return -1;
        for (int i = 0; i < n_own; i++) {
            const Method *method = method_of(&points[i]);
            bool serves = known || (method->serves_new_classes && method->serves_new_classes(&points[i]));
            if (method->transfer && serves &&
                describe(&points[grid->n++], &points[i], t, &targets[t], arena, err) < 0)
                return -1;
        }
    }
    return 0;
}
