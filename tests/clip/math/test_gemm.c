/* test_gemm.c: products against sums in double, and the same bits on any number of threads. */
#include "clip/math/gemm.h"

#include "clip/base/arena.h"
#include "clip/base/random.h"
#include "clip/math/product.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ||got - want|| / ||want|| over n elements, at most this for a float product of at most 2048 terms. */
#define TOLERANCE 2e-6

/* Infinity unless everything is finite and the reference nonzero, so that a comparison always can fail. */
static double relative_error(const float *got, const double *want, size_t n) {
    double difference = 0.0, size = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(got[i]) || !isfinite(want[i]))
            return INFINITY;
        difference += (got[i] - want[i]) * (got[i] - want[i]);
        size += want[i] * want[i];
    }
    return size > 0.0 ? sqrt(difference / size) : INFINITY;
}

static float *random_floats(Arena *arena, Rng *rng, size_t n) {
    float *x = arena_floats(arena, n, 1);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)rng_uniform(rng, -1.0, 1.0);
    return x;
}

static void the_comparison_can_fail(void **state) {
    (void)state;
    float got[] = {1.0f, 2.0f, 3.0f};
    const double want[] = {1.0, 2.0, 3.0}, zero[] = {0.0, 0.0, 0.0};
    assert_true(relative_error(got, want, 3) == 0.0);
    assert_true(relative_error(got, zero, 3) > TOLERANCE);
    got[1] += 1e-4f;
    assert_true(relative_error(got, want, 3) > TOLERANCE);
    got[1] = NAN;
    assert_true(relative_error(got, want, 3) > TOLERANCE);
    memset(got, 0, sizeof got);
    assert_true(relative_error(got, want, 3) > TOLERANCE);
}

/* All four transpositions, with rows longer than the matrix and guards after them. */
static void gemm_is_the_sum(void **state) {
    (void)state;
    enum { M = 13, N = 37, K = 29, PAD = 5 };
    Arena *arena = arena_create();
    Rng rng;
    rng_seed(&rng, (uint32_t[]){1}, 1);
    for (int kind = 0; kind < 8; kind++) {
        bool trans_a = kind & 1, trans_b = kind & 2;
        float alpha = 0.7f, beta = kind & 4 ? -0.3f : 0.0f;
        int lda = (trans_a ? M : K) + PAD, ldb = (trans_b ? K : N) + PAD, ldc = N + PAD;
        float *a = random_floats(arena, &rng, (size_t)(trans_a ? K : M) * lda);
        float *b = random_floats(arena, &rng, (size_t)(trans_b ? N : K) * ldb);
        float *c = random_floats(arena, &rng, (size_t)M * ldc);
        double want[M * (N + PAD)];
        for (int i = 0; i < M; i++) {
            for (int j = 0; j < ldc; j++) {
                double sum = 0.0;
                for (int k = 0; k < K && j < N; k++)
                    sum += (double)a[trans_a ? k * lda + i : i * lda + k] *
                           b[trans_b ? j * ldb + k : k * ldb + j];
                double before = c[i * ldc + j];
                want[i * ldc + j] = j < N ? alpha * sum + beta * before : before;
            }
        }
        gemm(trans_a, trans_b, M, N, K, alpha, a, lda, b, ldb, beta, c, ldc);
        assert_true(relative_error(c, want, (size_t)M * ldc) < TOLERANCE);
        arena_reset(arena, 0);
    }
    arena_free(arena);
}

/* OpenBLAS's own; cblas.h, which has them, is for blas.c alone. */
void openblas_set_num_threads(int n);
int openblas_get_num_threads(void);

/* Where OpenBLAS has two threads, a large product is made without it where there are kernels: with their
 * bits, whatever the calling program goes on to do with its threads. */
static void gemm_spares_the_threads_of_openblas(void **state) {
    (void)state;
    enum { M = 50, N = 70, K = 100, C = M * N };
    Arena *arena = arena_create();
    Rng rng;
    rng_seed(&rng, (uint32_t[]){3}, 1);
    const float *a = random_floats(arena, &rng, M * K), *b = random_floats(arena, &rng, N * K);
    const float *start = random_floats(arena, &rng, C);
    float *c = arena_floats(arena, M, N), *own = arena_floats(arena, M, N);
    double *want = ARENA_NEW(arena, double, C);
    openblas_set_num_threads(2);
    for (int kind = 0; kind < 3; kind++) { /* as attention scales, as layers add, and as nothing here does */
        const float alpha = kind == 0 ? 0.125f : kind == 1 ? 1 : 0.5f, beta = kind == 0 ? 0 : 1;
        for (int i = 0; i < C; i++) {
            c[i] = own[i] = start[i];
            want[i] = beta * (double)start[i];
            for (int k = 0; k < K; k++)
                want[i] += (double)alpha * a[i / N * K + k] * b[i % N * K + k];
        }
        gemm(false, true, M, N, K, alpha, a, K, b, K, beta, c, N);
        assert_true(relative_error(c, want, C) < TOLERANCE);
        const Product product = {.m = M,
                                 .n = N,
                                 .k = K,
                                 .a = a,
                                 .lda = K,
                                 .b = b,
                                 .ldb = K,
                                 .trans_b = true,
                                 .start = kind > 0 ? own : NULL,
                                 .c = own,
                                 .ldc = N};
        if (kind < 2 && packed_is_supported()) {
            product_run(NULL, &product, PRECISION_FLOAT32);
            for (int i = 0; i < C; i++)
                assert_true(c[i] == own[i] * alpha);
        }
    }
    assert_int_equal(openblas_get_num_threads(), 2);
    openblas_set_num_threads(1);
    arena_free(arena);
}

static void gemm_double_is_the_sum(void **state) {
    (void)state;
    enum { M = 9, N = 14, K = 33 };
    double a[M * K], b[K * N], c[M * N], want[M * N];
    Rng rng;
    rng_seed(&rng, (uint32_t[]){6}, 1);
    for (int kind = 0; kind < 4; kind++) {
        bool trans_a = kind & 1, trans_b = kind & 2;
        for (int i = 0; i < M * K; i++)
            a[i] = rng_uniform(&rng, -1.0, 1.0);
        for (int i = 0; i < K * N; i++)
            b[i] = rng_uniform(&rng, -1.0, 1.0);
        for (int i = 0; i < M * N; i++) {
            c[i] = rng_uniform(&rng, -1.0, 1.0);
            want[i] = 0.5 * c[i];
            for (int k = 0; k < K; k++)
                want[i] += 3.0 * a[trans_a ? k * M + i / N : i / N * K + k] *
                           b[trans_b ? i % N * K + k : k * N + i % N];
        }
        gemm_double(trans_a, trans_b, M, N, K, 3.0, a, trans_a ? M : K, b, trans_b ? K : N, 0.5, c, N);
        for (int i = 0; i < M * N; i++)
            assert_true(fabs(c[i] - want[i]) < 1e-13 * K);
    }
}

typedef struct {
    int rows, n_in, n_out;
} Shape;

/* Around the tile sizes, the real widths of the towers, and the degenerate ones. */
static const Shape shapes[] = {
    {1, 1, 1},      {1, 512, 512},  {17, 512, 1536}, {31, 64, 65},   {32, 64, 200},   {60, 512, 512},
    {65, 64, 256},  {110, 128, 70}, {129, 48, 2048}, {257, 33, 129}, {430, 96, 1000}, {3, 2048, 512},
    {700, 32, 515}, {769, 16, 70},  {1300, 8, 600},  {512, 20, 96},
};

static double forward_want(const float *in, const float *w, const float *bias, double before, int n_in, int i,
                           int j) {
    double sum = before + (bias ? bias[j] : 0.0);
    for (int k = 0; k < n_in; k++)
        sum += (double)in[(size_t)i * n_in + k] * w[(size_t)j * n_in + k];
    return sum;
}

static void check_forward(Arena *arena, Pool *pool, Shape s, bool with_bias, bool accumulate) {
    Rng rng;
    rng_seed(&rng, (uint32_t[]){2}, 1);
    size_t n = (size_t)s.rows * s.n_out;
    float *in = random_floats(arena, &rng, (size_t)s.rows * s.n_in);
    float *w = random_floats(arena, &rng, (size_t)s.n_out * s.n_in);
    float *bias = with_bias ? random_floats(arena, &rng, s.n_out) : NULL;
    float *out = random_floats(arena, &rng, n);
    double *want = ARENA_NEW(arena, double, n);
    for (int i = 0; i < s.rows; i++) {
        for (int j = 0; j < s.n_out; j++) {
            size_t at = (size_t)i * s.n_out + j;
            want[at] = forward_want(in, w, bias, accumulate ? out[at] : 0.0, s.n_in, i, j);
            out[at] = accumulate ? out[at] : NAN; /* must not be read */
        }
    }
    linear_forward(pool, out, in, w, bias, s.rows, s.n_in, s.n_out, accumulate);
    assert_true(relative_error(out, want, n) < TOLERANCE);
    arena_reset(arena, 0);
}

static void linear_forward_is_the_sum(void **state) {
    Pool *pool = *state;
    Arena *arena = arena_create();
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int kind = 0; kind < 4; kind++)
            check_forward(arena, pool, shapes[i], kind & 1, kind & 2);
    arena_free(arena);
}

static void check_backward(Arena *arena, Pool *pool, Shape s, bool accumulate) {
    Rng rng;
    rng_seed(&rng, (uint32_t[]){3}, 1);
    size_t n = (size_t)s.rows * s.n_in;
    float *d_out = random_floats(arena, &rng, (size_t)s.rows * s.n_out);
    float *w = random_floats(arena, &rng, (size_t)s.n_out * s.n_in);
    float *d_in = random_floats(arena, &rng, n);
    double *want = ARENA_NEW(arena, double, n);
    for (int i = 0; i < s.rows; i++) {
        double *row = want + (size_t)i * s.n_in;
        for (int k = 0; k < s.n_in; k++) {
            float *before = &d_in[(size_t)i * s.n_in + k];
            row[k] = accumulate ? *before : 0.0;
            *before = accumulate ? *before : NAN; /* must not be read */
        }
        for (int j = 0; j < s.n_out; j++)
            for (int k = 0; k < s.n_in; k++)
                row[k] += (double)d_out[(size_t)i * s.n_out + j] * w[(size_t)j * s.n_in + k];
    }
    linear_backward(pool, d_in, d_out, w, s.rows, s.n_in, s.n_out, accumulate);
    assert_true(relative_error(d_in, want, n) < TOLERANCE);
    arena_reset(arena, 0);
}

static void linear_backward_is_the_sum(void **state) {
    Pool *pool = *state;
    Arena *arena = arena_create();
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check_backward(arena, pool, shapes[i], true);
        check_backward(arena, pool, shapes[i], false);
    }
    arena_free(arena);
}

static void linear_backward_weight_is_the_sum(void **state) {
    Pool *pool = *state;
    Arena *arena = arena_create();
    Rng rng;
    rng_seed(&rng, (uint32_t[]){6}, 1);
    for (size_t t = 0; t < sizeof shapes / sizeof *shapes; t++) {
        Shape s = shapes[t];
        size_t n = (size_t)s.n_out * s.n_in;
        float *in = random_floats(arena, &rng, (size_t)s.rows * s.n_in);
        float *d_out = random_floats(arena, &rng, (size_t)s.rows * s.n_out);
        float *d_w = arena_floats(arena, s.n_out, s.n_in), *one = arena_floats(arena, s.n_out, s.n_in);
        double *want = ARENA_NEW(arena, double, n);
        for (int i = 0; i < s.rows; i++)
            for (int j = 0; j < s.n_out; j++)
                for (int k = 0; k < s.n_in; k++)
                    want[(size_t)j * s.n_in + k] +=
                        (double)d_out[(size_t)i * s.n_out + j] * in[(size_t)i * s.n_in + k];
        for (size_t i = 0; i < n; i++)
            d_w[i] = NAN; /* must not be read */
        linear_backward_weight(pool, d_w, d_out, in, s.rows, s.n_in, s.n_out);
        assert_true(relative_error(d_w, want, n) < TOLERANCE);
        Pool *alone = pool_create(1);
        linear_backward_weight(alone, one, d_out, in, s.rows, s.n_in, s.n_out);
        assert_memory_equal(one, d_w, n * sizeof *d_w);
        pool_free(alone);
        arena_reset(arena, 0);
    }
    arena_free(arena);
}

/* Backward is the derivative of forward: <d_out, forward(in)> is linear in `in`, so its central difference
 * along any direction is <backward(d_out), direction> to rounding. */
static void backward_is_the_derivative(void **state) {
    Pool *pool = *state;
    enum { ROWS = 19, N_IN = 70, N_OUT = 130 };
    Arena *arena = arena_create();
    Rng rng;
    rng_seed(&rng, (uint32_t[]){4}, 1);
    float *in = random_floats(arena, &rng, ROWS * N_IN), *direction = random_floats(arena, &rng, ROWS * N_IN);
    float *w = random_floats(arena, &rng, N_OUT * N_IN), *bias = random_floats(arena, &rng, N_OUT);
    float *d_out = random_floats(arena, &rng, ROWS * N_OUT), *out = arena_floats(arena, ROWS, N_OUT);
    float *d_in = arena_floats(arena, ROWS, N_IN), *moved = arena_floats(arena, ROWS, N_IN);
    double loss[2] = {0.0, 0.0}, slope = 0.0;
    for (int side = 0; side < 2; side++) {
        for (int i = 0; i < ROWS * N_IN; i++)
            moved[i] = in[i] + (side ? 0.5f : -0.5f) * direction[i];
        linear_forward(pool, out, moved, w, bias, ROWS, N_IN, N_OUT, false);
        for (int i = 0; i < ROWS * N_OUT; i++)
            loss[side] += (double)d_out[i] * out[i];
    }
    linear_backward(pool, d_in, d_out, w, ROWS, N_IN, N_OUT, true);
    for (int i = 0; i < ROWS * N_IN; i++)
        slope += (double)d_in[i] * direction[i];
    assert_true(fabs(slope) > 1.0);
    assert_true(fabs(loss[1] - loss[0] - slope) < 1e-5 * fabs(slope));
    arena_free(arena);
}

static void bits_do_not_depend_on_threads(void **state) {
    (void)state;
    static const int threads[] = {1, 2, 3, 8};
    Arena *arena = arena_create();
    for (size_t t = 0; t < sizeof shapes / sizeof *shapes; t++) {
        Shape s = shapes[t];
        Rng rng;
        rng_seed(&rng, (uint32_t[]){5}, 1);
        float *in = random_floats(arena, &rng, (size_t)s.rows * s.n_in);
        float *w = random_floats(arena, &rng, (size_t)s.n_out * s.n_in);
        float *bias = random_floats(arena, &rng, s.n_out);
        float *first = arena_floats(arena, s.rows, (size_t)s.n_out + s.n_in);
        float *out = arena_floats(arena, s.rows, (size_t)s.n_out + s.n_in);
        size_t size = (size_t)s.rows * (s.n_out + s.n_in) * sizeof *out;
        for (size_t i = 0; i < 4; i++) {
            Pool *pool = pool_create(threads[i]);
            float *d_in = out + (size_t)s.rows * s.n_out;
            memset(out, 0, size);
            linear_forward(pool, out, in, w, bias, s.rows, s.n_in, s.n_out, false);
            linear_backward(pool, d_in, out, w, s.rows, s.n_in, s.n_out, true);
            pool_free(pool);
            if (i == 0)
                memcpy(first, out, size);
            assert_memory_equal(out, first, size);
        }
        arena_reset(arena, 0);
    }
    arena_free(arena);
}

static void no_rows_is_fine(void **state) {
    Pool *pool = *state;
    float w[6] = {1, 2, 3, 4, 5, 6}, bias[2] = {1, 2}, guard[3] = {7, 8, 9};
    const float before[3] = {7, 8, 9};
    linear_forward(pool, guard, guard, w, bias, 0, 3, 2, false);
    linear_backward(pool, guard, guard, w, 0, 3, 2, true);
    assert_memory_equal(guard, before, sizeof guard);
}

static void the_peak_is_a_speed(void **state) {
    (void)state;
    double gflops = gemm_peak_gflops();
    print_message("peak: %.0f GFLOP/s on one thread\n", gflops);
    assert_true(gflops > 0.01 && gflops < 1e5);
}

static int setup(void **state) {
    *state = pool_create(2);
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    pool_free(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_comparison_can_fail),
        cmocka_unit_test(gemm_is_the_sum),
        cmocka_unit_test(gemm_spares_the_threads_of_openblas),
        cmocka_unit_test(gemm_double_is_the_sum),
        cmocka_unit_test(linear_forward_is_the_sum),
        cmocka_unit_test(linear_backward_weight_is_the_sum),
        cmocka_unit_test(linear_backward_is_the_sum),
        cmocka_unit_test(backward_is_the_derivative),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(no_rows_is_fine),
        cmocka_unit_test(the_peak_is_a_speed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
