/* The blocks of a tower: which have a backward pass, and what memory they ask for. What they compute is
 * tested with the towers. */
#include "clip/train/transformer.h"

#include "tests/support/support.h"
#include "tests/support/train_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { LAYERS = 4, IMAGES = 3, TOKENS = 17 };

static const int class_rows[IMAGES] = {0, TOKENS, 2 * TOKENS};
static const BlockRows rows = {
    .n = IMAGES * TOKENS, .n_tokens = TOKENS, .queries = class_rows, .n_queries = IMAGES};

static bool named(const Parameter *p, void *context) {
    return strcmp(p->name, context) == 0;
}

/* With one parameter trained, or with NULL all. */
static Transformer open_blocks(TrainableClip *clip, const char *trained, bool below) {
    Transformer t;
    Error err = {0};
    parameters_train(&clip->parameters, trained ? named : NULL, (void *)trained);
    if (transformer_open(&t, &clip->parameters, "visual.", &clip->image, PRECISION_FLOAT32, below, NULL,
                         clip->arena, &err) < 0)
        fail_msg("%s", err.text);
    return t;
}

static void test_lowest(void **state) {
    (void)state;
    TrainableClip *clip = train_clip_tiny((TinyClip){.layers = LAYERS});
    assert_int_equal(open_blocks(clip, NULL, false).lowest, 0);
    assert_int_equal(open_blocks(clip, "visual.proj", false).lowest, LAYERS);
    assert_int_equal(open_blocks(clip, "visual.proj", true).lowest, 0);
    Transformer t = open_blocks(clip, "visual.transformer.resblocks.2.mlp.c_fc.bias", false);
    assert_int_equal(t.lowest, 2);
    transformer_add(&t, NULL);
    assert_int_equal(t.lowest, 2);
    transformer_add(&t, &(QkvAdditions){.lowest = 1});
    assert_int_equal(t.lowest, 1);
    train_clip_free(clip);
}

/* As much as is allowed, in memory of just that size, and with a backward pass more than without. */
static void test_places(void **state) {
    (void)state;
    TrainableClip *clip = train_clip_tiny((TinyClip){.layers = LAYERS, .has_gains = true});
    Transformer t = open_blocks(clip, NULL, true);
    const size_t most = transformer_place(&t, &rows, true, SIZE_MAX, NULL);
    const size_t least = transformer_place(&t, &rows, true, 0, NULL);
    const size_t test = transformer_place(&t, &rows, false, SIZE_MAX, NULL);
    assert_true(test < least && least < most);
    size_t last = 0;
    int steps = 0;
    for (size_t allowed = least; allowed <= most; allowed += 16) {
        const size_t floats = transformer_place(&t, &rows, true, allowed, NULL);
        assert_true(floats <= allowed && floats >= last);
        steps += floats != last;
        last = floats;
    }
    assert_int_equal(last, most);
    assert_in_range(steps, LAYERS, LAYERS + 1); /* none of the blocks kept, one, ..., all */
    float *memory = arena_floats(clip->arena, most, 1);
    assert_int_equal(transformer_place(&t, &rows, true, most, memory), most);
    assert_ptr_equal(t.x, memory);
    assert_true(t.activations[LAYERS - 1].fc > memory && t.activations[0].fc < memory + most);
    train_clip_free(clip);
}

static void test_missing(void **state) {
    (void)state;
    TrainableClip *clip = train_clip_tiny((TinyClip){.layers = LAYERS});
    Transformer t;
    Error err = {0};
    clip->image.n_layers++;
    assert_int_equal(transformer_open(&t, &clip->parameters, "visual.", &clip->image, PRECISION_FLOAT32,
                                      false, NULL, clip->arena, &err),
                     -1);
    assert_string_equal(err.text, "visual.transformer.resblocks.4.ln_1.weight: no such parameter");
    train_clip_free(clip);
}

/* All weights: twice as many operations backward as forward, but for what is below. */
static void test_flops(void **state) {
    (void)state;
    TrainableClip *clip = train_clip_tiny((TinyClip){.layers = LAYERS});
    const double C = 24, F = 72, R = IMAGES * TOKENS, Q = IMAGES, pairs = R * TOKENS, last = Q * TOKENS;
    const double forward = (LAYERS - 1) * (2 * R * (4 * C * C + 2 * C * F) + 4 * pairs * C) +
                           2 * R * 2 * C * C + 2 * Q * (2 * C * C + 2 * C * F) + 4 * last * C;
    Transformer t = open_blocks(clip, NULL, true);
    assert_true(transformer_flops(&t, R, Q, pairs, last, false) == forward);
    assert_true(transformer_flops(&t, R, Q, pairs, last, true) == 3 * forward);
    t = open_blocks(clip, "visual.transformer.resblocks.3.mlp.c_proj.weight", false);
    assert_true(transformer_flops(&t, R, Q, pairs, last, true) == forward + 2 * 2 * Q * C * F);
    train_clip_free(clip);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lowest), cmocka_unit_test(test_places),
                                       cmocka_unit_test(test_missing), cmocka_unit_test(test_flops)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
