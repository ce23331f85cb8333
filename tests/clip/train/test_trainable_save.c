/* Saved models: the same features come out, and the same parameters. */
#include "clip/train/trainable_clip.h"

#include "clip/base/files.h"
#include "clip/image/image_tower.h"
#include "clip/text/text_encoder.h"
#include "tests/support/checkpoint_copy.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"
#include "tests/support/tower_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 2 };

/* Of two images and two texts, (4, E), owned by the arena. */
static float *features_of(const Clip *clip, Arena *arena) {
    static const int first[] = {716, 9, 30, 717}, second[] = {716, 9, 77, 78, 717};
    Error err = {0};
    const size_t S = (size_t)clip->image_size, E = (size_t)clip->embed_dim;
    float *pixels = arena_floats(arena, N, 3 * S * S), *features = arena_floats(arena, 2 * N, E);
    TokenTree tree;
    fill_normal(pixels, N * 3 * S * S, 1, 3);
    assert_int_equal(image_tower_forward(clip, NULL, pixels, N, features, &err), 0);
    assert_int_equal(
        token_tree_build(&tree, (const int *const[]){first, second}, (const int[]){4, 5}, N, arena, &err), 0);
    TextEncoder *encoder = text_encoder_create(&clip->text, &tree, NULL, false, 0, &err);
    assert_int_equal(text_encoder_forward(encoder, features + N * E, NULL), 0);
    text_encoder_free(encoder);
    return features;
}

static TrainableClip *open_model(const char *path) {
    Error err = {0};
    TrainableClip *clip = trainable_clip_open(path, CLIP_ACTIVATION_AUTO, 0, PRECISION_FLOAT32, NULL, &err);
    if (!clip)
        fail_msg("%s", err.text);
    return clip;
}

static void save(const TrainableClip *clip, const char *path) {
    Error err = {0};
    if (trainable_clip_save(clip, path, &err) < 0)
        fail_msg("%s", err.text);
}

/* What is saved computes what the checkpoint computes. */
static void check_features(void **state, const char *model) {
    char path[512];
    Arena *arena = arena_create();
    TrainableClip *clip = open_model(model);
    save(clip, scratch_path(state, "epoch_1.safetensors", path, sizeof path));
    Clip *want = tower_open(model, CLIP_BOTH), *got = tower_open(path, CLIP_BOTH);
    assert_string_equal(got->flavour, "OpenCLIP");
    assert_string_equal(got->name, want->name);
    assert_string_equal(got->variant, want->variant);
    assert_true(got->logit_scale == want->logit_scale);
    assert_null(got->note); /* the config says all */
    const size_t size = 2 * N * (size_t)want->embed_dim * sizeof(float);
    assert_memory_equal(features_of(got, arena), features_of(want, arena), size);
    clip_free(want);
    clip_free(got);
    trainable_clip_free(clip);
    arena_free(arena);
}

static void test_features(void **state) {
    check_features(state, FIXTURES "clip_vit.safetensors");
    assert_int_equal(scratch_count(state), 2);
}

static void test_features_resnet(void **state) {
    check_features(state, FIXTURES "clip_rn.safetensors");
}

/* Everything that a config can say: GELU, another epsilon, other pixels, other heads, LayerScale, a width of
 * the perceptron that is no multiple of the tower's. */
static void test_config(void **state) {
    static const char config[] =
        "{\"model_cfg\": {\"embed_dim\": 24, \"vision_cfg\": {\"width\": 48, \"layers\": 2, \"head_width\": "
        "12,\n"
        "  \"patch_size\": 8, \"image_size\": 24, \"mlp_ratio\": 2.3, \"ls_init_value\": 0.1,\n"
        "  \"norm_kwargs\": {\"eps\": 1e-6}},\n"
        " \"text_cfg\": {\"width\": 36, \"layers\": 2, \"heads\": 3, \"vocab_size\": 718,\n"
        "  \"context_length\": 20, \"mlp_ratio\": 3.1416}},\n"
        " \"preprocess_cfg\": {\"mean\": [0.5, 0.4, 0.1234567], \"std\": [0.3, 0.2, 0.1],\n"
        "  \"interpolation\": \"bilinear\", \"resize_mode\": \"longest\", \"fill_color\": 9}}";
    char path[512], name[512];
    Error err = {0};
    scratch_file(scratch_path(state, "mine.json", name, sizeof name), config, strlen(config));
    TrainableClip *clip = trainable_clip_create(name, 5, PRECISION_FLOAT32, &err);
    if (!clip)
        fail_msg("%s", err.text);
    save(clip, scratch_path(state, "epoch_1.safetensors", path, sizeof path));
    TrainableClip *again = open_model(path);
    assert_int_equal(again->parameters.n, clip->parameters.n);
    for (int i = 0; i < clip->parameters.n; i++) {
        const Parameter *a = &again->parameters.items[i], *b = &clip->parameters.items[i];
        assert_string_equal(a->name, b->name);
        assert_memory_equal(a->shape, b->shape, sizeof a->shape);
        assert_memory_equal(a->value, b->value, b->count * sizeof *a->value);
    }
    assert_memory_equal(&again->text, &clip->text, sizeof clip->text);
    assert_memory_equal(&again->image, &clip->image, sizeof clip->image);
    assert_memory_equal(again->mean, clip->mean, sizeof clip->mean);
    assert_memory_equal(again->std, clip->std, sizeof clip->std);
    assert_true(again->images.pad && again->images.bilinear && again->images.fill == 9);
    assert_true(parameters_find(&clip->parameters, "transformer.resblocks.0.mlp.c_fc.bias")->count == 113);
    assert_true(clip->image.activation == ACTIVATION_GELU && clip->image.norm_eps == 1e-6f);
    trainable_clip_free(again);
    trainable_clip_free(clip);
}

/* Several epochs share a config, which is written once; a folder that is not there is an error. */
static void test_epochs(void **state) {
    char path[512], config[512], stamp[2][FILE_STAMP];
    Error err = {0};
    TrainableClip *clip = open_model(FIXTURES "clip_vit.safetensors");
    save(clip, scratch_path(state, "epoch_1.safetensors", path, sizeof path));
    file_stamp(stamp[0], scratch_path(state, "open_clip_config.json", config, sizeof config));
    *clip->parameters.items[2].value = 3;
    save(clip, scratch_path(state, "epoch_2.safetensors", path, sizeof path));
    file_stamp(stamp[1], config);
    assert_string_equal(stamp[0], stamp[1]);
    assert_int_equal(scratch_count(state), 3);
    TensorFile *file = fixture_open(path);
    assert_true(tensors_checked(file));
    assert_int_equal(tensors_find(file, "logit_scale")->n_dims, 0);
    tensors_close(file);
    TrainableClip *second = open_model(path);
    assert_true(*parameters_find(&second->parameters, "logit_scale")->value == 3);
    assert_int_equal(trainable_clip_save(clip, "no/such/folder/x.safetensors", &err), -1);
    assert_non_null(strstr(err.text, "no/such/folder/open_clip_config.json"));
    trainable_clip_free(second);
    trainable_clip_free(clip);
}

/* Counters of batches are whole numbers in the file. */
static void test_counters(void **state) {
    char path[512];
    TrainableClip *clip = open_model(FIXTURES "clip_rn.safetensors");
    *parameters_find(&clip->parameters, "visual.bn2.num_batches_tracked")->value = 41;
    save(clip, scratch_path(state, "epoch_1.safetensors", path, sizeof path));
    TensorFile *file = fixture_open(path);
    const Tensor *tensor = tensors_find(file, "visual.bn2.num_batches_tracked");
    int64_t count;
    assert_true(tensor && tensor->dtype == DTYPE_I64 && tensor->n_dims == 0);
    memcpy(&count, tensor->data, sizeof count);
    assert_int_equal(count, 41);
    tensors_close(file);
    trainable_clip_free(clip);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_features, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_features_resnet, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_config, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_epochs, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_counters, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
