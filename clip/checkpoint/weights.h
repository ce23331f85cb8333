/* weights.h: finds the weights of each tower in a checkpoint and checks each against the shape that follows
 * from the sizes in the table, which are known already. The numbers of matrices are there after
 * checkpoint_read.
 */
#ifndef CLIP_CHECKPOINT_WEIGHTS_H
#define CLIP_CHECKPOINT_WEIGHTS_H

#include "clip/checkpoint/checkpoint.h"
#include "clip/checkpoint/tower_weights.h"

/* Whether any block of a tower has LayerScale, x += gamma attn(...); then all must have it. */
bool weights_have_layer_scale(const Checkpoint *cp, const char *prefix, int n_layers);

void text_read(Checkpoint *cp, TextWeights *text);
void vit_read(Checkpoint *cp, VitWeights *vit);
void resnet_read(Checkpoint *cp, ResnetWeights *resnet);

#endif
