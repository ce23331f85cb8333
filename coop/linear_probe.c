/* linear_probe.c: fitting and choosing linear probes; see the header for the protocol.
 *
 * One fit minimises f(W) = mean_i CE(W x_i, y_i) + ||W||^2 / (2 C n) from W = 0. The path matters and not
 * only the optimum: scikit-learn stops at max |gradient| <= 1e-4, where coefficients at a large C are still
 * growing. So lbfgs.c takes the same steps and stops at the same place. Where a path amplifies rounding by
 * 1e13, as some of 64 iterations do and most of several hundred, scikit-learn does not agree with itself on
 * the same items in another order either; nor does it with float32 features, which it descends in float32.
 *
 * Features are kept in double with a last column of ones, so that the bias is one more weight. An evaluation
 * has two passes: tiles of items make residuals and a part of the loss each; tiles of the gradient then sum
 * over all items by themselves. No sum is split by thread, so the bits do not depend on their number.
 *
 * Layout, with R rows of parameters and width V = E + 1:
 *   parameters (R, V) = [w_1 b_1; w_2 b_2; ...]
 *   R = K for a softmax, 1 for a sigmoid (K = 2), 0 for one class
 */
#include "coop/linear_probe.h"

#include "clip/base/minimum.h"
#include "clip/math/gemm.h"
#include "coop/lbfgs.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <string.h>

enum {
    MAX_ITERATIONS = 1000,
    BISECTIONS = 8,
    ITEM_TILE = 128,  /* items of one tile of the forward pass */
    CLASS_TILE = 128, /* rows and columns of one tile of the gradient */
    FEATURE_TILE = 256,
};

static const double GRADIENT_TOLERANCE = 1e-4;     /* scikit-learn's tol */
static const double LOSS_TOLERANCE = 64 * 0x1p-52; /* scikit-learn's ftol, relative to max(|f|, 1) */
static const double ABSENT_BIAS = -1e30;

/* Items in the form that the products want. */
typedef struct {
    double *x; /* (n, V), the last column is ones */
    int *rows; /* (n) the label as a row of the fitted classes, -1 for a class without training items */
    int n;
} Items;

typedef struct {
    Items train;
    int n_classes, width; /* K, V */
    int n_present;        /* classes that have training items */
    int *row_of;          /* (K) label to row, -1 when absent */
    int n_rows;           /* R */
    double penalty;       /* 1 / (C n) */
    Pool *pool;
    const double *parameters; /* (R, V) of the evaluation under way */
    double *gradient;         /* (R, V) */
    double *residual;         /* (n, R): scores, then dCE/dscores / n in place */
    double *tile_loss;        /* (n_tiles) */
} Problem;

static int tiles_of(int n, int tile) {
    return n / tile + (n % tile != 0);
}

/* --- the objective --- */

/* -log softmax(z)_y; z becomes scale * (softmax(z) - onehot(y)). */
static double softmax_loss(double *z, int n, int y, double scale) {
    double top = z[0], sum = 0;
    for (int k = 1; k < n; k++)
        top = fmax(top, z[k]);
    double target = z[y] - top;
    for (int k = 0; k < n; k++)
        sum += z[k] = exp(z[k] - top);
    for (int k = 0; k < n; k++)
        z[k] *= scale / sum;
    z[y] -= scale;
    return log(sum) - target; /* cppcheck-suppress invalidFunctionArg ; sum >= 1: n >= 1 */
}

/* log(1 + exp(z)) - y z; z becomes scale * (sigmoid(z) - y). */
static double sigmoid_loss(double *z, int y, double scale) {
    double e = exp(-fabs(*z)); /* no overflow on either side */
    double loss = fmax(*z, 0) + log1p(e) - y * *z;
    *z = scale * ((*z >= 0 ? 1 : e) / (1 + e) - y);
    return loss;
}

/* residual[tile] = x[tile] W^T, then its loss and dloss/dscores. */
static void residual_tile(void *context, int tile, int worker) {
    (void)worker;
    Problem *problem = context;
    if (pool_stopped(problem->pool, NULL) < 0)
        return;
    int first = tile * ITEM_TILE, n_rows = problem->n_rows, width = problem->width;
    int count = min_int(ITEM_TILE, problem->train.n - first);
    double *z = problem->residual + (size_t)first * n_rows;
    gemm_double(false, true, count, n_rows, width, 1, problem->train.x + (size_t)first * width, width,
                problem->parameters, width, 0, z, n_rows);
    double scale = 1.0 / problem->train.n, loss = 0;
    for (int i = 0; i < count; i++, z += n_rows) {
        int y = problem->train.rows[first + i];
        loss += n_rows == 1 ? sigmoid_loss(z, y, scale) : softmax_loss(z, n_rows, y, scale);
    }
    problem->tile_loss[tile] = loss;
}

/* gradient[tile] = residual^T x + penalty * W, for a block of rows and columns. */
static void gradient_tile(void *context, int tile, int worker) {
    (void)worker;
    Problem *problem = context;
    if (pool_stopped(problem->pool, NULL) < 0)
        return;
    int width = problem->width, n_column_tiles = tiles_of(width, FEATURE_TILE);
    int row = tile / n_column_tiles * CLASS_TILE, column = tile % n_column_tiles * FEATURE_TILE;
    int n_rows = min_int(CLASS_TILE, problem->n_rows - row),
        n_columns = min_int(FEATURE_TILE, width - column);
    size_t offset = (size_t)row * width + column;
    int n_penalised = min_int(n_columns, width - 1 - column); /* the last column is the bias */
    for (int r = 0; r < n_rows; r++) {
        double *g = problem->gradient + offset + (size_t)r * width;
        const double *w = problem->parameters + offset + (size_t)r * width;
        for (int c = 0; c < n_columns; c++)
            g[c] = c < n_penalised ? problem->penalty * w[c] : 0;
    }
    gemm_double(true, false, n_rows, n_columns, problem->train.n, 1, problem->residual + row, problem->n_rows,
                problem->train.x + column, width, 1, problem->gradient + offset, width);
}

/* f and its gradient at the parameters. */
static double objective(Problem *problem, const double *parameters, double *gradient) {
    problem->parameters = parameters;
    problem->gradient = gradient;
    int n_tiles = tiles_of(problem->train.n, ITEM_TILE);
    pool_run(problem->pool, n_tiles, residual_tile, problem);
    pool_run(problem->pool, tiles_of(problem->n_rows, CLASS_TILE) * tiles_of(problem->width, FEATURE_TILE),
             gradient_tile, problem);
    double loss = 0, square = 0;
    for (int t = 0; t < n_tiles; t++)
        loss += problem->tile_loss[t];
    for (int r = 0; r < problem->n_rows; r++)
        for (int e = 0; e < problem->width - 1; e++) {
            double w = parameters[(size_t)r * problem->width + e];
            square += w * w;
        }
    return loss / problem->train.n + 0.5 * problem->penalty * square;
}

/* --- one problem --- */

static int items_make(Items *items, const ProbeData *data, const Problem *problem, const char *part,
                      Arena *arena, Error *err) {
    int width = problem->width;
    items->n = data->n;
    items->x = arena_alloc(arena, (size_t)data->n, (size_t)width * sizeof(double));
    items->rows = ARENA_NEW(arena, int, data->n);
    if (arena_failed(arena))
        return error_memory(err);
    for (int i = 0; i < data->n; i++) {
        const float *in = data->features + (size_t)i * (width - 1);
        double *out = items->x + (size_t)i * width;
        for (int e = 0; e < width - 1; e++) {
            if (!isfinite(in[e]))
                return error_run(err, "linear probe: %s item %d: feature %d is not finite", part, i, e);
            out[e] = in[e];
        }
        out[width - 1] = 1;
        assert(data->labels[i] >= 0 && data->labels[i] < problem->n_classes);
        items->rows[i] = problem->row_of[data->labels[i]];
    }
    return 0;
}

/* Everything but C. */
static int problem_make(Problem *problem, const ProbeData *train, int n_features, int n_classes, Pool *pool,
                        Arena *arena, Error *err) {
    assert(n_features >= 1 && n_classes >= 1);
    *problem = (Problem){.n_classes = n_classes, .pool = pool};
    if (train->n < 1)
        return error_run(err, "linear probe: no training items");
    if (n_features >= INT_MAX / n_classes)
        return error_run(err, "linear probe: %d classes of %d features are too many", n_classes, n_features);
    problem->width = n_features + 1;
    problem->row_of = ARENA_NEW(arena, int, n_classes);
    if (arena_failed(arena))
        return error_memory(err);
    for (int i = 0; i < train->n; i++) {
        assert(train->labels[i] >= 0 && train->labels[i] < n_classes);
        problem->row_of[train->labels[i]] = 1;
    }
    for (int k = 0; k < n_classes; k++)
        problem->row_of[k] = problem->row_of[k] ? problem->n_present++ : -1;
    problem->n_rows = problem->n_present > 2 ? problem->n_present : problem->n_present - 1;
    problem->residual = arena_alloc(arena, (size_t)train->n, (size_t)problem->n_rows * sizeof(double));
    problem->tile_loss = ARENA_NEW(arena, double, tiles_of(train->n, ITEM_TILE));
    return items_make(&problem->train, train, problem, "training", arena, err);
}

static double *parameters_new(const Problem *problem, Arena *arena) {
    return ARENA_NEW(arena, double, (size_t)problem->n_rows * problem->width);
}

/* --- one fit --- */

static int evaluate(void *context, double *loss, double *gradient, const double *parameters, Error *err) {
    Problem *problem = context;
    *loss = objective(problem, parameters, gradient);
    return pool_stopped(problem->pool, err);
}

/* parameters (R, V): in any, out the probe at C. */
static int minimise(Problem *problem, double C, double *parameters, Arena *arena, Error *err) {
    const LbfgsRules rules = {GRADIENT_TOLERANCE, LOSS_TOLERANCE, MAX_ITERATIONS};
    LbfgsResult result = {0};
    size_t n = (size_t)problem->n_rows * problem->width;
    memset(parameters, 0, n * sizeof(double));
    problem->penalty = 1 / (C * problem->train.n);
    if (n > 0 && lbfgs_minimise(&result, parameters, n, evaluate, problem, &rules, arena, err) < 0)
        return -1;
    if (!isfinite(result.value))
        return error_run(err, "linear probe: the loss is not finite at C = %g", C);
    return 0;
}

/* --- accuracy --- */

typedef struct {
    const Problem *problem;
    const Items *items;
    const double *parameters; /* (R, V) */
    double *scores;           /* (threads, ITEM_TILE, R) */
    int *tile_hits;           /* (n_tiles) */
} Scoring;

/* Ties go to the first class, as in NumPy's argmax and scikit-learn's z > 0. */
static int predicted_row(const double *z, int n_rows) {
    if (n_rows < 2)
        return n_rows == 1 && *z > 0;
    int best = 0;
    for (int r = 1; r < n_rows; r++)
        if (z[r] > z[best])
            best = r;
    return best;
}

static void hits_tile(void *context, int tile, int worker) {
    const Scoring *scoring = context;
    int first = tile * ITEM_TILE, n_rows = scoring->problem->n_rows, width = scoring->problem->width;
    int count = min_int(ITEM_TILE, scoring->items->n - first), hits = 0;
    double *z = scoring->scores + (size_t)worker * ITEM_TILE * n_rows;
    if (n_rows > 0)
        gemm_double(false, true, count, n_rows, width, 1, scoring->items->x + (size_t)first * width, width,
                    scoring->parameters, width, 0, z, n_rows);
    for (int i = 0; i < count; i++)
        hits += predicted_row(z + (size_t)i * n_rows, n_rows) == scoring->items->rows[first + i];
    scoring->tile_hits[tile] = hits;
}

static int scoring_make(Scoring *scoring, const Problem *problem, const Items *items, Arena *arena,
                        Error *err) {
    *scoring = (Scoring){.problem = problem, .items = items};
    size_t row = (size_t)problem->n_rows * sizeof(double);
    scoring->scores = arena_alloc(arena, (size_t)pool_threads(problem->pool) * ITEM_TILE, row);
    scoring->tile_hits = ARENA_NEW(arena, int, tiles_of(items->n, ITEM_TILE));
    return arena_failed(arena) ? error_memory(err) : 0;
}

/* In 0..1. */
static double accuracy(Scoring *scoring, const double *parameters) {
    int n_tiles = tiles_of(scoring->items->n, ITEM_TILE), hits = 0;
    scoring->parameters = parameters;
    pool_run(scoring->problem->pool, n_tiles, hits_tile, scoring);
    for (int t = 0; t < n_tiles; t++)
        hits += scoring->tile_hits[t];
    return (double)hits / scoring->items->n;
}

/* --- the search --- */

typedef struct {
    double C, accuracy;
    double *parameters; /* (R, V) */
} Candidate;

static int candidate_fit(Candidate *candidate, double C, Problem *problem, Scoring *scoring, Arena *arena,
                         Error *err) {
    candidate->C = C;
    if (minimise(problem, C, candidate->parameters, arena, err) < 0)
        return -1;
    candidate->accuracy = accuracy(scoring, candidate->parameters);
    return 0;
}

/* The best C of the grid; the first of equals. */
static int grid_peak(double *peak, Candidate *scratch, Problem *problem, Scoring *scoring, Arena *arena,
                     Error *err) {
    static const double grid[] = {1e6, 1e4, 1e2, 1, 1e-2, 1e-4, 1e-6};
    double best = -1;
    for (size_t i = 0; i < sizeof grid / sizeof *grid; i++) {
        if (candidate_fit(scratch, grid[i], problem, scoring, arena, err) < 0)
            return -1;
        if (scratch->accuracy > best) {
            best = scratch->accuracy;
            *peak = grid[i];
        }
    }
    return 0;
}

/* Each step compares the two ends, keeps the better one (the left of equals) and moves the other to the
 * middle in log10. lpclip fits the kept end again; here the fit is kept with it. */
static int bisect(Candidate *found, double peak, Candidate left, Candidate right, Problem *problem,
                  Scoring *scoring, Arena *arena, Error *err) {
    if (candidate_fit(&left, 0.1 * peak, problem, scoring, arena, err) < 0 ||
        candidate_fit(&right, 10 * peak, problem, scoring, arena, err) < 0)
        return -1;
    for (int step = 1; step < BISECTIONS; step++) {
        double middle = pow(10, 0.5 * (log10(right.C) + log10(left.C)));
        Candidate *worse = left.accuracy < right.accuracy ? &left : &right;
        if (candidate_fit(worse, middle, problem, scoring, arena, err) < 0)
            return -1;
    }
    *found = left.accuracy < right.accuracy ? right : left;
    return 0;
}

/* --- the public functions --- */

static int probe_new(LinearProbe *probe, int n_features, int n_classes, Arena *arena, Error *err) {
    *probe = (LinearProbe){.n_classes = n_classes, .n_features = n_features};
    probe->weights = arena_alloc(arena, (size_t)n_classes, (size_t)n_features * sizeof(double));
    probe->bias = ARENA_NEW(arena, double, n_classes);
    return arena_failed(arena) ? error_memory(err) : 0;
}

static void probe_fill(LinearProbe *probe, const Problem *problem, const Candidate *candidate) {
    probe->C = candidate->C;
    probe->val_accuracy = candidate->accuracy;
    probe->n_parameters = (size_t)problem->n_rows * (size_t)problem->width;
    for (int k = 0; k < probe->n_classes; k++) {
        int row = problem->row_of[k];
        double factor = 1;
        if (problem->n_rows == 1) { /* the sigmoid's row, halved and mirrored */
            factor = row == 0 ? -0.5 : 0.5;
            row = row > 0 ? 0 : row;
        }
        probe->bias[k] = row < 0 ? ABSENT_BIAS : 0;
        if (row < 0 || problem->n_rows == 0)
            continue;
        const double *w = candidate->parameters + (size_t)row * problem->width;
        for (int e = 0; e < probe->n_features; e++)
            probe->weights[(size_t)k * probe->n_features + e] = factor * w[e];
        probe->bias[k] = factor * w[probe->n_features];
    }
}

int linear_probe_fit(LinearProbe *probe, const ProbeData *train, int n_features, int n_classes, double C,
                     Pool *pool, Arena *arena, Error *err) {
    Problem problem;
    Scoring scoring;
    Candidate candidate = {0};
    if (probe_new(probe, n_features, n_classes, arena, err) < 0)
        return -1;
    size_t mark = arena_mark(arena);
    int status = -1;
    if (problem_make(&problem, train, n_features, n_classes, pool, arena, err) < 0 ||
        scoring_make(&scoring, &problem, &problem.train, arena, err) < 0)
        goto out;
    candidate.parameters = parameters_new(&problem, arena);
    if (arena_failed(arena)) {
        error_memory(err);
        goto out;
    }
    status = candidate_fit(&candidate, C, &problem, &scoring, arena, err);
    if (status == 0)
        probe_fill(probe, &problem, &candidate);
out:
    arena_reset(arena, mark);
    return status;
}

int linear_probe_search(LinearProbe *probe, const ProbeData *train, const ProbeData *val, int n_features,
                        int n_classes, Pool *pool, Arena *arena, Error *err) {
    Problem problem;
    Items val_items;
    Scoring scoring;
    Candidate left = {0}, right = {0}, found;
    double peak = 1;
    bool has_val = val && val->n > 0;
    if (probe_new(probe, n_features, n_classes, arena, err) < 0)
        return -1;
    size_t mark = arena_mark(arena);
    int status = -1;
    if (problem_make(&problem, train, n_features, n_classes, pool, arena, err) < 0 ||
        (has_val && items_make(&val_items, val, &problem, "validation", arena, err) < 0) ||
        scoring_make(&scoring, &problem, has_val ? &val_items : &problem.train, arena, err) < 0)
        goto out;
    left.parameters = parameters_new(&problem, arena);
    right.parameters = parameters_new(&problem, arena);
    if (arena_failed(arena)) {
        error_memory(err);
        goto out;
    }
    if (grid_peak(&peak, &left, &problem, &scoring, arena, err) < 0 ||
        bisect(&found, peak, left, right, &problem, &scoring, arena, err) < 0)
        goto out;
    probe_fill(probe, &problem, &found);
    status = 0;
out:
    arena_reset(arena, mark);
    return status;
}

int linear_probe_objective(double *loss, double *gradient, const double *parameters, const ProbeData *train,
                           int n_features, int n_classes, double C, Pool *pool, Arena *arena, Error *err) {
    Problem problem;
    size_t mark = arena_mark(arena);
    int status = problem_make(&problem, train, n_features, n_classes, pool, arena, err);
    if (status == 0) {
        problem.penalty = 1 / (C * train->n);
        *loss = objective(&problem, parameters, gradient);
    }
    arena_reset(arena, mark);
    return status;
}

/* Blocks of 64 items, 64 classes and 128 features: the doubles of one block fit the stack and the cache. */
void linear_probe_scores(const LinearProbe *probe, float *scores, const float *features, int n) {
    enum { BLOCK = 64, DEPTH = 128 };
    double x[BLOCK * DEPTH], z[BLOCK * BLOCK];
    int E = probe->n_features, K = probe->n_classes;
    for (int i = 0; i < n; i += BLOCK)
        for (int k = 0; k < K; k += BLOCK) {
            int n_i = min_int(BLOCK, n - i), n_k = min_int(BLOCK, K - k);
            for (int a = 0; a < n_i; a++)
                memcpy(z + a * BLOCK, probe->bias + k, (size_t)n_k * sizeof *z);
            for (int e = 0; e < E; e += DEPTH) {
                int n_e = min_int(DEPTH, E - e);
                for (int a = 0; a < n_i; a++)
                    for (int b = 0; b < n_e; b++)
                        x[a * DEPTH + b] = features[(size_t)(i + a) * E + e + b];
                gemm_double(false, true, n_i, n_k, n_e, 1, x, DEPTH, probe->weights + (size_t)k * E + e, E, 1,
                            z, BLOCK);
            }
            for (int a = 0; a < n_i; a++)
                for (int b = 0; b < n_k; b++)
                    scores[(size_t)(i + a) * K + k + b] = (float)z[a * BLOCK + b];
        }
}
