/* config_openclip.h: open_clip_config.json as OpenCLIP writes it. */
#ifndef CLIP_CHECKPOINT_CONFIG_OPENCLIP_H
#define CLIP_CHECKPOINT_CONFIG_OPENCLIP_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/checkpoint/config_types.h"

#include <jansson.h>

/* What the object says that was read from the file at `path`, which *config borrows. Model configs of
 * OpenCLIP's own folder are read too. */
int config_apply_openclip(ModelConfig *config, const char *path, const json_t *root, Arena *arena,
                          Error *err);
/* Its part about the model; NULL when there is none. */
const json_t *config_openclip_model(const json_t *root);

/* As model_config_read, for *config that is zero. */
int config_read_openclip(ModelConfig *config, const char *weights, Arena *arena, Error *err);

#endif
