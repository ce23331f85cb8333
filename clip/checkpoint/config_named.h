/* config_named.h: what the name of a published checkpoint says of it, where no config beside it does. */
#ifndef CLIP_CHECKPOINT_CONFIG_NAMED_H
#define CLIP_CHECKPOINT_CONFIG_NAMED_H

#include "clip/base/arena.h"
#include "clip/checkpoint/config_types.h"
#include "clip/named/named.h"

/* Adds the activation and the preparation of images that the name stands for, as far as the config does not
 * say them. A config goes first; where it says something else than the name, config->note says so. `weights`
 * is what the name was found to be. Texts are owned by the arena. */
void config_add_named(ModelConfig *config, const Named *named, const char *weights, Arena *arena);

#endif
