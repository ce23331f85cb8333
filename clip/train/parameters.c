/* parameters.c: see parameters.h */
#include "clip/train/parameters.h"

#include "clip/base/minimum.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAME_LENGTH = 256, PIECE = 1 << 16, SUMS = 512 }; /* PIECE: numbers of one tile */

Parameter *parameters_add(Parameters *parameters, int n_dims, const int64_t *shape, const char *format, ...) {
    char name[NAME_LENGTH];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    assert(length < NAME_LENGTH && n_dims <= 4);
    (void)length;
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

/* --- all trained numbers, in pieces --- */

static int pieces_of(const Parameter *p) {
    return p->gradient ? (int)((p->count + PIECE - 1) / PIECE) : 0;
}

static int count_pieces(const Parameters *parameters) {
    int n = 0;
    for (int i = 0; i < parameters->n; i++)
        n += pieces_of(&parameters->items[i]);
    return n;
}

typedef struct {
    Parameter *parameter;
    size_t first, n;
} Piece;

static Piece piece_at(const Parameters *parameters, int index) {
    Parameter *p = parameters->items;
    for (; index >= pieces_of(p); p++)
        index -= pieces_of(p);
    const size_t first = (size_t)index * PIECE;
    return (Piece){p, first, min_size(PIECE, p->count - first)};
}

typedef struct {
    const Parameters *parameters;
    ParameterRun run;
    void *context;
} Each;

static void run_piece(void *context, int index, int worker) {
    (void)worker;
    const Each *each = context;
    const Piece piece = piece_at(each->parameters, index);
    each->run(each->context, piece.parameter, piece.first, piece.n);
}

void parameters_each_piece(const Parameters *parameters, ParameterRun run, void *context, Pool *pool) {
    Each each = {parameters, run, context};
    pool_run(pool, count_pieces(parameters), run_piece, &each);
}

static void zero_piece(void *context, Parameter *p, size_t first, size_t n) {
    (void)context;
    memset(p->gradient + first, 0, n * sizeof *p->gradient);
}

void parameters_zero_gradients(Parameters *parameters, Pool *pool) {
    parameters_each_piece(parameters, zero_piece, NULL, pool);
}

static void scale_piece(void *context, Parameter *p, size_t first, size_t n) {
    const float factor = *(const float *)context;
    for (size_t i = first; i < first + n; i++)
        p->gradient[i] *= factor;
}

void parameters_scale_gradients(Parameters *parameters, float factor, Pool *pool) {
    parameters_each_piece(parameters, scale_piece, &factor, pool);
}

/* --- the norm: sums of squares of some pieces, then of the next --- */

typedef struct {
    const Parameters *parameters;
    int begin;
    double sums[SUMS];
} Squares;

static void square_piece(void *context, int index, int worker) {
    (void)worker;
    Squares *squares = context;
    const Piece piece = piece_at(squares->parameters, squares->begin + index);
    const float *x = piece.parameter->gradient + piece.first;
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < piece.n; i++)
        sum += (double)x[i] * x[i];
    squares->sums[index] = sum;
}

double parameters_gradient_norm(const Parameters *parameters, Pool *pool) {
    const int n = count_pieces(parameters);
    Squares squares = {.parameters = parameters};
    double sum = 0;
    for (; squares.begin < n; squares.begin += SUMS) {
        const int count = min_int(SUMS, n - squares.begin);
        pool_run(pool, count, square_piece, &squares);
        for (int i = 0; i < count; i++)
            sum += squares.sums[i];
    }
    return sqrt(sum);
}

size_t parameters_count(const Parameters *parameters, bool trained) {
    size_t n = 0;
    for (int i = 0; i < parameters->n; i++)
        if (!trained || parameters->items[i].gradient)
            n += parameters->items[i].count;
    return n;
}
