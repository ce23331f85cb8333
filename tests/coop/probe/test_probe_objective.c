/* test_probe_objective.c: values, slopes and gradients along lines against the formula written out, and what
 * fits at several C share. */
#include "coop/probe/probe_objective.h"

#include "clip/math/exp_vector.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* --- e^x --- */

static void the_exponential_is_libms(void **state) {
    (void)state;
    for (double x = -700; x <= 700; x += 0.0137)
        assert_true(fabs(exp_vector_double(x) / exp(x) - 1) <= 2 * 0x1p-52);
    assert_true(exp_vector_double(0) == 1 && exp_vector_double(-701) == 0 && exp_vector_double(-1e300) == 0);
    assert_true(exp_vector_double(-INFINITY) == 0 && isnan(exp_vector_double(NAN)));
}

/* --- the formula --- */

typedef struct {
    ProbeItems items;
    double *from, *direction; /* (R, V) */
    int R, V;
} Case;

static double *normal(size_t n, double size, uint32_t seed, Arena *arena) {
    float *x = arena_floats(arena, n, 1);
    double *out = ARENA_NEW(arena, double, n);
    assert_false(arena_failed(arena));
    fill_normal(x, n, (float)size, seed);
    for (size_t i = 0; i < n; i++)
        out[i] = x[i];
    return out;
}

static Case make_case(int n, int R, int E, Arena *arena) {
    const size_t V = (size_t)E + 1;
    Case c = {.R = R, .V = E + 1};
    c.items = (ProbeItems){normal((size_t)n * V, 1, 1, arena), ARENA_NEW(arena, int, n), n};
    assert_false(arena_failed(arena));
    for (int i = 0; i < n; i++) {
        c.items.x[(size_t)i * V + V - 1] = 1;
        c.items.rows[i] = i * 7 % (R == 1 ? 2 : R);
    }
    c.from = normal((size_t)R * V, 0.3, 2, arena);
    c.direction = normal((size_t)R * V, 0.2, 3, arena);
    return c;
}

/* f at w, and gradient (R, V) when it is not NULL. */
static double formula(const Case *c, const double *w, double C, double *gradient, Arena *arena) {
    const size_t R = (size_t)c->R, V = (size_t)c->V, classes = R == 1 ? 2 : R, mark = arena_mark(arena);
    const double scale = 1.0 / c->items.n;
    double f = 0, *p = ARENA_NEW(arena, double, classes);
    assert_false(arena_failed(arena));
    for (size_t i = 0; i < R * V; i++) {
        const double weight = i % V == V - 1 ? 0 : w[i] * scale / C;
        f += 0.5 * weight * w[i];
        if (gradient)
            gradient[i] = weight;
    }
    for (int i = 0; i < c->items.n; i++) {
        const double *x = c->items.x + (size_t)i * V;
        double sum = 0;
        for (size_t k = 0; k < classes; k++) {
            double z = 0;
            for (size_t v = 0; v < V; v++)
                z += x[v] * (R > 1 ? w[k * V + v] : k * w[v]);
            sum += p[k] = exp(z);
        }
        f -= scale * log(p[c->items.rows[i]] / sum);
        for (size_t r = 0; gradient && r < R; r++) {
            const size_t k = R > 1 ? r : 1;
            for (size_t v = 0; v < V; v++)
                gradient[r * V + v] += scale * (p[k] / sum - ((size_t)c->items.rows[i] == k)) * x[v];
        }
    }
    arena_reset(arena, mark);
    return f;
}

static void assert_near(double got, double want) {
    if (!(fabs(got - want) <= 1e-12 * (1 + fabs(want))))
        fail_msg("%.17g, not %.17g", got, want);
}

/* Along a line from 0 to `from`, and along another from there. */
static void check_lines(const Case *c, double C, ProbeObjective *objective, Arena *arena) {
    const size_t size = (size_t)c->R * (size_t)c->V;
    const LbfgsFunction f = probe_objective_at(objective, C);
    double *x = ARENA_NEW(arena, double, size), *got = ARENA_NEW(arena, double, size),
           *want = ARENA_NEW(arena, double, size), value, slope;
    Error err = {0};
    assert_false(arena_failed(arena));
    memset(x, 0, size * sizeof *x);
    assert_int_equal(f.begin(f.context, &value, got, x, &err), 0);
    assert_near(value, formula(c, x, C, want, arena));
    for (size_t i = 0; i < size; i++)
        assert_near(got[i], want[i]);
    const double *directions[] = {c->from, c->direction}, steps[] = {0.125, 2, 1};
    for (int line = 0; line < 2; line++) {
        assert_int_equal(f.aim(f.context, x, directions[line], &err), 0);
        for (int t = 0; t < 3; t++) {
            double *at = ARENA_NEW(arena, double, size), want_slope = 0;
            assert_false(arena_failed(arena));
            for (size_t i = 0; i < size; i++)
                at[i] = x[i] + steps[t] * directions[line][i];
            assert_int_equal(f.trial(f.context, &value, &slope, steps[t], &err), 0);
            assert_near(value, formula(c, at, C, want, arena));
            for (size_t i = 0; i < size; i++)
                want_slope += want[i] * directions[line][i];
            assert_near(slope, want_slope);
        }
        for (size_t i = 0; i < size; i++)
            x[i] += directions[line][i];
        assert_int_equal(f.move(f.context, got, x, &err), 0);
        formula(c, x, C, want, arena);
        for (size_t i = 0; i < size; i++)
            assert_near(got[i], want[i]);
    }
}

static void lines_are_the_formula(void **state) {
    (void)state;
    static const struct {
        int n, R, E;
    } cases[] = {{9, 3, 4}, {21, 1, 6}, {300, 2, 1}, {1100, 13, 20}, {65, 261, 3}, {33, 600, 2}};
    Pool *pool = pool_create(2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Arena *arena = arena_create();
        const Case c = make_case(cases[i].n, cases[i].R, cases[i].E, arena);
        ProbeObjective objective;
        probe_objective_make(&objective, &c.items, c.R, c.V, pool, arena);
        assert_false(arena_failed(arena));
        check_lines(&c, 0.7, &objective, arena);
        check_lines(&c, 30, &objective, arena); /* with what the first has left */
        arena_free(arena);
    }
    pool_free(pool);
}

/* --- what fits share --- */

/* One step down the gradient from 0, to where the next gradient is. */
static void step_down(ProbeObjective *objective, double C, double length, double *gradient, double *loss,
                      size_t size, Arena *arena) {
    const LbfgsFunction f = probe_objective_at(objective, C);
    double *x = ARENA_NEW(arena, double, size), *direction = ARENA_NEW(arena, double, size), slope;
    Error err = {0};
    assert_false(arena_failed(arena));
    memset(x, 0, size * sizeof *x);
    assert_int_equal(f.begin(f.context, loss, gradient, x, &err), 0);
    for (size_t i = 0; i < size; i++)
        direction[i] = -gradient[i];
    assert_int_equal(f.aim(f.context, x, direction, &err), 0);
    assert_int_equal(f.trial(f.context, loss, &slope, length, &err), 0);
    for (size_t i = 0; i < size; i++)
        x[i] = length * direction[i];
    assert_int_equal(f.move(f.context, gradient, x, &err), 0);
}

static void a_fit_leaves_no_trace_in_the_next(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    const Case c = make_case(90, 7, 12, arena);
    const size_t size = (size_t)c.R * (size_t)c.V;
    double *first = ARENA_NEW(arena, double, size), *again = ARENA_NEW(arena, double, size), loss, loss_again;
    ProbeObjective fresh, used;
    probe_objective_make(&fresh, &c.items, c.R, c.V, pool, arena);
    probe_objective_make(&used, &c.items, c.R, c.V, pool, arena);
    assert_false(arena_failed(arena));
    step_down(&fresh, 3, 0.5, first, &loss, size, arena);
    step_down(&used, 100, 0.5, again, &loss_again, size, arena);
    assert_true(loss_again != loss);
    for (int between = 0; between < 4; between++) { /* until nothing of the first is remembered */
        check_lines(&c, 0.1, &used, arena);
        step_down(&used, 3, 0.5, again, &loss_again, size, arena);
        assert_true(loss_again == loss);
        assert_memory_equal(again, first, size * sizeof *first);
        for (int i = 0; i < between; i++)
            step_down(&used, 3, 0.25 + i, again, &loss_again, size, arena);
    }
    pool_free(pool);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_exponential_is_libms),
        cmocka_unit_test(lines_are_the_formula),
        cmocka_unit_test(a_fit_leaves_no_trace_in_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
