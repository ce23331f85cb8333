/* model_config.h: what the config beside a checkpoint says and its tensors cannot show.
 *
 * OpenCLIP writes open_clip_config.json, Hugging Face config.json and preprocessor_config.json. What is
 * needed from them is the activation, the number of heads, and how images are prepared. The rest is checked:
 * sizes against those of the tensors; and whatever would make the model compute something other than CLIP is
 * refused by name: for images alone, if it is about their preparation.
 */
#ifndef CLIP_CHECKPOINT_MODEL_CONFIG_H
#define CLIP_CHECKPOINT_MODEL_CONFIG_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/checkpoint/config_types.h"
#include "clip/checkpoint/names.h"

/* Reads the config of the flavour beside the weights, if there is one. Everything is owned by the arena.
 * Errors: "CONFIG: text_cfg.pool_type: 'last' where 'argmax' is needed: reason". */
int model_config_read(ModelConfig *config, const char *weights, NameFlavour flavour, Arena *arena,
                      Error *err);

/* Fails if a size in the config is not the one that was found in the tensors of the weights: then it belongs
 * to another model. A patch size is compared with a ViT's only. */
int model_config_check(const ModelConfig *config, const ModelConfig *found, const char *weights, Error *err);

/* Fails if images of image_size cannot be prepared as the config says. */
int model_config_check_images(const ModelConfig *config, int image_size, const char *weights, Error *err);

/* "squashed to 224 x 224, bilinear"; what is not said is as in OpenAI's models, "" if all of it is. */
void model_config_images_text(char out[80], const ImagePreparation *images, int image_size);

#endif
