/* config_openclip.h: open_clip_config.json as OpenCLIP writes it. */
#ifndef CLIP_CHECKPOINT_CONFIG_OPENCLIP_H
#define CLIP_CHECKPOINT_CONFIG_OPENCLIP_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/checkpoint/config_types.h"

/* As model_config_read, for *config that is zero. */
int config_read_openclip(ModelConfig *config, const char *weights, Arena *arena, Error *err);

#endif
