/* The ViT image tower: against reference features, and against itself in other company. */
#include "clip/image/vit.h"

#include "tests/support/support.h"
#include "tests/support/tower_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_golden(void **state) {
    (void)state;
    tower_check_golden(FIXTURES "clip_vit.safetensors", FIXTURES "golden_vit.safetensors");
}

static void test_independence(void **state) {
    (void)state;
    Clip *clip = tower_open(FIXTURES "clip_vit.safetensors", CLIP_IMAGE);
    assert_int_equal(clip->image_size, 32);
    tower_check_independence(clip, 7);
    clip_free(clip);
}

/* Weights that are packed as they are used give the same bits. */
static void test_few_images(void **state) {
    (void)state;
    enum { N = 3 };
    Error err = {0};
    Clip *many = tower_open(FIXTURES "clip_vit.safetensors", CLIP_IMAGE);
    Clip *few = tower_open(FIXTURES "clip_vit.safetensors", CLIP_IMAGE | CLIP_FEW_IMAGES);
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    const size_t size = N * 3 * (size_t)many->image_size * (size_t)many->image_size;
    const size_t E = (size_t)many->embed_dim;
    float *pixels = arena_floats(arena, size, 1);
    float *want = arena_floats(arena, N, E), *got = arena_floats(arena, N, E);
    fill_normal(pixels, size, 1, 5);
    assert_int_equal(vit_forward(&many->vit, pool, pixels, N, want, &err), 0);
    assert_int_equal(vit_forward(&few->vit, pool, pixels, N, got, &err), 0);
    assert_memory_equal(got, want, N * E * sizeof *got);
    tower_check_independence(few, 7);
    pool_free(pool);
    arena_free(arena);
    clip_free(few);
    clip_free(many);
}

static void test_unprojected(void **state) {
    (void)state;
    Clip *clip = tower_open(FIXTURES "clip_vit.safetensors", CLIP_IMAGE);
    tower_check_unprojected(clip, 5);
    clip_free(clip);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_independence),
        cmocka_unit_test(test_unprojected),
        cmocka_unit_test(test_few_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
