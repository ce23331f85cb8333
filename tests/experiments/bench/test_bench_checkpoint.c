/* test_bench_checkpoint.c: the file that `coop bench` writes is a checkpoint of the very model. */
#include "experiments/bench/bench_checkpoint.h"

#include "clip/base/files.h"
#include "clip/checkpoint/model.h"
#include "clip/math/half.h"
#include "experiments/bench/bench_folder.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const Architecture SMALL = {"small", {64, 2, 32, 0}, 0, 64, 48, 64};
static const Architecture SMALL_RESNET = {"small ResNet", {1, 1, 1, 1}, 16, 64, 48, 64};

static Clip *write_and_open(const char *path, const Architecture *architecture, DType dtype) {
    Error err = {0};
    char digest[65];
    if (bench_checkpoint_write(path, digest, architecture, dtype, &err) < 0)
        fail_msg("%s", err.text);
    Clip *clip = clip_open(path, CLIP_BOTH, &err);
    if (!clip)
        fail_msg("%s", err.text);
    assert_string_equal(digest, clip_digest(clip));
    assert_int_equal(clip->image_size, 64);
    assert_int_equal(clip->embed_dim, 48);
    assert_int_equal(clip->text.n_layers, ARCHITECTURE_TEXT_LAYERS);
    assert_int_equal(clip->text.activation, ACTIVATION_QUICK_GELU);
    return clip;
}

/* read (n) is what written (n) is when rounded to halves */
static void assert_halves(const float *read, const float *written, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float expected;
        uint16_t half = float_to_half(written[i]);
        half_to_float(&expected, (const unsigned char *)&half, 1);
        if (read[i] != expected)
            fail_msg("%g at %zu, where %g was written", (double)read[i], i, (double)written[i]);
    }
}

static void test_vit(void **state) {
    char path[512];
    snprintf(path, sizeof path, "%s/small.safetensors", (const char *)*state);
    Clip *whole = write_and_open(path, &SMALL, DTYPE_F32);
    snprintf(path, sizeof path, "%s/halves.safetensors", (const char *)*state);
    Clip *halves = write_and_open(path, &SMALL, DTYPE_F16);
    assert_int_equal(halves->vit.n_layers, 2);
    assert_halves(halves->text.token_embedding, whole->text.token_embedding,
                  (size_t)whole->text.n_vocab * 64);
    assert_halves(halves->text.text_projection, whole->text.text_projection, 64 * 48);
    assert_halves(halves->vit.conv1_w, whole->vit.conv1_w, 64 * 3 * 32 * 32);
    assert_halves(halves->vit.proj, whole->vit.proj, 64 * 48);
    assert_halves(&halves->logit_scale, &whole->logit_scale, 1);
    clip_free(whole);
    clip_free(halves);
}

static void test_resnet(void **state) {
    char path[512];
    snprintf(path, sizeof path, "%s/resnet.safetensors", (const char *)*state);
    for (DType dtype = DTYPE_F32; dtype <= DTYPE_F16; dtype++)
        clip_free(write_and_open(path, &SMALL_RESNET, dtype));
}

static void test_folder(void **state) {
    Error err = {0};
    char path[BENCH_PATH], inner[BENCH_PATH + 16];
    setenv("TMPDIR", *state, 1);
    assert_int_equal(bench_folder_make(path, &err), 0);
    assert_true(bench_folder_room(1));
    assert_false(bench_folder_room(1e30));
    snprintf(inner, sizeof inner, "%s/a/b", path);
    assert_int_equal(make_folders(inner, &err), 0);
    snprintf(inner, sizeof inner, "%s/a/b/file", path);
    assert_int_equal(file_write(inner, "x", 1, &err), 0);
    assert_int_equal(scratch_count(state), 1);
    bench_folder_remove(path);
    bench_folder_remove("");
    assert_int_equal(scratch_count(state), 0);
    unsetenv("TMPDIR");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_vit, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_resnet, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_folder, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests_name("bench_checkpoint", tests, NULL, NULL);
}
