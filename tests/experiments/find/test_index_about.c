/* test_index_about.c: what an index says of its features opens the same model again, and no other. */
#include "experiments/find/index_about.h"

#include "datasets/index/index_writer.h"
#include "tests/datasets/index/index_support.h"
#include "tests/support/cli_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define VIT FIXTURES "clip_vit.safetensors"

typedef struct {
    void *scratch;
    Arena *arena;
    LoadedModel model;
} Setting;

static int setup(void **state) {
    const LoadedModelOptions options = {.towers = CLIP_IMAGE | CLIP_DIGEST, .n_threads = 1};
    Error err = {0};
    Setting *s = calloc(1, sizeof *s);
    if (!s || scratch_setup(&s->scratch) < 0 || !(s->arena = arena_create()) ||
        loaded_model_open(&s->model, VIT, &options, &err) < 0)
        return -1;
    *state = s;
    return 0;
}

static int teardown(void **state) {
    Setting *s = *state;
    loaded_model_close(&s->model);
    arena_free(s->arena);
    scratch_teardown(&s->scratch);
    free(s);
    return 0;
}

static const char *text_of(Setting *s, IndexAbout about) {
    Error err = {0};
    const char *text = index_about_text(&about, &s->model, s->arena, &err);
    if (!text)
        fail_msg("%s", err.text);
    return text;
}

/* An index of one photo with this text. */
static PhotoIndex *make_index(Setting *s, const char *text) {
    char path[512];
    Error err = {0};
    const IndexKind kind = {INDEX_FLOAT32, SUPPORT_E, text};
    unlink(scratch_path(&s->scratch, "index", path, sizeof path));
    IndexWriter *writer = index_writer_open(path, &kind, &err);
    assert_non_null(writer);
    support_add(writer, 1);
    assert_int_equal(index_writer_commit(writer, &err), 0);
    index_writer_close(writer);
    PhotoIndex *index = photo_index_open(path, &err);
    assert_non_null(index);
    return index;
}

static void read_as_it_was_written(void **state) {
    Setting *s = *state;
    IndexAbout about;
    Error err = {0};
    PhotoIndex *index = make_index(s, text_of(s, (IndexAbout){.checkpoint = VIT,
                                                              .vocabulary = FIXTURES "merges.txt.gz",
                                                              .activation = CLIP_ACTIVATION_QUICK_GELU,
                                                              .heads = 3,
                                                              .upright = true}));
    assert_int_equal(index_about_read(&about, index, s->arena, &err), 0);
    assert_int_equal(about.checkpoint[0], '/'); /* from everywhere */
    assert_non_null(strstr(about.checkpoint, "/tests/fixtures/clip_vit.safetensors"));
    assert_non_null(strstr(about.vocabulary, "/tests/fixtures/merges.txt.gz"));
    assert_string_equal(about.digest, loaded_model_tower_digest(&s->model));
    assert_string_equal(about.name, s->model.name);
    assert_true(about.activation == CLIP_ACTIVATION_QUICK_GELU && about.heads == 3 && about.upright);
    assert_true(about.precision == PRECISION_FLOAT32);
    photo_index_close(index);
}

/* Where the checkpoint lies makes no difference; how photos are turned does, and is named. */
static void what_makes_features_is_compared(void **state) {
    Setting *s = *state;
    Error err = {0};
    char *copy = arena_printf(s->arena, "%s/copy.safetensors", (const char *)s->scratch);
    cli_copy(VIT, copy);
    PhotoIndex *index = make_index(s, text_of(s, (IndexAbout){.checkpoint = VIT, .upright = true}));
    assert_int_equal(
        index_about_compare(index, text_of(s, (IndexAbout){.checkpoint = copy, .upright = true}), &err), 0);
    assert_int_equal(index_about_compare(index, text_of(s, (IndexAbout){.checkpoint = VIT}), &err), -1);
    assert_non_null(strstr(err.text, "exif \"rotate\", and what would be added has \"ignore\""));
    photo_index_close(index);
}

static void the_same_model_or_none(void **state) {
    Setting *s = *state;
    Error err = {0};
    LoadedModel model;
    char *copy = arena_printf(s->arena, "%s/copy.safetensors", (const char *)s->scratch);
    cli_copy(VIT, copy);
    PhotoIndex *index = make_index(s, text_of(s, (IndexAbout){.checkpoint = copy, .upright = true}));
    assert_int_equal(index_about_open(&model, index, NULL, NULL, CLIP_IMAGE, 1, &err), 0);
    assert_true(model.upright);
    loaded_model_close(&model);
    assert_int_equal(unlink(copy), 0);
    assert_int_equal(index_about_open(&model, index, NULL, NULL, CLIP_IMAGE, 1, &err), -1);
    assert_non_null(strstr(err.text, "is not there; say with --model where it is"));
    loaded_model_close(&model);
    assert_int_equal(index_about_open(&model, index, VIT, NULL, CLIP_IMAGE, 1, &err), 0);
    loaded_model_close(&model);
    assert_int_equal(
        index_about_open(&model, index, FIXTURES "clip_rn.safetensors", NULL, CLIP_IMAGE, 1, &err), -1);
    assert_non_null(strstr(err.text, "made with another checkpoint"));
    loaded_model_close(&model);
    photo_index_close(index);
}

static void texts_that_say_nothing(void **state) {
    static const char *const texts[] = {"{}", "[]", "{\"checkpoint\": 3}", "nothing"};
    Setting *s = *state;
    for (int i = 0; i < 4; i++) {
        IndexAbout about;
        Error err = {0};
        PhotoIndex *index = make_index(s, texts[i]);
        assert_int_equal(index_about_read(&about, index, s->arena, &err), -1);
        assert_non_null(strstr(err.text, "what its features are of"));
        photo_index_close(index);
    }
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(read_as_it_was_written),
        TEST(what_makes_features_is_compared),
        TEST(the_same_model_or_none),
        TEST(texts_that_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
