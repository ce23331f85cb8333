/* optimizer.h: PyTorch's optimisers, on one array of parameters. */
#ifndef COOP_OPTIMIZER_H
#define COOP_OPTIMIZER_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"

typedef enum { OPTIMIZER_SGD, OPTIMIZER_ADAMW, OPTIMIZER_ADAM } OptimizerKind;

/* What an optimiser remembers about each parameter from step to step. */
typedef struct {
    const char *name; /* in a state file */
    float *values;    /* (n), zero at the start; owned by the arena */
} OptimizerBuffer;

enum { OPTIMIZER_MAX_BUFFERS = 2 };

typedef struct {
    OptimizerKind kind;
    double weight_decay;
    double momentum;              /* SGD */
    double beta1, beta2, epsilon; /* AdamW, Adam */
    size_t n;                     /* parameters */
    OptimizerBuffer buffers[OPTIMIZER_MAX_BUFFERS];
    int n_buffers;
} Optimizer;

/* torch.optim.SGD; its buffer is "velocity":
 *     velocity = momentum velocity + (g + weight_decay x);  x -= lr velocity
 * The buffers are owned by the arena: ask arena_failed. */
Optimizer optimizer_sgd(size_t n, double momentum, double weight_decay, Arena *arena);

/* torch.optim.AdamW (Loshchilov and Hutter 2019); its buffers are "exp_avg" and "exp_avg_sq":
 *     exp_avg = beta1 exp_avg + (1 - beta1) g;  exp_avg_sq = beta2 exp_avg_sq + (1 - beta2) g^2
 *     x = (1 - lr weight_decay) x - lr / (1 - beta1^t) exp_avg / (sqrt(exp_avg_sq / (1 - beta2^t)) + epsilon)
 */
Optimizer optimizer_adamw(size_t n, double beta1, double beta2, double epsilon, double weight_decay,
                          Arena *arena);

/* torch.optim.Adam: the same with g + weight_decay x in the place of g, and no decay of x itself. */
Optimizer optimizer_adam(size_t n, double beta1, double beta2, double epsilon, double weight_decay,
                         Arena *arena);

/* Step t (from 1) with the gradient g: parameters x (n), gradient (n). With a pool of NULL the calling thread
 * works alone; the bits are the same. */
void optimizer_step(Optimizer *optimizer, float *x, const float *gradient, double lr, long t, Pool *pool);

#endif
