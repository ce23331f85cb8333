/* test_contrastive_parts.c: parts of the pairs find the loss and the gradients of all of them. */
#include "clip/train/contrastive_parts.h"

#include "clip/train/contrastive.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 150, E = 24, NUMBERS = N * E };

typedef struct {
    double loss, d_s;
    float d_image[NUMBERS], d_text[NUMBERS];
} Result;

/* The parts, from the last to the first. */
static void in_parts(Result *result, const float *image, const float *text, int rows, Pool *pool,
                     bool image_alone) {
    Arena *arena = arena_create();
    ContrastiveParts loss;
    assert_int_equal(contrastive_parts_open(&loss, N, E, arena, NULL), 0);
    memset(result, 0, sizeof *result);
    contrastive_parts_begin(&loss, image, text, 3, N, pool);
    for (int first = N - rows; first >= 0; first -= rows)
        contrastive_parts_forward(&loss, first, rows, pool);
    result->loss = contrastive_parts_value(&loss);
    for (int first = N - rows; first >= 0; first -= rows)
        result->d_s +=
            contrastive_parts_backward(&loss, result->d_image + first * E,
                                       image_alone ? NULL : result->d_text + first * E, first, rows, pool);
    arena_free(arena);
}

static void fill(float *image, float *text) {
    fill_normal(image, NUMBERS, 1, 1);
    fill_normal(text, NUMBERS, 1, 2);
    for (int i = 0; i < NUMBERS; i++)
        text[i] += 0.7f * image[i];
}

static void test_the_whole(void **state) {
    static float image[NUMBERS], text[NUMBERS];
    static Result whole, parts;
    static const int rows[] = {1, 30, 75, 150};
    (void)state;
    fill(image, text);
    assert_int_equal(contrastive_loss(&whole.loss, whole.d_image, whole.d_text, &whole.d_s, image, text, 3, N,
                                      E, NULL, NULL),
                     0);
    for (int i = 0; i < 4; i++) {
        in_parts(&parts, image, text, rows[i], NULL, false);
        assert_true(fabs(parts.loss / whole.loss - 1) < 1e-6);
        assert_true(fabs(parts.d_s / whole.d_s - 1) < 1e-5);
        assert_true(relative_error(parts.d_image, whole.d_image, NUMBERS) < 1e-5);
        assert_true(relative_error(parts.d_text, whole.d_text, NUMBERS) < 1e-5);
    }
}

static void test_bits(void **state) {
    static float image[NUMBERS], text[NUMBERS];
    static Result one, three;
    Pool *pool = pool_create(3);
    (void)state;
    fill(image, text);
    in_parts(&one, image, text, 50, NULL, false);
    in_parts(&three, image, text, 50, pool, false);
    assert_memory_equal(&one, &three, sizeof one);
    in_parts(&three, image, text, 50, pool, true);
    assert_memory_equal(one.d_image, three.d_image, sizeof one.d_image);
    assert_true(one.loss == three.loss && one.d_s == three.d_s && three.d_text[0] == 0);
    pool_free(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_whole), cmocka_unit_test(test_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
