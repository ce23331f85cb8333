/* optimizer.h: PyTorch's optimisers, on one array of parameters. */
#ifndef COOP_STEPS_OPTIMIZER_H
#define COOP_STEPS_OPTIMIZER_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"

#include <stdbool.h>

typedef enum {
    OPTIMIZER_SGD,
    OPTIMIZER_ADAMW,
    OPTIMIZER_ADAM,
    OPTIMIZER_AMSGRAD,
    OPTIMIZER_RMSPROP,
    OPTIMIZER_RADAM /* that of its authors, not torch.optim.RAdam */
} OptimizerKind;

/* What an optimiser remembers about each parameter from step to step. */
typedef struct {
    const char *name; /* in a state file */
    float *values;    /* (n), zero at the start; owned by the arena */
} OptimizerBuffer;

enum { OPTIMIZER_MAX_BUFFERS = 3 };

typedef struct {
    OptimizerKind kind;
    double weight_decay;
    double momentum;              /* SGD, RMSprop */
    double beta1, beta2, epsilon; /* all others; beta2 is RMSprop's alpha */
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

/* torch.optim.Adam with amsgrad (Reddi et al. 2018); "max_exp_avg_sq", the largest so far, divides in the
 * place of exp_avg_sq. */
Optimizer optimizer_amsgrad(size_t n, double beta1, double beta2, double epsilon, double weight_decay,
                            Arena *arena);

/* torch.optim.RMSprop; its buffers are "square_avg" and "momentum_buffer":
 *     g += weight_decay x;  square_avg = alpha square_avg + (1 - alpha) g^2
 *     momentum_buffer = momentum momentum_buffer + g / (sqrt(square_avg) + epsilon);  x -= lr momentum_buffer
 */
Optimizer optimizer_rmsprop(size_t n, double alpha, double momentum, double epsilon, double weight_decay,
                            Arena *arena);

/* RAdam as its authors wrote it (Liu et al. 2020, github.com/LiyuanLucasLiu/RAdam), which CoOp's code has:
 * the averages of Adam; with r the length of the moving average that t steps make, x = (1 - lr weight_decay)
 * x - lr s(t) exp_avg / (sqrt(exp_avg_sq) + epsilon)     where r >= 5, x = (1 - lr weight_decay) x - lr / (1
 * - beta1^t) exp_avg                         else. */
Optimizer optimizer_radam(size_t n, double beta1, double beta2, double epsilon, double weight_decay,
                          Arena *arena);

/* Step t (from 1) with the gradient g: parameters x (n), gradient (n). With a pool of NULL the calling thread
 * works alone; the bits are the same. */
void optimizer_step(Optimizer *optimizer, float *x, const float *gradient, double lr, long t, Pool *pool);

/* Parameters of which others hold some: they step these, and keep what the optimiser knows of them. */
typedef struct {
    /* Gives the others theirs, as they are here. */
    void (*begin)(void *context, const Optimizer *optimizer);
    /* Steps those that are here, and lets the others step theirs. */
    void (*step)(void *context, const Optimizer *optimizer, const float *gradient, double lr, long t);
    /* Brings the parameters and the buffers of the optimiser here up to date. */
    void (*gather)(void *context, const Optimizer *optimizer);
    bool (*is_finite)(void *context); /* whether those of the others are */
    void *context;
} Spread;

#endif
