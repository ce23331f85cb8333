/* probe_objective.c: see probe_objective.h.
 *
 * All is in double, as in scikit-learn's. Tiles and pieces of items follow from the sizes alone, and their
 * parts are added in order, so the bits do not depend on the number of threads.
 */
#include "coop/probe/probe_objective.h"

#include "clip/base/minimum.h"
#include "clip/base/simd.h"
#include "clip/math/exp_vector.h"
#include "clip/math/gemm.h"
#include "coop/probe/dot.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum {
    ITEM_TILE = 256,   /* OpenBLAS packs the other factor anew for each tile: the most items of one, */
    CLASS_TILE = 256,  /* rows of a tile of the gradient, */
    ENOUGH_TILES = 16, /* and how many tiles are enough to make them as large */
    LEAST_ITEMS = 32,
    LANES = 8 /* sums side by side: fast, and the same bits for any width of vectors */
};

static int tile_items(int n) {
    const int items = ceil_div(n, ENOUGH_TILES);
    return items < LEAST_ITEMS ? LEAST_ITEMS : min_int(items, ITEM_TILE);
}

static int class_tiles(int n_rows) {
    return ceil_div(n_rows, CLASS_TILE);
}

static int piece_items(const ProbeObjective *f) {
    const int items = ceil_div(f->items->n, ceil_div(ENOUGH_TILES, class_tiles(f->n_rows)));
    return items < LEAST_ITEMS ? LEAST_ITEMS : items;
}

void probe_objective_make(ProbeObjective *f, const ProbeItems *items, int n_rows, int width, Pool *pool,
                          Arena *arena) {
    *f = (ProbeObjective){.items = items, .n_rows = n_rows, .width = width, .pool = pool};
    if (n_rows == 0)
        return;
    const size_t row = (size_t)n_rows * sizeof(double), parameters = (size_t)width * row;
    const int n_tiles = ceil_div(items->n, tile_items(items->n));
    f->n_pieces = ceil_div(items->n, piece_items(f));
    double **of_items[] = {&f->scores, &f->change, &f->start_change};
    for (size_t i = 0; i < sizeof of_items / sizeof *of_items; i++)
        *of_items[i] = arena_alloc(arena, (size_t)items->n, row);
    f->pieces = arena_alloc(arena, (size_t)f->n_pieces, parameters);
    f->start_gradient = arena_alloc(arena, 1, parameters);
    for (int i = 0; i < PROBE_FIRST_STEPS; i++)
        f->first_steps[i].gradient = arena_alloc(arena, 1, parameters);
    f->row_squares = ARENA_NEW(arena, double, n_rows);
    f->tile_loss = ARENA_NEW(arena, double, n_tiles);
    f->tile_slope = ARENA_NEW(arena, double, n_tiles);
}

/* Runs for each tile of items, which cuts itself. */
static void run_items(ProbeObjective *f, TileFn tile, void *context) {
    pool_run(f->pool, ceil_div(f->items->n, tile_items(f->items->n)), tile, context);
}

/* Returns how many; *first is the first one. */
static int items_of_tile(const ProbeObjective *f, int tile, int *first) {
    const int n = f->items->n, each = tile_items(n);
    *first = tile * each;
    return pool_stopped(f->pool, NULL) < 0 ? 0 : min_int(each, n - *first);
}

/* --- scores along a line --- */

void probe_scores(double *out, const ProbeItems *items, int first, int count, const double *parameters,
                  int n_rows, int width) {
    gemm_double(false, true, count, n_rows, width, 1, items->x + (size_t)first * (size_t)width, width,
                parameters, width, 0, out, n_rows);
}

typedef struct {
    ProbeObjective *f;
    const double *direction;
    double *out; /* (n, R) */
} Aim;

static void aim_tile(void *context, int tile, int worker) {
    (void)worker;
    const Aim *aim = context;
    const ProbeObjective *f = aim->f;
    int first;
    const int count = items_of_tile(f, tile, &first);
    if (count > 0)
        probe_scores(aim->out + (size_t)first * (size_t)f->n_rows, f->items, first, count, aim->direction,
                     f->n_rows, f->width);
}

static bool leads_from_start(const ProbeObjective *f, const double *direction) {
    const size_t n = (size_t)f->n_rows * (size_t)f->width;
    for (size_t i = 0; i < n; i++)
        if (direction[i] != -f->start_gradient[i])
            return false;
    return f->at_start;
}

static int aim_at(void *context, const double *x, const double *direction, Error *err) {
    ProbeObjective *f = context;
    const bool from_start = leads_from_start(f, direction);
    Aim aim = {f, direction, from_start ? f->start_change : f->change};
    if (!from_start || !f->has_start_change)
        run_items(f, aim_tile, &aim);
    if (pool_stopped(f->pool, err) < 0)
        return -1;
    f->has_start_change |= from_start;
    f->along = aim.out;
    f->cross = f->reach = 0;
    for (int r = 0; r < f->n_rows; r++) { /* the last column is the bias */
        const double *w = x + (size_t)r * (size_t)f->width, *d = direction + (size_t)r * (size_t)f->width;
        f->cross += dot(w, d, (size_t)f->width - 1);
        f->reach += dot(d, d, (size_t)f->width - 1);
    }
    return 0;
}

/* --- a trial --- */

/* Of -log softmax(z + step d)_y: the value, and *slope its derivative by the step. */
VECTOR_CLONES
static double softmax_trial(const double *z, const double *d, double step, int n, int y, double *slope) {
    double tops[LANES], sums[LANES] = {0}, slopes[LANES] = {0};
    double top = z[0] + step * d[0], sum = 0, mean = 0;
    int k = 0;
    for (int lane = 0; lane < LANES; lane++)
        tops[lane] = top;
    for (; k + LANES <= n; k += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            const double at = z[k + lane] + step * d[k + lane];
            tops[lane] = at > tops[lane] ? at : tops[lane];
        }
    for (; k < n; k++)
        top = fmax(top, z[k] + step * d[k]);
    for (int lane = 0; lane < LANES; lane++)
        top = fmax(top, tops[lane]);
    for (k = 0; k + LANES <= n; k += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            const double e = exp_vector_double(z[k + lane] + step * d[k + lane] - top);
            sums[lane] += e;
            slopes[lane] += e * d[k + lane];
        }
    for (; k < n; k++) {
        const double e = exp_vector_double(z[k] + step * d[k] - top);
        sum += e;
        mean += e * d[k];
    }
    for (int lane = 0; lane < LANES; lane++) {
        sum += sums[lane];
        mean += slopes[lane];
    }
    *slope = mean / sum - d[y];
    return log(sum) - (z[y] + step * d[y] - top); /* cppcheck-suppress invalidFunctionArg ; sum >= 1 */
}

/* The same of log(1 + exp(z)) - y z. */
static double sigmoid_trial(double z, double d, int y, double *slope) {
    const double e = exp(-fabs(z)); /* no overflow on either side */
    *slope = ((z >= 0 ? 1 : e) / (1 + e) - y) * d;
    return fmax(z, 0) + log1p(e) - y * z;
}

static void trial_tile(void *context, int tile, int worker) {
    (void)worker;
    ProbeObjective *f = context;
    int first;
    const int count = items_of_tile(f, tile, &first), R = f->n_rows;
    double loss = 0, slope = 0;
    for (int i = first; i < first + count; i++) {
        const double *z = f->scores + (size_t)i * (size_t)R, *d = f->along + (size_t)i * (size_t)R;
        const int y = f->items->rows[i];
        double one;
        loss +=
            R == 1 ? sigmoid_trial(*z + f->step * *d, *d, y, &one) : softmax_trial(z, d, f->step, R, y, &one);
        slope += one;
    }
    f->tile_loss[tile] = loss;
    f->tile_slope[tile] = slope;
}

static double sum_of(const double *x, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

static int trial_at(void *context, double *value, double *slope, double step, Error *err) {
    ProbeObjective *f = context;
    const int n = f->items->n, n_tiles = ceil_div(n, tile_items(n));
    f->step = step;
    run_items(f, trial_tile, f);
    const double square = f->square + step * (2 * f->cross + step * f->reach);
    *value = sum_of(f->tile_loss, n_tiles) / n + 0.5 * f->penalty * square;
    *slope = sum_of(f->tile_slope, n_tiles) / n + f->penalty * (f->cross + step * f->reach);
    return pool_stopped(f->pool, err);
}

/* --- a move --- */

/* residual (n) = scale (softmax(z) - onehot(y)) */
VECTOR_CLONES
static void softmax_residual(double *restrict residual, const double *restrict z, int n, int y,
                             double scale) {
    double sums[LANES] = {0}, top = z[0], sum = 0;
    int k = 0;
    for (int j = 1; j < n; j++)
        top = z[j] > top ? z[j] : top;
    for (; k + LANES <= n; k += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            residual[k + lane] = exp_vector_double(z[k + lane] - top);
            sums[lane] += residual[k + lane];
        }
    for (; k < n; k++)
        sum += residual[k] = exp_vector_double(z[k] - top);
    for (int lane = 0; lane < LANES; lane++)
        sum += sums[lane];
    for (k = 0; k < n; k++)
        residual[k] *= scale / sum;
    residual[y] -= scale;
}

static void sigmoid_residual(double *residual, double z, int y, double scale) {
    const double e = exp(-fabs(z));
    *residual = scale * ((z >= 0 ? 1 : e) / (1 + e) - y);
}

/* scores += step along */
static void advance_tile(void *context, int tile, int worker) {
    (void)worker;
    ProbeObjective *f = context;
    int first;
    const size_t R = (size_t)f->n_rows, count = (size_t)items_of_tile(f, tile, &first),
                 at = (size_t)first * R;
    for (size_t k = at; k < at + count * R; k++)
        f->scores[k] += f->step * f->along[k];
}

/* The same, and change = the residual there. */
static void move_tile(void *context, int tile, int worker) {
    ProbeObjective *f = context;
    int first;
    const int count = items_of_tile(f, tile, &first), R = f->n_rows;
    const double scale = 1.0 / f->items->n;
    advance_tile(context, tile, worker);
    for (int i = first; i < first + count; i++) {
        const size_t at = (size_t)i * (size_t)R;
        if (R == 1)
            sigmoid_residual(f->change + at, f->scores[at], f->items->rows[i], scale);
        else
            softmax_residual(f->change + at, f->scores + at, R, f->items->rows[i], scale);
    }
}

/* The part of residual^T x that a piece of the items gives a tile of rows. */
static void piece_tile(void *context, int tile, int worker) {
    (void)worker;
    ProbeObjective *f = context;
    const int n_across = class_tiles(f->n_rows), rows = ceil_div(f->n_rows, n_across), each = piece_items(f);
    const int piece = tile / n_across, row = tile % n_across * rows, first = piece * each;
    const size_t R = (size_t)f->n_rows, V = (size_t)f->width;
    if (pool_stopped(f->pool, NULL) < 0)
        return;
    gemm_double(true, false, min_int(rows, f->n_rows - row), f->width, min_int(each, f->items->n - first), 1,
                f->change + (size_t)first * R + row, f->n_rows, f->items->x + (size_t)first * V, f->width, 0,
                f->pieces + ((size_t)piece * R + (size_t)row) * V, f->width);
}

/* A row of `out` = the sum of its pieces. */
typedef struct {
    const ProbeObjective *f;
    double *out;
} Sum;

static void sum_row(void *context, int row, int worker) {
    (void)worker;
    const Sum *sum = context;
    const ProbeObjective *f = sum->f;
    const size_t V = (size_t)f->width, at = (size_t)row * V, piece = (size_t)f->n_rows * V;
    double *out = sum->out + at;
    memcpy(out, f->pieces + at, V * sizeof *out);
    for (size_t p = 1; p < (size_t)f->n_pieces; p++)
        for (size_t i = 0; i < V; i++)
            out[i] += f->pieces[p * piece + at + i];
}

/* The gradient of the mean at the end of a step, where scores are to move. */
static void mean_gradient(ProbeObjective *f, double *out) {
    Sum sum = {f, out};
    run_items(f, move_tile, f);
    pool_run(f->pool, f->n_pieces * class_tiles(f->n_rows), piece_tile, f);
    pool_run(f->pool, f->n_rows, sum_row, &sum);
}

/* The same for a first step: as another fit has left it, or put before the others. */
static const double *first_gradient(ProbeObjective *f) {
    for (int i = 0; i < PROBE_FIRST_STEPS; i++)
        if (f->first_steps[i].length == f->step) {
            run_items(f, advance_tile, f);
            return f->first_steps[i].gradient;
        }
    double *oldest = f->first_steps[PROBE_FIRST_STEPS - 1].gradient;
    memmove(f->first_steps + 1, f->first_steps, (PROBE_FIRST_STEPS - 1) * sizeof *f->first_steps);
    f->first_steps[0].gradient = oldest;
    mean_gradient(f, oldest);
    /* what a stopped pool has left must not be taken for it */
    f->first_steps[0].length = pool_stopped(f->pool, NULL) < 0 ? 0 : f->step;
    return oldest;
}

/* A row of the gradient = that of the mean + penalty * W. */
typedef struct {
    ProbeObjective *f;
    const double *mean, *x;
    double *gradient;
} Penalty;

static void penalty_row(void *context, int row, int worker) {
    (void)worker;
    const Penalty *p = context;
    ProbeObjective *f = p->f;
    const size_t V = (size_t)f->width, at = (size_t)row * V;
    for (size_t i = at; i < at + V - 1; i++)
        p->gradient[i] = p->mean[i] + f->penalty * p->x[i];
    p->gradient[at + V - 1] = p->mean[at + V - 1]; /* of the bias */
    f->row_squares[row] = dot(p->x + at, p->x + at, V - 1);
}

static int move_to(void *context, double *gradient, const double *x, Error *err) {
    ProbeObjective *f = context;
    Penalty penalty = {f, gradient, x, gradient};
    if (f->at_start && f->along == f->start_change)
        penalty.mean = first_gradient(f);
    else
        mean_gradient(f, gradient);
    f->at_start = false;
    pool_run(f->pool, f->n_rows, penalty_row, &penalty);
    f->square = sum_of(f->row_squares, f->n_rows);
    return pool_stopped(f->pool, err);
}

static int begin_at(void *context, double *value, double *gradient, const double *x, Error *err) {
    ProbeObjective *f = context;
    const size_t R = (size_t)f->n_rows, size = R * (size_t)f->width * sizeof(double);
    for (size_t i = 0; i < R * (size_t)f->width; i++)
        assert(x[i] == 0);
    memset(f->scores, 0, (size_t)f->items->n * R * sizeof(double));
    if (!f->has_start_gradient) {
        f->step = 0;
        f->along = f->scores;
        mean_gradient(f, f->start_gradient);
        if (pool_stopped(f->pool, err) < 0)
            return -1;
        f->has_start_gradient = true;
    }
    memcpy(gradient, f->start_gradient, size);
    *value = f->n_rows == 1 ? log(2) : log(f->n_rows);
    f->at_start = true;
    f->square = 0;
    return pool_stopped(f->pool, err);
}

LbfgsFunction probe_objective_at(ProbeObjective *objective, double C) {
    objective->penalty = 1 / (C * objective->items->n);
    return (LbfgsFunction){begin_at, aim_at, trial_at, move_to, objective};
}
