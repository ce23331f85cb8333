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

int parameters_pieces(const Parameters *parameters) {
    int n = 0;
    for (int i = 0; i < parameters->n; i++)
        n += pieces_of(&parameters->items[i]);
    return n;
}

ParameterPiece parameters_piece(const Parameters *parameters, int index) {
    Parameter *p = parameters->items;
    for (; index >= pieces_of(p); p++)
        index -= pieces_of(p);
    const size_t first = (size_t)index * PIECE;
    return (ParameterPiece){p, first, min_size(PIECE, p->count - first)};
}

static int count(const Parameters *parameters, const PieceList *some) {
    return some ? some->n : parameters_pieces(parameters);
}

static ParameterPiece piece_of(const Parameters *parameters, const PieceList *some, int i) {
    return parameters_piece(parameters, some ? some->indices[i] : i);
}

typedef struct {
    const Parameters *parameters;
    const PieceList *some;
    ParameterRun run;
    void *context;
} Each;

static void run_piece(void *context, int index, int worker) {
    (void)worker;
    const Each *each = context;
    const ParameterPiece piece = piece_of(each->parameters, each->some, index);
    each->run(each->context, piece.parameter, piece.first, piece.n);
}

void parameters_each_piece(const Parameters *parameters, const PieceList *some, ParameterRun run,
                           void *context, Pool *pool) {
    Each each = {parameters, some, run, context};
    pool_run(pool, count(parameters, some), run_piece, &each);
}

static void zero_piece(void *context, Parameter *p, size_t first, size_t n) {
    (void)context;
    memset(p->gradient + first, 0, n * sizeof *p->gradient);
}

void parameters_zero_gradients(Parameters *parameters, Pool *pool) {
    parameters_each_piece(parameters, NULL, zero_piece, NULL, pool);
}

static void scale_piece(void *context, Parameter *p, size_t first, size_t n) {
    const float factor = *(const float *)context;
    for (size_t i = first; i < first + n; i++)
        p->gradient[i] *= factor;
}

void parameters_scale_gradients(Parameters *parameters, const PieceList *some, float factor, Pool *pool) {
    parameters_each_piece(parameters, some, scale_piece, &factor, pool);
}

void parameters_clip_gradients(Parameters *parameters, const PieceList *some, double norm, double most,
                               Pool *pool) {
    const double factor = most / (norm + 1e-6);
    if (factor < 1)
        parameters_scale_gradients(parameters, some, (float)factor, pool);
}

/* --- the norm: sums of squares of some pieces, then of the next --- */

typedef struct {
    const Parameters *parameters;
    const PieceList *some;
    int begin;
    double *sums;
} Squares;

static void square_piece(void *context, int index, int worker) {
    (void)worker;
    const Squares *squares = context;
    const ParameterPiece piece = piece_of(squares->parameters, squares->some, squares->begin + index);
    const float *x = piece.parameter->gradient + piece.first;
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < piece.n; i++)
        sum += (double)x[i] * x[i];
    squares->sums[index] = sum;
}

void parameters_squares(const Parameters *parameters, const PieceList *some, double *sums, Pool *pool) {
    Squares squares = {.parameters = parameters, .some = some, .sums = sums};
    pool_run(pool, count(parameters, some), square_piece, &squares);
}

double parameters_gradient_norm(const Parameters *parameters, Pool *pool) {
    const int n = parameters_pieces(parameters);
    double sums[SUMS], sum = 0;
    Squares squares = {.parameters = parameters, .sums = sums};
    for (; squares.begin < n; squares.begin += SUMS) {
        const int some = min_int(SUMS, n - squares.begin);
        pool_run(pool, some, square_piece, &squares);
        for (int i = 0; i < some; i++)
            sum += sums[i];
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
