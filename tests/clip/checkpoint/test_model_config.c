/* The configs of OpenCLIP and Hugging Face: what is taken from them, and what is refused. */
#include "clip/checkpoint/model_config.h"

#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/tensors_open.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    Arena *arena;
    Error err;
    ModelConfig config;
    int result;
} Reading;

/* Reads `text` as the file `name`; files of other tests are gone by then. */
static Reading read_as(void **state, NameFlavour flavour, const char *name, const char *text) {
    char path[512], weights[512];
    Reading reading = {.arena = arena_create()};
    scratch_file(scratch_path(state, name, path, sizeof path), text, strlen(text));
    scratch_path(state, "model.safetensors", weights, sizeof weights);
    reading.result = model_config_read(&reading.config, weights, flavour, reading.arena, &reading.err);
    return reading;
}

static void assert_refused(void **state, NameFlavour flavour, const char *name, const char *text,
                           const char *message) {
    char want[1024], path[512];
    Reading reading = read_as(state, flavour, name, text);
    if (reading.result == 0)
        fail_msg("not refused: %s", text);
    snprintf(want, sizeof want, "%s: %s", scratch_path(state, name, path, sizeof path), message);
    assert_int_equal(reading.err.kind, ERROR_INPUT);
    if (strncmp(reading.err.text, want, strlen(want)) != 0)
        fail_msg("%s\n got %s\nwant %s", text, reading.err.text, want);
    arena_free(reading.arena);
}

static void test_none(void **state) {
    char weights[512];
    Error err = {0};
    Arena *arena = arena_create();
    ModelConfig config;
    scratch_path(state, "model.safetensors", weights, sizeof weights);
    for (int flavour = NAMES_OPENAI; flavour <= NAMES_HUGGING_FACE; flavour++) {
        assert_int_equal(model_config_read(&config, weights, (NameFlavour)flavour, arena, &err), 0);
        assert_null(config.path);
        assert_false(config.has_pixels);
        assert_int_equal(config.text.n_heads, 0);
        assert_int_equal(config.text.activation, ACTIVATION_QUICK_GELU);
    }
    arena_free(arena);
}

/* --- OpenCLIP --- */

#define OPENCLIP "open_clip_config.json"
#define VISION                                                                                               \
    "\"vision_cfg\": {\"image_size\": 224, \"layers\": 32, \"width\": 1280, \"head_width\": 80, "            \
    "\"patch_size\": 14}"
#define TEXT                                                                                                 \
    "\"text_cfg\": {\"context_length\": 77, \"vocab_size\": 49408, \"width\": 1024, \"heads\": 16, "         \
    "\"layers\": 24}"
#define MODEL "\"embed_dim\": 1024, " VISION ", " TEXT

static void test_openclip(void **state) {
    Reading r = read_as(state, NAMES_OPENAI, OPENCLIP,
                        "{\"model_cfg\": {" MODEL "}, \"preprocess_cfg\": {\"mean\": [0.5, 0.25, 0],"
                        "\"std\": [0.5, 1, 2], \"size\": [224, 224], \"mode\": \"RGB\", \"fill_color\": 0,"
                        "\"interpolation\": \"bicubic\", \"resize_mode\": \"shortest\"}}");
    assert_int_equal(r.result, 0);
    const ModelConfig *c = &r.config;
    assert_int_equal(c->text.activation, ACTIVATION_GELU); /* unless quick_gelu */
    assert_int_equal(c->image.activation, ACTIVATION_GELU);
    assert_int_equal(c->image.n_heads, 16);
    assert_int_equal(c->image.n_layers, 32);
    assert_int_equal(c->image.patch_size, 14);
    assert_int_equal(c->text.n_heads, 16);
    assert_int_equal(c->text.n_vocab, 49408);
    assert_int_equal(c->embed_dim, 1024);
    assert_int_equal(c->input_size, 224);
    assert_true(c->has_pixels && c->mean[1] == 0.25f && c->std[2] == 2);
    arena_free(r.arena);

    /* as in OpenCLIP's folder of configs; defaults; a ResNet */
    r = read_as(state, NAMES_OPENCLIP, OPENCLIP,
                "{\"embed_dim\": 1024, \"quick_gelu\": true, \"init_logit_bias\": -10, \"custom_text\": true,"
                "\"vision_cfg\": {\"image_size\": 224, \"layers\": [3, 4, 6, 3], \"width\": 64, "
                "\"patch_size\": null},"
                "\"text_cfg\": {\"hf_tokenizer_name\": null, \"tokenizer_kwargs\": {\"clean\": \"lower\"},"
                "\"norm_kwargs\": {\"eps\": 1e-6}, \"no_causal_mask\": false, \"pool_type\": \"argmax\"}}");
    assert_int_equal(r.result, 0);
    c = &r.config;
    assert_int_equal(c->text.activation, ACTIVATION_QUICK_GELU);
    assert_int_equal(c->image.n_heads, 32);
    assert_int_equal(c->image.n_layers, 0);
    assert_int_equal(c->image.n_blocks[2], 6);
    assert_int_equal(c->text.width, 512);
    assert_int_equal(c->text.n_heads, 8);
    assert_true(c->text.norm_eps == 1e-6f && c->image.norm_eps == 0);
    assert_int_equal(c->text.n_positions, 77);
    assert_true(c->has_pixels && c->mean[0] == 0.48145466f);
    arena_free(r.arena);
}

/* Pooling at the end-of-text token, by its id. */
static void test_openclip_eos(void **state) {
    Reading r =
        read_as(state, NAMES_OPENCLIP, OPENCLIP,
                "{\"embed_dim\": 1024, " VISION ", \"text_cfg\": {\"vocab_size\": 49408, \"width\": 1024, "
                "\"heads\": 16, \"layers\": 24, \"pool_type\": \"eos\", \"eos_id\": 49407}}");
    assert_int_equal(r.result, 0);
    arena_free(r.arena);
}

static void test_openclip_refused(void **state) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "line 1: "},
        {"[]", "not a JSON object"},
        {"{}", "model_cfg: missing"},
        {"{\"model_cfg\": 1}", "model_cfg: missing"},
        {"{\"model_cfg\": {}}", "vision_cfg: missing"},
        {"{\"model_cfg\": {" MODEL ", \"quick_gelu\": 1}}", "model_cfg.quick_gelu: neither true nor false"},
        {"{\"model_cfg\": {" MODEL ", \"quick_gelu\": true, \"quick_gelu\": false}}", "line 1: duplicate"},
        {"{\"model_cfg\": {" MODEL ", \"multimodal_cfg\": {\"width\": 1}}}",
         "model_cfg.multimodal_cfg: {...} is not supported: a CoCa model"},
        {"{\"model_cfg\": {" MODEL ", \"mixture\": 2}}", "model_cfg.mixture: not a key that is known here"},
        {"{\"model_cfg\": {\"embed_dim\": -1, " VISION ", " TEXT "}}",
         "model_cfg.embed_dim: not a whole number"},
        {"{\"model_cfg\": {\"embed_dim\": 1.5, " VISION ", " TEXT "}}",
         "model_cfg.embed_dim: not a whole number"},
        {"{\"model_cfg\": {\"embed_dim\": 99999999999999999999, " VISION ", " TEXT "}}", "line 1: "},
        {"{\"model_cfg\": {\"embed_dim\": 99999999999, " VISION ", " TEXT "}}",
         "model_cfg.embed_dim: not a whole"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(state, NAMES_OPENAI, OPENCLIP, cases[i].text, cases[i].message);
}

/* The config is read, but nothing may be done with images; the message begins with the file. */
static void assert_images_refused(void **state, NameFlavour flavour, const char *name, const char *text,
                                  const char *message) {
    char want[1024], path[512];
    Reading reading = read_as(state, flavour, name, text);
    Error err = {0};
    assert_int_equal(reading.result, 0);
    assert_int_equal(model_config_check_images(&reading.config, 224, "W", &err), -1);
    snprintf(want, sizeof want, "%s: %s", scratch_path(state, name, path, sizeof path), message);
    if (strncmp(err.text, want, strlen(want)) != 0)
        fail_msg("%s\n got %s\nwant %s", text, err.text, want);
    arena_free(reading.arena);
}

/* How images of 224 are prepared, where that is not as OpenAI does it. */
static void assert_images(void **state, NameFlavour flavour, const char *name, const char *text,
                          const char *expected) {
    char images[80];
    Error err = {0};
    Reading reading = read_as(state, flavour, name, text);
    if (reading.result < 0 || model_config_check_images(&reading.config, 224, "W", &err) < 0)
        fail_msg("%s\n got %s%s", text, reading.err.text, err.text);
    model_config_images_text(images, &reading.config.images, 224);
    assert_string_equal(images, expected);
    arena_free(reading.arena);
}

static void test_openclip_images(void **state) {
    static const struct {
        const char *preprocess, *images, *fault; /* one of the two */
    } cases[] = {
        {"{}", "", NULL},
        {"{\"interpolation\": \"random\", \"resize_mode\": \"shortest\", \"fill_color\": 9}", "", NULL},
        {"{\"interpolation\": \"bilinear\", \"size\": 224}", "resized to 224, bilinear", NULL},
        {"{\"resize_mode\": \"squash\", \"size\": [224, 224]}", "squashed to 224 x 224, bicubic", NULL},
        {"{\"resize_mode\": \"longest\", \"fill_color\": 127, \"interpolation\": \"bilinear\"}",
         "padded with 127 to 224 x 224, bilinear", NULL},
        {"{\"interpolation\": \"lanczos\"}", NULL,
         "interpolation: 'lanczos' where 'bicubic', 'bilinear' or 'random' is needed"},
        {"{\"resize_mode\": 1}", NULL,
         "resize_mode: '...' where 'shortest', 'squash' or 'longest' is needed"},
        {"{\"resize_mode\": \"longest\", \"fill_color\": 256}", NULL,
         "fill_color: not a whole number from 0 to 255"},
        {"{\"resize_mode\": \"longest\", \"fill_color\": [0, 0, 0]}", NULL, "fill_color: not a whole"},
        {"{\"mean\": [1, 2]}", NULL, "mean: not a list of three numbers"},
        {"{\"std\": [1, 0, 1]}", NULL, "std: not a list of three numbers above 0"},
        {"{\"mode\": \"L\"}", NULL, "mode: 'L' where 'RGB' is needed"},
        {"{\"sharpen\": 2}", NULL, "sharpen: not a key that is known here"},
        {"{\"size\": [224, 256]}", NULL, "size: two different sizes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024], message[512];
        snprintf(text, sizeof text, "{\"model_cfg\": {" MODEL "}, \"preprocess_cfg\": %s}",
                 cases[i].preprocess);
        snprintf(message, sizeof message, "preprocess_cfg.%s", cases[i].fault ? cases[i].fault : "");
        if (cases[i].images)
            assert_images(state, NAMES_OPENAI, OPENCLIP, text, cases[i].images);
        else
            assert_images_refused(state, NAMES_OPENAI, OPENCLIP, text, message);
    }
    assert_images_refused(state, NAMES_OPENAI, OPENCLIP,
                          "{\"model_cfg\": {" MODEL "}, \"preprocess_cfg\": [1]}",
                          "preprocess_cfg: not a JSON object");
}

/* One key more in one of the towers. */
static void test_openclip_towers(void **state) {
    static const struct {
        const char *tower, *key, *message;
    } cases[] = {
        {"vision", "\"timm_model_name\": \"convnext_base\"",
         "timm_model_name: 'convnext_base' is not supported: an image tower of timm"},
        {"vision", "\"pool_type\": \"avg\"",
         "pool_type: 'avg' where 'tok' is needed: CLIP reads the class token"},
        {"vision", "\"attentional_pool\": \"parallel\"", "attentional_pool: 'parallel' is not supported"},
        {"vision", "\"no_ln_pre\": true", "no_ln_pre: true is not supported: CLIP's ViT has a layer norm"},
        {"vision", "\"norm_kwargs\": {\"eps\": 0}", "norm_kwargs.eps: 0 where a number above 0"},
        {"vision", "\"norm_kwargs\": {\"bias\": true}", "norm_kwargs.bias: not a key that is known here"},
        {"vision", "\"act_kwargs\": {\"approximate\": \"tanh\"}",
         "act_kwargs: {...} is not supported: only QuickGELU"},
        {"vision", "\"qk_norm\": true", "qk_norm: true is not supported: CLIP's blocks"},
        {"vision", "\"scaled_cosine_attn\": true",
         "scaled_cosine_attn: true is not supported: CLIP's blocks"},
        {"vision", "\"image_size\": [224, 256]", "image_size: two different sizes"},
        {"vision", "\"layers\": [1, 2, 3]", "layers: neither a number of layers nor four"},
        {"vision", "\"head_width\": 4096", "head_width: 4096 is more than the width"},
        {"vision", "\"rope\": true", "rope: not a key that is known here"},
        {"text", "\"hf_model_name\": \"roberta-base\"",
         "hf_model_name: 'roberta-base' is not supported: a text tower"},
        {"text", "\"hf_tokenizer_name\": \"bert-base-uncased\"",
         "hf_tokenizer_name: 'bert-base-uncased' is not supported: another tokenizer"},
        {"text", "\"tokenizer_kwargs\": {\"clean\": \"canonicalize\"}",
         "tokenizer_kwargs.clean: 'canonicalize' where 'lower' is needed"},
        {"text", "\"pool_type\": \"last\"",
         "pool_type: 'last' where 'argmax' or 'eos' is needed: CLIP reads the end-of-text"},
        {"text", "\"pool_type\": \"eos\"", "eos_id: not 49407, CLIP's end-of-text token"},
        {"text", "\"pool_type\": \"eos\", \"eos_id\": 2", "eos_id: not 49407, CLIP's end-of-text token"},
        {"text", "\"no_causal_mask\": true",
         "no_causal_mask: true is not supported: CLIP's text tower is causal"},
        {"text", "\"embed_cls\": true", "embed_cls: true is not supported: a class token"},
        {"text", "\"proj_bias\": true", "proj_bias: true is not supported"},
        {"text", "\"proj_type\": \"none\"", "proj_type: 'none' where 'linear' is needed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024], message[512];
        bool vision = strcmp(cases[i].tower, "vision") == 0;
        snprintf(text, sizeof text,
                 "{\"model_cfg\": {\"embed_dim\": 8, \"vision_cfg\": {\"width\": 128%s%s}, \"text_cfg\": "
                 "{\"width\": 128%s%s}}}",
                 vision ? ", " : "", vision ? cases[i].key : "", vision ? "" : ", ",
                 vision ? "" : cases[i].key);
        snprintf(message, sizeof message, "%s_cfg.%s", cases[i].tower, cases[i].message);
        assert_refused(state, NAMES_OPENAI, OPENCLIP, text, message);
    }
}

/* --- Hugging Face --- */

static void test_hugging_face(void **state) {
    Reading r = read_as(
        state, NAMES_HUGGING_FACE, "config.json",
        "{\"model_type\": \"clip\", \"projection_dim\": 64, \"architectures\": [\"CLIPModel\"],"
        "\"text_config\": {\"hidden_size\": 96, \"num_attention_heads\": 3, \"hidden_act\": \"gelu\"},"
        "\"vision_config\": {\"hidden_size\": 80, \"image_size\": [96, 96], \"patch_size\": 16,"
        "\"layer_norm_eps\": 1e-05, \"num_channels\": 3}}");
    assert_int_equal(r.result, 0);
    const ModelConfig *c = &r.config;
    assert_int_equal(c->text.activation, ACTIVATION_GELU);
    assert_int_equal(c->image.activation, ACTIVATION_QUICK_GELU); /* the default */
    assert_int_equal(c->text.width, 96);
    assert_int_equal(c->text.n_heads, 3);
    assert_int_equal(c->text.n_layers, 12);
    assert_int_equal(c->image.n_heads, 12);
    assert_int_equal(c->image.image_size, 96);
    assert_int_equal(c->embed_dim, 64);
    assert_false(c->has_pixels);
    arena_free(r.arena);

    /* old files: the dictionary replaces the config */
    r = read_as(state, NAMES_HUGGING_FACE, "config.json",
                "{\"model_type\": \"clip\", \"text_config_dict\": {\"hidden_size\": 64}, "
                "\"vision_config_dict\": null,"
                "\"text_config\": {\"hidden_size\": 96, \"hidden_act\": \"gelu\"}, \"vision_config\": "
                "{\"hidden_act\": \"gelu\"}}");
    assert_int_equal(r.result, 0);
    assert_int_equal(r.config.text.width, 64);
    assert_int_equal(r.config.text.activation, ACTIVATION_QUICK_GELU);
    assert_int_equal(r.config.image.activation, ACTIVATION_GELU);
    assert_int_equal(r.config.embed_dim, 512);
    arena_free(r.arena);
}

/* One tower alone keeps its keys at the top. */
static void test_hugging_face_towers(void **state) {
    Reading r = read_as(state, NAMES_HUGGING_FACE, "config.json",
                        "{\"model_type\": \"clip_text_model\", \"architectures\": "
                        "[\"CLIPTextModelWithProjection\"], \"projection_dim\": 640,"
                        "\"hidden_size\": 1280, \"num_attention_heads\": 20, \"hidden_act\": \"gelu\"}");
    assert_int_equal(r.result, 0);
    assert_int_equal(r.config.text.width, 1280);
    assert_int_equal(r.config.text.n_heads, 20);
    assert_int_equal(r.config.text.activation, ACTIVATION_GELU);
    assert_int_equal(r.config.embed_dim, 640);
    arena_free(r.arena);
    r = read_as(state, NAMES_HUGGING_FACE, "config.json",
                "{\"model_type\": \"clip_vision_model\", \"hidden_size\": 1280, \"patch_size\": 14}");
    assert_int_equal(r.result, 0);
    assert_int_equal(r.config.image.width, 1280);
    assert_int_equal(r.config.image.patch_size, 14);
    arena_free(r.arena);
}

static void test_hugging_face_refused(void **state) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{}", "model_type: missing"},
        {"{\"model_type\": \"siglip\"}", "model_type: 'siglip' is not supported: SigLIP pools by attention"},
        {"{\"model_type\": \"siglip2\"}",
         "model_type: 'siglip2' is not supported: SigLIP pools by attention"},
        {"{\"model_type\": \"chinese_clip\"}",
         "model_type: 'chinese_clip' is not supported: only 'clip' and its towers are"},
        {"{\"model_type\": \"owlvit\"}",
         "model_type: 'owlvit' is not supported: only 'clip' and its towers are"},
        {"{\"model_type\": \"xclip\"}",
         "model_type: 'xclip' is not supported: only 'clip' and its towers are"},
        {"{\"model_type\": \"clipseg\"}",
         "model_type: 'clipseg' is not supported: only 'clip' and its towers are"},
        {"{\"model_type\": \"altclip\"}",
         "model_type: 'altclip' is not supported: only 'clip' and its towers are"},
        {"{\"model_type\": \"clip\", \"architectures\": [\"CLIPForImageClassification\"]}",
         "architectures: 'CLIPForImageClassification' is not supported: not a CLIP"},
        {"{\"model_type\": \"clip\", \"text_config\": {\"hidden_act\": \"gelu_new\"}}",
         "text_config.hidden_act: 'gelu_new' where "},
        {"{\"model_type\": \"clip\", \"text_config\": {\"eos_token_id\": 49408}}",
         "text_config.eos_token_id: not 49407, CLIP's end-of-text token"},
        {"{\"model_type\": \"clip\", \"vision_config\": {\"hidden_act\": 1}}",
         "vision_config.hidden_act: '...' where "},
        {"{\"model_type\": \"clip\", \"vision_config\": {\"layer_norm_eps\": -1e-6}}",
         "vision_config.layer_norm_eps: -1e-06 where a number above 0"},
        {"{\"model_type\": \"clip\", \"vision_config\": {\"num_channels\": 4}}",
         "vision_config.num_channels: 4 where 3"},
        {"{\"model_type\": \"clip\", \"vision_config\": {\"image_size\": [1, 2]}}",
         "vision_config.image_size: two different sizes"},
        {"{\"model_type\": \"clip\", \"vision_config\": 3}", "vision_config: not a JSON object"},
        {"{\"model_type\": \"clip\", \"text_config\": {\"hidden_size\": 0}}",
         "text_config.hidden_size: not a whole number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(state, NAMES_HUGGING_FACE, "config.json", cases[i].text, cases[i].message);
}

static void test_preprocessor(void **state) {
    Reading r = read_as(state, NAMES_HUGGING_FACE, "processor_config.json",
                        "{\"processor_class\": \"CLIPProcessor\", \"image_processor\": {\"do_resize\": true,"
                        "\"size\": {\"shortest_edge\": 224}, \"crop_size\": {\"height\": 224, \"width\": "
                        "224}, \"resample\": 3,"
                        "\"rescale_factor\": 0.00392156862745098, \"image_mean\": [0.5, 0.5, 0.5], "
                        "\"image_std\": [1, 1, 1]}}");
    assert_int_equal(r.result, 0);
    assert_true(r.config.has_pixels && r.config.mean[0] == 0.5f && r.config.std[1] == 1);
    assert_int_equal(r.config.input_size, 224);
    assert_null(r.config.path);
    arena_free(r.arena);
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"resample\": 1}", "resample: 1 where 2 (bilinear) or 3 (bicubic) is needed"},
        {"{\"resample\": \"bicubic\"}", "resample: 0 where 2 "},
        {"{\"do_center_crop\": false}", "do_center_crop: false: images that are not square"},
        {"{\"do_center_crop\": false, \"size\": {\"height\": 256, \"width\": 256}}",
         "size of prepared images 256 where the weights in W have 224"},
        {"{\"do_resize\": false}", "do_resize: false: a step"},
        {"{\"image_processor_type\": \"ViTImageProcessor\"}",
         "image_processor_type: 'ViTImageProcessor' is not supported"},
        {"{\"size\": {\"longest_edge\": 224}}", "size.longest_edge: not a key that is known here"},
        {"{\"size\": {\"height\": 224, \"width\": 200}}", "size: 224 by 200: only squares"},
        {"{\"do_normalize\": false}", "do_normalize: false: a step"},
        {"{\"rescale_factor\": 1}", "rescale_factor: 1 where 0.00392157 is needed"},
        {"{\"size\": 200, \"crop_size\": 224}", "crop_size: 224 of images that are resized to 200"},
        {"{\"size\": 256}", "size of prepared images 256 where the weights in W have 224"},
        {"{\"crop_size\": {\"height\": 224, \"width\": 225}}", "crop_size: 224 by 225: only squares"},
        {"{\"image_mean\": 0.5}", "image_mean: not a list of three numbers"},
        {"{\"image_std\": [0.5, 0.5, -0.5]}", "image_std: not a list of three numbers above 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_images_refused(state, NAMES_HUGGING_FACE, "preprocessor_config.json", cases[i].text,
                              cases[i].message);
    assert_refused(state, NAMES_HUGGING_FACE, "preprocessor_config.json", "{", "line 1: ");
}

static void test_preprocessor_images(void **state) {
    static const struct {
        const char *text, *images;
    } cases[] = {
        {"{\"size\": {\"shortest_edge\": 224}, \"crop_size\": 224, \"resample\": 3}", ""},
        {"{\"image_processor_type\": \"CLIPImageProcessorFast\"}", ""},
        {"{\"resample\": 2}", "resized to 224, bilinear"},
        {"{\"size\": 256, \"crop_size\": 224}", "resized to 256, bicubic"},
        {"{\"size\": {\"height\": 224, \"width\": 224}}", "squashed to 224 x 224, bicubic"},
        {"{\"size\": {\"height\": 248, \"width\": 248}, \"crop_size\": {\"height\": 224, \"width\": 224}, "
         "\"resample\": 2}",
         "squashed to 248 x 248, bilinear"},
        {"{\"do_center_crop\": false, \"size\": {\"height\": 224, \"width\": 224}}",
         "squashed to 224 x 224, bicubic"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_images(state, NAMES_HUGGING_FACE, "preprocessor_config.json", cases[i].text, cases[i].images);
}

static void test_hostile(void **state) {
    Arena *arena = arena_create();
    const size_t size = (size_t)1 << 19;
    char *text = ARENA_NEW(arena, char, size + 1);
    memset(text, '[', size);
    assert_refused(state, NAMES_OPENAI, OPENCLIP, text, "too large: over 262144 bytes");
    text[100000] = '\0';
    assert_refused(state, NAMES_OPENAI, OPENCLIP, text, "line 1: maximum parsing depth reached");
    assert_refused(state, NAMES_OPENAI, OPENCLIP, "{\"model_cfg\": \"\xff\"}", "line 1: ");
    arena_free(arena);
}

/* --- against the tensors --- */

static void test_check(void **state) {
    (void)state;
    Error err = {0};
    const ModelConfig found = {.embed_dim = 64,
                               .text = {.width = 512, .n_layers = 12, .n_positions = 77, .n_vocab = 49408},
                               .image = {.width = 768, .n_layers = 12, .image_size = 224, .patch_size = 32}};
    const ModelConfig good = {.path = "C",
                              .embed_dim = 64,
                              .text = {512, 12, 8, 77, 49408, 0, 0, {0}, 0},
                              .image = {768, 12, 12, 0, 0, 224, 32, {0}, 0}};
    assert_int_equal(model_config_check(&good, &found, "W", &err), 0);
    ModelConfig bad = good;
    bad.text.n_vocab = 1000;
    assert_int_equal(model_config_check(&bad, &found, "W", &err), -1);
    assert_string_equal(err.text, "C: vocabulary size 1000 where the weights in W have 49408: the config of "
                                  "another model");
    bad = good;
    bad.image.patch_size = 16;
    assert_int_equal(model_config_check(&bad, &found, "W", &err), -1);
    assert_non_null(strstr(err.text, "C: patch size 16 where "));
    bad = good;
    bad.image.n_blocks[1] = 3;
    assert_int_equal(model_config_check(&bad, &found, "W", &err), -1);
    assert_non_null(strstr(err.text, "C: blocks of layer2 3 where "));
    bad = (ModelConfig){.pixels_path = "P", .input_size = 336};
    assert_int_equal(model_config_check(&bad, &found, "W", &err), 0); /* nothing to texts */
    assert_int_equal(model_config_check_images(&bad, 224, "W", &err), -1);
    assert_non_null(strstr(err.text, "P: size of prepared images 336 where "));
}

#define SCRATCH_TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_none),
        SCRATCH_TEST(test_openclip),
        SCRATCH_TEST(test_openclip_eos),
        SCRATCH_TEST(test_openclip_refused),
        SCRATCH_TEST(test_openclip_images),
        SCRATCH_TEST(test_openclip_towers),
        SCRATCH_TEST(test_hugging_face),
        SCRATCH_TEST(test_hugging_face_towers),
        SCRATCH_TEST(test_hugging_face_refused),
        SCRATCH_TEST(test_preprocessor),
        SCRATCH_TEST(test_preprocessor_images),
        SCRATCH_TEST(test_hostile),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
