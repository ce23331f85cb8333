/* config_training.c: see config_training.h */
#include "clip/checkpoint/config_training.h"

#include "clip/checkpoint/checkpoint.h"
#include "clip/checkpoint/config_openclip.h"
#include "clip/checkpoint/config_rules.h"
#include "clip/checkpoint/model.h"
#include "clip/checkpoint/shapes.h"

#include <math.h>
#include <string.h>

/* --- what a training would do --- */

static const KeyRule training_rules[] = {
    {"patch_dropout", RULE_OFF, .reason = "patches are not dropped in training; without it, write 0"},
    {"pos_embed_type", RULE_WORD, .word = "learnable", .reason = "fixed positions are not trained here"},
    {.name = NULL},
};

static const KeyRule bias_rules[] = {
    {"init_logit_bias", RULE_OFF, .reason = "a bias of the logits is SigLIP's; CLIP's loss does not move it"},
    {.name = NULL},
};

static int check_training(const char *path, const json_t *root, Error *err) {
    const ConfigPlace vision = {path, "vision_cfg", false}, place = {path, "model_cfg", false};
    const json_t *model = config_openclip_model(root);
    return config_apply(&vision, json_object_get(model, "vision_cfg"), training_rules, NULL, err) < 0
               ? -1
               : config_apply(&place, model, bias_rules, NULL, err);
}

int config_check_training(const char *path, Arena *arena, Error *err) {
    json_t *root = config_load(path, arena, err);
    const int result = root ? check_training(path, root, err) : -1;
    json_decref(root);
    return result;
}

/* --- a new model --- */

enum { MAX_RATIO = 64, MAX_INITIAL = 1000 };

typedef struct {
    double mlp_ratio, layer_scale;
} Numbers;

static const KeyRule number_rules[] = {
    {"mlp_ratio", RULE_REAL, .offset = offsetof(Numbers, mlp_ratio), .number = MAX_RATIO},
    {"ls_init_value", RULE_REAL, .offset = offsetof(Numbers, layer_scale), .number = MAX_INITIAL},
    {.name = NULL},
};

static const KeyRule scale_rules[] = {
    {"init_logit_scale", RULE_REAL, .offset = 0, .number = MAX_LOGIT_SCALE},
    {.name = NULL},
};

static int read_tower(NewTower *tower, const char *path, const char *section, const json_t *model, int width,
                      Error *err) {
    const ConfigPlace place = {path, section, false};
    Numbers numbers = {.mlp_ratio = 4};
    if (config_apply(&place, json_object_get(model, section), number_rules, &numbers, err) < 0)
        return -1;
    *tower = (NewTower){(int)(width * numbers.mlp_ratio), numbers.layer_scale};
    return tower->mlp_width >= 1 ? 0
                                 : config_error(&place, "mlp_ratio", err, "%g of width %d is no width",
                                                numbers.mlp_ratio, width);
}

static int check_width(const char *path, const char *what, int width, int heads, Error *err) {
    return heads > 0 && width % heads == 0
               ? 0
               : error_set(err, "%s: %s %d is no multiple of %d heads", path, what, width, heads);
}

static int check_resnet(const ModelConfig *config, Error *err) {
    const TowerConfig *image = &config->image;
    if (image->width % 2 != 0 || image->width > CHECKPOINT_MAX_DIM / 32)
        return error_set(err, "%s: vision_cfg.width: %d is odd or too large for a ResNet", config->path,
                         image->width);
    if (image->image_size % 32 != 0)
        return error_set(err, "%s: vision_cfg.image_size: %d is no multiple of a ResNet's cell of 32 pixels",
                         config->path, image->image_size);
    return check_width(config->path, "vision_cfg: attention pool of width", 32 * image->width, image->n_heads,
                       err);
}

static int check_image(const ModelConfig *config, Error *err) {
    const TowerConfig *image = &config->image;
    if (image->image_size > MAX_IMAGE_SIZE)
        return error_set(err, "%s: vision_cfg.image_size: %d is more than %d", config->path,
                         image->image_size, MAX_IMAGE_SIZE);
    if (config->images_fault)
        return error_set(err, "%s", config->images_fault);
    if (config->input_size && config->input_size != image->image_size)
        return error_set(err, "%s: preprocess_cfg.size: %d where vision_cfg.image_size is %d", config->path,
                         config->input_size, image->image_size);
    if (!image->n_layers)
        return check_resnet(config, err);
    if (image->image_size % image->patch_size != 0)
        return error_set(err, "%s: vision_cfg.image_size: %d is no multiple of the patch size, %d",
                         config->path, image->image_size, image->patch_size);
    return check_width(config->path, "vision_cfg.width", image->width, image->n_heads, err);
}

static int check_sizes(const ModelConfig *config, Error *err) {
    const TowerConfig *text = &config->text, *image = &config->image;
    if (!config->embed_dim)
        return error_set(err, "%s: embed_dim: missing", config->path);
    if (text->n_layers > CHECKPOINT_MAX_LAYERS || image->n_layers > CHECKPOINT_MAX_LAYERS)
        return error_set(err, "%s: layers: more than %d", config->path, CHECKPOINT_MAX_LAYERS);
    if (text->n_positions < 2 || text->n_vocab < 3)
        return error_set(err, "%s: text_cfg: a context of %d positions of %d tokens holds no text",
                         config->path, text->n_positions, text->n_vocab);
    return check_width(config->path, "text_cfg.width", text->width, text->n_heads, err) < 0
               ? -1
               : check_image(config, err);
}

static int read_new(NewModel *out, const char *path, const json_t *root, Arena *arena, Error *err) {
    const json_t *model = config_openclip_model(root);
    const ConfigPlace place = {path, "model_cfg", false};
    out->logit_scale = log(1 / 0.07);
    return config_apply_openclip(&out->model, path, root, arena, err) < 0 ||
                   check_training(path, root, err) < 0 || check_sizes(&out->model, err) < 0 ||
                   read_tower(&out->text, path, "text_cfg", model, out->model.text.width, err) < 0 ||
                   read_tower(&out->image, path, "vision_cfg", model, out->model.image.width, err) < 0
               ? -1
               : config_apply(&place, model, scale_rules, &out->logit_scale, err);
}

int config_read_new(NewModel *model, const char *path, Arena *arena, Error *err) {
    *model = (NewModel){.logit_scale = 0};
    path = arena_strdup(arena, path);
    json_t *root = path ? config_load(path, arena, err) : NULL;
    const int result = root ? read_new(model, path, root, arena, err) : path ? -1 : error_memory(err);
    json_decref(root);
    return result;
}
