/* The ResNet image tower: against reference features, and against itself in other company. */
#include "clip/image/resnet.h"

#include "tests/support/scratch.h"
#include "tests/support/support.h"
#include "tests/support/tower_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_golden(void **state) {
    (void)state;
    tower_check_golden(FIXTURES "clip_rn.safetensors", FIXTURES "golden_rn.safetensors");
}

static void test_independence(void **state) {
    (void)state;
    Clip *clip = tower_open(FIXTURES "clip_rn.safetensors", CLIP_IMAGE);
    assert_int_equal(clip->image_size, 64);
    tower_check_independence(clip, 7);
    clip_free(clip);
}

static void test_few_images(void **state) {
    tower_check_few(state, FIXTURES "clip_rn.safetensors");
}

static void test_unprojected(void **state) {
    (void)state;
    Clip *clip = tower_open(FIXTURES "clip_rn.safetensors", CLIP_IMAGE);
    tower_check_unprojected(clip, 5);
    clip_free(clip);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_independence),
        cmocka_unit_test_setup_teardown(test_few_images, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_unprojected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
