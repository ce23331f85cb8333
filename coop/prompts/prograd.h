/* prograd.h: prompts whose gradient does not work against what zero-shot CLIP knows (Zhu et al. 2023,
 * "Prompt-aligned Gradient for Prompt Tuning"; github.com/BeierZhu/Prompt-align, trainers/prograd.py and its
 * Dassl's engine/trainer.py).
 *
 *     g_ce of the cross-entropy; g_kl of  -T^2 mean over images of  sum over classes of
 *         softmax(hand-written logits / T) log softmax(logits / T)
 *     g = g_ce - lambda (g_ce . u) u  with u = g_kl / |g_kl|,  where g_ce . g_kl < 0;  else g = g_ce
 *
 * Both gradients go back through one forward pass. The loss that is told is the cross-entropy.
 */
#ifndef COOP_PROMPTS_PROGRAD_H
#define COOP_PROMPTS_PROGRAD_H

#include "coop/prompt_learner.h"

typedef struct Prograd Prograd;

/* texts (K, E): features of hand-written prompts, of unit length; borrowed, as the learner. Batches have at
 * most max_batch images. Owned by the arena; NULL when memory is out. */
Prograd *prograd_create(PromptLearner *learner, const float *texts, double lambda, double temperature,
                        int max_batch, Arena *arena);

/* As learner_loss; d_ctx is g. */
double prograd_loss(Prograd *prograd, const float *images, const int *labels, int B, float *logits,
                    float *d_ctx, int *n_correct);

/* g_kl of the last call, like the contexts. */
const float *prograd_kept_gradient(const Prograd *prograd);

/* Its parameters are the contexts; owned by prograd. */
const Trainee *prograd_trainee(Prograd *prograd);

/* Where the authors' contexts start: the words of a template before "{}" fill the last of n_ctx vectors, and
 * zeros stand before. There are as many vectors as words between blanks; a template with a comma has more
 * tokens than those, and the last of them stay between the contexts and the name, as in the authors' program.
 * Fills in ctx_init, last, n_start and around, owned by the arena. Fails where the template begins with {}.
 */
int prograd_start(LearnerConfig *config, const char *template, const Tokenizer *tokenizer, Arena *arena,
                  Error *err);

#endif
