/* config_openclip.c: open_clip_config.json.
 *
 * Layout: {"model_cfg": {"embed_dim", "quick_gelu", "vision_cfg": {...}, "text_cfg": {...}, ...},
 *          "preprocess_cfg": {"mean", "std", "interpolation", "resize_mode", "size", ...}}
 * Source: CLIPVisionCfg and CLIPTextCfg of OpenCLIP's model.py, PreprocessCfg of its transform.py, whose
 * defaults hold for keys that are absent.
 */
#include "clip/checkpoint/config_openclip.h"

#include "clip/checkpoint/config_rules.h"

#include <stdio.h>
#include <string.h>

#define BLOCK_REASON "CLIP's blocks have no such part"
#define TANH_REASON "only QuickGELU and the exact GELU are computed"

/* What the configs of both towers have in common. */
static const KeyRule tower_rules[] = {
    {"width", RULE_SIZE, .offset = offsetof(TowerConfig, width)},
    {.name = "mlp_ratio"},
    {.name = "ls_init_value"},
    {.name = "output_tokens"},
    {.name = "block_type"},
    {.name = "final_ln_after_pool"}, /* the same for a single token */
    {.name = "norm_kwargs"},
    {"act_kwargs", RULE_OFF, .reason = TANH_REASON},
    {"qk_norm", RULE_OFF, .reason = BLOCK_REASON},
    {"scaled_cosine_attn", RULE_OFF, .reason = BLOCK_REASON},
    {"scale_heads", RULE_OFF, .reason = BLOCK_REASON},
    {"scale_attn_inner", RULE_OFF, .reason = BLOCK_REASON},
    {"scale_attn", RULE_OFF, .reason = BLOCK_REASON},
    {"scale_fc", RULE_OFF, .reason = BLOCK_REASON},
    {.name = NULL},
};

static const KeyRule vision_rules[] = {
    {"timm_model_name", RULE_OFF,
     .reason = "an image tower of timm; only CLIP's own ViT and ResNet are read"},
    {.name = "layers"}, /* read_layers */
    {.name = "head_width"},
    {"patch_size", RULE_SIZE, .offset = offsetof(TowerConfig, patch_size)},
    {"image_size", RULE_SIZE, .offset = offsetof(TowerConfig, image_size)},
    {.name = "patch_dropout"},
    {"attentional_pool", RULE_OFF, .reason = "CLIP reads the class token"},
    {.name = "attn_pooler_queries"},
    {.name = "attn_pooler_heads"},
    {"no_ln_pre", RULE_OFF, .reason = "CLIP's ViT has a layer norm in front of its blocks"},
    {.name = "pos_embed_type"}, /* the positions are in the file */
    {"pool_type", RULE_WORD, .word = "tok", .reason = "CLIP reads the class token"},
    {.name = "timm_model_pretrained"},
    {.name = "timm_pool"},
    {.name = "timm_proj"},
    {.name = "timm_proj_bias"},
    {.name = "timm_drop"},
    {.name = "timm_drop_path"},
    {.kind = RULE_MORE, .more = tower_rules},
};

static const KeyRule text_rules[] = {
    {"hf_model_name", RULE_OFF, .reason = "a text tower of Hugging Face; only CLIP's own is read"},
    {"context_length", RULE_SIZE, .offset = offsetof(TowerConfig, n_positions)},
    {"vocab_size", RULE_SIZE, .offset = offsetof(TowerConfig, n_vocab)},
    {"heads", RULE_SIZE, .offset = offsetof(TowerConfig, n_heads)},
    {"layers", RULE_SIZE, .offset = offsetof(TowerConfig, n_layers)},
    {"hf_tokenizer_name", RULE_OFF, .reason = "another tokenizer than CLIP's"},
    {"tokenizer_mode", RULE_OFF, .reason = "another tokenizer than CLIP's"},
    {.name = "tokenizer_kwargs"},
    {"embed_cls", RULE_OFF,
     .reason = "a class token at the end of the text, as in CoCa; CLIP reads the end-of-text token"},
    {.name = "pad_id"},
    {.name = "eos_id"}, /* read_pooling */
    {"no_causal_mask", RULE_OFF, .reason = "CLIP's text tower is causal"},
    {.name = "pool_type"}, /* read_pooling */
    {"proj_bias", RULE_OFF, .reason = "CLIP's text projection has no bias"},
    {"proj_type", RULE_WORD, .word = "linear", .reason = "CLIP has a text projection"},
    {.name = "hf_model_pretrained"},
    {.name = "hf_proj_type"},
    {.name = "hf_pooler_type"},
    {.kind = RULE_MORE, .more = tower_rules},
};

static const KeyRule model_rules[] = {
    {"multimodal_cfg", RULE_OFF, .reason = "a CoCa model: its decoder and pooling are not CLIP's"},
    {"embed_dim", RULE_SIZE, .offset = offsetof(ModelConfig, embed_dim)},
    {.name = "vision_cfg"},
    {.name = "text_cfg"},
    {.name = "quick_gelu"},
    {.name = "custom_text"}, /* only names differ */
    {.name = "init_logit_scale"},
    {.name = "init_logit_bias"}, /* the same for all classes: no probability depends on it */
    {.name = "nonscalar_logit_scale"},
    {.name = "cast_dtype"},
    {.name = "output_dict"},
    {.name = NULL},
};

static const KeyRule norm_rules[] = {
    {"eps", RULE_SMALL, .offset = offsetof(TowerConfig, norm_eps)},
    {.name = NULL},
};

static const KeyRule tokenizer_rules[] = {
    {"clean", RULE_WORD, .word = "lower", .reason = "how CLIP cleans a text"},
    {.name = "context_length"},
    {.name = NULL},
};

static const KeyRule preprocess_rules[] = {
    {.name = "mean"},
    {.name = "std"},
    {"size", RULE_SIZE, .offset = offsetof(ModelConfig, input_size)},
    {"mode", RULE_WORD, .word = "RGB", .reason = "the colours of CLIP's images"},
    {.name = "interpolation"},
    {.name = "resize_mode"},
    {.name = "fill_color"},
    {.name = NULL},
};

/* `layers`: a number is a ViT's, a list of four a ResNet's. */
static int read_layers(const ConfigPlace *place, const json_t *vision, TowerConfig *image, Error *err) {
    const json_t *layers = json_object_get(vision, "layers");
    const KeyRule rules[] = {
        {"layers", RULE_SIZE, .offset = offsetof(TowerConfig, n_layers)},
        {.name = NULL},
    };
    if (!json_is_array(layers)) {
        const ConfigPlace one = {place->path, place->section, false};
        return config_apply(&one, vision, rules, image, err);
    }
    image->n_layers = 0;
    for (size_t i = 0; i < 4; i++) {
        const json_t *n = json_array_get(layers, i);
        if (json_array_size(layers) != 4 || !json_is_integer(n) || json_integer_value(n) < 1 ||
            json_integer_value(n) > 1000)
            return config_error(place, "layers", err,
                                "neither a number of layers nor four numbers of blocks");
        image->n_blocks[i] = (int)json_integer_value(n);
    }
    return 0;
}

/* Heads: the width of a ViT, or of a ResNet's last layer, by head_width. */
static int read_heads(const ConfigPlace *place, const json_t *vision, TowerConfig *image, Error *err) {
    const KeyRule rules[] = {
        {.name = "head_width", .kind = RULE_SIZE},
        {.name = NULL},
    };
    const ConfigPlace one = {place->path, place->section, false};
    int head_width = 64;
    if (config_apply(&one, vision, rules, &head_width, err) < 0)
        return -1;
    int64_t width = (int64_t)image->width * (image->n_layers ? 1 : 32);
    if (width < head_width)
        return config_error(place, "head_width", err, "%d is more than the width of the tower, %lld",
                            head_width, (long long)width);
    image->n_heads = (int)(width / head_width);
    return 0;
}

/* An object of arguments within that of a tower. */
static int read_inner(const char *path, const char *section, const json_t *object, const char *key,
                      const KeyRule *rules, void *target, Error *err) {
    char name[64];
    snprintf(name, sizeof name, "%s.%s", section, key);
    const ConfigPlace place = {path, name, true};
    return config_apply(&place, json_object_get(object, key), rules, target, err);
}

static int read_tower(const char *path, const char *section, const json_t *model, const KeyRule *rules,
                      TowerConfig *tower, Error *err) {
    const json_t *object = json_object_get(model, section);
    const ConfigPlace place = {path, section, true};
    if (!json_is_object(object))
        return error_set(err, "%s: %s: missing", path, section);
    if (config_apply(&place, object, rules, tower, err) < 0)
        return -1;
    return read_inner(path, section, object, "norm_kwargs", norm_rules, tower, err) < 0 ||
                   read_inner(path, section, object, "tokenizer_kwargs", tokenizer_rules, NULL, err) < 0
               ? -1
               : 0;
}

/* Where texts are read: at the highest id (`argmax`) or at eos_id (`eos`), which is the same for CLIP's
 * tokens if that is the highest one. */
static int read_pooling(const char *path, const json_t *text, int n_vocab, Error *err) {
    const ConfigPlace place = {path, "text_cfg", true};
    const json_t *type = json_object_get(text, "pool_type"), *id = json_object_get(text, "eos_id");
    const char *word = !type || json_is_null(type) ? "argmax" : json_string_value(type);
    if (!word || (strcmp(word, "argmax") != 0 && strcmp(word, "eos") != 0))
        return config_error(&place, "pool_type", err,
                            "'%.40s' where 'argmax' or 'eos' is needed: CLIP reads the end-of-text token",
                            word ? word : "...");
    if (strcmp(word, "eos") == 0 && (!json_is_integer(id) || json_integer_value(id) != n_vocab - 1))
        return config_error(&place, "eos_id", err,
                            "not %d, CLIP's end-of-text token, at which 'eos' must read", n_vocab - 1);
    return 0;
}

static int read_model(ModelConfig *config, const json_t *model, Error *err) {
    const ConfigPlace place = {config->path, "model_cfg", true}, vision = {config->path, "vision_cfg", true};
    const json_t *cfg = json_object_get(model, "vision_cfg"), *quick = json_object_get(model, "quick_gelu");
    if (config_apply(&place, model, model_rules, config, err) < 0 ||
        read_tower(config->path, "vision_cfg", model, vision_rules, &config->image, err) < 0 ||
        read_tower(config->path, "text_cfg", model, text_rules, &config->text, err) < 0 ||
        read_pooling(config->path, json_object_get(model, "text_cfg"), config->text.n_vocab, err) < 0 ||
        read_layers(&vision, cfg, &config->image, err) < 0 ||
        read_heads(&vision, cfg, &config->image, err) < 0)
        return -1;
    if (quick && !json_is_boolean(quick) && !json_is_null(quick))
        return config_error(&place, "quick_gelu", err, "neither true nor false");
    config->text.activation = json_is_true(quick) ? ACTIVATION_QUICK_GELU : ACTIVATION_GELU;
    config->image.activation = config->text.activation;
    return 0;
}

/* The text of a key, one of `words` (the first if the key is absent or null); -1 with an error. */
static int read_word(const ConfigPlace *place, const json_t *object, const char *key,
                     const char *const words[3], Error *err) {
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);
    int i = 0;
    while (value && !json_is_null(value) && i < 3 && (!text || strcmp(text, words[i]) != 0))
        i++;
    return i < 3 ? i
                 : config_error(place, key, err, "'%.40s' where '%s', '%s' or '%s' is needed",
                                text ? text : "...", words[0], words[1], words[2]);
}

static int read_preparation(ImagePreparation *images, const ConfigPlace *place, const json_t *preprocess,
                            Error *err) {
    static const char *const modes[] = {"shortest", "squash", "longest"};
    static const char *const filters[] = {"bicubic", "bilinear",
                                          "random"}; /* the last is for training only */
    const json_t *fill = json_object_get(preprocess, "fill_color");
    const int mode = read_word(place, preprocess, "resize_mode", modes, err);
    const int filter = mode < 0 ? -1 : read_word(place, preprocess, "interpolation", filters, err);
    if (filter < 0)
        return -1;
    *images = (ImagePreparation){.squash = mode == 1, .pad = mode == 2, .bilinear = filter == 1};
    if (!images->pad || !fill || json_is_null(fill))
        return 0;
    if (!json_is_integer(fill) || json_integer_value(fill) < 0 || json_integer_value(fill) > 255)
        return config_error(place, "fill_color", err, "not a whole number from 0 to 255");
    images->fill = (int)json_integer_value(fill);
    return 0;
}

static int read_preprocess(ModelConfig *config, const json_t *preprocess, Error *err) {
    const ConfigPlace place = {config->path, "preprocess_cfg", true};
    if (config_apply(&place, preprocess, preprocess_rules, config, err) < 0 ||
        config_triple(&place, preprocess, "mean", false, config->mean, err) < 0 ||
        config_triple(&place, preprocess, "std", true, config->std, err) < 0)
        return -1;
    config->has_pixels = true;
    return read_preparation(&config->images, &place, preprocess, err);
}

const json_t *config_openclip_model(const json_t *root) {
    const json_t *model = json_object_get(root, "model_cfg");
    if (!model && (json_object_get(root, "embed_dim") ||
                   json_object_get(root, "vision_cfg"))) /* as in OpenCLIP's own folder of configs */
        model = root;
    return json_is_object(model) ? model : NULL;
}

int config_apply_openclip(ModelConfig *config, const char *path, const json_t *root, Arena *arena,
                          Error *err) {
    *config = (ModelConfig){
        .path = path,
        .pixels_path = path,
        .mean = CLIP_MEAN,
        .std = CLIP_STD,
        .text = {.width = 512, .n_layers = 12, .n_heads = 8, .n_positions = 77, .n_vocab = 49408},
        .image = {.width = 768, .n_layers = 12, .patch_size = 16, .image_size = 224}};
    const json_t *model = config_openclip_model(root);
    Error fault = {0};
    const int result =
        model ? read_model(config, model, err) : error_set(err, "%s: model_cfg: missing", path);
    if (result == 0 && read_preprocess(config, json_object_get(root, "preprocess_cfg"), &fault) < 0)
        config->images_fault = arena_strdup(arena, fault.text);
    return arena_failed(arena) ? error_memory(err) : result;
}

int config_read_openclip(ModelConfig *config, const char *weights, Arena *arena, Error *err) {
    const char *path;
    json_t *root = config_open(&path, weights, "open_clip_config.json", arena, err);
    if (!root)
        return path || arena_failed(arena) ? -1 : 0;
    const int result = config_apply_openclip(config, path, root, arena, err);
    json_decref(root);
    return result;
}
