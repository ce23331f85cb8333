/* parameters.c: see parameters.h */
#include "clip/train/parameters.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAME_LENGTH = 256, PIECE = 1 << 16 }; /* PIECE: numbers of one tile */

Parameter *parameters_add(Parameters *parameters, int n_dims, const int64_t *shape, const char *format, ...) {
    char name[NAME_LENGTH];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    Parameter *items = arena_grow(parameters->arena, parameters->items, &parameters->capacity,
                                  parameters->n + 1, sizeof *items);
    Parameter parameter = {.name = arena_strdup(parameters->arena, name), .n_dims = n_dims, .count = 1};
    for (int i = 0; i < n_dims; i++) {
        parameter.shape[i] = shape[i];
        parameter.count *= (size_t)shape[i];
    }
    parameter.value = arena_floats(parameters->arena, parameter.count, 1);
    if (!items || arena_failed(parameters->arena))
        return NULL;
    parameters->items = items;
    items[parameters->n] = parameter;
    return &items[parameters->n++];
}

Parameter *parameters_find(const Parameters *parameters, const char *format, ...) {
    char name[NAME_LENGTH];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    for (int i = 0; i < parameters->n; i++)
        if (strcmp(parameters->items[i].name, name) == 0)
            return &parameters->items[i];
    return NULL;
}

void parameters_train(Parameters *parameters, bool (*wants)(const Parameter *parameter, void *context),
                      void *context) {
    for (int i = 0; i < parameters->n; i++) {
        Parameter *p = &parameters->items[i];
        const bool trained = !p->is_buffer && (!wants || wants(p, context));
        p->gradient = trained ? arena_floats(parameters->arena, p->count, 1) : NULL;
    }
}

/* --- all gradients, in pieces --- */

typedef struct {
    Parameters *parameters;
    float factor; /* of scaling; 0 clears */
    double *sums; /* (pieces) of squares, or NULL */
    int n_pieces;
} Gradients;

static int pieces_of(const Parameter *p) {
    return p->gradient ? (int)((p->count + PIECE - 1) / PIECE) : 0;
}

static double sum_of_squares(const float *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    return sum;
}

static void gradient_piece(void *context, int piece, int worker) {
    (void)worker;
    const Gradients *job = context;
    const Parameter *p = job->parameters->items;
    int first = 0;
    for (; piece >= first + pieces_of(p); p++)
        first += pieces_of(p);
    const size_t at = (size_t)(piece - first) * PIECE, n = p->count - at < PIECE ? p->count - at : PIECE;
    float *x = p->gradient + at;
    if (job->sums)
        job->sums[piece] = sum_of_squares(x, n);
    else if (job->factor == 0)
        memset(x, 0, n * sizeof *x);
    else
        for (size_t i = 0; i < n; i++)
            x[i] *= job->factor;
}

static int count_pieces(const Parameters *parameters) {
    int n = 0;
    for (int i = 0; i < parameters->n; i++)
        n += pieces_of(&parameters->items[i]);
    return n;
}

void parameters_zero_gradients(Parameters *parameters, Pool *pool) {
    Gradients job = {.parameters = parameters};
    pool_run(pool, count_pieces(parameters), gradient_piece, &job);
}

void parameters_scale_gradients(Parameters *parameters, float factor, Pool *pool) {
    Gradients job = {.parameters = parameters, .factor = factor};
    pool_run(pool, count_pieces(parameters), gradient_piece, &job);
}

double parameters_gradient_norm(const Parameters *parameters, Pool *pool) {
    const int n = count_pieces(parameters);
    const size_t mark = arena_mark(parameters->arena);
    Parameters copy = *parameters;
    Gradients job = {.parameters = &copy, .sums = ARENA_NEW(parameters->arena, double, n)};
    double sum = 0;
    if (job.sums)
        pool_run(pool, n, gradient_piece, &job);
    for (int i = 0; job.sums && i < n; i++)
        sum += job.sums[i];
    arena_reset(parameters->arena, mark);
    return job.sums ? sqrt(sum) : NAN;
}

size_t parameters_count(const Parameters *parameters, bool trained) {
    size_t n = 0;
    for (int i = 0; i < parameters->n; i++)
        if (!trained || parameters->items[i].gradient)
            n += parameters->items[i].count;
    return n;
}
