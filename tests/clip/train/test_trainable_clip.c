/* Checkpoints of every flavour as parameters: their numbers, and what is refused. */
#include "clip/train/trainable_clip.h"

#include "tests/support/checkpoint_copy.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define VIT FIXTURES "clip_vit.safetensors"
#define RN FIXTURES "clip_rn.safetensors"

static TrainableClip *open_model(const char *path) {
    Error err = {0};
    Pool *pool = pool_create(2);
    TrainableClip *clip =
        trainable_clip_open(path, CLIP_ACTIVATION_QUICK_GELU, 0, PRECISION_FLOAT32, pool, &err);
    pool_free(pool);
    if (!clip)
        fail_msg("%s", err.text);
    return clip;
}

/* Every tensor of the file is a parameter, and the other way round; counters apart. */
static void check_numbers(const char *path, int expected) {
    TrainableClip *clip = open_model(path);
    TensorFile *file = fixture_open(path);
    Arena *arena = arena_create();
    int n_counters = 0;
    for (int i = 0; i < clip->parameters.n; i++) {
        const Parameter *p = &clip->parameters.items[i];
        size_t count;
        if (strstr(p->name, "num_batches_tracked")) {
            n_counters += *p->value == 0 && p->is_buffer;
            continue;
        }
        const float *want = fixture_floats(file, p->name, arena, &count);
        const Tensor *tensor = tensors_find(file, p->name);
        assert_int_equal(tensor->n_dims, p->n_dims);
        assert_memory_equal(tensor->shape, p->shape, (size_t)p->n_dims * sizeof *p->shape);
        assert_int_equal(count, p->count);
        assert_memory_equal(want, p->value, count * sizeof *want);
        assert_true(p->is_buffer == (strstr(p->name, "running_") != NULL) && !p->gradient);
    }
    assert_int_equal(clip->parameters.n - n_counters, expected);
    tensors_close(file);
    arena_free(arena);
    trainable_clip_free(clip);
}

static void test_numbers(void **state) {
    (void)state;
    check_numbers(VIT, 98);
    check_numbers(RN, 161);
}

static void test_sizes(void **state) {
    (void)state;
    TrainableClip *vit = open_model(VIT), *rn = open_model(RN);
    assert_true(!vit->is_resnet && rn->is_resnet && vit->embed_dim == 64 && rn->embed_dim == 48);
    assert_true(vit->text.width == 128 && vit->text.n_heads == 2 && vit->text.n_layers == 3);
    assert_true(vit->text.n_positions == 77 && vit->text.n_vocab == 718);
    assert_true(vit->image.width == 128 && vit->image.n_layers == 4 && vit->image.n_heads == 2);
    assert_true(vit->image.patch_size == 8 && vit->image.image_size == 32);
    assert_true(vit->image.norm_eps == LAYER_NORM_EPS && vit->image.activation == ACTIVATION_QUICK_GELU);
    assert_true(rn->image.width == 16 && rn->image.image_size == 64 && rn->image.n_heads == 8);
    assert_true(rn->image.n_blocks[1] == 2 && rn->image.n_layers == 0);
    assert_true(vit->mean[0] == 0.48145466f && vit->std[2] == 0.27577711f);
    trainable_clip_free(vit);
    trainable_clip_free(rn);
}

/* --- copies --- */

typedef struct {
    Arena *arena;
    TensorFile *file;
    Copy *copy;
    char path[512];
} Trial;

static Trial trial_open(void **state, const char *model) {
    Trial trial = {.arena = arena_create(), .file = fixture_open(model)};
    trial.copy = copy_of(trial.file, trial.arena);
    scratch_path(state, "model.safetensors", trial.path, sizeof trial.path);
    return trial;
}

static void trial_close(Trial *trial) {
    tensors_close(trial->file);
    arena_free(trial->arena);
}

static void write_text(void **state, const char *name, const char *text) {
    char path[512];
    scratch_file(scratch_path(state, name, path, sizeof path), text, strlen(text));
}

/* The copy has the same parameters as the fixture. */
static void assert_same_numbers(Trial *trial, const char *model) {
    copy_write(trial->copy, trial->path);
    TrainableClip *want = open_model(model), *got = open_model(trial->path);
    assert_int_equal(got->parameters.n, want->parameters.n);
    for (int i = 0; i < want->parameters.n; i++) {
        const Parameter *a = &got->parameters.items[i], *b = &want->parameters.items[i];
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->count, b->count);
        assert_memory_equal(a->value, b->value, a->count * sizeof *a->value);
    }
    trainable_clip_free(want);
    trainable_clip_free(got);
}

static void test_flavours(void **state) {
    Trial trial = trial_open(state, VIT);
    copy_rename(trial.copy, trial.arena, "", "module.");
    assert_same_numbers(&trial, VIT);
    trial_close(&trial);

    trial = trial_open(state, VIT);
    copy_to_hugging_face(trial.copy, trial.arena);
    assert_same_numbers(&trial, VIT);
    trial_close(&trial);

    trial = trial_open(state, RN);
    copy_to_float(trial.copy, trial.arena);
    assert_same_numbers(&trial, RN);
    trial_close(&trial);
}

/* Gains of branches are parameters of their own, behind the layer that they follow; counters are read. */
static void test_layer_scale(void **state) {
    Trial trial = trial_open(state, VIT);
    float gains[128];
    fill_normal(gains, 128, 1, 3);
    for (int i = 0; i < 4; i++)
        for (int k = 1; k <= 2; k++)
            copy_add(trial.copy, trial.arena,
                     arena_printf(trial.arena, "visual.transformer.resblocks.%d.ls_%d.gamma", i, k),
                     DTYPE_F32, 1, (int[]){128})
                ->data = gains;
    copy_write(trial.copy, trial.path);
    TrainableClip *clip = open_model(trial.path);
    assert_int_equal(clip->parameters.n, 98 + 8);
    const Parameter *gamma = parameters_find(&clip->parameters, "visual.transformer.resblocks.3.ls_2.gamma");
    assert_memory_equal(gamma->value, gains, sizeof gains);
    assert_string_equal(gamma[-1].name, "visual.transformer.resblocks.3.mlp.c_proj.bias");
    trainable_clip_free(clip);
    trial_close(&trial);
}

static void test_counters(void **state) {
    Trial trial = trial_open(state, RN);
    const int64_t count = 7000;
    copy_add(trial.copy, trial.arena, "visual.layer2.1.bn3.num_batches_tracked", DTYPE_I64, 0, NULL)->data =
        &count;
    copy_write(trial.copy, trial.path);
    TrainableClip *clip = open_model(trial.path);
    assert_true(*parameters_find(&clip->parameters, "visual.layer2.1.bn3.num_batches_tracked")->value ==
                7000);
    trainable_clip_free(clip);
    trial_close(&trial);
}

/* --- refusals --- */

static void assert_refused(const char *path, const char *why) {
    Error err = {0};
    TrainableClip *clip = trainable_clip_open(path, CLIP_ACTIVATION_AUTO, 0, PRECISION_FLOAT32, NULL, &err);
    assert_null(clip);
    assert_int_equal(err.kind, ERROR_INPUT);
    if (!strstr(err.text, why))
        fail_msg("'%s' where '%s' is needed", err.text, why);
}

static void assert_copy_refused(Trial *trial, const char *why) {
    copy_write(trial->copy, trial->path);
    assert_refused(trial->path, why);
    trial_close(trial);
}

/* What clip_open refuses too. */
static void test_damaged(void **state) {
    Trial trial = trial_open(state, VIT);
    copy_remove(trial.copy, "visual.transformer.resblocks.2.mlp.c_fc.bias");
    assert_copy_refused(&trial, "visual.transformer.resblocks.2.mlp.c_fc.bias: missing");

    trial = trial_open(state, VIT);
    copy_add(trial.copy, trial.arena, "visual.adapter.weight", DTYPE_F32, 2, (int[]){2, 2});
    assert_copy_refused(&trial, "visual.adapter.weight: not supported: CLIP has no such weight");

    trial = trial_open(state, RN);
    copy_add(trial.copy, trial.arena, "visual.layer2.1.downsample.0.weight", DTYPE_F32, 4,
             (int[]){128, 128, 1, 1});
    assert_copy_refused(&trial, "downsample.0.weight: CLIP has no such weight in this block");

    trial = trial_open(state, VIT);
    copy_to_float(trial.copy, trial.arena);
    TensorOut *bias = copy_find(trial.copy, "ln_final.bias");
    float *values = arena_floats(trial.arena, 128, 1);
    values[5] = NAN;
    bias->data = values;
    assert_copy_refused(&trial, "ln_final.bias");

    trial = trial_open(state, RN);
    copy_to_float(trial.copy, trial.arena);
    values = arena_floats(trial.arena, 8, 1);
    values[3] = -1;
    copy_find(trial.copy, "visual.bn1.running_var")->data = values;
    assert_copy_refused(&trial, "visual.bn1.running_var: -1 at index 3: a variance is not negative");
}

static void test_not_trained(void **state) {
    Trial long_clip = trial_open(state, VIT);
    copy_remove(long_clip.copy, "positional_embedding");
    copy_add(long_clip.copy, long_clip.arena, "positional_embedding", DTYPE_F32, 2, (int[]){248, 128});
    copy_add(long_clip.copy, long_clip.arena, "positional_embedding_res", DTYPE_F32, 2, (int[]){248, 128});
    assert_copy_refused(&long_clip,
                        "positional_embedding_res: not supported in training: Long-CLIP's second");

    Trial trial = trial_open(state, VIT);
    copy_to_hugging_face(trial.copy, trial.arena);
    for (int i = trial.copy->n - 1; i >= 0; i--)
        if (strncmp(trial.copy->tensors[i].name, "vision_model.", 13) == 0 ||
            strncmp(trial.copy->tensors[i].name, "visual_", 7) == 0)
            copy_remove(trial.copy, trial.copy->tensors[i].name);
    assert_copy_refused(&trial, "only a text tower, and the image tower is needed");
}

#define CONFIG(vision)                                                                                       \
    "{\"model_cfg\": {\"embed_dim\": 64, \"quick_gelu\": true,\n"                                            \
    "   \"vision_cfg\": {\"width\": 128, \"layers\": 4, \"patch_size\": 8, \"image_size\": 32" vision "},\n" \
    "   \"text_cfg\": {\"width\": 128, \"layers\": 3, \"heads\": 2, \"vocab_size\": 718}}}"

static void test_configs(void **state) {
    Trial trial = trial_open(state, VIT);
    copy_write(trial.copy, trial.path);
    write_text(state, "open_clip_config.json", CONFIG(", \"patch_dropout\": 0.5"));
    assert_refused(trial.path, "vision_cfg.patch_dropout: 0.5 is not supported: patches are not dropped");
    write_text(state, "open_clip_config.json", CONFIG(", \"pos_embed_type\": \"sin_cos_2d\""));
    assert_refused(trial.path, "vision_cfg.pos_embed_type: 'sin_cos_2d' where 'learnable' is needed");
    write_text(state, "open_clip_config.json", CONFIG(", \"patch_dropout\": 0"));
    Error err = {0};
    TrainableClip *clip =
        trainable_clip_open(trial.path, CLIP_ACTIVATION_AUTO, 0, PRECISION_FLOAT32, NULL, &err);
    assert_true(clip && !clip->note);
    trainable_clip_free(clip);

    trial_close(&trial);
}

#define HF_CONFIG(text_act)                                                                                  \
    "{\"model_type\": \"clip\", \"projection_dim\": 64,\n"                                                   \
    " \"text_config\": {\"hidden_size\": 128, \"num_hidden_layers\": 3, \"num_attention_heads\": 2,\n"       \
    "   \"vocab_size\": 718, \"hidden_act\": \"" text_act "\", \"eos_token_id\": 2},\n"                      \
    " \"vision_config\": {\"hidden_size\": 128, \"num_hidden_layers\": 4, \"num_attention_heads\": 2,\n"     \
    "   \"image_size\": 32, \"patch_size\": 8, \"hidden_act\": \"quick_gelu\"}}"

/* What no config of OpenCLIP can say: two activations are refused, another way of resizing is told. */
static void test_hugging_face_configs(void **state) {
    Trial trial = trial_open(state, VIT);
    copy_to_hugging_face(trial.copy, trial.arena);
    copy_write(trial.copy, trial.path);
    write_text(state, "config.json", HF_CONFIG("gelu"));
    assert_refused(trial.path,
                   "config.json: not supported in training: gelu in the text tower and quick_gelu");
    write_text(state, "config.json", HF_CONFIG("quick_gelu"));
    write_text(state, "preprocessor_config.json",
               "{\"do_resize\": true, \"size\": {\"shortest_edge\": 40}, \"do_center_crop\": true,\n"
               " \"crop_size\": {\"height\": 32, \"width\": 32}, \"resample\": 3}");
    TrainableClip *clip = open_model(trial.path);
    assert_non_null(clip->note);
    assert_non_null(
        strstr(clip->note, "images are resized to 40 and cut to 32, which a saved config cannot say"));
    trainable_clip_free(clip);
    trial_close(&trial);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test_setup_teardown(test_flavours, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_layer_scale, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_counters, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_damaged, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_not_trained, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_configs, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_hugging_face_configs, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
