/* gradient_clip.h: optim.grad_clip_norm. */
#ifndef EXPERIMENTS_PRETRAIN_GRADIENT_CLIP_H
#define EXPERIMENTS_PRETRAIN_GRADIENT_CLIP_H

#include "experiments/pretrain/pretrain_session.h"

/* Scales the gradients of these pieces (NULL: all), given the length of all gradients together, as
 * torch.nn.utils.clip_grad_norm_ does it. */
void gradients_clip(const PretrainSession *session, const PieceList *some, double norm);

#endif
