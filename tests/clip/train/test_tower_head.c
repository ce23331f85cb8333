/* From the last block's rows to features: central differences, also at its input. */
#include "clip/train/tower_head.h"

#include "tests/support/support.h"
#include "tests/support/train_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 5, C = 24, E = 10 };

typedef struct {
    TrainableClip *clip;
    TowerHead head;
    float x[ROWS * C], d_features[ROWS * E];
} Bench;

static bool of_head(const Parameter *p, void *context) {
    (void)context;
    return strstr(p->name, "ln_post") || strcmp(p->name, "visual.proj") == 0;
}

static Bench open_bench(void) {
    Bench b = {.clip = train_clip_tiny((TinyClip){.layers = 1})};
    Error err = {0};
    parameters_train(&b.clip->parameters, of_head, NULL);
    assert_int_equal(tower_head_open(&b.head, &b.clip->parameters, "visual.ln_post", "visual.proj",
                                     &b.clip->image, PRECISION_FLOAT32, NULL, &err),
                     0);
    const size_t floats = tower_head_place(&b.head, ROWS, NULL);
    assert_int_equal(tower_head_place(&b.head, ROWS, arena_floats(b.clip->arena, floats, 1)), floats);
    fill_normal(b.x, ROWS * C, 1, 1);
    fill_normal(b.d_features, ROWS * E, 1, 2);
    return b;
}

static double loss(void *context) {
    Bench *b = context;
    float features[ROWS * E];
    double sum = 0;
    memcpy(b->head.x, b->x, sizeof b->x);
    tower_head_forward(&b->head, features);
    for (int i = 0; i < ROWS * E; i++)
        sum += (double)features[i] * (double)b->d_features[i];
    return sum;
}

static void test_differences(void **state) {
    (void)state;
    Bench b = open_bench();
    assert_true(tower_head_trained(&b.head));
    loss(&b);
    tower_head_backward(&b.head, b.d_features, true);
    float d_x[ROWS * C], want[ROWS * C];
    memcpy(d_x, b.head.d_x, sizeof d_x);
    train_check_differences(&b.clip->parameters, loss, &b);
    for (int i = 0; i < ROWS * C; i++) {
        const float at = b.x[i], step = 0.01f;
        b.x[i] = at + step;
        const double above = loss(&b);
        b.x[i] = at - step;
        want[i] = (float)((above - loss(&b)) / 0.02);
        b.x[i] = at;
    }
    assert_close("d_x", d_x, want, ROWS * C, 1e-3);
    train_clip_free(b.clip);
}

static void test_missing(void **state) {
    (void)state;
    Bench b = open_bench();
    Error err = {0};
    assert_int_equal(tower_head_open(&b.head, &b.clip->parameters, "visual.ln_last", "visual.proj",
                                     &b.clip->image, PRECISION_FLOAT32, NULL, &err),
                     -1);
    assert_non_null(strstr(err.text, "visual.ln_last"));
    parameters_train(&b.clip->parameters, of_head, NULL);
    assert_true(tower_head_flops(&b.head, ROWS, true, true) ==
                3 * tower_head_flops(&b.head, ROWS, false, true));
    train_clip_free(b.clip);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_differences), cmocka_unit_test(test_missing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
