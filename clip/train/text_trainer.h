/* text_trainer.h: the text tower over a prefix tree of captions, forward and backward, with the gradients of
 * its weights. No row behind EOS is computed, and beginnings that captions share are computed once. */
#ifndef CLIP_TRAIN_TEXT_TRAINER_H
#define CLIP_TRAIN_TEXT_TRAINER_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/text/token_tree.h"
#include "clip/train/pass.h"
#include "clip/train/trainable_clip.h"

typedef struct TextTrainer TextTrainer;

/* As image_trainer_create. */
TextTrainer *text_trainer_create(TrainableClip *clip, Pool *pool, size_t memory_budget, Error *err);
void text_trainer_free(TextTrainer *trainer); /* NULL is fine */

/* features (P, E), not of unit length, of the tree's prompts, which must hold tokens alone. The tree is kept
 * until the backward pass; each call may have another. Fails when out of memory. */
int text_trainer_forward(TextTrainer *trainer, float *features, const TokenTree *tree, Pass pass, Error *err);
/* Adds to the gradients of the parameters, given d_features (P, E) of the last PASS_TRAIN. */
void text_trainer_backward(TextTrainer *trainer, const float *d_features);

size_t text_trainer_bytes(const TextTrainer *trainer); /* of activations, as they were taken */
double text_trainer_flops(const TrainableClip *clip, const TokenTree *tree, bool backward);

#endif
