/* The golden checkpoints as other programs would have written them: the same bits come out. */
#include "clip/checkpoint/model.h"

#include "clip/base/files.h"
#include "clip/image/image_tower.h"
#include "coop/zeroshot.h"
#include "tests/support/checkpoint_copy.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"
#include "tests/support/tower_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define VIT FIXTURES "clip_vit.safetensors"
#define RN FIXTURES "clip_rn.safetensors"

#define HF_CONFIG(act)                                                                                       \
    "{\"model_type\": \"clip\", \"projection_dim\": 64,\n"                                                   \
    " \"text_config\": {\"hidden_size\": 128, \"num_hidden_layers\": 3, \"num_attention_heads\": 2,\n"       \
    "   \"vocab_size\": 718, \"hidden_act\": \"" act "\", \"eos_token_id\": 2},\n"                           \
    " \"vision_config\": {\"hidden_size\": 128, \"num_hidden_layers\": 4, \"num_attention_heads\": 2,\n"     \
    "   \"image_size\": 32, \"patch_size\": 8, \"hidden_act\": \"" act "\"}}"
#define OPENCLIP_CONFIG(quick)                                                                               \
    "{\"model_cfg\": {\"embed_dim\": 64, \"quick_gelu\": " quick ",\n"                                       \
    "   \"vision_cfg\": {\"width\": 128, \"layers\": 4, \"patch_size\": 8, \"image_size\": 32},\n"           \
    "   \"text_cfg\": {\"width\": 128, \"layers\": 3, \"heads\": 2, \"vocab_size\": 718}},\n"                \
    " \"preprocess_cfg\": {\"interpolation\": \"bicubic\", \"resize_mode\": \"shortest\"}}"

/* Features of a few images and texts. */
typedef struct {
    size_t n_images, n_texts; /* numbers of floats */
    const float *images, *texts;
} Features;

static Features features_of(const Clip *clip, Arena *arena) {
    enum { N = 2 };
    Error err = {0};
    static const char *const texts[N] = {"a photo of a cup.", "two red stars"};
    const size_t S = (size_t)clip->image_size, E = (size_t)clip->embed_dim;
    float *pixels = arena_floats(arena, N, 3 * S * S), *images = arena_floats(arena, N, E);
    float *words = arena_floats(arena, N, E);
    Pool *pool = pool_create(2);
    Tokenizer *tokenizer = tokenizer_open(FIXTURES "merges.txt.gz", clip->n_vocab - 514, &err);
    fill_normal(pixels, N * 3 * S * S, 1, 3);
    for (size_t i = 0; i < N * 3 * S * S; i++)
        pixels[i] += 0.5f * (float)(i / (S * S) % 5);
    assert_int_equal(image_tower_forward(clip, pool, pixels, N, images, &err), 0);
    assert_int_equal(encode_texts(words, NULL, NULL, clip, tokenizer, pool, texts, N, NULL, &err), 0);
    assert_true(relative_error(images, images + E, E) > 1e-3 && relative_error(words, words + E, E) > 1e-3);
    tokenizer_free(tokenizer);
    pool_free(pool);
    return (Features){N * E, N * E, images, words};
}

static void assert_same(const Features *a, const Features *b) {
    assert_int_equal(a->n_images, b->n_images);
    assert_memory_equal(a->images, b->images, a->n_images * sizeof(float));
    assert_memory_equal(a->texts, b->texts, a->n_texts * sizeof(float));
}

typedef struct {
    Arena *arena;
    TensorFile *file;
    Copy *copy;
    const char *model;
    Clip *plain;    /* the fixture itself, once asked for, */
    Features want;  /* and its features */
    char path[512]; /* of the copy */
} Trial;

static Trial trial_open(void **state, const char *model) {
    Trial trial = {.arena = arena_create(), .file = fixture_open(model), .model = model};
    trial.copy = copy_of(trial.file, trial.arena);
    scratch_path(state, "model.safetensors", trial.path, sizeof trial.path);
    return trial;
}

/* Takes a second under valgrind: only for those who ask. */
static const Features *trial_want(Trial *trial) {
    if (!trial->plain) {
        trial->plain = tower_open(trial->model, CLIP_BOTH);
        trial->want = features_of(trial->plain, trial->arena);
    }
    return &trial->want;
}

static void trial_close(Trial *trial) {
    clip_free(trial->plain);
    tensors_close(trial->file);
    arena_free(trial->arena);
}

/* Writes the copy, opens it and compares; the flavour is as given. Caller frees. */
static Clip *assert_equal_model(Trial *trial, const char *flavour) {
    copy_write(trial->copy, trial->path);
    Clip *clip = tower_open(trial->path, CLIP_BOTH);
    Features got = features_of(clip, trial->arena);
    assert_same(&got, trial_want(trial));
    assert_string_equal(clip->flavour, flavour);
    assert_string_equal(clip->name, trial->plain->name);
    assert_true(clip->logit_scale == trial->plain->logit_scale);
    return clip;
}

static void write_text(void **state, const char *name, const char *text) {
    char path[512];
    scratch_file(scratch_path(state, name, path, sizeof path), text, strlen(text));
}

/* --- Hugging Face --- */

static void check_hugging_face(void **state, bool to_float) {
    Trial trial = trial_open(state, VIT);
    if (to_float)
        copy_to_float(trial.copy, trial.arena);
    copy_to_hugging_face(trial.copy, trial.arena);
    copy_add(trial.copy, trial.arena, "text_model.embeddings.position_ids", DTYPE_I64, 2, (int[]){1, 77});
    copy_add(trial.copy, trial.arena, "vision_model.embeddings.position_ids", DTYPE_I64, 2, (int[]){1, 17});
    Clip *clip = assert_equal_model(&trial, "Hugging Face"); /* no config: QuickGELU is assumed */
    assert_null(clip->config);
    assert_non_null(strstr(clip->note, "model.safetensors: no config beside it says which activation"));
    const Tensor *norm = tensors_find(clip->file, "vision_model.post_layernorm.weight");
    assert_true(((const void *)clip->vit.ln_post_w == (const void *)norm->data) == to_float); /* in the map */
    assert_null(
        clip->vit.blocks[0].in_proj_w); /* q, k, v lie apart: a copy is needed, and it is a packed one */
    clip_free(clip);

    write_text(state, "config.json", HF_CONFIG("quick_gelu"));
    clip = assert_equal_model(&trial, "Hugging Face");
    assert_null(clip->note);
    assert_non_null(strstr(clip->config, "/config.json"));
    assert_string_equal(clip_digest(clip), tensors_digest(clip->file));
    clip_free(clip);
    trial_close(&trial);
}

static void test_hugging_face(void **state) {
    check_hugging_face(state, false);
}

static void test_hugging_face_float(void **state) {
    check_hugging_face(state, true);
}

/* --- OpenCLIP --- */

static void test_prefixes(void **state) {
    static const char *const prefixes[] = {"module.", "_orig_mod.", "module._orig_mod.", "model."};
    for (int i = 0; i < 4; i += scratch_instrumented() ? 3 : 1) {
        Trial trial = trial_open(state, i % 2 ? RN : VIT);
        copy_rename(trial.copy, trial.arena, "", prefixes[i]);
        clip_free(assert_equal_model(&trial, "OpenAI"));
        trial_close(&trial);
    }
    Trial trial = trial_open(state, VIT);
    copy_to_hugging_face(trial.copy, trial.arena);
    copy_rename(trial.copy, trial.arena, "", "module.");
    clip_free(assert_equal_model(&trial, "Hugging Face"));
    trial_close(&trial);
}

static void check_custom_text(void **state, const char *model, const char *prefix) {
    Trial trial = trial_open(state, model);
    static const char *const text[] = {"token_embedding.", "positional_embedding", "transformer.",
                                       "ln_final.", "text_projection"};
    for (int i = 0; i < 5; i++)
        copy_rename(trial.copy, trial.arena, text[i], arena_printf(trial.arena, "text.%s", text[i]));
    copy_add(trial.copy, trial.arena, "logit_bias", DTYPE_F32, 0, NULL); /* the same for all classes */
    copy_add(trial.copy, trial.arena, "text.attn_mask", DTYPE_F32, 2, (int[]){77, 77});
    copy_rename(trial.copy, trial.arena, "", prefix);
    clip_free(assert_equal_model(&trial, "OpenCLIP"));
    trial_close(&trial);
}

static void test_custom_text(void **state) {
    check_custom_text(state, VIT, "");
    check_custom_text(state, RN, "module.");
}

/* With weights twice and gamma one half, both exact. */
static void test_layer_scale(void **state) {
    Trial trial = trial_open(state, VIT);
    copy_to_float(trial.copy, trial.arena);
    for (int i = 0; i < 7; i++) {
        const char *p = arena_printf(trial.arena, "%stransformer.resblocks.%d.", i < 3 ? "" : "visual.",
                                     i < 3 ? i : i - 3);
        static const char *const ends[] = {"attn.out_proj.weight", "attn.out_proj.bias", "mlp.c_proj.weight",
                                           "mlp.c_proj.bias"};
        for (int k = 0; k < 4; k++) {
            TensorOut *t = copy_find(trial.copy, arena_printf(trial.arena, "%s%s", p, ends[k]));
            const size_t columns = t->n_dims == 2 ? (size_t)t->shape[1] : 1;
            for (size_t r = 0; r < 128; r++) /* odd rows only */
                for (size_t c = 0; c < columns && r % 2; c++)
                    ((float *)t->data)[r * columns + c] *= 2;
        }
        for (int k = 1; k <= 2; k++) {
            TensorOut *gamma =
                copy_add(trial.copy, trial.arena, arena_printf(trial.arena, "%sls_%d.gamma", p, k), DTYPE_F32,
                         1, (int[]){128});
            for (int r = 0; r < 128; r++)
                ((float *)gamma->data)[r] = r % 2 ? 0.5f : 1.0f;
        }
    }
    write_text(state, "open_clip_config.json", OPENCLIP_CONFIG("true"));
    clip_free(assert_equal_model(&trial, "OpenCLIP"));
    trial_close(&trial);
}

/* Without the tensors whose names begin like this. */
static void remove_tower(Copy *copy, const char *beginning) {
    for (int i = copy->n; i-- > 0;)
        if (strncmp(copy->tensors[i].name, beginning, strlen(beginning)) == 0)
            copy_remove(copy, copy->tensors[i].name);
}

#define TOWER_CONFIG(type, sizes)                                                                            \
    "{\"model_type\": \"" type                                                                               \
    "\", \"projection_dim\": 64, \"hidden_size\": 128, \"num_attention_heads\": 2, "                         \
    "\"hidden_act\": \"quick_gelu\", " sizes "}"

/* CLIPTextModelWithProjection and CLIPVisionModelWithProjection have the weights of one tower. */
static void test_towers(void **state) {
    for (int image = 0; image < 2; image++) {
        Error err = {0};
        Trial trial = trial_open(state, VIT);
        copy_to_hugging_face(trial.copy, trial.arena);
        remove_tower(trial.copy, image ? "text_" : "vision_");
        remove_tower(trial.copy, image ? "logit_scale" : "visual_");
        if (!image)
            remove_tower(trial.copy, "logit_scale");
        copy_write(trial.copy, trial.path);
        write_text(state, "config.json",
                   image ? TOWER_CONFIG("clip_vision_model",
                                        "\"num_hidden_layers\": 4, \"image_size\": 32, \"patch_size\": 8")
                         : TOWER_CONFIG("clip_text_model", "\"num_hidden_layers\": 3, \"vocab_size\": 718"));
        Clip *clip = tower_open(trial.path, image ? CLIP_IMAGE : CLIP_TEXT);
        Clip *plain = tower_open(VIT, image ? CLIP_IMAGE : CLIP_TEXT);
        assert_int_equal(clip->embed_dim, 64);
        assert_true(clip->has_image == image && clip->has_text == !image);
        assert_string_equal(clip->name, image ? "ViT w128 l4 p8" : "text w128 l3");
        const float *got = image ? clip->vit.proj : clip->text.text_projection;
        const float *want = image ? plain->vit.proj : plain->text.text_projection;
        assert_memory_equal(got, want, 64 * 128 * sizeof *got);
        assert_string_equal(clip_digest(clip), tensors_digest(clip->file));
        clip_free(plain);
        clip_free(clip);
        clip = tower_open(trial.path, (ClipTowers)(CLIP_BOTH | CLIP_PRESENT));
        assert_true((clip->text.blocks == NULL) == image && (clip->vit.blocks == NULL) == !image);
        clip_free(clip);
        assert_null(clip_open(trial.path, CLIP_BOTH, &err));
        assert_non_null(
            strstr(err.text, image ? "model.safetensors: only an image tower, and the text tower is needed"
                                   : "model.safetensors: only a text tower, and the image tower is needed"));
        err = (Error){0};
        copy_remove(trial.copy, image ? "visual_projection.weight" : "text_projection.weight");
        copy_write(trial.copy, trial.path);
        assert_null(clip_open(trial.path, image ? CLIP_IMAGE : CLIP_TEXT, &err));
        assert_non_null(
            strstr(err.text, "_projection.weight: missing: a tower without its projection (CLIPTextModel, "));
        copy_rename(trial.copy, trial.arena, image ? "vision_model." : "text_model.", ""); /* version 5 */
        copy_write(trial.copy, trial.path);
        assert_null(clip_open(trial.path, image ? CLIP_IMAGE : CLIP_TEXT, &err));
        assert_non_null(strstr(err.text, "not supported: a tower without its projection"));
        trial_close(&trial);
    }
}

/* --- activation and heads --- */

static bool is_same(Trial *trial, const Clip *clip) {
    const Features *want = trial_want(trial);
    Features got = features_of(clip, trial->arena);
    return memcmp(got.images, want->images, got.n_images * sizeof(float)) == 0 &&
           memcmp(got.texts, want->texts, got.n_texts * sizeof(float)) == 0;
}

static Clip *open_as(const char *path, ClipActivation activation, Error *err) {
    return clip_open_with(path, &(ClipOptions){.towers = CLIP_BOTH, .activation = activation}, err);
}

static void test_activation(void **state) {
    Error err = {0};
    Trial trial = trial_open(state, VIT);
    copy_write(trial.copy, trial.path);
    Clip *gelu = open_as(trial.path, CLIP_ACTIVATION_GELU, &err);
    assert_null(gelu->note);
    assert_int_equal(gelu->text.activation, ACTIVATION_GELU);
    assert_int_equal(gelu->vit.activation, ACTIVATION_GELU);
    assert_false(is_same(&trial, gelu));
    Features by_choice = features_of(gelu, trial.arena);
    assert_true(relative_error(by_choice.texts, trial_want(&trial)->texts, by_choice.n_texts) < 0.2);
    assert_string_not_equal(clip_digest(gelu), tensors_digest(gelu->file));
    assert_int_equal(strlen(clip_digest(gelu)), 64);

    write_text(state, "open_clip_config.json", OPENCLIP_CONFIG("false"));
    Clip *config = tower_open(trial.path, CLIP_BOTH), *image = tower_open(trial.path, CLIP_IMAGE);
    Features by_config = features_of(config, trial.arena);
    assert_same(&by_config, &by_choice);
    assert_null(config->note);
    assert_string_equal(config->flavour, "OpenCLIP");
    assert_string_equal(clip_digest(config), clip_digest(gelu));
    assert_string_equal(clip_digest(config), clip_digest(image));
    clip_free(image);
    clip_free(config);
    Clip *quick = open_as(trial.path, CLIP_ACTIVATION_QUICK_GELU, &err);
    assert_true(is_same(&trial, quick));
    assert_non_null(strstr(quick->note, "quick_gelu, which was asked for, goes before the gelu of "));
    assert_string_equal(clip_digest(quick), tensors_digest(quick->file));
    clip_free(quick);
    clip_free(gelu);
    trial_close(&trial);
}

/* A ResNet has no activation of its own to assume. */
static void test_resnet_note(void **state) {
    (void)state;
    Clip *image = tower_open(RN, CLIP_IMAGE), *both = tower_open(RN, CLIP_BOTH);
    assert_null(image->note);
    assert_non_null(both->note);
    clip_free(image);
    clip_free(both);
}

/* Four heads of 32 where the shapes suggest two of 64. */
static void test_heads(void **state) {
    Trial trial = trial_open(state, VIT);
    copy_write(trial.copy, trial.path);
    write_text(state, "open_clip_config.json",
               "{\"model_cfg\": {\"embed_dim\": 64, \"quick_gelu\": true,"
               "\"vision_cfg\": {\"width\": 128, \"layers\": 4, \"patch_size\": 8, \"image_size\": 32, "
               "\"head_width\": 32},"
               "\"text_cfg\": {\"width\": 128, \"layers\": 3, \"heads\": 8, \"vocab_size\": 718}}}");
    Clip *clip = tower_open(trial.path, CLIP_BOTH);
    assert_int_equal(clip->vit.n_heads, 4);
    assert_int_equal(clip->text.n_heads, 8);
    assert_false(is_same(&trial, clip));
    assert_string_not_equal(clip_digest(clip), tensors_digest(clip->file));
    clip_free(clip);
    trial_close(&trial);
}

/* Another eps of the layer norms, in one tower. */
static void test_norm_eps(void **state) {
    Trial trial = trial_open(state, VIT);
    copy_to_hugging_face(trial.copy, trial.arena);
    copy_write(trial.copy, trial.path);
    for (int image = 0; image < 2; image++) {
        const char *config = HF_CONFIG("quick_gelu"),
                   *at = strstr(config, image ? "\"image_size" : "\"vocab_size");
        write_text(
            state, "config.json",
            arena_printf(trial.arena, "%.*s\"layer_norm_eps\": 0.01, %s", (int)(at - config), config, at));
        Clip *clip = tower_open(trial.path, CLIP_BOTH);
        Features got = features_of(clip, trial.arena);
        const Features *want = trial_want(&trial);
        const double images = relative_error(got.images, want->images, got.n_images);
        const double texts = relative_error(got.texts, want->texts, got.n_texts);
        assert_true(image ? images > 1e-4 && texts == 0 : texts > 1e-4 && images == 0);
        assert_string_not_equal(clip_digest(clip), tensors_digest(clip->file));
        clip_free(clip);
    }
    trial_close(&trial);
}

/* Another normalisation of the pixels is another model; CLIP's own, written out, is not. */
static void test_pixels(void **state) {
    Trial trial = trial_open(state, VIT);
    copy_write(trial.copy, trial.path);
    static const char *const means[] = {"0.48145466, 0.4578275, 0.40821073", "0.5, 0.5, 0.5"};
    for (int i = 0; i < 2; i++) {
        write_text(state, "open_clip_config.json",
                   arena_printf(trial.arena,
                                "{\"model_cfg\": {\"embed_dim\": 64, \"quick_gelu\": true,"
                                "\"vision_cfg\": {\"width\": 128, \"layers\": 4, \"patch_size\": 8, "
                                "\"image_size\": 32, \"head_width\": 64},"
                                "\"text_cfg\": {\"width\": 128, \"layers\": 3, \"heads\": 2, "
                                "\"vocab_size\": 718}}, \"preprocess_cfg\": {\"mean\": [%s]}}",
                                means[i]));
        Clip *clip = tower_open(trial.path, CLIP_BOTH);
        assert_int_equal(strcmp(clip_digest(clip), tensors_digest(clip->file)) == 0, i == 0);
        clip_free(clip);
    }
    trial_close(&trial);
}

/* --- folders --- */

static void test_folder(void **state) {
    Trial trial = trial_open(state, VIT);
    copy_to_hugging_face(trial.copy, trial.arena);
    copy_write(trial.copy, trial.path);
    write_text(state, "config.json", HF_CONFIG("gelu"));
    write_text(state, "preprocessor_config.json",
               "{\"size\": 32, \"resample\": 3, \"crop_size\": {\"height\": 32, \"width\": 32},"
               " \"image_mean\": [0.5, 0.25, 0.125], \"image_std\": [0.5, 0.5, 1]}");
    Clip *clip = tower_open(*state, CLIP_BOTH);
    assert_string_equal(tensors_path(clip->file), trial.path);
    assert_int_equal(clip->vit.activation, ACTIVATION_GELU);
    assert_true(clip->mean[2] == 0.125f && clip->std[2] == 1);
    clip_free(clip);
    trial_close(&trial);
}

/* --- what is refused --- */

/* A tensor that is added to a good file, and what is said about it. */
static void test_refused(void **state) {
    static const struct {
        const char *name, *part;
    } cases[] = {
        {"visual.trunk.attn_pool.latent", "a SigLIP model"},
        {"visual.trunk.stem.0.weight", "an image tower of timm (ConvNeXt, "},
        {"module.visual.trunk.stem.0.weight", "an image tower of timm (ConvNeXt, "},
        {"visual.blocks.0.norm1.weight", "an image tower of EVA-CLIP"},
        {"visual.attn_pool.query", "pooling by attention, as in CoCa"},
        {"visual.attn_pool_contrastive.query", "pooling by attention, as in CoCa"},
        {"text_decoder.resblocks.0.ln_1.weight", "a CoCa model"},
        {"text.cls_emb", "a class token at the end of the text"},
        {"text.transformer.embeddings.word_embeddings.weight", "a text tower of Hugging Face (BERT, "},
        {"text_projection.bias", "a text projection with a bias"},
        {"vision_model.head.probe", "a SigLIP model"},
        {"text_model.head.weight", "a SigLIP model"},
        {"text.mask_token", "CLIP has no such weight"},
        {"visual.head.weight", "CLIP has no such weight"},
        {"visual.conv1.bias", "CLIP has no such weight"},
        {"visual.conv2.weight", "CLIP has no such weight"}, /* a ResNet's */
        {"visual.bn1.weight", "CLIP has no such weight"},
        {"adapter.down.weight", "CLIP has no such weight"}, /* beside both towers */
        {"positional_embedding_2", "CLIP has no such weight"},
        {"owlvit.text_model.final_layer_norm.weight", "an OWL-ViT model"},
        {"class_head.dense0.weight", "an OWL-ViT model"},
        {"prompts_generator.layernorm.weight", "an X-CLIP model"},
        {"mit.position_embedding", "an X-CLIP model"},
        {"decoder.film_mul.weight", "a CLIPSeg model"},
        {"classifier.weight", "an image classifier (CLIPForImageClassification)"},
        {"text_model.roberta.pooler.dense.bias", "a RoBERTa text tower (AltCLIP)"},
        {"text_model.embeddings.word_embeddings.weight", "a BERT text tower (Chinese-CLIP)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error err = {0};
        Trial trial = trial_open(state, VIT);
        copy_add(trial.copy, trial.arena, cases[i].name, DTYPE_F32, 1, (int[]){4});
        copy_write(trial.copy, trial.path);
        Clip *clip = clip_open(trial.path, CLIP_BOTH, &err);
        if (clip)
            fail_msg("%s was not refused", cases[i].name);
        const char *start = arena_printf(trial.arena, "%s: tensor %s: not supported: %s", trial.path,
                                         cases[i].name, cases[i].part);
        if (strncmp(err.text, start, strlen(start)) != 0)
            fail_msg("got %s\nwant %s", err.text, start);
        assert_int_equal(err.kind, ERROR_INPUT);
        trial_close(&trial);
    }
}

/* What no feature depends on may be there. */
static void test_harmless(void **state) {
    static const char *const names[] = {"logit_bias",
                                        "input_resolution",
                                        "context_length",
                                        "vocab_size",
                                        "attn_mask",
                                        "text_model.embeddings.position_ids",
                                        "global_step",
                                        "optimizer.state.0.exp_avg",
                                        "visual.bn1.num_batches_tracked"};
    Trial trial = trial_open(state, VIT);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        copy_add(trial.copy, trial.arena, names[i], DTYPE_F32, 1, (int[]){4});
    clip_free(assert_equal_model(&trial, "OpenAI"));
    trial_close(&trial);
}

/* A ViT without ln_pre reads its texts in another way, too: CLIPA's. */
static void test_missing_for_texts(void **state) {
    Error err = {0};
    Trial trial = trial_open(state, VIT);
    copy_remove(trial.copy, "visual.ln_pre.weight");
    copy_remove(trial.copy, "visual.ln_pre.bias");
    copy_write(trial.copy, trial.path);
    assert_null(clip_open(trial.path, CLIP_TEXT, &err));
    assert_non_null(strstr(err.text, "tensor visual.ln_pre.weight: missing"));
    trial_close(&trial);
}

/* Without ln_pre; a projection the wrong way round, with the file's own names. */
static void test_missing(void **state) {
    Error err = {0};
    Trial trial = trial_open(state, VIT);
    copy_to_hugging_face(trial.copy, trial.arena);
    TensorOut *k = copy_find(trial.copy, "text_model.encoder.layers.1.self_attn.k_proj.bias");
    k->name = "text_model.encoder.layers.1.self_attn.k_proj.bias_k";
    copy_write(trial.copy, trial.path);
    assert_null(clip_open(trial.path, CLIP_BOTH, &err));
    assert_non_null(strstr(err.text, "layers.1.self_attn.k_proj.bias_k: CLIP has no such weight in a layer"));
    k->name = "ignored";
    copy_write(trial.copy, trial.path);
    assert_null(clip_open(trial.path, CLIP_BOTH, &err));
    assert_non_null(strstr(err.text, "tensor text_model.encoder.layers.1.self_attn.k_proj.bias: missing"));
    k->name = "text_model.encoder.layers.1.self_attn.k_proj.bias";
    TensorOut *projection = copy_find(trial.copy, "visual_projection.weight");
    projection->shape[0] = 128, projection->shape[1] = 64;
    copy_write(trial.copy, trial.path);
    assert_null(clip_open(trial.path, CLIP_BOTH, &err));
    assert_non_null(
        strstr(err.text, "tensor visual_projection.weight: shape [128, 64] where [64, 128] is needed"));
    projection->shape[0] = 64, projection->shape[1] = 128;
    copy_remove(trial.copy, "vision_model.pre_layrnorm.weight");
    copy_write(trial.copy, trial.path);
    assert_null(clip_open(trial.path, CLIP_BOTH, &err));
    assert_non_null(strstr(err.text, "tensor vision_model.pre_layrnorm.weight: missing"));
    trial_close(&trial);
}

#define SCRATCH_TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_hugging_face), SCRATCH_TEST(test_hugging_face_float),
        SCRATCH_TEST(test_prefixes),     SCRATCH_TEST(test_custom_text),
        SCRATCH_TEST(test_layer_scale),  SCRATCH_TEST(test_activation),
        SCRATCH_TEST(test_resnet_note),  SCRATCH_TEST(test_heads),
        SCRATCH_TEST(test_folder),       SCRATCH_TEST(test_refused),
        SCRATCH_TEST(test_missing),      SCRATCH_TEST(test_harmless),
        SCRATCH_TEST(test_towers),       SCRATCH_TEST(test_norm_eps),
        SCRATCH_TEST(test_pixels),       SCRATCH_TEST(test_missing_for_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
