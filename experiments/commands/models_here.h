/* models_here.h: the checkpoints that are on this disk, by name. */
#ifndef EXPERIMENTS_COMMANDS_MODELS_HERE_H
#define EXPERIMENTS_COMMANDS_MODELS_HERE_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Texts are owned by the arena. */
typedef struct {
    const char *name, *path; /* of the weights */
    int64_t size;            /* of these */
    bool has_vocabulary;
} ModelHere;

/* All that are known by name, and whatever else in the hub's cache is a CLIP. None twice. Fails when memory
 * is out. */
int models_here(const ModelHere **models, int *n, Arena *arena, Error *err);

#endif
