/* point.h: one point of a grid in words: its canonical text, key, folder, and its own experiment file.
 *
 * Helpers of grid.c and of the methods; callers elsewhere want grid.h.
 */
#ifndef EXPERIMENTS_GRID_POINT_H
#define EXPERIMENTS_GRID_POINT_H

#include "experiments/grid/grid.h"

#include <jansson.h>

/* What all points of an experiment share. */
typedef struct {
    const Experiment *experiment;
    GridDigests digests;            /* with paths, made texts, where a digest is not known */
    const char *dataset, *backbone; /* folder-safe names */
    OptimConfig default_optim;      /* of the table of keys: a folder name tells only what differs */
    int default_views;
    bool names; /* names instead of the contents of files, for what shall not change with them */
} PointContext;

int point_context(PointContext *context, const Experiment *experiment, const GridDigests *digests,
                  Arena *arena, Error *err);

/* Fills config, key and folder from the rest. */
int point_describe(Point *point, const PointContext *context, Arena *arena, Error *err);

/* What tells a point's method from others apart from shots and seed; NULL when memory is out. */
char *point_variant_text(const Point *point, const PointContext *context, Arena *arena);

/* The label of a variant; spec has all values of the dimensions. Owned by the arena; NULL when memory is out.
 */
const char *point_label(const Point *variant, const MethodSpec *spec, const PointContext *context,
                        Arena *arena);

/* --- for methods that say more than their keys do --- */

/* The label that follows from the keys: start (or the name that the user has given), then the values of those
 * dimensions that vary or are not the default, but for that of the key `except` (may be NULL). */
const char *options_label(const char *start, const char *except, const Point *variant, const MethodSpec *spec,
                          Arena *arena);

/* The section optim with all that it says. */
json_t *optim_json(const OptimConfig *optim);

/* Is the training that of the table of keys? */
bool is_default_recipe(const Point *point, const PointContext *context);

/* Is it the one template of the catalogue for this dataset, which a folder need not spell out? */
bool is_default_template(const TextList *templates, const PointContext *context);

/* Eight digits for what a folder's name does not spell out. Contents of files are left out: a folder stays
 * where it is when they change. Owned by the arena. */
char *short_digest(const Point *point, const PointContext *context, Arena *arena);

#endif
