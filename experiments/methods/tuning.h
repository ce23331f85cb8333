/* tuning.h: what finetune and clip_lora have in common: the training of a tuner (coop/tuner.h) on the
 * few-shot images of a point. What is learned lies in the folder of the training as weights.safetensors or
 * lora.safetensors. */
#ifndef EXPERIMENTS_METHODS_TUNING_H
#define EXPERIMENTS_METHODS_TUNING_H

#include "coop/tuned_file.h"
#include "experiments/methods/training.h"

/* As Method.flops, roughly: a backward pass counts as two forward passes. */
int tuning_flops(double *flops, Session *session, const Point *point, const TunerConfig *config,
                 const OptimConfig *optim, Error *err);

/* As Method.run and Method.transfer. Of the config, seed, batch_size and memory_budget are filled in. */
int tuning_run(Session *session, const Point *point, TunerConfig config, const OptimConfig *optim,
               bool random_crops, const char *folder, float *logits, Result *result, Progress *progress,
               Arena *arena, Error *err);
int tuning_transfer(const Point *learned, bool is_low_rank, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err);

#endif
