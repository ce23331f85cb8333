/* pretrain_state.h: an interrupted pretraining on disk.
 *
 * Layout of state.safetensors: every parameter under its name; what the optimiser remembers of those that are
 * trained as "first.NAME" (exp_avg, or the velocity) and "second.NAME" (exp_avg_sq); metadata: format
 * "coop-pretrain", `identity`, the numbers of PretrainState, and a checksum (safetensors_write.h). Order,
 * crops and captions are keyed by seed and epoch, so nothing else is needed to go on with the same bits.
 *
 * The state before the newest is kept as state_before.safetensors: should the newest be damaged, the run goes
 * on from there, to the same bits.
 */
#ifndef EXPERIMENTS_PRETRAIN_PRETRAIN_STATE_H
#define EXPERIMENTS_PRETRAIN_PRETRAIN_STATE_H

#include "clip/train/parameter_optimizer.h"
#include "experiments/pretrain/pretrain_config.h"

#define PRETRAIN_STATE "state.safetensors"
#define PRETRAIN_STATE_BEFORE "state_before.safetensors"

typedef struct {
    int epoch;                          /* finished, with its evaluation and checkpoint */
    int step;                           /* done in the next one */
    long metrics_size;                  /* bytes of metrics.jsonl */
    long n_broken;                      /* pairs that were left out so far */
    long n_cut;                         /* captions that were cut */
    double seconds;                     /* of training and evaluation */
    int n_parts;                        /* of a step (optim.parts) */
    int positions[PRETRAIN_MOST_PARTS]; /* (n_parts) of the loader of each in that epoch */
} PretrainState;

/* identity: all that the numbers depend on, a line "key: value" each. A parameter that is not finite is an
 * error, and nothing is written. */
int pretrain_state_write(const char *folder, const PretrainState *state, const ParameterOptimizer *optimizer,
                         const char *identity, Error *err);

/* state->n_parts is known. Fills state, parameters and optimiser from the newest state that is not damaged;
 * *found is false, and nothing filled, when there is none. What is damaged is named in *damage (owned by the
 * arena, else NULL); that nothing intact is left is an error, as is a state of another identity, which names
 * the key. */
int pretrain_state_read(const char *folder, PretrainState *state, ParameterOptimizer *optimizer,
                        const char *identity, bool *found, const char **damage, Arena *arena, Error *err);

#endif
