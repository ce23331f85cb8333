/* checkpoints.h: the checkpoints of a pretraining: OUTPUT/epoch_K.safetensors.
 *
 * Beside them stand open_clip_config.json, a copy of the vocabulary under a name by which it is found, and
 * open_clip_model.safetensors, a link to the newest. So the folder, or any file in it, is a checkpoint for
 * OpenCLIP ("local-dir:FOLDER") and for this program.
 */
#ifndef EXPERIMENTS_PRETRAIN_CHECKPOINTS_H
#define EXPERIMENTS_PRETRAIN_CHECKPOINTS_H

#include "experiments/pretrain/pretrain_session.h"

/* Once, before the first. */
int checkpoints_begin(const PretrainSession *session, Error *err);
/* After epoch K (from 1): writes its checkpoint if it is kept at all, and removes the one that was kept only
 * for being among the newest. */
int checkpoints_add(const PretrainSession *session, int epoch, Error *err);
/* Of a finished run whose weights are there: what was removed of its last checkpoint and beside it is written
 * anew. *written tells so. */
int checkpoints_restore(const PretrainSession *session, bool *written, Error *err);
/* Of the newest; NULL when there is none. Owned by the arena. */
const char *checkpoints_newest(const PretrainConfig *config, int epoch, Arena *arena);

#endif
