/* retrieve_config.h: what the file of `coop retrieve` says. */
#ifndef EXPERIMENTS_RETRIEVE_RETRIEVE_CONFIG_H
#define EXPERIMENTS_RETRIEVE_RETRIEVE_CONFIG_H

#include "datasets/lists/dataset.h"
#include "experiments/retrieve/checkpoints.h"

typedef struct {
    const char *path; /* of the file */
    const char *name, *output, *cache;
    Checkpoints model;
    struct {
        const char *captions, *images, *split, *name;
        ExifUse exif;
    } data;
    const char *template;
} RetrieveConfig;

#endif
