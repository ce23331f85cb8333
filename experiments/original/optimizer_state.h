/* optimizer_state.h: the state of an optimiser and of its schedule as PyTorch keeps them in a checkpoint,
 * from which the original's --resume goes on.
 *
 * The schedule of a warm-up holds another one there, which its own files keep as an object that nobody can
 * read without running it; here it is left out. (Resumed from either, the original does not follow the rate's
 * course: what it reads is a schedule of a copy of the optimiser.)
 */
#ifndef EXPERIMENTS_ORIGINAL_OPTIMIZER_STATE_H
#define EXPERIMENTS_ORIGINAL_OPTIMIZER_STATE_H

#include "clip/tensors/torch_write.h"
#include "coop/trainer.h"

/* After an epoch of n_steps: of the parameters (n), which lie one behind the other in the optimiser's
 * buffers. Owned by the arena; val_result is none. */
int optimizer_state_torch(TorchTraining *training, const OptimConfig *optim, const TrainState *state,
                          int n_steps, const TensorOut *parameters, int n, Arena *arena, Error *err);

/* Fills the buffers from a file opened by tensors_open_training, whose parameters have so many numbers each
 * (n). */
int optimizer_state_read(Optimizer *optimizer, const TensorFile *file, const size_t *counts, int n,
                         Error *err);

#endif
