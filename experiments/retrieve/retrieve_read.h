/* retrieve_read.h: the file of `coop retrieve`, read as strictly as an experiment file is
 * (experiments/config/config.h). */
#ifndef EXPERIMENTS_RETRIEVE_RETRIEVE_READ_H
#define EXPERIMENTS_RETRIEVE_RETRIEVE_READ_H

#include "clip/base/error.h"
#include "experiments/retrieve/retrieve_config.h"

/* Errors of the file begin "PATH: line N:", those of overrides (--set) "--set KEY=VALUE:". All is owned by
 * the arena. */
int retrieve_config_read(RetrieveConfig *config, const char *path, const char *const *overrides,
                         int n_overrides, Arena *arena, Error *err);

#endif
