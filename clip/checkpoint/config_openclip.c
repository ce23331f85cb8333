/* config_openclip.c: open_clip_config.json.
 *
 * Layout: {"model_cfg": {"embed_dim", "quick_gelu", "vision_cfg": {...}, "text_cfg": {...}, ...},
 * "preprocess_cfg":
 * {"mean", "std", "interpolation", "resize_mode", "size", ...}}. Source: CLIPVisionCfg and CLIPTextCfg of
 * OpenCLIP's model.py, PreprocessCfg of its transform.py, whose defaults hold for keys that are absent.
 */
#include "clip/checkpoint/config_openclip.h"

#include "clip/checkpoint/config_rules.h"

#include <stdio.h>
#include <string.h>

#define BLOCK_REASON "CLIP's blocks have no such part"
#define TANH_REASON "only QuickGELU and the exact GELU are computed"

/* What the configs of both towers have in common. */
#define TOWER_RULES                                                                                          \
    CONFIG_SIZE("width", TowerConfig, width), CONFIG_IGNORED("mlp_ratio"), CONFIG_IGNORED("ls_init_value"),  \
        CONFIG_IGNORED("output_tokens"), CONFIG_IGNORED("block_type"),                                       \
        CONFIG_IGNORED("final_ln_after_pool"), /* of one token it is the same */                             \
        CONFIG_IGNORED("norm_kwargs"), CONFIG_OFF("act_kwargs", TANH_REASON),                                \
        CONFIG_OFF("qk_norm", BLOCK_REASON), CONFIG_OFF("scaled_cosine_attn", BLOCK_REASON),                 \
        CONFIG_OFF("scale_heads", BLOCK_REASON), CONFIG_OFF("scale_attn_inner", BLOCK_REASON),               \
        CONFIG_OFF("scale_attn", BLOCK_REASON), CONFIG_OFF("scale_fc", BLOCK_REASON)

static const KeyRule vision_rules[] = {
    CONFIG_OFF("timm_model_name", "an image tower of timm; only CLIP's own ViT and ResNet are read"),
    TOWER_RULES,
    CONFIG_IGNORED("layers"), /* read_layers */
    CONFIG_IGNORED("head_width"),
    CONFIG_SIZE("patch_size", TowerConfig, patch_size),
    CONFIG_SIZE("image_size", TowerConfig, image_size),
    CONFIG_IGNORED("patch_dropout"),
    CONFIG_OFF("attentional_pool", "CLIP reads the class token"),
    CONFIG_IGNORED("attn_pooler_queries"),
    CONFIG_IGNORED("attn_pooler_heads"),
    CONFIG_OFF("no_ln_pre", "CLIP's ViT has a layer norm in front of its blocks"),
    CONFIG_IGNORED("pos_embed_type"), /* the positions are in the file */
    CONFIG_WORD("pool_type", "tok", "CLIP reads the class token"),
    CONFIG_IGNORED("timm_model_pretrained"),
    CONFIG_IGNORED("timm_pool"),
    CONFIG_IGNORED("timm_proj"),
    CONFIG_IGNORED("timm_proj_bias"),
    CONFIG_IGNORED("timm_drop"),
    CONFIG_IGNORED("timm_drop_path"),
    CONFIG_END};

static const KeyRule text_rules[] = {
    CONFIG_OFF("hf_model_name", "a text tower of Hugging Face; only CLIP's own is read"),
    TOWER_RULES,
    CONFIG_SIZE("context_length", TowerConfig, n_positions),
    CONFIG_SIZE("vocab_size", TowerConfig, n_vocab),
    CONFIG_SIZE("heads", TowerConfig, n_heads),
    CONFIG_SIZE("layers", TowerConfig, n_layers),
    CONFIG_OFF("hf_tokenizer_name", "another tokenizer than CLIP's"),
    CONFIG_OFF("tokenizer_mode", "another tokenizer than CLIP's"),
    CONFIG_IGNORED("tokenizer_kwargs"),
    CONFIG_OFF("embed_cls",
               "a class token at the end of the text, as in CoCa; CLIP reads the end-of-text token"),
    CONFIG_IGNORED("pad_id"),
    CONFIG_IGNORED("eos_id"),
    CONFIG_OFF("no_causal_mask", "CLIP's text tower is causal"),
    CONFIG_WORD("pool_type", "argmax", "CLIP reads the end-of-text token"),
    CONFIG_OFF("proj_bias", "CLIP's text projection has no bias"),
    CONFIG_WORD("proj_type", "linear", "CLIP has a text projection"),
    CONFIG_IGNORED("hf_model_pretrained"),
    CONFIG_IGNORED("hf_proj_type"),
    CONFIG_IGNORED("hf_pooler_type"),
    CONFIG_END};

static const KeyRule model_rules[] = {
    CONFIG_OFF("multimodal_cfg", "a CoCa model: its decoder and pooling are not CLIP's"),
    CONFIG_SIZE("embed_dim", ModelConfig, embed_dim),
    CONFIG_IGNORED("vision_cfg"),
    CONFIG_IGNORED("text_cfg"),
    CONFIG_IGNORED("quick_gelu"),
    CONFIG_IGNORED("custom_text"), /* only names differ */
    CONFIG_IGNORED("init_logit_scale"),
    CONFIG_IGNORED("init_logit_bias"), /* the same for all classes: no probability depends on it */
    CONFIG_IGNORED("nonscalar_logit_scale"),
    CONFIG_IGNORED("cast_dtype"),
    CONFIG_IGNORED("output_dict"),
    CONFIG_END};

static const KeyRule norm_rules[] = {CONFIG_NUMBER("eps", 1e-5, "that of CLIP's layer norms"), CONFIG_END};

static const KeyRule tokenizer_rules[] = {CONFIG_WORD("clean", "lower", "how CLIP cleans a text"),
                                          CONFIG_IGNORED("context_length"), CONFIG_END};

static const KeyRule preprocess_rules[] = {
    CONFIG_IGNORED("mean"),
    CONFIG_IGNORED("std"),
    CONFIG_SIZE("size", ModelConfig, input_size),
    CONFIG_WORD("mode", "RGB", "the colours of CLIP's images"),
    CONFIG_IGNORED("interpolation"),
    CONFIG_WORD("resize_mode", "shortest", "CLIP's images are cropped, not squashed"),
    CONFIG_IGNORED("fill_color"),
    CONFIG_END};

/* `layers`: a number is a ViT's, a list of four a ResNet's. */
static int read_layers(const ConfigPlace *place, const json_t *vision, TowerConfig *image, Error *err) {
    const json_t *layers = json_object_get(vision, "layers");
    const KeyRule rules[] = {CONFIG_SIZE("layers", TowerConfig, n_layers), CONFIG_END};
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
    const KeyRule rules[] = {{.name = "head_width", .kind = RULE_SIZE}, CONFIG_END};
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

/* An object of arguments within a tower's. */
static int read_inner(const char *path, const char *section, const json_t *object, const char *key,
                      const KeyRule *rules, Error *err) {
    char name[64];
    snprintf(name, sizeof name, "%s.%s", section, key);
    const ConfigPlace place = {path, name, true};
    return config_apply(&place, json_object_get(object, key), rules, NULL, err);
}

static int read_tower(const char *path, const char *section, const json_t *model, const KeyRule *rules,
                      TowerConfig *tower, Error *err) {
    const json_t *object = json_object_get(model, section);
    const ConfigPlace place = {path, section, true};
    if (!json_is_object(object))
        return error_set(err, "%s: %s: missing", path, section);
    if (config_apply(&place, object, rules, tower, err) < 0)
        return -1;
    return read_inner(path, section, object, "norm_kwargs", norm_rules, err) < 0 ||
                   read_inner(path, section, object, "tokenizer_kwargs", tokenizer_rules, err) < 0
               ? -1
               : 0;
}

static int read_model(ModelConfig *config, const json_t *model, Error *err) {
    const ConfigPlace place = {config->path, "model_cfg", true}, vision = {config->path, "vision_cfg", true};
    const json_t *cfg = json_object_get(model, "vision_cfg"), *quick = json_object_get(model, "quick_gelu");
    if (config_apply(&place, model, model_rules, config, err) < 0 ||
        read_tower(config->path, "vision_cfg", model, vision_rules, &config->image, err) < 0 ||
        read_tower(config->path, "text_cfg", model, text_rules, &config->text, err) < 0 ||
        read_layers(&vision, cfg, &config->image, err) < 0 ||
        read_heads(&vision, cfg, &config->image, err) < 0)
        return -1;
    if (quick && !json_is_boolean(quick) && !json_is_null(quick))
        return config_error(&place, "quick_gelu", err, "neither true nor false");
    config->text.activation = json_is_true(quick) ? ACTIVATION_QUICK_GELU : ACTIVATION_GELU;
    config->image.activation = config->text.activation;
    return 0;
}

static int read_preprocess(ModelConfig *config, const json_t *preprocess, Error *err) {
    const ConfigPlace place = {config->path, "preprocess_cfg", true};
    const char *interpolation = json_string_value(json_object_get(preprocess, "interpolation"));
    if (config_apply(&place, preprocess, preprocess_rules, config, err) < 0 ||
        config_triple(&place, preprocess, "mean", false, config->mean, err) < 0 ||
        config_triple(&place, preprocess, "std", true, config->std, err) < 0)
        return -1;
    if (interpolation && strcmp(interpolation, "bicubic") != 0 && strcmp(interpolation, "random") != 0)
        return config_error(&place, "interpolation", err,
                            "'%.40s' where 'bicubic' is needed: how CLIP's images are resized",
                            interpolation); /* `random` concerns training alone */
    config->has_pixels = true;
    return 0;
}

int config_read_openclip(ModelConfig *config, const char *weights, Arena *arena, Error *err) {
    const char *path;
    json_t *root = config_open(&path, weights, "open_clip_config.json", arena, err);
    if (!root)
        return path || arena_failed(arena) ? -1 : 0;
    *config = (ModelConfig){
        .path = path,
        .pixels_path = path,
        .mean = CLIP_MEAN,
        .std = CLIP_STD,
        .text = {.width = 512, .n_layers = 12, .n_heads = 8, .n_positions = 77, .n_vocab = 49408},
        .image = {.width = 768, .n_layers = 12, .patch_size = 16, .image_size = 224}};
    const json_t *model = json_object_get(root, "model_cfg");
    if (!model && json_object_get(root, "embed_dim")) /* as in OpenCLIP's own folder of configs */
        model = root;
    int result = -1;
    if (!json_is_object(model))
        error_set(err, "%s: model_cfg: missing", path);
    else if (read_model(config, model, err) == 0)
        result = read_preprocess(config, json_object_get(root, "preprocess_cfg"), err);
    json_decref(root);
    return result;
}
