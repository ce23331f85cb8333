/* cocoop.h: prompts that depend on the image (Zhou et al. 2022, "Conditional Prompt Learning for
 * Vision-Language Models"; github.com/KaiyangZhou/CoOp, trainers/cocoop.py).
 *
 *     contexts of image i = ctx + W2 relu(W1 f_i + b1) + b2, one vector added to all M; f_i of unit length
 *     logits of image i = e^s f_i . the features of the classes' prompts around these contexts
 *
 * The prompts of a batch are one prefix tree, which images share before the first context and classes behind
 * it. Trained are the contexts (M, C) and the two layers E -> E/16 -> C, one array in this order.
 */
#ifndef COOP_PROMPTS_COCOOP_H
#define COOP_PROMPTS_COCOOP_H

#include "coop/prompt_learner.h"

typedef struct Cocoop Cocoop;

/* The learner for batches of exactly `batch` images. config: without csc; its n_sets is set here. Otherwise
 * as learner_create, but for names and config, which are borrowed, too. */
Cocoop *cocoop_create(Clip *clip, const Tokenizer *tokenizer, Pool *pool, const char **class_names,
                      int n_classes, const LearnerConfig *config, int batch, size_t memory_budget,
                      Error *err);
void cocoop_free(Cocoop *cocoop); /* NULL is fine */

/* The same with parameters alone, for cocoop_logits. */
Cocoop *cocoop_create_untrained(Clip *clip, const Tokenizer *tokenizer, Pool *pool, const char **class_names,
                                int n_classes, const LearnerConfig *config, Error *err);

int cocoop_n_ctx(const Cocoop *cocoop);
int cocoop_width(const Cocoop *cocoop);             /* C */
int cocoop_embed_dim(const Cocoop *cocoop);         /* E */
int cocoop_hidden(const Cocoop *cocoop);            /* of the layer between them */
const TokenTree *cocoop_tree(const Cocoop *cocoop); /* of a batch; borrowed */

/* As learner_loss, but B is that of the creation; gradient like the parameters. */
double cocoop_loss(Cocoop *cocoop, const float *images, const int *labels, int B, float *logits,
                   float *gradient, int *n_correct);

const Trainee *cocoop_trainee(Cocoop *cocoop); /* owned by cocoop */

/* logits (n, K) of images (n, E) of unit length. As many images go through the text tower together as fill a
 * few segments of a tree; with `alone` each by itself, and its bits do not depend on the others. Fails when
 * memory is out, or when the pool is stopped. */
int cocoop_logits(Cocoop *cocoop, float *logits, const float *images, int n, bool alone, Error *err);

#endif
