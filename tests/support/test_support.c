/* test_support.c: the comparator on which the numerical tests rest: it must be able to say no. */
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { N = 1000 };

static void test_equal(void **state) {
    (void)state;
    float a[N];
    fill_normal(a, N, 1, 1);
    assert_true(relative_error(a, a, N) == 0);
    assert_close("equal", a, a, N, 0);
}

/* |a - b| / |b| of a case that is known by hand: differences 3 and 4 over a reference of length 10. */
static void test_value(void **state) {
    (void)state;
    const float a[] = {9, 12}, b[] = {6, 8};
    assert_true(fabs(relative_error(a, b, 2) - 0.5) < 1e-15);
    const float huge[] = {3e38f, 3e38f}, tiny[] = {1e-38f, 1e-38f}, tinier[] = {9e-39f, 9e-39f};
    assert_true(relative_error(huge, huge, 2) == 0);                 /* squares would overflow a float, */
    assert_true(fabs(relative_error(tinier, tiny, 2) - 0.1) < 1e-6); /* or vanish */
}

static void test_zeros_prove_nothing(void **state) {
    (void)state;
    float a[N], zeros[N] = {0};
    fill_normal(a, N, 1, 1);
    assert_true(isinf(relative_error(zeros, zeros, N)));
    assert_true(isinf(relative_error(a, zeros, N)));
    assert_true(relative_error(zeros, a, N) == 1);
    assert_true(isinf(relative_error(a, a, 0)));
}

static void test_not_finite(void **state) {
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        float a[N], b[N];
        fill_normal(a, N, 1, 1);
        memcpy(b, a, sizeof b);
        b[N / 2] = bad[i];
        assert_true(isinf(relative_error(b, a, N)));
        assert_true(isinf(relative_error(a, b, N)));
        assert_true(isinf(relative_error(b, b, N)));
    }
}

/* One wrong element among a thousand, or a wrong scale of all, is seen at the tolerances in use. */
static void test_perturbed(void **state) {
    (void)state;
    float a[N], b[N];
    fill_normal(a, N, 1, 1);
    memcpy(b, a, sizeof b);
    b[7] += 0.01f;
    assert_true(relative_error(b, a, N) > 1e-4);
    for (int i = 0; i < N; i++)
        b[i] = a[i] * 1.001f;
    assert_true(fabs(relative_error(b, a, N) - 1e-3) < 1e-6);
    for (int i = 0; i < N; i++)
        b[i] = -a[i];
    assert_true(fabs(relative_error(b, a, N) - 2) < 1e-6);
}

/* --- assert_close must fail where it should: a run of its own, in a child without output --- */

static void far_apart(void **state) {
    (void)state;
    const float a[] = {1, 2}, b[] = {1, 2.001f};
    assert_close("far apart", a, b, 2, 1e-4);
}

static void near_enough(void **state) {
    (void)state;
    const float a[] = {1, 2}, b[] = {1, 2.001f};
    assert_close("near enough", a, b, 2, 1e-3);
}

static void not_a_number(void **state) {
    (void)state;
    const float a[] = {1, NAN};
    assert_close("not a number", a, a, 2, 1e30);
}

static void nothing(void **state) {
    (void)state;
    const float a[] = {0, 0};
    assert_close("nothing", a, a, 2, 1e30);
}

static bool fails(CMUnitTestFunction function) {
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(function)};
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(100);
        _exit(cmocka_run_group_tests(tests, NULL, NULL));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
    return WEXITSTATUS(status) == 1;
}

static void test_assert_close(void **state) {
    (void)state;
    assert_false(fails(near_enough));
    assert_true(fails(far_apart));
    assert_true(fails(not_a_number));
    assert_true(fails(nothing));
}

static void test_normal(void **state) {
    (void)state;
    static float a[100000], b[100000];
    const size_t n = sizeof a / sizeof *a;
    double sum = 0, square = 0;
    fill_normal(a, n, 3, 1);
    fill_normal(b, n, 3, 1);
    assert_memory_equal(a, b, sizeof a);
    fill_normal(b, n, 3, 2);
    assert_memory_not_equal(a, b, sizeof a);
    for (size_t i = 0; i < n; i++) {
        sum += (double)a[i];
        square += (double)a[i] * a[i];
    }
    assert_true(fabs(sum / (double)n) < 0.05);
    assert_true(fabs(sqrt(square / (double)n) - 3) < 0.03);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_value),
        cmocka_unit_test(test_assert_close),
        cmocka_unit_test(test_perturbed),
        cmocka_unit_test(test_zeros_prove_nothing),
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
