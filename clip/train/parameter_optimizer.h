/* parameter_optimizer.h: PyTorch's AdamW and SGD over all trained parameters of a model.
 *
 * As in OpenCLIP, parameters of one dimension or less (gains, biases, logit_scale) are not decayed.
 */
#ifndef CLIP_TRAIN_PARAMETER_OPTIMIZER_H
#define CLIP_TRAIN_PARAMETER_OPTIMIZER_H

#include "clip/base/parallel.h"
#include "clip/train/parameters.h"

typedef enum { STEP_ADAMW, STEP_SGD } StepKind;

typedef struct {
    StepKind kind;
    double beta1, beta2, epsilon; /* AdamW */
    double momentum;              /* SGD */
    double weight_decay;
} StepOptions;

/* What is remembered of each trained parameter from step to step. */
typedef struct {
    StepOptions options;
    Parameters *parameters;  /* borrowed; those with a gradient when it was made */
    float **first, **second; /* (parameters->n) exp_avg or velocity; exp_avg_sq. NULL where not trained,
                              * and what the kind of step needs not */
    long n_steps;            /* taken */
} ParameterOptimizer;

/* Buffers are owned by the parameters' arena: ask arena_failed. Only these pieces will be stepped (NULL:
 * all): the memory of the others is not touched. */
ParameterOptimizer parameter_optimizer(Parameters *parameters, const PieceList *some, StepOptions options);
/* One step of these pieces, with the gradients that are there. */
void parameter_optimizer_step(ParameterOptimizer *optimizer, const PieceList *some, double lr, Pool *pool);

#endif
