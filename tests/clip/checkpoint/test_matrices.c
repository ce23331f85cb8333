/* test_matrices.c: matrices read in pieces by many threads against the same ones converted at once. */
#include "clip/checkpoint/matrices.h"

#include "clip/math/half.h"
#include "clip/math/packed.h"
#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/tensors_open.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Parts whose ends are no ends of pieces. */
enum { PART_ROWS = 50, ROWS = 3 * PART_ROWS, COLUMNS = 70, PART = PART_ROWS * COLUMNS };

typedef struct {
    TensorFile *file;
    Arena *arena;
    MatrixSource source;        /* of three parts, halves */
    float want[ROWS * COLUMNS]; /* its numbers */
} Trial;

/* Writes q, k and v; `bad` (-1: none) is the place of an Inf in them, counted through. */
static void trial_open(Trial *trial, void **state, int bad) {
    uint16_t halves[3][PART];
    char path[512];
    Error err = {0};
    *trial = (Trial){.arena = arena_create(), .source = {.n_parts = 3, .rows = ROWS, .columns = COLUMNS}};
    TensorOut tensors[3];
    fill_normal(trial->want, ROWS * COLUMNS, 1, 1);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        uint16_t half = i == bad ? 0x7c00 : float_to_half(trial->want[i]);
        halves[i / PART][i % PART] = half;
        half_to_float(&trial->want[i], (const unsigned char *)&half, 1);
    }
    for (int i = 0; i < 3; i++)
        tensors[i] =
            (TensorOut){(const char *[]){"q", "k", "v"}[i], DTYPE_F16, 2, {PART_ROWS, COLUMNS}, halves[i]};
    assert_int_equal(
        safetensors_write(scratch_path(state, "m.safetensors", path, sizeof path), tensors, 3, NULL, 0, &err),
        0);
    trial->file = tensors_open(path, &err);
    for (int i = 0; i < 3; i++)
        trial->source.parts[i] = tensors_find(trial->file, tensors[i].name);
}

static void trial_close(Trial *trial) {
    tensors_close(trial->file);
    arena_free(trial->arena);
}

static void put(void *target, const MatrixSource *source, const float *rows, int first, int n) {
    assert_true(n >= 1 && n <= MATRIX_ROWS);
    memcpy((float *)target + first * source->columns, rows,
           (size_t)n * (size_t)source->columns * sizeof *rows);
}

static void put_packed(void *target, const MatrixSource *source, const float *rows, int first, int n) {
    (void)source;
    packed_rows(target, rows, first, n);
}

static void test_read(void **state) {
    static Trial trial;
    static float all[ROWS * COLUMNS], some[ROWS * COLUMNS], scaled[ROWS * COLUMNS];
    float gamma[ROWS];
    fill_normal(gamma, ROWS, 1, 2);
    trial_open(&trial, state, -1);
    assert_null(matrix_in_place(&trial.source));
    for (int n_threads = 0; n_threads <= 4; n_threads += 2) {
        Pool *pool = n_threads > 0 ? pool_create(n_threads) : NULL;
        MatrixQueue queue = {.arena = trial.arena};
        MatrixSource source = trial.source;
        Error err = {0};
        memset(some, 0, sizeof some);
        matrices_add(&queue, &source, 0, ROWS, put, all);
        matrices_add(&queue, &source, 40, 61, put, some);
        matrices_add(&queue, &source, 0, ROWS, NULL, NULL);
        source.gamma = gamma;
        matrices_add(&queue, &source, 0, ROWS, put, scaled);
        assert_int_equal(matrices_read(&queue, trial.file, pool, &err), 0);
        assert_memory_equal(all, trial.want, sizeof all);
        assert_memory_equal(some, trial.want + 40 * COLUMNS, 61 * COLUMNS * sizeof *some);
        assert_true(some[61 * COLUMNS] == 0);
        for (int i = 0; i < ROWS * COLUMNS; i++)
            assert_true(scaled[i] == trial.want[i] * gamma[i / COLUMNS]);
        pool_free(pool);
    }
    trial_close(&trial);
}

static void check_same(const PackedMatrix *got, const PackedMatrix *want) {
    assert_true(got->k == want->k && got->n == want->n && got->panel == want->panel &&
                got->bf16 == want->bf16);
    const size_t columns = (size_t)((want->n + want->panel - 1) / want->panel * want->panel);
    const size_t size = columns * (size_t)want->k;
    if (want->bf16)
        assert_memory_equal(got->halves, want->halves, size * sizeof *want->halves);
    else
        assert_memory_equal(got->panels, want->panels, size * sizeof *want->panels);
}

/* Packed in pieces: the panels of the whole matrix; and transposed twice, they are back. */
static void test_packed(void **state) {
    static Trial trial;
    trial_open(&trial, state, -1);
    Pool *pool = pool_create(3);
    for (Precision precision = PRECISION_FLOAT32; precision <= PRECISION_BFLOAT16; precision++) {
        PackedMatrix got, want, there, back;
        MatrixQueue queue = {.arena = trial.arena};
        Error err = {0};
        if (!packed_is_supported())
            break;
        packed_begin(&got, COLUMNS, ROWS, precision, trial.arena);
        packed_create(&want, trial.want, COLUMNS, ROWS, true, precision, trial.arena);
        matrices_add(&queue, &trial.source, 0, ROWS, put_packed, &got);
        assert_int_equal(matrices_read(&queue, trial.file, pool, &err), 0);
        check_same(&got, &want);
        packed_transpose(&there, &got, trial.arena);
        packed_transpose(&back, &there, trial.arena);
        assert_true(there.k == ROWS && there.n == COLUMNS);
        check_same(&back, &want);
    }
    pool_free(pool);
    trial_close(&trial);
}

static void read_source(const void *context, float *out, int first, int rows, int k0, int count) {
    matrix_read(context, out, first, rows, k0, count);
}

static const void *find_source(const void *context, int row, size_t *bytes) {
    return matrix_where(context, row, bytes);
}

/* Packed by each product, from bytes that are not aligned: the bits of what was packed once. */
static void test_deferred(void **state) {
    (void)state;
    enum { N = 105, K = 1027, SIZE = N * K, MOST = 61 };
    static const DType dtypes[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16};
    static const int panels[] = {64, 16};
    Arena *arena = arena_create();
    float *numbers = arena_floats(arena, SIZE, 1), *in = arena_floats(arena, MOST, K);
    float *got = arena_floats(arena, MOST, N), *want = arena_floats(arena, MOST, N), gamma[N];
    unsigned char *bytes = arena_alloc(arena, SIZE, sizeof(float) + 1);
    fill_normal(in, MOST * K, 1, 1);
    fill_normal(gamma, N, 1, 2);
    for (int c = 0; c < 12; c++) {
        const int panel = panels[c / 6], threads = c / 3 % 2 ? 3 : 1;
        Tensor parts[3];
        MatrixSource source = {.n_parts = 3, .rows = N, .columns = K, .gamma = c / 3 % 2 ? gamma : NULL};
        PackedMatrix packed, deferred;
        fill_normal(numbers, SIZE, 1, 3);
        for (size_t i = 0; i < SIZE; i++) {
            const uint16_t half = float_to_half(numbers[i]);
            if (dtypes[c % 3] == DTYPE_F32)
                memcpy(bytes + 1 + 4 * i, &numbers[i], 4);
            else
                memcpy(bytes + 1 + 2 * i, dtypes[c % 3] == DTYPE_F16 ? &half : (uint16_t *)&numbers[i] + 1,
                       2);
        }
        for (size_t i = 0; i < 3; i++) {
            const size_t size = SIZE / 3 * dtype_size(dtypes[c % 3]);
            parts[i] = (Tensor){.dtype = dtypes[c % 3], .data = bytes + 1 + i * size, .count = SIZE / 3};
            source.parts[i] = &parts[i];
        }
        matrix_read(&source, numbers, 0, N, 0, K);
        if (!packed_create_as(&packed, panel, numbers, K, N, true, arena))
            continue;
        packed_defer(&deferred, K, N, read_source, find_source, &source);
        deferred.panel = panel;
        Pool *pool = pool_create(threads);
        for (int rows = 1; rows <= MOST; rows += 12) {
            packed_product(pool, want, in, &packed, gamma, NULL, rows);
            packed_product(pool, got, in, &deferred, gamma, NULL, rows);
            assert_memory_equal(got, want, (size_t)rows * N * sizeof *got);
        }
        pool_free(pool);
    }
    arena_free(arena);
}

/* Read when they are needed, numbers tell that one of them is not finite; then the check finds it. */
static void test_late(void **state) {
    static Trial trial;
    static float rows[3 * 5];
    Error err = {0};
    const int bad = PART + 7 * COLUMNS + 4;
    LateCheck late = {0};
    size_t bytes;
    trial_open(&trial, state, bad);
    late.queue.arena = trial.arena;
    matrices_add(&late.queue, &trial.source, 0, ROWS, NULL, NULL);
    trial.source.bad = &late.bad;
    assert_ptr_equal(matrix_where(&trial.source, PART_ROWS + 7, &bytes),
                     trial.source.parts[1]->data + 2 * 7 * COLUMNS);
    assert_int_equal(bytes, 2 * COLUMNS);
    matrix_read(&trial.source, rows, PART_ROWS + 5, 3, 5, 5);
    assert_false(late.bad);
    matrix_read(&trial.source, rows, PART_ROWS + 5, 3, 0, 5);
    assert_true(late.bad);
    assert_int_equal(matrices_read(&late.queue, trial.file, NULL, &err), -1);
    assert_non_null(strstr(err.text, ": tensor k: element 494 is Inf"));
    trial_close(&trial);
}

/* Wherever the Inf is, its tensor and its place are named. */
static void test_not_finite(void **state) {
    static Trial trial;
    static float all[ROWS * COLUMNS];
    Pool *pool = pool_create(2);
    for (int bad = 0; bad < ROWS * COLUMNS; bad += 997) {
        Error err = {0};
        char text[64];
        trial_open(&trial, state, bad);
        MatrixQueue queue = {.arena = trial.arena};
        matrices_add(&queue, &trial.source, 0, ROWS, bad % 2 ? put : NULL, all);
        assert_int_equal(matrices_read(&queue, trial.file, pool, &err), -1);
        snprintf(text, sizeof text, ": tensor %c: element %d is Inf", "qkv"[bad / PART], bad % PART);
        assert_non_null(strstr(err.text, text));
        trial_close(&trial);
    }
    pool_free(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_packed, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_deferred),
        cmocka_unit_test_setup_teardown(test_late, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_not_finite, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
