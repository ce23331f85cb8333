/* test_trainable_export.c: what is exported reads back as the same model; what the other program cannot
 * compute is refused by name. (That transformers and OpenAI's code give the same features was tried by hand.)
 */
#include "clip/train/trainable_export.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static TrainableClip *open_kind(const char *path) {
    Error err = {0};
    TrainableClip *clip =
        trainable_clip_open(path, CLIP_ACTIVATION_QUICK_GELU, 0, PRECISION_FLOAT32, NULL, &err);
    if (!clip)
        fail_msg("%s", err.text);
    return clip;
}

static void assert_same(const TrainableClip *a, const TrainableClip *b) {
    int n = 0;
    for (int i = 0; i < a->parameters.n; i++) {
        const Parameter *one = &a->parameters.items[i];
        const Parameter *two = parameters_find(&b->parameters, "%s", one->name);
        assert_non_null(two);
        assert_int_equal(one->count, two->count);
        assert_memory_equal(one->value, two->value, one->count * sizeof(float));
        n += one->count > 0;
    }
    assert_true(n > 20 && a->parameters.n == b->parameters.n);
    assert_true(a->text.n_heads == b->text.n_heads && a->image.n_heads == b->image.n_heads);
    assert_true(a->text.activation == b->text.activation && a->text.n_positions == b->text.n_positions);
}

static void hugging_face_comes_back(void **state) {
    Error err = {0};
    TrainableClip *clip = open_kind(FIXTURES "clip_vit.safetensors");
    assert_int_equal(trainable_export_hugging_face(clip, *state, &err), 0);
    TrainableClip *back = trainable_clip_open(*state, CLIP_ACTIVATION_AUTO, 0, PRECISION_FLOAT32, NULL, &err);
    assert_non_null(back);
    assert_same(clip, back);
    assert_memory_equal(clip->mean, back->mean, sizeof clip->mean);
    trainable_clip_free(clip);
    trainable_clip_free(back);
}

static void openai_comes_back(void **state) {
    static const char *const kinds[] = {FIXTURES "clip_vit.safetensors", FIXTURES "clip_rn.safetensors"};
    Error err = {0};
    char path[4096];
    scratch_path(state, "model.pt", path, sizeof path);
    for (int i = 0; i < 2; i++) {
        TrainableClip *clip = open_kind(kinds[i]);
        assert_int_equal(trainable_export_openai(clip, path, &err), 0);
        TrainableClip *back = open_kind(path);
        assert_same(clip, back);
        trainable_clip_free(clip);
        trainable_clip_free(back);
    }
}

/* Shapes alone could be another model's, which reads its texts in another way. */
static void fewer_positions_come_back(void **state) {
    Error err = {0};
    char path[4096];
    scratch_path(state, "model.pt", path, sizeof path);
    TrainableClip *clip = open_kind(FIXTURES "clip_vit.safetensors");
    Parameter *positions = NULL;
    for (int i = 0; i < clip->parameters.n; i++)
        if (strcmp(clip->parameters.items[i].name, "positional_embedding") == 0)
            positions = &clip->parameters.items[i];
    assert_non_null(positions);
    clip->text.n_positions = 32;
    positions->shape[0] = 32;
    positions->count = 32 * (size_t)positions->shape[1];
    assert_int_equal(trainable_export_openai(clip, path, &err), 0);
    TrainableClip *back = open_kind(path);
    assert_same(clip, back);
    trainable_clip_free(clip);
    trainable_clip_free(back);
}

static void what_cannot_be_said_is_refused(void **state) {
    Error err = {0};
    char path[4096];
    scratch_path(state, "model.pt", path, sizeof path);
    TrainableClip *clip = open_kind(FIXTURES "clip_rn.safetensors");
    assert_int_equal(trainable_export_hugging_face(clip, *state, &err), -1);
    assert_non_null(strstr(err.text, "a ResNet"));
    trainable_clip_free(clip);
    clip = open_kind(FIXTURES "clip_vit.safetensors");
    clip->text.activation = ACTIVATION_GELU;
    assert_int_equal(trainable_export_openai(clip, path, &err), -1);
    assert_non_null(strstr(err.text, "the text tower has the exact GELU"));
    clip->text.activation = ACTIVATION_QUICK_GELU;
    clip->image.n_heads++;
    assert_int_equal(trainable_export_openai(clip, path, &err), -1);
    assert_non_null(strstr(err.text, "the image tower has 3 heads"));
    clip->images.pad = true;
    assert_int_equal(trainable_export_hugging_face(clip, *state, &err), -1);
    assert_non_null(strstr(err.text, "padded"));
    assert_int_equal(scratch_count(state), 0);
    trainable_clip_free(clip);
}

/* A state_dict carries no preparation of images: OpenAI's code would feed such a model other pixels. */
static void other_pixels_are_refused(void **state) {
    static const struct {
        ImagePreparation images;
        float mean;
        const char *said;
    } cases[] = {{{0}, 0.5f, "(the first 0.5, 0.26863)"},
                 {{.squash = true}, 0, "squashed"},
                 {{.pad = true}, 0, "padded"},
                 {{.bilinear = true}, 0, "bilinearly"},
                 {{.resize = 4096}, 0, "more than is cut out"}};
    char path[4096];
    scratch_path(state, "model.pt", path, sizeof path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error err = {0};
        TrainableClip *clip = open_kind(FIXTURES "clip_vit.safetensors");
        clip->images = cases[i].images;
        if (cases[i].mean > 0)
            clip->mean[0] = cases[i].mean;
        assert_int_equal(trainable_export_openai(clip, path, &err), -1);
        if (!strstr(err.text, cases[i].said))
            fail_msg("%s", err.text);
        trainable_clip_free(clip);
    }
    assert_int_equal(scratch_count(state), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hugging_face_comes_back, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(openai_comes_back, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(fewer_positions_come_back, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(other_pixels_are_refused, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_said_is_refused, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
