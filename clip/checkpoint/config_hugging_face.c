/* config_hugging_face.c: config.json, and preprocessor_config.json or processor_config.json.
 *
 * Layout: {"model_type": "clip", "projection_dim", "text_config": {...}, "vision_config": {...}}; in old
 * files text_config_dict and vision_config_dict, which then replace these two. Source: transformers
 * configuration_clip.py and image_processing_clip.py, whose defaults hold for keys that are absent. The token
 * at which texts are read (eos_token_id) is 2 in many files, which transformers takes for the highest id.
 */
#include "clip/checkpoint/config_hugging_face.h"

#include "clip/checkpoint/config_rules.h"

#include <string.h>

static const KeyRule tower_rules[] = {
    {"hidden_size", RULE_SIZE, .offset = offsetof(TowerConfig, width)},
    {"num_hidden_layers", RULE_SIZE, .offset = offsetof(TowerConfig, n_layers)},
    {"num_attention_heads", RULE_SIZE, .offset = offsetof(TowerConfig, n_heads)},
    {"layer_norm_eps", RULE_SMALL, .offset = offsetof(TowerConfig, norm_eps)},
    {.name = NULL},
};

static const KeyRule text_rules[] = {
    {"max_position_embeddings", RULE_SIZE, .offset = offsetof(TowerConfig, n_positions)},
    {"vocab_size", RULE_SIZE, .offset = offsetof(TowerConfig, n_vocab)},
    {.kind = RULE_MORE, .more = tower_rules},
};

static const KeyRule vision_rules[] = {
    {"image_size", RULE_SIZE, .offset = offsetof(TowerConfig, image_size)},
    {"patch_size", RULE_SIZE, .offset = offsetof(TowerConfig, patch_size)},
    {"num_channels", RULE_NUMBER, .number = 3, .reason = "CLIP's images are RGB"},
    {.kind = RULE_MORE, .more = tower_rules},
};

static const KeyRule model_rules[] = {
    {"projection_dim", RULE_SIZE, .offset = offsetof(ModelConfig, embed_dim)},
    {.name = NULL},
};

static const KeyRule image_rules[] = {
    {"rescale_factor", RULE_NUMBER, .number = 1 / 255.0, .reason = "CLIP's pixels go from 0 to 1"},
    {.name = NULL},
};

/* transformers reads texts at eos_token_id, and at the highest id if that is 2. */
static int check_eos(const char *path, const char *section, const json_t *object, int n_vocab, Error *err) {
    const ConfigPlace place = {path, section, false};
    const json_t *id = json_object_get(object, "eos_token_id");
    if (!id || json_is_null(id) ||
        (json_is_integer(id) && (json_integer_value(id) == 2 || json_integer_value(id) == n_vocab - 1)))
        return 0;
    return config_error(&place, "eos_token_id", err,
                        "not %d, CLIP's end-of-text token, at which texts are read", n_vocab - 1);
}

static int apply_tower(const char *path, const char *section, const json_t *object, const KeyRule *rules,
                       TowerConfig *tower, Error *err) {
    const ConfigPlace place = {path, section, false};
    if (config_apply(&place, object, rules, tower, err) < 0)
        return -1;
    if (tower->n_vocab && check_eos(path, section, object, tower->n_vocab, err) < 0)
        return -1;
    const json_t *value = json_object_get(object, "hidden_act");
    const char *act = value && !json_is_null(value) ? json_string_value(value) : "quick_gelu";
    if (!act || (strcmp(act, "quick_gelu") != 0 && strcmp(act, "gelu") != 0))
        return config_error(&place, "hidden_act", err, "'%.40s' where 'quick_gelu' or 'gelu' is needed",
                            act ? act : "...");
    tower->activation = strcmp(act, "gelu") == 0 ? ACTIVATION_GELU : ACTIVATION_QUICK_GELU;
    return 0;
}

/* "text_config", or "text_config_dict" where an old file has both. */
static int read_tower(const char *path, const char *section, const char *old_section, const json_t *root,
                      const KeyRule *rules, TowerConfig *tower, Error *err) {
    if (json_is_object(json_object_get(root, old_section)))
        section = old_section;
    return apply_tower(path, section, json_object_get(root, section), rules, tower, err);
}

/* A model whose type is 'clip' may be more than a CLIP. */
static int check_architecture(const ConfigPlace *place, const json_t *root, Error *err) {
    static const char *const known[] = {"CLIPModel", "CLIPTextModel", "CLIPTextModelWithProjection",
                                        "CLIPVisionModel", "CLIPVisionModelWithProjection"};
    const json_t *list = json_object_get(root, "architectures");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        bool found = false;
        for (size_t k = 0; name && k < sizeof known / sizeof *known; k++)
            found = found || strcmp(name, known[k]) == 0;
        if (!found)
            return config_error(place, "architectures", err, "'%.60s' is not supported: not a CLIP",
                                name ? name : "...");
    }
    return 0;
}

static int read_model(ModelConfig *config, const json_t *root, Error *err) {
    const ConfigPlace place = {config->path, "", false};
    const json_t *value = json_object_get(root, "model_type");
    const char *type = json_string_value(value);
    if (!type)
        return config_error(&place, "model_type", err, "missing: not the config of a CLIP model");
    const bool text = strcmp(type, "clip_text_model") == 0, vision = strcmp(type, "clip_vision_model") == 0;
    if (strcmp(type, "clip") != 0 && !text && !vision)
        return config_error(&place, "model_type", err, "'%.40s' is not supported: %s", type,
                            strncmp(type, "siglip", 6) == 0 ? "SigLIP pools by attention and is no CLIP"
                                                            : "only 'clip' and its towers are");
    if (check_architecture(&place, root, err) < 0)
        return -1;
    if (config_apply(&place, root, model_rules, config, err) < 0)
        return -1;
    if (text) /* one tower alone: its keys are those of the whole */
        return apply_tower(config->path, "", root, text_rules, &config->text, err);
    if (vision)
        return apply_tower(config->path, "", root, vision_rules, &config->image, err);
    return read_tower(config->path, "text_config", "text_config_dict", root, text_rules, &config->text, err) <
                       0 ||
                   read_tower(config->path, "vision_config", "vision_config_dict", root, vision_rules,
                              &config->image, err) < 0
               ? -1
               : 0;
}

/* --- the preparation of images --- */

/* A size: 224, [224, 224], or an object of one of two forms; *square if it is the one with a height and a
 * width. */
static int read_size(const ConfigPlace *place, const json_t *object, const char *key, bool *square, int *out,
                     Error *err) {
    static const KeyRule sides[] = {
        {.name = "shortest_edge", .kind = RULE_SIZE},
        {.name = "height", .kind = RULE_SIZE},
        {.name = "width", .kind = RULE_SIZE, .offset = sizeof(int)},
        {.name = NULL},
    };
    const KeyRule plain[] = {
        {.name = key, .kind = RULE_SIZE},
        {.name = NULL},
    };
    const json_t *value = json_object_get(object, key);
    int read[2] = {0, 0};
    const ConfigPlace inner = {place->path, key, true}, outer = {place->path, place->section, false};
    const int status = json_is_object(value) ? config_apply(&inner, value, sides, read, err)
                                             : config_apply(&outer, object, plain, read, err);
    if (status < 0)
        return -1;
    if (read[1] != 0 && read[1] != read[0])
        return config_error(place, key, err, "%d by %d: only squares are supported", read[0], read[1]);
    *square = read[1] != 0;
    *out = read[0];
    return 0;
}

/* Which images come out: resized, then cropped. */
static int read_sizes(ModelConfig *config, const ConfigPlace *place, const json_t *object, Error *err) {
    const bool crops = !json_is_false(json_object_get(object, "do_center_crop"));
    int resize = 0, crop = 0;
    bool square;
    if (crops && read_size(place, object, "crop_size", &square, &crop, err) < 0)
        return -1;
    if (read_size(place, object, "size", &config->images.squash, &resize, err) < 0)
        return -1;
    if (!crops && !config->images.squash)
        return config_error(place, "do_center_crop", err,
                            "false: images that are not square: neither cropped nor squashed");
    if (crop > resize && resize > 0)
        return config_error(place, "crop_size", err, "%d of images that are resized to %d", crop, resize);
    config->input_size = crop ? crop : resize;
    config->images.resize = resize > crop && crop > 0 ? resize : 0;
    return 0;
}

/* Pillow's number of the interpolation. */
static int read_resample(ImagePreparation *images, const ConfigPlace *place, const json_t *object,
                         Error *err) {
    const json_t *value = json_object_get(object, "resample");
    const double number = json_number_value(value);
    if (value && !json_is_null(value) && number != 2 && number != 3)
        return config_error(place, "resample", err, "%g where 2 (bilinear) or 3 (bicubic) is needed", number);
    images->bilinear = number == 2;
    return 0;
}

/* The defaults of keys that are absent are those of this one. */
static int check_processor(const ConfigPlace *place, const json_t *object, Error *err) {
    static const char *const keys[] = {"image_processor_type", "feature_extractor_type"};
    for (int i = 0; i < 2; i++) {
        const char *type = json_string_value(json_object_get(object, keys[i]));
        if (type && strncmp(type, "CLIP", 4) != 0)
            return config_error(place, keys[i], err, "'%.40s' is not supported: only that of CLIP is", type);
    }
    return 0;
}

static int read_pixels(ModelConfig *config, const json_t *object, const char *section, Error *err) {
    static const char *const steps[] = {"do_resize", "do_rescale", "do_normalize", "do_convert_rgb"};
    const ConfigPlace place = {config->pixels_path, section, false};
    if (check_processor(&place, object, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (json_is_false(json_object_get(object, steps[i])))
            return config_error(&place, steps[i], err,
                                "false: a step of CLIP's preparation of images is left out");
    if (config_apply(&place, object, image_rules, NULL, err) < 0 ||
        read_sizes(config, &place, object, err) < 0 ||
        read_resample(&config->images, &place, object, err) < 0 ||
        config_triple(&place, object, "image_mean", false, config->mean, err) < 0 ||
        config_triple(&place, object, "image_std", true, config->std, err) < 0)
        return -1;
    config->has_pixels = true;
    return 0;
}

/* Version 5 of transformers may put what preprocessor_config.json held into processor_config.json. */
static int read_processor(ModelConfig *config, const char *weights, Arena *arena, Error *err) {
    static const char *const names[] = {"preprocessor_config.json", "processor_config.json"};
    for (int i = 0; i < 2; i++) {
        json_t *root = config_open(&config->pixels_path, weights, names[i], arena, err);
        if (!root && (config->pixels_path || arena_failed(arena)))
            return -1;
        const json_t *object = i == 0 ? root : json_object_get(root, "image_processor");
        Error fault = {0};
        if (json_is_object(object) &&
            read_pixels(config, object, i == 0 ? "" : "image_processor", &fault) < 0)
            config->images_fault = arena_strdup(arena, fault.text);
        json_decref(root);
        if (config->images_fault || config->has_pixels)
            break;
    }
    return arena_failed(arena) ? error_memory(err) : 0;
}

int config_read_hugging_face(ModelConfig *config, const char *weights, Arena *arena, Error *err) {
    const char *path;
    *config = (ModelConfig){.mean = CLIP_MEAN, .std = CLIP_STD};
    json_t *root = config_open(&path, weights, "config.json", arena, err);
    if (!root && (path || arena_failed(arena)))
        return -1;
    int result = 0;
    if (root) {
        config->path = path;
        config->embed_dim = 512;
        config->text =
            (TowerConfig){.width = 512, .n_layers = 12, .n_heads = 8, .n_positions = 77, .n_vocab = 49408};
        config->image =
            (TowerConfig){.width = 768, .n_layers = 12, .n_heads = 12, .image_size = 224, .patch_size = 32};
        result = read_model(config, root, err);
    }
    json_decref(root);
    return result < 0 ? -1 : read_processor(config, weights, arena, err);
}
