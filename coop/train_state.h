/* train_state.h: an interrupted training on disk.
 *
 * Layout of `state.safetensors`: tensors, F32 (n): the parameters, under the name that the Trainee gives them
 * (`ctx`), and the buffers of the optimiser under theirs (`velocity`); metadata: format "coop-state", config
 * (the digest of everything that the training depends on) and the numbers of TrainState: epoch, step,
 * n_correct, loss, loss_sum, seconds, elsewhere where it is not 0, and a checksum (safetensors_write.h). The
 * order of the images and their random views are keyed by the epoch, so nothing else is needed to go on with
 * the same bits.
 */
#ifndef COOP_TRAIN_STATE_H
#define COOP_TRAIN_STATE_H

#include "coop/trainer.h"

#define STATE_FILE "state.safetensors"

/* Written atomically. */
int train_state_write(const char *path, const Trainee *trainee, const TrainState *state,
                      const char *config_digest, Error *err);

/* Fills the parameters and a state that trainer_begin has made. A file that is cut or damaged, or
 * belongs to another configuration, is an error and changes nothing. */
int train_state_read(const char *path, const Trainee *trainee, TrainState *state, const char *config_digest,
                     Error *err);

#endif
