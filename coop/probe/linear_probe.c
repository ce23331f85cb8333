/* linear_probe.c: fitting and choosing linear probes; see the header for the protocol.
 *
 * One fit minimises probe_objective.h's f(W) from W = 0. The path matters and not only the optimum:
 * scikit-learn stops at max |gradient| <= 1e-4, where coefficients at a large C are still growing. So lbfgs.c
 * takes the same steps and stops at the same place. Where a path amplifies rounding by 1e13, as some of 64
 * iterations do and most of several hundred, scikit-learn does not agree with itself on the same items in
 * another order either; nor does it with float32 features, which it descends in float32.
 */
#include "coop/probe/linear_probe.h"

#include "clip/base/minimum.h"
#include "clip/math/gemm.h"
#include "coop/probe/probe_objective.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <string.h>

enum {
    MAX_ITERATIONS = 1000,
    BISECTIONS = 8,
    SCORE_TILE = 128, /* items whose scores are there at a time */
};

static const double GRADIENT_TOLERANCE = 1e-4;     /* scikit-learn's tol */
static const double LOSS_TOLERANCE = 64 * 0x1p-52; /* scikit-learn's ftol, relative to max(|f|, 1) */
static const double ABSENT_BIAS = -1e30;

typedef struct {
    ProbeItems train;
    int n_classes, width; /* K, V */
    int n_present;        /* classes that have training items */
    int *row_of;          /* (K) label to row, -1 when absent */
    int n_rows;           /* R */
    Pool *pool;
    ProbeObjective objective;
} Problem;

/* --- one problem --- */

static int items_make(ProbeItems *items, const ProbeData *data, const Problem *problem, const char *part,
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
    if (items_make(&problem->train, train, problem, "training", arena, err) < 0)
        return -1;
    probe_objective_make(&problem->objective, &problem->train, problem->n_rows, problem->width, pool, arena);
    return arena_failed(arena) ? error_memory(err) : 0;
}

static double *parameters_new(const Problem *problem, Arena *arena) {
    return ARENA_NEW(arena, double, (size_t)problem->n_rows * problem->width);
}

/* --- one fit --- */

/* parameters (R, V): in any, out the probe at C. */
static int minimise(Problem *problem, double C, double *parameters, Arena *arena, Error *err) {
    const LbfgsRules rules = {GRADIENT_TOLERANCE, LOSS_TOLERANCE, MAX_ITERATIONS};
    LbfgsResult result = {0};
    size_t n = (size_t)problem->n_rows * problem->width;
    const LbfgsFunction function = probe_objective_at(&problem->objective, C);
    memset(parameters, 0, n * sizeof(double));
    if (n > 0 && lbfgs_minimise(&result, parameters, n, &function, &rules, arena, err) < 0)
        return -1;
    if (!isfinite(result.value))
        return error_run(err, "linear probe: the loss is not finite at C = %g", C);
    return 0;
}

/* --- accuracy --- */

typedef struct {
    const Problem *problem;
    const ProbeItems *items;
    const double *parameters; /* (R, V) */
    double *scores;           /* (threads, SCORE_TILE, R) */
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
    int first = tile * SCORE_TILE, n_rows = scoring->problem->n_rows, width = scoring->problem->width;
    int count = min_int(SCORE_TILE, scoring->items->n - first), hits = 0;
    double *z = scoring->scores + (size_t)worker * SCORE_TILE * n_rows;
    if (n_rows > 0)
        probe_scores(z, scoring->items, first, count, scoring->parameters, n_rows, width);
    for (int i = 0; i < count; i++)
        hits += predicted_row(z + (size_t)i * n_rows, n_rows) == scoring->items->rows[first + i];
    scoring->tile_hits[tile] = hits;
}

static int scoring_make(Scoring *scoring, const Problem *problem, const ProbeItems *items, Arena *arena,
                        Error *err) {
    *scoring = (Scoring){.problem = problem, .items = items};
    size_t row = (size_t)problem->n_rows * sizeof(double);
    scoring->scores = arena_alloc(arena, (size_t)pool_threads(problem->pool) * SCORE_TILE, row);
    scoring->tile_hits = ARENA_NEW(arena, int, ceil_div(items->n, SCORE_TILE));
    return arena_failed(arena) ? error_memory(err) : 0;
}

/* In 0..1. */
static double accuracy(Scoring *scoring, const double *parameters) {
    int n_tiles = ceil_div(scoring->items->n, SCORE_TILE), hits = 0;
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

static void swap(Candidate *a, Candidate *b) {
    const Candidate was = *a;
    *a = *b;
    *b = was;
}

/* The best C of the grid; the first of equals. */
static int grid_peak(Candidate *peak, Candidate *scratch, Problem *problem, Scoring *scoring, Arena *arena,
                     Error *err) {
    static const double grid[] = {1e6, 1e4, 1e2, 1, 1e-2, 1e-4, 1e-6};
    peak->accuracy = -1;
    for (size_t i = 0; i < sizeof grid / sizeof *grid; i++) {
        if (candidate_fit(scratch, grid[i], problem, scoring, arena, err) < 0)
            return -1;
        if (scratch->accuracy > peak->accuracy)
            swap(scratch, peak);
    }
    return 0;
}

/* Each step compares the two ends, keeps the better one (the left of equals) and moves the other to the
 * middle in log10. lpclip fits the kept end again, and in the first middle the peak; here fits are kept. */
static int bisect(Candidate *peak, Candidate *left, Candidate *right, Problem *problem, Scoring *scoring,
                  Arena *arena, Error *err) {
    if (candidate_fit(left, 0.1 * peak->C, problem, scoring, arena, err) < 0 ||
        candidate_fit(right, 10 * peak->C, problem, scoring, arena, err) < 0)
        return -1;
    for (int step = 1; step < BISECTIONS; step++) {
        const double middle = pow(10, 0.5 * (log10(right->C) + log10(left->C)));
        Candidate *worse = left->accuracy < right->accuracy ? left : right;
        if (step == 1)
            swap(worse, peak);
        else if (candidate_fit(worse, middle, problem, scoring, arena, err) < 0)
            return -1;
        worse->C = middle;
    }
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
    ProbeItems val_items;
    Scoring scoring;
    Candidate peak = {0}, left = {0}, right = {0};
    bool has_val = val && val->n > 0;
    if (probe_new(probe, n_features, n_classes, arena, err) < 0)
        return -1;
    size_t mark = arena_mark(arena);
    int status = -1;
    if (problem_make(&problem, train, n_features, n_classes, pool, arena, err) < 0 ||
        (has_val && items_make(&val_items, val, &problem, "validation", arena, err) < 0) ||
        scoring_make(&scoring, &problem, has_val ? &val_items : &problem.train, arena, err) < 0)
        goto out;
    peak.parameters = parameters_new(&problem, arena);
    left.parameters = parameters_new(&problem, arena);
    right.parameters = parameters_new(&problem, arena);
    if (arena_failed(arena)) {
        error_memory(err);
        goto out;
    }
    if (grid_peak(&peak, &left, &problem, &scoring, arena, err) < 0 ||
        bisect(&peak, &left, &right, &problem, &scoring, arena, err) < 0)
        goto out;
    probe_fill(probe, &problem, left.accuracy < right.accuracy ? &right : &left);
    status = 0;
out:
    arena_reset(arena, mark);
    return status;
}

/* One step from zero. */
static int objective_along(Problem *problem, double *loss, double *gradient, double *zero,
                           const double *parameters, double C, Error *err) {
    const LbfgsFunction f = probe_objective_at(&problem->objective, C);
    double slope;
    memset(zero, 0, (size_t)problem->n_rows * (size_t)problem->width * sizeof *zero);
    if (f.begin(f.context, loss, gradient, zero, err) < 0 || f.aim(f.context, zero, parameters, err) < 0 ||
        f.trial(f.context, loss, &slope, 1, err) < 0)
        return -1;
    return f.move(f.context, gradient, parameters, err);
}

int linear_probe_objective(double *loss, double *gradient, const double *parameters, const ProbeData *train,
                           int n_features, int n_classes, double C, Pool *pool, Arena *arena, Error *err) {
    Problem problem;
    size_t mark = arena_mark(arena);
    int status = problem_make(&problem, train, n_features, n_classes, pool, arena, err);
    if (status == 0) {
        double *zero = parameters_new(&problem, arena);
        status =
            zero ? objective_along(&problem, loss, gradient, zero, parameters, C, err) : error_memory(err);
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
