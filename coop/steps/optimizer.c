/* optimizer.c: see optimizer.h. Whoever reorders a sum or a product here changes the bits of every result;
 * wider vectors do not, as products and sums stay apart (-ffp-contract=off). */
#include "coop/steps/optimizer.h"

#include "clip/base/simd.h"

#include <math.h>
#include <stdbool.h>

Optimizer optimizer_sgd(size_t n, double momentum, double weight_decay, Arena *arena) {
    return (Optimizer){.kind = OPTIMIZER_SGD,
                       .weight_decay = weight_decay,
                       .momentum = momentum,
                       .n = n,
                       .buffers = {{"velocity", arena_floats(arena, n, 1)}},
                       .n_buffers = 1};
}

Optimizer optimizer_adamw(size_t n, double beta1, double beta2, double epsilon, double weight_decay,
                          Arena *arena) {
    return (Optimizer){
        .kind = OPTIMIZER_ADAMW,
        .weight_decay = weight_decay,
        .beta1 = beta1,
        .beta2 = beta2,
        .epsilon = epsilon,
        .n = n,
        .buffers = {{"exp_avg", arena_floats(arena, n, 1)}, {"exp_avg_sq", arena_floats(arena, n, 1)}},
        .n_buffers = 2};
}

Optimizer optimizer_adam(size_t n, double beta1, double beta2, double epsilon, double weight_decay,
                         Arena *arena) {
    Optimizer optimizer = optimizer_adamw(n, beta1, beta2, epsilon, weight_decay, arena);
    optimizer.kind = OPTIMIZER_ADAM;
    return optimizer;
}

Optimizer optimizer_amsgrad(size_t n, double beta1, double beta2, double epsilon, double weight_decay,
                            Arena *arena) {
    Optimizer optimizer = optimizer_adamw(n, beta1, beta2, epsilon, weight_decay, arena);
    optimizer.kind = OPTIMIZER_AMSGRAD;
    optimizer.buffers[optimizer.n_buffers++] = (OptimizerBuffer){"max_exp_avg_sq", arena_floats(arena, n, 1)};
    return optimizer;
}

Optimizer optimizer_rmsprop(size_t n, double alpha, double momentum, double epsilon, double weight_decay,
                            Arena *arena) {
    return (Optimizer){.kind = OPTIMIZER_RMSPROP,
                       .weight_decay = weight_decay,
                       .momentum = momentum,
                       .beta2 = alpha,
                       .epsilon = epsilon,
                       .n = n,
                       .buffers = {{"square_avg", arena_floats(arena, n, 1)},
                                   {"momentum_buffer", arena_floats(arena, n, 1)}},
                       .n_buffers = 2};
}

Optimizer optimizer_radam(size_t n, double beta1, double beta2, double epsilon, double weight_decay,
                          Arena *arena) {
    Optimizer optimizer = optimizer_adamw(n, beta1, beta2, epsilon, weight_decay, arena);
    optimizer.kind = OPTIMIZER_RADAM;
    return optimizer;
}

enum { PIECE = 1 << 16 }; /* numbers of one tile */

typedef struct {
    const Optimizer *optimizer;
    float *x;
    const float *gradient;
    double lr, t;
} Step;

VECTOR_CLONES static void sgd_step(const Step *step, size_t first, size_t end) {
    const Optimizer *o = step->optimizer;
    float decay = (float)o->weight_decay, momentum = (float)o->momentum, rate = (float)step->lr;
    float *velocity = o->buffers[0].values, *x = step->x;
    for (size_t i = first; i < end; i++) {
        velocity[i] = momentum * velocity[i] + (step->gradient[i] + decay * x[i]);
        x[i] -= rate * velocity[i];
    }
}

/* AdamW, or Adam. */
VECTOR_CLONES static void adam_step(const Step *step, size_t first, size_t end) {
    const Optimizer *o = step->optimizer;
    const double lr = step->lr, t = step->t;
    const bool is_l2 = o->kind == OPTIMIZER_ADAM && o->weight_decay > 0;
    const float l2 = (float)o->weight_decay;
    float decay = o->kind == OPTIMIZER_ADAM ? 1 : (float)(1 - lr * o->weight_decay);
    float rate = (float)(lr / (1 - pow(o->beta1, t)));
    float root = (float)sqrt(1 - pow(o->beta2, t)), epsilon = (float)o->epsilon;
    float b1 = (float)o->beta1, b2 = (float)o->beta2;
    float rest1 = (float)(1 - o->beta1), rest2 = (float)(1 - o->beta2); /* 1 - 0.999f is not 0.001f */
    float *mean = o->buffers[0].values, *square = o->buffers[1].values, *x = step->x;
    for (size_t i = first; i < end; i++) {
        float g = is_l2 ? step->gradient[i] + l2 * x[i] : step->gradient[i];
        mean[i] = b1 * mean[i] + rest1 * g;
        square[i] = b2 * square[i] + rest2 * g * g;
        x[i] = decay * x[i] - rate * mean[i] / (sqrtf(square[i]) / root + epsilon);
    }
}

VECTOR_CLONES static void amsgrad_step(const Step *step, size_t first, size_t end) {
    const Optimizer *o = step->optimizer;
    const float rate = (float)(step->lr / (1 - pow(o->beta1, step->t)));
    const float root = (float)sqrt(1 - pow(o->beta2, step->t)), epsilon = (float)o->epsilon;
    const float b1 = (float)o->beta1, b2 = (float)o->beta2, l2 = (float)o->weight_decay;
    const float rest1 = (float)(1 - o->beta1), rest2 = (float)(1 - o->beta2);
    float *mean = o->buffers[0].values, *square = o->buffers[1].values, *largest = o->buffers[2].values;
    float *x = step->x;
    for (size_t i = first; i < end; i++) {
        const float g = step->gradient[i] + l2 * x[i];
        mean[i] = b1 * mean[i] + rest1 * g;
        square[i] = b2 * square[i] + rest2 * g * g;
        largest[i] = square[i] > largest[i] ? square[i] : largest[i];
        x[i] -= rate * mean[i] / (sqrtf(largest[i]) / root + epsilon);
    }
}

VECTOR_CLONES static void rmsprop_step(const Step *step, size_t first, size_t end) {
    const Optimizer *o = step->optimizer;
    const float alpha = (float)o->beta2, rest = (float)(1 - o->beta2), momentum = (float)o->momentum;
    const float rate = (float)step->lr, l2 = (float)o->weight_decay, epsilon = (float)o->epsilon;
    float *square = o->buffers[0].values, *velocity = o->buffers[1].values, *x = step->x;
    for (size_t i = first; i < end; i++) {
        const float g = step->gradient[i] + l2 * x[i];
        square[i] = alpha * square[i] + rest * g * g;
        velocity[i] = momentum * velocity[i] + g / (sqrtf(square[i]) + epsilon);
        x[i] -= rate * velocity[i];
    }
}

/* lr s(t); 0 while the moving average is too short for its variance to be known. */
static double radam_rate(const Optimizer *o, double lr, double t) {
    const double power = pow(o->beta2, t), longest = 2 / (1 - o->beta2) - 1;
    const double length = longest - 2 * t * power / (1 - power);
    if (length < 5)
        return 0;
    return lr *
           sqrt((1 - power) * (length - 4) / (longest - 4) * (length - 2) / length * longest /
                (longest - 2)) /
           (1 - pow(o->beta1, t));
}

VECTOR_CLONES static void radam_step(const Step *step, size_t first, size_t end) {
    const Optimizer *o = step->optimizer;
    const double rectified = radam_rate(o, step->lr, step->t);
    const float rate = (float)rectified, plain = (float)(step->lr / (1 - pow(o->beta1, step->t)));
    const float decay = (float)(o->weight_decay * step->lr), epsilon = (float)o->epsilon;
    const float b1 = (float)o->beta1, b2 = (float)o->beta2;
    const float rest1 = (float)(1 - o->beta1), rest2 = (float)(1 - o->beta2);
    float *mean = o->buffers[0].values, *square = o->buffers[1].values, *x = step->x;
    for (size_t i = first; i < end; i++) {
        const float g = step->gradient[i];
        mean[i] = b1 * mean[i] + rest1 * g;
        square[i] = b2 * square[i] + rest2 * g * g;
        x[i] -= decay * x[i];
        x[i] -= rectified > 0 ? rate * mean[i] / (sqrtf(square[i]) + epsilon) : plain * mean[i];
    }
}

static void step_piece(void *context, int piece, int worker) {
    (void)worker;
    const Step *step = context;
    const size_t first = (size_t)piece * PIECE, n = step->optimizer->n;
    const size_t end = n - first < PIECE ? n : first + PIECE;
    switch (step->optimizer->kind) {
    case OPTIMIZER_SGD:
        sgd_step(step, first, end);
        break;
    case OPTIMIZER_ADAMW:
    case OPTIMIZER_ADAM:
        adam_step(step, first, end);
        break;
    case OPTIMIZER_AMSGRAD:
        amsgrad_step(step, first, end);
        break;
    case OPTIMIZER_RMSPROP:
        rmsprop_step(step, first, end);
        break;
    case OPTIMIZER_RADAM:
        radam_step(step, first, end);
        break;
    }
}

void optimizer_step(Optimizer *optimizer, float *x, const float *gradient, double lr, long t, Pool *pool) {
    Step step = {.optimizer = optimizer, .x = x, .gradient = gradient, .lr = lr, .t = (double)t};
    pool_run(pool, (int)((optimizer->n + PIECE - 1) / PIECE), step_piece, &step);
}
