/* config_hugging_face.h: config.json and preprocessor_config.json as transformers writes them. */
#ifndef CLIP_CHECKPOINT_CONFIG_HUGGING_FACE_H
#define CLIP_CHECKPOINT_CONFIG_HUGGING_FACE_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/checkpoint/config_types.h"

/* As model_config_read, for *config that is zero. */
int config_read_hugging_face(ModelConfig *config, const char *weights, Arena *arena, Error *err);

#endif
