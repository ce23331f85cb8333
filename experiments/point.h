/* point.h: one point of a grid in words: its canonical text, key, folder, and its own experiment file.
 *
 * Helpers of grid.c; callers elsewhere want grid.h.
 */
#ifndef EXPERIMENTS_POINT_H
#define EXPERIMENTS_POINT_H

#include "experiments/grid.h"

/* What all points of an experiment share. */
typedef struct {
    const Experiment *experiment;
    GridDigests digests;            /* with paths, made texts, where a digest is not known */
    const char *dataset, *backbone; /* folder-safe names */
    OptimConfig default_optim;      /* of the table of keys: a folder name tells only what differs */
    int default_views;
} PointContext;

int point_context(PointContext *context, const Experiment *experiment, const GridDigests *digests,
                  Arena *arena, Error *err);

/* SHA-256 of the file when ctx_init names one (FILE.safetensors), else NULL. */
int ctx_file_digest(const char **digest, const char *ctx_init, Arena *arena, Error *err);

/* Fills config, key and folder from the rest. */
int point_describe(Point *point, const PointContext *context, Arena *arena, Error *err);

/* What tells a point's method from others apart from shots and seed; NULL when memory is out. */
char *point_variant_text(const Point *point, const PointContext *context, Arena *arena);

#endif
