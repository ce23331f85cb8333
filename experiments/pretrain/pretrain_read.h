/* pretrain_read.h: the file of `coop pretrain`, read as strictly as an experiment file is
 * (experiments/config/config.h). */
#ifndef EXPERIMENTS_PRETRAIN_PRETRAIN_READ_H
#define EXPERIMENTS_PRETRAIN_PRETRAIN_READ_H

#include "experiments/pretrain/pretrain_config.h"

/* Errors of the file begin "PATH: line N:", those of overrides (--set) "--set KEY=VALUE:". All is owned by
 * the arena. */
int pretrain_config_read(PretrainConfig *config, const char *path, const char *const *overrides,
                         int n_overrides, Arena *arena, Error *err);

#endif
