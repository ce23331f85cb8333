/* test_bench_checkpoint.c: the file that `coop bench` writes is a checkpoint of the very model. */
#include "experiments/bench/bench_checkpoint.h"

#include "clip/base/files.h"
#include "clip/checkpoint/random_clip.h"
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

static void test_round_trip(void **state) {
    Error err = {0};
    char path[512], digest[65];
    snprintf(path, sizeof path, "%s/small.safetensors", (const char *)*state);
    assert_int_equal(bench_checkpoint_write(path, digest, &SMALL, &err), 0);
    Clip *clip = clip_open(path, CLIP_BOTH, &err);
    Clip *random = clip_random(&SMALL, CLIP_BOTH, PRECISION_FLOAT32, 1, &err);
    if (!clip || !random)
        fail_msg("%s", err.text);
    assert_string_equal(digest, clip_digest(clip));
    assert_int_equal(clip->image_size, 64);
    assert_int_equal(clip->embed_dim, 48);
    assert_int_equal(clip->text.n_layers, random->text.n_layers);
    assert_int_equal(clip->vit.n_layers, 2);
    assert_halves(clip->text.token_embedding, random->text.token_embedding,
                  (size_t)random->text.n_vocab * 64);
    assert_halves(clip->text.text_projection, random->text.text_projection, 64 * 48);
    assert_halves(clip->text.blocks[3].in_proj_b, random->text.blocks[3].in_proj_b, 3 * 64);
    assert_halves(clip->vit.conv1_w, random->vit.conv1_w, 64 * 3 * 32 * 32);
    assert_halves(clip->vit.blocks[1].ln_2_w, random->vit.blocks[1].ln_2_w, 64);
    assert_halves(clip->vit.proj, random->vit.proj, 64 * 48);
    assert_halves(&clip->logit_scale, &random->logit_scale, 1);
    clip_free(random);
    clip_free(clip);
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
        cmocka_unit_test_setup_teardown(test_round_trip, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_folder, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests_name("bench_checkpoint", tests, NULL, NULL);
}
