/* What a block promises about its buffers: input and output may be one, and so may their gradients. What it
 * computes is tested with the towers. */
#include "clip/train/transformer_block.h"

#include "tests/support/support.h"
#include "tests/support/train_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { IMAGES = 2, T = 5, R = IMAGES * T, C = 24, F = 72, SIZE = R * C };

static const int class_rows[IMAGES] = {0, T};
static const BlockRows rows = {.n = R, .n_tokens = T, .queries = class_rows, .n_queries = IMAGES};

typedef struct {
    TrainableClip *clip;
    BlockParameters block;
    BlockScratch scratch;
    BlockContext context;
    BlockActivations a;
    float x[SIZE], y[SIZE], d_y[SIZE], d_x[SIZE];
} Bench;

/* All memory begins as NaN. */
static float *fill_nan(float *memory, size_t n) {
    for (size_t i = 0; i < n; i++)
        memory[i] = NAN;
    return memory;
}

static void open_bench(Bench *b, bool last) {
    *b = (Bench){.clip = train_clip_tiny((TinyClip){.layers = 1, .has_gains = true})};
    Error err = {0};
    Arena *arena = b->clip->arena;
    parameters_train(&b->clip->parameters, NULL, NULL);
    assert_int_equal(block_parameters_find(&b->block, &b->clip->parameters, "visual.", 0, &err), 0);
    b->context = (BlockContext){
        .width = C, .n_heads = 3, .mlp_width = F, .norm_eps = 0.01f, .rows = &rows, .scratch = &b->scratch};
    const int wide = transformer_block_wide(&b->context);
    assert_int_equal(wide, F);
    size_t n = transformer_scratch_place(NULL, &b->context, wide, true, NULL);
    transformer_scratch_place(&b->scratch, &b->context, wide, true, fill_nan(arena_floats(arena, n, 1), n));
    n = transformer_block_place(NULL, &b->context, &b->block, last, NULL);
    b->a.x = b->x;
    transformer_block_place(&b->a, &b->context, &b->block, last, fill_nan(arena_floats(arena, n, 1), n));
    fill_normal(b->x, SIZE, 1, 1);
    fill_normal(b->d_y, SIZE, 1, 2);
    fill_nan(b->y, SIZE);
    fill_nan(b->d_x, SIZE);
}

static void test_in_place(void **state) {
    (void)state;
    Bench apart, place;
    open_bench(&apart, false);
    open_bench(&place, false);
    transformer_block_forward(&apart.context, &apart.block, 0, false, &apart.a, apart.y);
    transformer_block_backward(&apart.context, &apart.block, 0, false, &apart.a, apart.d_x, apart.d_y, true);
    transformer_block_forward(&place.context, &place.block, 0, false, &place.a, NULL);
    transformer_block_backward(&place.context, &place.block, 0, false, &place.a, place.d_y, place.d_y, true);
    assert_memory_equal(place.d_y, apart.d_x, sizeof apart.d_x);
    transformer_block_forward(&place.context, &place.block, 0, false, &place.a, place.x);
    assert_memory_equal(place.x, apart.y, sizeof apart.y);
    for (int i = 0; i < SIZE; i++)
        assert_true(isfinite(apart.y[i]) && isfinite(apart.d_x[i]));
    train_clip_free(apart.clip);
    train_clip_free(place.clip);
}

/* The last block gives what any block gives in the rows that it is for. */
static void test_last(void **state) {
    (void)state;
    Bench all, last;
    open_bench(&all, false);
    open_bench(&last, true);
    transformer_block_forward(&all.context, &all.block, 0, false, &all.a, all.y);
    transformer_block_forward(&last.context, &last.block, 0, true, &last.a, last.y);
    for (int i = 0; i < IMAGES; i++)
        assert_close("y", last.y + i * C, all.y + class_rows[i] * C, C, 1e-6);
    memset(all.d_y, 0, sizeof all.d_y);
    for (int i = 0; i < IMAGES; i++)
        memcpy(all.d_y + class_rows[i] * C, last.d_y + i * C, C * sizeof(float));
    transformer_block_backward(&all.context, &all.block, 0, false, &all.a, all.d_x, all.d_y, true);
    transformer_block_backward(&last.context, &last.block, 0, true, &last.a, last.d_x, last.d_y, true);
    assert_close("d_x", last.d_x, all.d_x, SIZE, 2e-6);
    const Parameter *p = last.block.in_proj_w, *q = all.block.in_proj_w;
    assert_close("in_proj", p->gradient, q->gradient, p->count, 2e-6);
    train_clip_free(all.clip);
    train_clip_free(last.clip);
}

static void test_parameters(void **state) {
    (void)state;
    Bench b;
    open_bench(&b, false);
    Error err = {0};
    assert_true(block_parameters_trained(&b.block));
    for (int i = 0; i < b.clip->parameters.n; i++)
        b.clip->parameters.items[i].gradient = NULL;
    assert_false(block_parameters_trained(&b.block));
    assert_int_equal(block_parameters_find(&b.block, &b.clip->parameters, "", 1, &err), -1);
    assert_string_equal(err.text, "transformer.resblocks.1.ln_1.weight: no such parameter");
    train_clip_free(b.clip);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_in_place), cmocka_unit_test(test_last),
                                       cmocka_unit_test(test_parameters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
