/* Parameters by name, and what runs over all of their gradients. */
#include "clip/train/parameters.h"

#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A scalar, a matrix of several pieces, a buffer and many small ones. */
static Parameters some(Arena *arena) {
    Parameters parameters = {.arena = arena};
    parameters_add(&parameters, 0, NULL, "logit_scale");
    parameters_add(&parameters, 2, (int64_t[]){300, 1001}, "w%d", 1);
    parameters_add(&parameters, 1, (int64_t[]){5}, "bn%d.running_mean", 1)->is_buffer = true;
    for (int i = 0; i < 700; i++)
        parameters_add(&parameters, 4, (int64_t[]){1, 2, 3, i + 1}, "small.%d", i);
    return parameters;
}

static bool is_small(const Parameter *p, void *context) {
    ++*(int *)context;
    return strncmp(p->name, "small.", 6) == 0;
}

static void test_names(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Parameters parameters = some(arena);
    assert_int_equal(parameters.n, 703);
    const Parameter *w = parameters_find(&parameters, "w%d", 1);
    assert_ptr_equal(w, &parameters.items[1]);
    assert_int_equal(w->count, 300300);
    assert_true(w->shape[0] == 300 && w->shape[1] == 1001 && w->value[300299] == 0);
    assert_int_equal(parameters_find(&parameters, "logit_scale")->count, 1);
    assert_int_equal(parameters_find(&parameters, "small.%d", 699)->count, 6 * 700);
    assert_null(parameters_find(&parameters, "small.700"));
    assert_int_equal(parameters_count(&parameters, false), 1 + 300300 + 5 + 6 * 700 * 701 / 2);
    arena_free(arena);
}

static void test_train(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Parameters parameters = some(arena);
    int asked = 0;
    assert_int_equal(parameters_count(&parameters, true), 0);
    parameters_train(&parameters, is_small, &asked);
    assert_int_equal(asked, 702); /* not of the buffer */
    assert_int_equal(parameters_count(&parameters, true), 6 * 700 * 701 / 2);
    parameters_train(&parameters, NULL, NULL);
    assert_int_equal(parameters_count(&parameters, true), parameters_count(&parameters, false) - 5);
    assert_null(parameters_find(&parameters, "bn1.running_mean")->gradient);
    arena_free(arena);
}

/* More pieces than sums are kept of at once; the same on one and three threads. */
static void test_gradients(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Pool *pool = pool_create(3);
    Parameters parameters = some(arena);
    parameters_train(&parameters, NULL, NULL);
    double square = 0;
    for (int i = 0; i < parameters.n; i++) {
        Parameter *p = &parameters.items[i];
        if (p->gradient)
            fill_normal(p->gradient, p->count, 0.5, (uint32_t)i);
        for (size_t k = 0; p->gradient && k < p->count; k++)
            square += (double)p->gradient[k] * p->gradient[k];
    }
    const double norm = parameters_gradient_norm(&parameters, NULL);
    assert_true(fabs(norm / sqrt(square) - 1) < 1e-12);
    assert_true(norm == parameters_gradient_norm(&parameters, pool));

    const float kept = parameters.items[1].gradient[300299];
    parameters_scale_gradients(&parameters, NULL, 0.25f, pool);
    assert_true(parameters.items[1].gradient[300299] == 0.25f * kept);
    assert_true(fabs(parameters_gradient_norm(&parameters, pool) / norm - 0.25) < 1e-9);

    parameters.items[702].gradient[4199] = NAN;
    assert_true(isnan(parameters_gradient_norm(&parameters, pool)));
    parameters_zero_gradients(&parameters, pool);
    assert_true(parameters_gradient_norm(&parameters, pool) == 0);
    pool_free(pool);
    arena_free(arena);
}

/* Two who share the pieces find the squares of one who has all. */
static void test_some_pieces(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Parameters parameters = some(arena);
    parameters_train(&parameters, NULL, NULL);
    for (int i = 0; i < parameters.n; i++)
        if (parameters.items[i].gradient)
            fill_normal(parameters.items[i].gradient, parameters.items[i].count, 0.5, (uint32_t)i);
    const int n = parameters_pieces(&parameters);
    int *indices = ARENA_NEW(arena, int, n);
    double *sums = ARENA_NEW(arena, double, n), sum = 0;
    size_t numbers = 0;
    for (int i = 0; i < n; i++) {
        indices[i] = i;
        numbers += parameters_piece(&parameters, i).n;
    }
    assert_int_equal(numbers, parameters_count(&parameters, true));
    parameters_squares(&parameters, &(PieceList){indices, n / 3}, sums, NULL);
    parameters_squares(&parameters, &(PieceList){indices + n / 3, n - n / 3}, sums + n / 3, NULL);
    for (int i = 0; i < n; i++)
        sum += sums[i];
    const double norm = parameters_gradient_norm(&parameters, NULL);
    assert_true(sqrt(sum) == norm);
    const float kept = parameters.items[1].gradient[300299];
    parameters_scale_gradients(&parameters, &(PieceList){indices, 1}, 0, NULL);
    assert_true(parameters.items[0].gradient[0] == 0 && parameters.items[1].gradient[300299] == kept);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_train),
        cmocka_unit_test(test_some_pieces),
        cmocka_unit_test(test_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
