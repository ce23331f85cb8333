/* test_lbfgs.c: the descent on functions with a known minimum, with the iterations and evaluations that SciPy
 * 1.17's L-BFGS-B takes from the same start (maxcor 10, maxls 50), and every way in which it ends.
 */
#include "coop/probe/lbfgs.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_N = 50 };

typedef double (*Formula)(double *g, const double *x, int n);

typedef struct {
    Formula formula;
    int n;
    int evaluations;
    int nan_from, nan_to;                               /* the evaluations that give NaN */
    int stop_at;                                        /* the evaluation that fails; 0: none */
    double x[MAX_N], direction[MAX_N], gradient[MAX_N]; /* the last point; of the last trial */
} Asked;

static int evaluate(Asked *asked, double *value, const double *x, Error *err) {
    asked->evaluations++;
    *value = asked->formula(asked->gradient, x, asked->n);
    if (asked->evaluations >= asked->nan_from && asked->evaluations < asked->nan_to)
        *value = asked->gradient[0] = NAN;
    return asked->evaluations == asked->stop_at ? error_run(err, "stopped") : 0;
}

static int begin(void *context, double *value, double *gradient, const double *x, Error *err) {
    Asked *asked = context;
    const int result = evaluate(asked, value, x, err);
    memcpy(gradient, asked->gradient, (size_t)asked->n * sizeof(double));
    return result;
}

static int aim(void *context, const double *x, const double *direction, Error *err) {
    Asked *asked = context;
    (void)err;
    memcpy(asked->x, x, (size_t)asked->n * sizeof(double));
    memcpy(asked->direction, direction, (size_t)asked->n * sizeof(double));
    return 0;
}

static int trial(void *context, double *value, double *slope, double step, Error *err) {
    Asked *asked = context;
    double x[MAX_N];
    for (int i = 0; i < asked->n; i++)
        x[i] = asked->x[i] + step * asked->direction[i];
    const int result = evaluate(asked, value, x, err);
    *slope = 0;
    for (int i = 0; i < asked->n; i++)
        *slope += asked->gradient[i] * asked->direction[i];
    return result;
}

/* The last trial is where the descent goes. */
static int move(void *context, double *gradient, const double *x, Error *err) {
    const Asked *asked = context;
    double here[MAX_N];
    (void)err;
    asked->formula(here, x, asked->n);
    assert_memory_equal(here, asked->gradient, (size_t)asked->n * sizeof(double));
    memcpy(gradient, asked->gradient, (size_t)asked->n * sizeof(double));
    return 0;
}

static int minimise(LbfgsResult *result, Asked *asked, double *x, const LbfgsRules *rules, Arena *arena,
                    Error *err) {
    const LbfgsFunction function = {begin, aim, trial, move, asked};
    return lbfgs_minimise(result, x, (size_t)asked->n, &function, rules, arena, err);
}

/* --- formulas --- */

/* Curvatures from 1 to `top`, the minimum at 1, 1.1, 1.2, ... */
static double quadratic(double *g, const double *x, int n, double top) {
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double c = pow(top, (double)i / (n - 1)), from = x[i] - 1 - i / 10.0;
        g[i] = c * from;
        sum += 0.5 * c * from * from;
    }
    return sum;
}

static double sphere(double *g, const double *x, int n) {
    return quadratic(g, x, n, 1);
}

static double ellipsoid(double *g, const double *x, int n) {
    return quadratic(g, x, n, 100);
}

/* Rosenbrock's valley for each pair; the minimum at 1. */
static double rosenbrock(double *g, const double *x, int n) {
    double sum = 0;
    for (int i = 0; i < n; i += 2) {
        double t = x[i + 1] - x[i] * x[i], u = 1 - x[i];
        g[i] = -400 * x[i] * t - 2 * u;
        g[i + 1] = 200 * t;
        sum += 100 * t * t + u * u;
    }
    return sum;
}

/* Powell's singular function: no curvature at the minimum, 0. */
static double singular(double *g, const double *x, int n) {
    assert_int_equal(n, 4);
    double p = x[0] + 10 * x[1], q = x[2] - x[3], r = x[1] - 2 * x[2], s = x[0] - x[3];
    g[0] = 2 * p + 40 * s * s * s;
    g[1] = 20 * p + 4 * r * r * r;
    g[2] = 10 * q - 8 * r * r * r;
    g[3] = -10 * q - 40 * s * s * s;
    return p * p + 5 * q * q + r * r * r * r + 10 * s * s * s * s;
}

/* Nearly straight far from the minimum, 0. */
static double hyperbola(double *g, const double *x, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double y = sqrt(1 + x[i] * x[i]);
        g[i] = x[i] / y;
        sum += y;
    }
    return sum;
}

/* The gradient points uphill. */
static double liar(double *g, const double *x, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) {
        g[i] = -2 * x[i];
        sum += x[i] * x[i];
    }
    return sum;
}

/* No minimum. */
static double slope(double *g, const double *x, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) {
        g[i] = -1;
        sum -= x[i];
    }
    return sum;
}

/* --- tests --- */

static LbfgsResult descend(Asked *asked, double *x, double tolerance, int max_iterations) {
    const LbfgsRules rules = {tolerance, 64 * 0x1p-52, max_iterations};
    Arena *arena = arena_create();
    Error err = {0};
    LbfgsResult result;
    assert_int_equal(minimise(&result, asked, x, &rules, arena, &err), 0);
    assert_int_equal(arena_used(arena), 0);
    assert_int_equal(result.evaluations, asked->evaluations);
    arena_free(arena);
    return result;
}

static void takes_the_steps_of_scipy(void **state) {
    (void)state;
    static const struct {
        const char *name;
        Formula formula;
        int n;
        double start[4]; /* repeated */
        double tolerance;
        int iterations, evaluations;
        double value;
        LbfgsEnd end;
    } cases[] = {
        {"sphere", sphere, 5, {0, 0, 0, 0}, 1e-5, 2, 3, 0, LBFGS_GRADIENT},
        {"ellipsoid", ellipsoid, 6, {0, 0, 0, 0}, 1e-5, 22, 24, 2.0504009e-12, LBFGS_GRADIENT},
        {"rosenbrock", rosenbrock, 2, {-1.2, 1, -1.2, 1}, 1e-5, 37, 45, 1.7054943e-17, LBFGS_GRADIENT},
        {"rosenbrock 50", rosenbrock, 50, {-1.2, 1, -1.2, 1}, 1e-5, 38, 46, 7.0766857e-15, LBFGS_GRADIENT},
        {"singular", singular, 4, {3, -1, 0, 1}, 1e-5, 28, 31, 2.2194034592e-8, LBFGS_GRADIENT},
        {"hyperbola", hyperbola, 2, {10, -3, 10, -3}, 1e-5, 10, 13, 2.0000000000001203, LBFGS_GRADIENT},
        {"liar", liar, 2, {1, 2, 1, 2}, 1e-5, 1, 21, 5, LBFGS_REDUCTION},
        {"slope", slope, 2, {0, 0, 0, 0}, 1e-5, 834, 15013, -1.668e13, LBFGS_LIMIT},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        double x[MAX_N];
        Asked asked = {.formula = cases[c].formula, .n = cases[c].n};
        for (int i = 0; i < asked.n; i++)
            x[i] = cases[c].start[i % 4];
        LbfgsResult result = descend(&asked, x, cases[c].tolerance, 1000);
        if (result.iterations != cases[c].iterations || result.evaluations != cases[c].evaluations)
            print_error("%s: %d iterations, %d evaluations, value %.17g\n", cases[c].name, result.iterations,
                        result.evaluations, result.value);
        assert_int_equal(result.iterations, cases[c].iterations);
        assert_int_equal(result.evaluations, cases[c].evaluations);
        assert_int_equal(result.end, cases[c].end);
        assert_true(fabs(result.value - cases[c].value) <= 1e-6 * fabs(cases[c].value) + 1e-20);
    }
}

static void the_minimum_is_the_formulas(void **state) {
    (void)state;
    double x[6] = {0}, y[MAX_N];
    descend(&(Asked){.formula = ellipsoid, .n = 6}, x, 1e-9, 1000);
    for (int i = 0; i < 6; i++)
        assert_true(fabs(x[i] - 1 - i / 10.0) < 1e-6);
    for (int i = 0; i < MAX_N; i++)
        y[i] = i % 2 ? 1 : -1.2;
    descend(&(Asked){.formula = rosenbrock, .n = MAX_N}, y, 1e-9, 1000);
    for (int i = 0; i < MAX_N; i++)
        assert_true(fabs(y[i] - 1) < 1e-6);
}

static void stops_at_once_in_the_minimum(void **state) {
    (void)state;
    double x[2] = {1, 1};
    LbfgsResult result = descend(&(Asked){.formula = rosenbrock, .n = 2}, x, 0, 1000);
    assert_true(result.end == LBFGS_GRADIENT && result.value == 0);
    assert_true(result.iterations == 0 && result.evaluations == 1);
    assert_true(x[0] == 1 && x[1] == 1);
}

static void stops_at_the_last_iteration(void **state) {
    (void)state;
    double x[2] = {-1.2, 1}, g[2];
    LbfgsResult result = descend(&(Asked){.formula = rosenbrock, .n = 2}, x, 1e-5, 3);
    assert_true(result.end == LBFGS_LIMIT && result.iterations == 3);
    assert_true(result.value == rosenbrock(g, x, 2));
}

/* A search that fails forgets what it has learnt and still gets there. */
static void goes_on_after_a_failed_search(void **state) {
    (void)state;
    for (int from = 5; from < 40; from++) { /* the first search takes up to 4 */
        double x[2] = {-1.2, 1};
        Asked asked = {.formula = rosenbrock, .n = 2, .nan_from = from, .nan_to = from + 1};
        LbfgsResult result = descend(&asked, x, 1e-5, 1000);
        assert_int_equal(result.end, LBFGS_GRADIENT);
        assert_true(fabs(x[0] - 1) < 1e-3 && fabs(x[1] - 1) < 1e-3);
    }
}

/* One that fails along the gradient too ends at the last good point. */
static void ends_where_nothing_is_finite(void **state) {
    (void)state;
    for (int from = 1; from < 40; from++) {
        double x[2] = {-1.2, 1}, g[2];
        Asked asked = {.formula = rosenbrock, .n = 2, .nan_from = from, .nan_to = 1000};
        LbfgsResult result = descend(&asked, x, 1e-5, 1000);
        assert_int_equal(result.end, LBFGS_STUCK);
        if (from == 1)
            assert_true(isnan(result.value));
        else
            assert_true(result.value == rosenbrock(g, x, 2));
        assert_true(rosenbrock(g, x, 2) <= 24.2 + 1e-9);
        assert_true(result.evaluations <= from + 1);
    }
}

static void the_functions_error_ends_it(void **state) {
    (void)state;
    Arena *arena = arena_create();
    const LbfgsRules rules = {1e-5, 0, 1000};
    for (int stop = 1; stop <= 45; stop++) { /* it takes 45 evaluations */
        Asked asked = {.formula = rosenbrock, .n = 2, .stop_at = stop};
        double x[2] = {-1.2, 1};
        LbfgsResult result;
        Error err = {0};
        assert_int_equal(minimise(&result, &asked, x, &rules, arena, &err), -1);
        assert_string_equal(err.text, "stopped");
        assert_int_equal(asked.evaluations, stop);
        assert_int_equal(arena_used(arena), 0);
    }
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_steps_of_scipy),      cmocka_unit_test(the_minimum_is_the_formulas),
        cmocka_unit_test(stops_at_once_in_the_minimum),  cmocka_unit_test(stops_at_the_last_iteration),
        cmocka_unit_test(goes_on_after_a_failed_search), cmocka_unit_test(ends_where_nothing_is_finite),
        cmocka_unit_test(the_functions_error_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
