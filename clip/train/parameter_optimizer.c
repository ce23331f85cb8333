/* parameter_optimizer.c: see parameter_optimizer.h. Whoever reorders a sum or a product here changes the bits
 * of every result.
 */
#include "clip/train/parameter_optimizer.h"

#include "clip/base/simd.h"

#include <math.h>
#include <string.h>

/* Written here and not first read by a step, whose pages the kernel would then have to copy one by one. */
static void clear_piece(void *context, Parameter *p, size_t first, size_t n) {
    const ParameterOptimizer *o = context;
    float *const remembered[] = {o->first[p - o->parameters->items], o->second[p - o->parameters->items]};
    for (int i = 0; i < 2; i++)
        if (remembered[i])
            memset(remembered[i] + first, 0, n * sizeof(float));
}

ParameterOptimizer parameter_optimizer(Parameters *parameters, const PieceList *some, StepOptions options) {
    Arena *arena = parameters->arena;
    const bool adamw = options.kind == STEP_ADAMW, first = adamw || options.momentum != 0;
    ParameterOptimizer optimizer = {.options = options,
                                    .parameters = parameters,
                                    .first = ARENA_NEW(arena, float *, parameters->n),
                                    .second = ARENA_NEW(arena, float *, parameters->n)};
    for (int i = 0; i < parameters->n && !arena_failed(arena); i++) {
        const Parameter *p = &parameters->items[i];
        optimizer.first[i] = p->gradient && first ? arena_floats(arena, p->count, 1) : NULL;
        optimizer.second[i] = p->gradient && adamw ? arena_floats(arena, p->count, 1) : NULL;
    }
    if (!arena_failed(arena))
        parameters_each_piece(parameters, some, clear_piece, &optimizer, NULL);
    return optimizer;
}

/* What is the same for all numbers of a step, in float as PyTorch has it. */
typedef struct {
    const ParameterOptimizer *optimizer;
    float rate, decay, keep;   /* lr, or lr / (1 - beta1^t); weight decay; 1 - lr weight decay */
    float rest1, beta2, rest2; /* AdamW; 1 - 0.999f is not 0.001f */
    float root, epsilon;       /* sqrt(1 - beta2^t) */
    float momentum;            /* SGD */
} Step;

VECTOR_CLONES static void adamw(float *x, float *mean, float *square, const float *gradient, size_t n,
                                const Step *step, float keep) {
    const float rest1 = step->rest1, beta2 = step->beta2, rest2 = step->rest2, rate = step->rate;
    const float root = step->root, epsilon = step->epsilon;
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const float g = gradient[i];
        mean[i] += rest1 * (g - mean[i]);
        square[i] = beta2 * square[i] + rest2 * g * g;
        x[i] = keep * x[i] - rate * mean[i] / (sqrtf(square[i]) / root + epsilon);
    }
}

VECTOR_CLONES static void sgd(float *x, float *velocity, const float *gradient, size_t n, const Step *step,
                              float decay) {
    const float momentum = step->momentum, rate = step->rate;
    if (!velocity) {
#pragma omp simd
        for (size_t i = 0; i < n; i++)
            x[i] -= rate * (gradient[i] + decay * x[i]);
        return;
    }
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        velocity[i] = momentum * velocity[i] + (gradient[i] + decay * x[i]);
        x[i] -= rate * velocity[i];
    }
}

static void step_piece(void *context, Parameter *p, size_t first, size_t n) {
    const Step *step = context;
    const ParameterOptimizer *o = step->optimizer;
    const size_t index = (size_t)(p - o->parameters->items);
    float *x = p->value + first, *mean = o->first[index] ? o->first[index] + first : NULL;
    const float *g = p->gradient + first;
    const bool decays = p->n_dims > 1;
    if (o->options.kind == STEP_ADAMW)
        adamw(x, mean, o->second[index] + first, g, n, step, decays ? step->keep : 1);
    else
        sgd(x, mean, g, n, step, decays ? step->decay : 0);
}

void parameter_optimizer_step(ParameterOptimizer *optimizer, const PieceList *some, double lr, Pool *pool) {
    const StepOptions *o = &optimizer->options;
    const double t = (double)++optimizer->n_steps;
    const bool adamw_kind = o->kind == STEP_ADAMW;
    Step step = {.optimizer = optimizer,
                 .rate = (float)(adamw_kind ? lr / (1 - pow(o->beta1, t)) : lr),
                 .decay = (float)o->weight_decay,
                 .keep = (float)(1 - lr * o->weight_decay),
                 .rest1 = (float)(1 - o->beta1),
                 .beta2 = (float)o->beta2,
                 .rest2 = (float)(1 - o->beta2),
                 .root = (float)sqrt(1 - pow(o->beta2, t)),
                 .epsilon = (float)o->epsilon,
                 .momentum = (float)o->momentum};
    parameters_each_piece(optimizer->parameters, some, step_piece, &step, pool);
}
