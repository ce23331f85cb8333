/* text_parts.h: the text side of one training in parts, each in a process of its own.
 *
 * The prefix tree is cut into parts (clip/text/tree_part.h), of which rank r has number r. Rank 0 trains: it
 * has the loss, the images, and the contexts that all classes share. In a step it asks the others for
 *
 *     forward    [M, C] contexts, where they are shared ->    <- [U, C] outputs of the last block at EOS
 *     backward                 [U, C] gradients at these ->
 *                the gradients at contexts and trunk go from rank to rank, 0, 1, .. and back to 0, and each
 *                adds its own
 *     step       where each class has its own contexts, they and what the optimiser knows of them stay where
 *                the class is, and so do their gradients
 *
 * U are the distinct prompts of the part. What comes next (text_head.h) is done by rank 0 for all.
 *
 * The result is that of one process, bit for bit, for any number of ranks: the rows of a part are those of
 * the whole; a sum over classes is one chain of additions in the order of the tree, whoever does a piece of
 * it.
 */
#ifndef COOP_STEPS_TEXT_PARTS_H
#define COOP_STEPS_TEXT_PARTS_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/checkpoint/model.h"
#include "clip/text/token_tree.h"
#include "coop/steps/optimizer.h"
#include "coop/steps/text_part.h"

typedef struct TextParts TextParts;

/* How many ranks can have a part of the tree; 1: it cannot be cut, or not on this processor. own_contexts:
 * each prompt has contexts of its own. */
int text_parts_most(const TokenTree *tree, bool own_contexts);

/* For rank 0. contexts (n_contexts, C) are the table of the tree. What is given is borrowed; the clip is
 * prepared for training (clip_prepare_training). memory_budget as for text_encoder_create, of this rank's
 * part. Caller frees, which lets the others go. */
TextParts *text_parts_create(const Clip *clip, const TokenTree *tree, float *contexts, int n_contexts,
                             bool own_contexts, Pool *pool, const PartLink *link, size_t memory_budget,
                             Error *err);
void text_parts_free(TextParts *parts); /* NULL is fine */

int text_parts_count(const TextParts *parts); /* of ranks that have one */

/* As text_encoder_forward and text_encoder_backward; where contexts are of each class, d_contexts has only
 * those that are here. */
void text_parts_forward(TextParts *parts, float *features);
void text_parts_backward(TextParts *parts, float *d_contexts, const float *d_features);

/* Who steps the contexts; NULL: the trainer steps all of them. */
const Spread *text_parts_spread(const TextParts *parts);

/* What the two passes of a step send, over all ranks, but for an order to each other rank before each pass
 * and before a step: 4 bytes (2 C leaves of the others + where contexts are shared (count - 1) M C + count (2
 * C layers trunk + M C)) */
size_t text_parts_step_bytes(const TokenTree *tree, int n_contexts, bool own_contexts, int count, int width,
                             int n_layers);

#endif
