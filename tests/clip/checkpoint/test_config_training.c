/* Configs of models that are to be trained: sizes that fit, and what is refused. */
#include "clip/checkpoint/config_training.h"

#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *write_config(void **state, const char *text, char path[512]) {
    scratch_file(scratch_path(state, "config.json", path, 512), text, strlen(text));
    return path;
}

/* OpenCLIP's ViT-B-32.json */
static void test_defaults(void **state) {
    char path[512];
    Error err = {0};
    NewModel model;
    Arena *arena = arena_create();
    write_config(state,
                 "{\"embed_dim\": 512, \"vision_cfg\": {\"image_size\": 224, \"layers\": 12, \"width\": 768, "
                 "\"patch_size\": 32}, \"text_cfg\": {\"context_length\": 77, \"vocab_size\": 49408, "
                 "\"width\": 512, \"heads\": 8, \"layers\": 12}}",
                 path);
    if (config_read_new(&model, path, arena, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(model.model.embed_dim == 512 && model.model.image.n_heads == 12);
    assert_true(model.text.mlp_width == 2048 && model.image.mlp_width == 3072);
    assert_true(model.text.layer_scale == 0 && model.image.layer_scale == 0);
    assert_true(fabs(model.logit_scale - 2.6592600369327783) < 1e-12);
    assert_int_equal(model.model.text.activation, ACTIVATION_GELU);
    arena_free(arena);
}

static void test_all_keys(void **state) {
    char path[512];
    Error err = {0};
    NewModel model;
    Arena *arena = arena_create();
    write_config(
        state,
        "{\"model_cfg\": {\"embed_dim\": 1280, \"quick_gelu\": true, \"init_logit_scale\": 3.5,\n"
        "\"vision_cfg\": {\"image_size\": 224, \"layers\": 48, \"width\": 1664, \"head_width\": 104,\n"
        "\"mlp_ratio\": 4.9231, \"patch_size\": 14, \"ls_init_value\": 1e-4},\n"
        "\"text_cfg\": {\"width\": 1280, \"heads\": 20, \"layers\": 32, \"vocab_size\": 700}},\n"
        "\"preprocess_cfg\": {\"size\": 224, \"resize_mode\": \"squash\"}}",
        path);
    if (config_read_new(&model, path, arena, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(model.image.mlp_width == 8192 && model.text.mlp_width == 5120);
    assert_true(model.image.layer_scale == 1e-4 && model.logit_scale == 3.5);
    assert_true(model.model.image.n_heads == 16 && model.model.text.n_vocab == 700);
    assert_true(model.model.images.squash && model.model.text.activation == ACTIVATION_QUICK_GELU);
    arena_free(arena);
}

/* One line each: the file, the key, the reason. */
static void test_refused(void **state) {
    static const struct {
        const char *json, *why;
    } cases[] = {
        {"[1]", "not a JSON object"},
        {"{\"embed_dim\": 4,", "line 1"},
        {"{\"vision_cfg\": {}, \"text_cfg\": {}}", ": embed_dim: missing"},
        {"{\"embed_dim\": 64, \"text_cfg\": {}}", ": vision_cfg: missing"},
        {"{\"embed_dim\": 64, \"vision_cfg\": {}}", ": text_cfg: missing"},
        {"{\"embed_dim\": 64, \"vision_cfg\": {\"image_size\": 100}, \"text_cfg\": {}}",
         "vision_cfg.image_size: 100 is no multiple of the patch size, 16"},
        {"{\"embed_dim\": 64, \"vision_cfg\": {\"image_size\": 8192}, \"text_cfg\": {}}",
         "vision_cfg.image_size: 8192 is more than 4096"},
        {"{\"embed_dim\": 64, \"vision_cfg\": {\"width\": 200}, \"text_cfg\": {}}",
         "vision_cfg.width 200 is no multiple of 3 heads"},
        {"{\"embed_dim\": 64, \"vision_cfg\": {}, \"text_cfg\": {\"width\": 200, \"heads\": 3}}",
         "text_cfg.width 200 is no multiple of 3 heads"},
        {"{\"embed_dim\": 64, \"vision_cfg\": {\"mlp_ratio\": 0}, \"text_cfg\": {}}",
         "vision_cfg.mlp_ratio: 0 where a number above 0 and at most 64 is needed"},
        {"{\"embed_dim\": 64, \"vision_cfg\": {\"mlp_ratio\": 0.0001}, \"text_cfg\": {}}",
         "vision_cfg.mlp_ratio: 0.0001 of width 768 is no width"},
        {"{\"embed_dim\": 64, \"vision_cfg\": {\"layers\": [1, 1, 1, 1], \"width\": 15}, \"text_cfg\": {}}",
         "vision_cfg.width: 15 is odd or too large for a ResNet"},
        {"{\"embed_dim\": 64, \"vision_cfg\": {\"layers\": [1, 1, 1, 1], \"width\": 16,\n"
         " \"image_size\": 100}, \"text_cfg\": {}}",
         "vision_cfg.image_size: 100 is no multiple of a ResNet's cell"},
        {"{\"embed_dim\": 64, \"vision_cfg\": {\"layers\": 1001}, \"text_cfg\": {}}",
         "layers: more than 1000"},
        {"{\"embed_dim\": 64, \"vision_cfg\": {}, \"text_cfg\": {\"context_length\": 1}}",
         "text_cfg: a context of 1 positions"},
        {"{\"embed_dim\": 64, \"vision_cfg\": {\"patch_dropout\": 0.5}, \"text_cfg\": {}}",
         "vision_cfg.patch_dropout: 0.5 is not supported"},
        {"{\"embed_dim\": 64, \"vision_cfg\": {\"pos_embed_type\": \"sin_cos_2d\"}, \"text_cfg\": {}}",
         "vision_cfg.pos_embed_type: 'sin_cos_2d' where 'learnable' is needed"},
        {"{\"embed_dim\": 64, \"init_logit_bias\": -10, \"vision_cfg\": {}, \"text_cfg\": {}}",
         "model_cfg.init_logit_bias: -10 is not supported"},
        {"{\"embed_dim\": 64, \"init_logit_scale\": 90, \"vision_cfg\": {}, \"text_cfg\": {}}",
         "model_cfg.init_logit_scale: 90 where a number above 0 and at most 80 is needed"},
        {"{\"embed_dim\": 64, \"vision_cfg\": {\"timm_model_name\": \"x\"}, \"text_cfg\": {}}",
         "vision_cfg.timm_model_name: 'x' is not supported"},
        {"{\"model_cfg\": {\"embed_dim\": 64, \"vision_cfg\": {}, \"text_cfg\": {}},\n"
         " \"preprocess_cfg\": {\"size\": 256}}",
         "preprocess_cfg.size: 256 where vision_cfg.image_size is 224"},
        {"{\"model_cfg\": {\"embed_dim\": 64, \"vision_cfg\": {}, \"text_cfg\": {}},\n"
         " \"preprocess_cfg\": {\"resize_mode\": \"other\"}}",
         "preprocess_cfg.resize_mode: 'other' where"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[512];
        Error err = {0};
        NewModel model;
        Arena *arena = arena_create();
        write_config(state, cases[i].json, path);
        assert_int_equal(config_read_new(&model, path, arena, &err), -1);
        assert_int_equal(err.kind, ERROR_INPUT);
        if (strncmp(err.text, path, strlen(path)) != 0 || !strstr(err.text, cases[i].why))
            fail_msg("'%s' where '%s' is needed", err.text, cases[i].why);
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_all_keys, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_refused, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
