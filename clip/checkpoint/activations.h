/* activations.h: which activation the transformers of a checkpoint have.
 *
 * No tensor shows it. The user's choice goes first, then what a config beside the file says
 * (open_clip_config.json, config.json), then the code within a TorchScript archive; without any of them it is
 * OpenAI's QuickGELU, which is said.
 */
#ifndef CLIP_CHECKPOINT_ACTIVATIONS_H
#define CLIP_CHECKPOINT_ACTIVATIONS_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/checkpoint/config_types.h"
#include "clip/tensors/tensors.h"

#include <stdbool.h>

typedef enum { CLIP_ACTIVATION_AUTO, CLIP_ACTIVATION_QUICK_GELU, CLIP_ACTIVATION_GELU } ClipActivation;
const char *clip_activation_name(ClipActivation choice);            /* "auto", "quick_gelu", "gelu" */
int clip_activation_from(ClipActivation *choice, const char *name); /* -1: none of these */

#define ASSUMED " (assumed)" /* behind the name of an activation that nothing tells */

typedef struct {
    Activation text, image;
    const char *source; /* what tells them, for people; NULL: nothing does */
    const char *note;   /* one line that the user should know, or NULL */
    bool assumed;       /* it says that they are assumed */
} Activations;

/* is_vit: the image tower has one. matters: one of the two will be used. Fails when config and code say
 * different things and nothing was chosen. Texts are owned by the arena or by the config. */
int activations_find(Activations *out, const TensorFile *file, const ModelConfig *config, bool is_vit,
                     bool matters, ClipActivation choice, Arena *arena, Error *err);

#endif
