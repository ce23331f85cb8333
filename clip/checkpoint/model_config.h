/* model_config.h: what the config beside a checkpoint says that its tensors cannot.
 *
 * OpenCLIP writes open_clip_config.json, Hugging Face config.json and preprocessor_config.json. Needed from
 * them: the activation, the number of heads, the pixels' mean and standard deviation. All else in them is
 * checked: sizes against the tensors, and whatever would make the model compute something else than CLIP is
 * refused by name.
 */
#ifndef CLIP_CHECKPOINT_MODEL_CONFIG_H
#define CLIP_CHECKPOINT_MODEL_CONFIG_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/checkpoint/model.h"
#include "clip/checkpoint/names.h"

#include <stdbool.h>

/* Sizes are 0 where the config does not say. */
typedef struct {
    int width, n_layers, n_heads, n_positions, n_vocab; /* the last two: text */
    int image_size, patch_size, n_blocks[4];            /* image; blocks of a ResNet, which has no n_layers */
    Activation activation;
} TowerConfig;

typedef struct {
    const char *path; /* NULL: there is no config, and all below is 0 */
    TowerConfig text, image;
    int embed_dim;
    bool has_pixels;
    float mean[3], std[3];
    const char *pixels_path; /* of the file that says so */
    int input_size;          /* that images are prepared to, 0: not said */
} ModelConfig;

/* Reads the config of the flavour beside the weights. A file that is not there is no error. Everything is
 * owned by the arena. Errors: "CONFIG: text_cfg.pool_type: 'last' where 'argmax' is needed: reason". */
int model_config_read(ModelConfig *config, const char *weights, NameFlavour flavour, Arena *arena,
                      Error *err);

/* The sizes in the config are those of the tensors: else it belongs to another model. */
int model_config_check(const ModelConfig *config, const Clip *clip, Error *err);

/* --- the two kinds: config_openclip.c, config_hugging_face.c --- */

int config_read_openclip(ModelConfig *config, const char *weights, Arena *arena, Error *err);
int config_read_hugging_face(ModelConfig *config, const char *weights, Arena *arena, Error *err);

#endif
