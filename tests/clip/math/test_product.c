/* Products of two changing matrices: in float the very bits of one chain of fused multiply-adds, in bfloat16
 * sums of rounded factors, with every kernel this processor has, whatever the shape and the threads. */
#include "clip/math/product.h"
#include "clip/math/strips.h"

#include "tests/support/multiply_add.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    const char *name;
    int panel;
    Bf16Kernel bf16;
} Kind;

static const Kind KINDS[] = {{"AVX-512", 64, BF16_NONE},
                             {"AVX2", 16, BF16_NONE},
                             {"gemm", 0, BF16_NONE},
                             {"AVX-512 BF16", 0, BF16_AVX512},
                             {"AMX", 0, BF16_AMX}};
enum { N_KINDS = sizeof KINDS / sizeof *KINDS };

typedef struct {
    int m, n, k;
} Shape;

static const Shape SHAPES[] = {{1, 1, 1},     {5, 33, 31},   {13, 65, 513},  {97, 70, 31},
                               {401, 3, 5},   {12, 200, 64}, {7, 9, 5000},   {391, 70, 40},
                               {6, 9, 16385}, {9, 6, 16385}, {200, 40, 1600}};
enum { N_SHAPES = sizeof SHAPES / sizeof *SHAPES };

enum { START_NULL, START_OTHER, START_SAME };

/* The nearest number with 8 bits of mantissa, of two the even one; numbers here are finite. */
static float rounded(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static float element(const float *x, int ld, bool transposed, int i, int j) {
    return transposed ? x[(size_t)j * (size_t)ld + (size_t)i] : x[(size_t)i * (size_t)ld + (size_t)j];
}

/* One element: the chain in float, or the sum in double of rounded factors. */
static float expected(const Product *p, const float *start, int i, int j, bool halves) {
    const float begin = (start ? start[i * p->ldc + j] : 0) + (p->bias ? p->bias[j] : 0);
    float chain = begin;
    double sum = (double)begin;
    for (int q = 0; q < p->k; q++) {
        const float x = element(p->a, p->lda, p->trans_a, i, q), y = element(p->b, p->ldb, p->trans_b, q, j);
        chain = multiply_add(x, y, chain);
        sum += (double)rounded(x) * (double)rounded(y);
    }
    return halves ? (float)sum : chain;
}

typedef struct {
    atomic_int *times; /* (m, n) */
    int n;
} Calls;

static void count_call(void *context, int row, int rows, int column, int columns) {
    const Calls *calls = context;
    for (int i = row; i < row + rows; i++)
        for (int j = column; j < column + columns; j++)
            atomic_fetch_add(&calls->times[i * calls->n + j], 1);
}

/* A product with leading dimensions larger than its widths, in an arena. */
static Product make_product(Shape s, int variant, Arena *arena) {
    Product p = {.m = s.m, .n = s.n, .k = s.k, .trans_a = variant & 1, .trans_b = variant >> 1 & 1};
    p.lda = (p.trans_a ? s.m : s.k) + 3;
    p.ldb = (p.trans_b ? s.k : s.n) + 5;
    p.ldc = s.n + 2;
    const size_t a_size = (size_t)(p.trans_a ? s.k : s.m) * (size_t)p.lda;
    const size_t b_size = (size_t)(p.trans_b ? s.n : s.k) * (size_t)p.ldb;
    float *a = arena_floats(arena, a_size, 1), *b = arena_floats(arena, b_size, 1);
    float *bias = arena_floats(arena, (size_t)s.n, 1);
    fill_normal(a, a_size, 1, 1);
    fill_normal(b, b_size, 1, 2);
    fill_normal(bias, (size_t)s.n, 1, 3);
    p.a = a;
    p.b = b;
    p.bias = variant >> 2 & 1 ? bias : NULL;
    return p;
}

static void check_values(const Kind *kind, const Product *p, const float *got, const float *want,
                         const float *was) {
    const size_t size = (size_t)p->m * (size_t)p->ldc;
    for (int i = 0; i < p->m; i++) /* what lies between rows is left alone */
        assert_memory_equal(got + i * p->ldc + p->n, was + i * p->ldc + p->n, 2 * sizeof *got);
    if (kind->panel && p->k <= PRODUCT_LONGEST_CHAIN)
        assert_memory_equal(got, want, size * sizeof *got);
    else
        assert_close(kind->name, got, want, size, p->k < 10000 ? 2e-6 : 2e-5);
}

/* All threads give the same bits, and call `then` once for each element. */
static void check_product(const Kind *kind, Shape s, int variant, int start_kind) {
    Arena *arena = arena_create();
    Product p = make_product(s, variant, arena);
    const size_t size = (size_t)s.m * (size_t)p.ldc;
    float *was = arena_floats(arena, size, 1), *want = arena_floats(arena, size, 1);
    float *start = arena_floats(arena, size, 1), *first = arena_floats(arena, size, 1);
    fill_normal(was, size, 1, 4);
    fill_normal(start, size, 1, 5);
    const float *begin = start_kind == START_NULL ? NULL : start_kind == START_SAME ? was : start;
    memcpy(want, was, size * sizeof *want);
    for (int i = 0; i < s.m; i++)
        for (int j = 0; j < s.n; j++)
            want[i * p.ldc + j] = expected(&p, begin, i, j, kind->bf16 != BF16_NONE);
    const int threads[] = {1, 2, 3, 7, 0};
    for (int t = 0; t < 5; t++) {
        Pool *pool = threads[t] ? pool_create(threads[t]) : NULL;
        Calls calls = {arena_alloc(arena, (size_t)s.m * (size_t)s.n, sizeof(atomic_int)), s.n};
        float *got = arena_floats(arena, size, 1);
        memcpy(got, was, size * sizeof *got);
        p.c = got;
        p.start = start_kind == START_SAME ? got : begin;
        p.then = (PackedThen){count_call, &calls};
        assert_true(product_run_as(pool, &p, kind->panel, kind->bf16));
        check_values(kind, &p, got, want, was);
        for (int i = 0; i < s.m * s.n; i++)
            assert_int_equal(calls.times[i], 1);
        if (t == 0)
            memcpy(first, got, size * sizeof *got);
        assert_memory_equal(first, got, size * sizeof *got);
        pool_free(pool);
    }
    arena_free(arena);
}

static void product_is_the_sum(void **state) {
    (void)state;
    for (int i = 0; i < N_KINDS; i++) {
        const Kind *kind = &KINDS[i];
        if (kind->bf16 ? !bf16_can_multiply(kind->bf16) : !strip_can_multiply(kind->panel)) {
            printf("not tested: this processor has no %s\n", kind->name);
            continue;
        }
        for (int s = 0; s < N_SHAPES; s++)
            for (int variant = 0; variant < 8; variant++)
                check_product(kind, SHAPES[s], variant, (variant + s) % 3);
    }
}

/* The chain of each piece ends where the sizes say, for vectors of any width. */
static void long_chains_have_the_same_bits_for_any_vectors(void **state) {
    (void)state;
    enum { M = 20, N = 70, K = 40000 };
    Arena *arena = arena_create();
    Product p = make_product((Shape){M, N, K}, 1, arena);
    float *c[2];
    for (int i = 0; i < 2; i++) {
        p.c = c[i] = arena_floats(arena, M, (size_t)p.ldc);
        if (product_run_as(NULL, &p, KINDS[i].panel, BF16_NONE) && i == 1 && strip_can_multiply(64))
            assert_memory_equal(c[0], c[1], (size_t)M * (size_t)p.ldc * sizeof(float));
    }
    arena_free(arena);
}

static void other_kinds_are_refused(void **state) {
    (void)state;
    Product p = {.m = 1, .n = 1, .k = 1};
    assert_false(product_run_as(NULL, &p, 17, BF16_NONE));
}

/* out = in w^T + bias and its gradients, against sums written out. */
static void linear_layer_and_its_gradients(void **state) {
    (void)state;
    enum { ROWS = 3, IN = 2, OUT = 2 };
    const float in[ROWS * IN] = {1, 2, 3, 4, 5, 6}, w[OUT * IN] = {1, 10, 100, 1000}, bias[OUT] = {7, 8};
    float out[ROWS * OUT], d_in[ROWS * IN] = {1, 1, 1, 1, 1, 1}, d_w[OUT * IN] = {1, 2, 3, 4};
    product_linear(NULL, out, in, w, bias, NULL, ROWS, IN, OUT, PRECISION_FLOAT32);
    const float want_out[] = {28, 2108, 50, 4308, 72, 6508};
    assert_memory_equal(out, want_out, sizeof out);
    const float d_out[ROWS * OUT] = {1, 2, 3, 4, 5, 6};
    product_linear_input(NULL, d_in, d_out, w, d_in, ROWS, IN, OUT, PRECISION_FLOAT32);
    const float want_in[] = {202, 2011, 404, 4031, 606, 6051};
    assert_memory_equal(d_in, want_in, sizeof d_in);
    product_linear_weight(NULL, d_w, d_out, in, ROWS, IN, OUT, PRECISION_FLOAT32);
    const float want_w[] = {36, 46, 47, 60};
    assert_memory_equal(d_w, want_w, sizeof d_w);
}

static void no_k_leaves_the_start(void **state) {
    (void)state;
    enum { ROWS = 400 }; /* several tiles */
    const float bias[2] = {1, 2};
    for (int i = PRECISION_FLOAT32; i <= PRECISION_BFLOAT16; i++) {
        float c[2 * ROWS];
        for (int j = 0; j < 2 * ROWS; j++)
            c[j] = (float)j;
        const Product p = {
            .m = ROWS, .n = 2, .a = bias, .b = bias, .ldb = 2, .bias = bias, .start = c, .c = c, .ldc = 2};
        product_run(NULL, &p, (Precision)i);
        for (int j = 0; j < 2 * ROWS; j++)
            assert_true(c[j] == (float)j + bias[j % 2]);
    }
}

static void peak_is_a_speed(void **state) {
    (void)state;
    for (int i = PRECISION_FLOAT32; i <= PRECISION_BFLOAT16; i++)
        assert_true((product_peak_gflops((Precision)i) > 0) == packed_is_supported());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product_is_the_sum),
        cmocka_unit_test(long_chains_have_the_same_bits_for_any_vectors),
        cmocka_unit_test(other_kinds_are_refused),
        cmocka_unit_test(linear_layer_and_its_gradients),
        cmocka_unit_test(no_k_leaves_the_start),
        cmocka_unit_test(peak_is_a_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
