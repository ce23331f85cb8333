/* weights.h: where the weights of each tower are in a checkpoint, every one checked against the shape that
 * follows from the architecture.
 *
 * The sizes in the struct are known already. Matrices have their numbers after checkpoint_read.
 */
#ifndef CLIP_CHECKPOINT_WEIGHTS_H
#define CLIP_CHECKPOINT_WEIGHTS_H

#include "clip/checkpoint/checkpoint.h"
#include "clip/checkpoint/tower_weights.h"

void text_read(Checkpoint *cp, TextWeights *text);
void vit_read(Checkpoint *cp, VitWeights *vit);
void resnet_read(Checkpoint *cp, ResnetWeights *resnet);

#endif
