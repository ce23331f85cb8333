/* shapes.h: the sizes of the towers, found in the shapes of a few tensors, as build_model of openai/CLIP's
 * model.py finds them.
 */
#ifndef CLIP_CHECKPOINT_SHAPES_H
#define CLIP_CHECKPOINT_SHAPES_H

#include "clip/checkpoint/checkpoint.h"
#include "clip/checkpoint/model_config.h"
#include "clip/checkpoint/tower_weights.h"

enum { HEAD_SIZE = 64 }; /* of OpenAI's models */
enum { MAX_IMAGE_SIZE = 4096 };

/* Long-CLIP stretches the positions of a text, all but the first, by learning a second table for these. */
enum { LONG_CLIP_POSITIONS = 248, LONG_CLIP_KEPT = 20 };

/* Each fills in the sizes of one tower. The config gives the number of heads, which no shape shows;
 * without it (0) the width of a published model does. Sizes
 * that no such tower can have are a failure of the checkpoint. embed_dim is the text tower's. */
void text_shapes(Checkpoint *cp, TextWeights *text, const TowerConfig *config);
void vit_shapes(Checkpoint *cp, VitWeights *vit, int embed_dim, const TowerConfig *config);
void resnet_shapes(Checkpoint *cp, ResnetWeights *resnet, int embed_dim, const TowerConfig *config);

#endif
