/* The ViT image tower: against reference features, and against itself in other company. */
#include "clip/image/vit.h"

#include "tests/support/scratch.h"
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

static void test_few_images(void **state) {
    tower_check_few(state, FIXTURES "clip_vit.safetensors");
}

static void test_unprojected(void **state) {
    (void)state;
    Clip *clip = tower_open(FIXTURES "clip_vit.safetensors", CLIP_IMAGE);
    tower_check_unprojected(clip, 5);
    clip_free(clip);
}

/* In bfloat16, whose heads and GELU are others: near float, and one image by itself has its bits with any
 * number of threads, which then share out its heads. */
static void test_bfloat16(void **state) {
    const ClipActivation activations[] = {CLIP_ACTIVATION_QUICK_GELU, CLIP_ACTIVATION_GELU};
    enum { N = 3 };
    (void)state;
    for (int a = 0; a < 2; a++) {
        Error err = {0};
        const ClipOptions options = {.towers = CLIP_IMAGE, .activation = activations[a]};
        ClipOptions in_bf16 = options;
        in_bf16.precision = PRECISION_BFLOAT16; /* float where there is none */
        Clip *exact = clip_open_with(FIXTURES "clip_vit.safetensors", &options, &err);
        Clip *clip = clip_open_with(FIXTURES "clip_vit.safetensors", &in_bf16, &err);
        assert_true(exact && clip);
        Arena *arena = arena_create();
        Pool *one = pool_create(1), *three = pool_create(3);
        const size_t size = 3 * (size_t)clip->image_size * (size_t)clip->image_size;
        const size_t E = (size_t)clip->embed_dim;
        float *pixels = arena_floats(arena, N, size), *want = arena_floats(arena, N, E);
        float *got = arena_floats(arena, N, E), *alone = arena_floats(arena, 1, E);
        fill_normal(pixels, N * size, 1, 5);
        assert_int_equal(vit_forward(&exact->vit, one, pixels, N, want, &err), 0);
        assert_int_equal(vit_forward(&clip->vit, one, pixels, N, got, &err), 0);
        assert_close("features in bfloat16", got, want, N * E, 1e-2);
        for (int i = 0; i < N; i++) {
            assert_int_equal(vit_forward(&clip->vit, three, pixels + (size_t)i * size, 1, alone, &err), 0);
            assert_memory_equal(alone, got + (size_t)i * E, E * sizeof *got);
        }
        pool_free(one);
        pool_free(three);
        arena_free(arena);
        clip_free(clip);
        clip_free(exact);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_independence),
        cmocka_unit_test(test_unprojected),
        cmocka_unit_test_setup_teardown(test_few_images, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_bfloat16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
