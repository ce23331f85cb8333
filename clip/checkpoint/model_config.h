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
#include "clip/checkpoint/config_types.h"
#include "clip/checkpoint/names.h"

/* Reads the config of the flavour beside the weights. A file that is not there is no error. Everything is
 * owned by the arena. Errors: "CONFIG: text_cfg.pool_type: 'last' where 'argmax' is needed: reason". */
int model_config_read(ModelConfig *config, const char *weights, NameFlavour flavour, Arena *arena,
                      Error *err);

/* The sizes in the config are those found in the tensors of the weights: else it belongs to another model. A
 * patch size is compared only with a ViT's. */
int model_config_check(const ModelConfig *config, const ModelConfig *found, const char *weights, Error *err);

#endif
