/* cocoop_kind.h: CoCoOp's parameters as a learned file (coop/classifier_file.h).
 *
 * Tensors: ctx F32 [M, C]; meta_net.linear1.weight [H, E], .bias [H], meta_net.linear2.weight [C, H], .bias
 * [C], all F32; class_token_position I32 [1], 0 to 2: end, middle, front. For images and classes it needs the
 * text tower.
 */
#ifndef COOP_PROMPTS_COCOOP_KIND_H
#define COOP_PROMPTS_COCOOP_KIND_H

#include "clip/tensors/tensors.h"
#include "coop/prompts/cocoop.h"

enum { COCOOP_TENSORS = 6 };

/* position is borrowed, as the parameters. */
void cocoop_tensors(TensorOut out[COCOOP_TENSORS], const Cocoop *cocoop, const int32_t *position);

#endif
