/* prompt_learner.h: learnable context vectors among class names (Zhou et al. 2022, section 3.2).
 *
 * A prompt is SOS, M context vectors and the tokens of "name." in one of three orders, then EOS:
 *   end     [v1 .. vM] name .        middle   [v1 .. v(M/2)] name [.. vM] .        front   name [v1 .. vM] .
 * The contexts are shared by all classes, or each class has its own (csc). Prompts become one prefix tree
 * (clip/text/token_tree.h), so shared beginnings are computed once and frozen ones once per run.
 */
#ifndef COOP_PROMPT_LEARNER_H
#define COOP_PROMPT_LEARNER_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/base/random.h"
#include "clip/checkpoint/model.h"
#include "clip/text/token_tree.h"
#include "clip/text/tokenizer.h"
#include "coop/cosine_classifier.h"
#include "coop/steps/text_parts.h"
#include "coop/trainer.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum { POSITION_END, POSITION_MIDDLE, POSITION_FRONT } ClassTokenPosition;
const char *position_name(ClassTokenPosition position);             /* "end", "middle", "front" */
int position_parse(ClassTokenPosition *position, const char *text); /* -1 for any other text */

typedef struct {
    int n_ctx; /* M; ignored when ctx_init gives words or a file */
    bool csc;
    ClassTokenPosition class_token_position;
    /* "" draws from N(0, 0.02^2); "a photo of a" takes the embeddings of those words, one vector per token,
     * for every class under csc too; a file (ctx_init_is_file) takes its tensor `ctx`, [M, C] or [K, M, C]: a
     * prompt of ours, or model.pth.tar-N of the original code. */
    const char *ctx_init;
    uint32_t seed; /* of the random start and of the order of the batches, as torch.manual_seed */

    /* for learners that start from CoOp's prompts (coop/prompts/); zero is CoOp */
    const char *around; /* what follows the contexts, with {} for the name; NULL: "{}." */
    bool last;          /* the words start the last of n_ctx vectors, and those before are zero */
    int n_start;        /* only the first so many tokens of the words start vectors; 0: all */
    int n_sets; /* contexts (n_sets, M, C), each with prompts for all classes: K prompts, then the next
                 * set's, and so the features; 0: one. Not with csc */

    const PartLink *link; /* other ranks, which take parts of the tree where it can be cut; NULL: none.
                           * Borrowed */
} LearnerConfig;

/* Whatever looks like a path is a file, so that a misspelt one is never taken for words: a slash, "~" in
 * front, a suffix at the end, the name of an existing file. "words: a/c unit" is words all the same. */
bool ctx_init_is_file(const char *ctx_init);
const char *ctx_init_words(const char *ctx_init); /* what follows "words:", or all of it */

typedef struct PromptLearner PromptLearner;

/* Builds the prompts of n_classes names ('_' stands for a space). memory_budget bounds the bytes of kept
 * activations; 0 is no bound. The model, tokenizer and pool are borrowed. An error names the class whose
 * prompt is too long, or the file and tensor that do not fit. Caller frees with learner_free. */
PromptLearner *learner_create(Clip *clip, const Tokenizer *tokenizer, Pool *pool, const char **class_names,
                              int n_classes, const LearnerConfig *config, size_t memory_budget, Error *err);
void learner_free(PromptLearner *learner); /* NULL is fine */

/* All but what encodes them: contexts, tree and classifier, for who computes the features otherwise. */
PromptLearner *learner_create_prompts(const Clip *clip, const Tokenizer *tokenizer, Pool *pool,
                                      const char **class_names, int n_classes, const LearnerConfig *config,
                                      Error *err);

/* Builds only the prompts: their M, after which learner_create can fail for lack of memory alone, or -1. */
int learner_check(const Clip *clip, const Tokenizer *tokenizer, const char **class_names, int n_classes,
                  const LearnerConfig *config, Error *err);

/* Operations of one training step on the text side (text_encoder_flops); otherwise as learner_check. */
int learner_step_flops(double *flops, const Clip *clip, const Tokenizer *tokenizer, const char **class_names,
                       int n_classes, const LearnerConfig *config, Error *err);

/* What several ranks want to know of a step of such a learner. */
typedef struct {
    int most;        /* ranks that can share it; 1: it is not cut */
    double flops;    /* as learner_step_flops */
    size_t n_memory; /* bytes of all activations that it keeps where there is room */
} LearnerSplit;

/* Otherwise as learner_check. */
int learner_split(LearnerSplit *split, const Clip *clip, const Tokenizer *tokenizer, const char **class_names,
                  int n_classes, const LearnerConfig *config, Error *err);

/* The contexts: (M, C), or (K, M, C) with csc. Read and written by the optimiser; owned by the learner. Where
 * other ranks hold some (Trainee.spread), trainer_gather brings them here. */
float *learner_ctx(PromptLearner *learner);
int learner_n_ctx(const PromptLearner *learner);
size_t learner_ctx_size(const PromptLearner *learner);       /* M C, or K M C */
const TokenTree *learner_tree(const PromptLearner *learner); /* borrowed */

/* For losses of other kinds: the prompts' features go to the classifier, and d_ctx, like the contexts, is
 * overwritten by the gradient that follows from its d_features. After one forward pass the backward pass may
 * be run again. */
CosineClassifier *learner_classifier(PromptLearner *learner);
void learner_forward(PromptLearner *learner);
void learner_backward(PromptLearner *learner, float *d_ctx);

/* features (K, E): text features of unit length at the present contexts. */
void learner_text_features(PromptLearner *learner, float *features);

/* Mean cross-entropy of exp(logit_scale) cos over B image features of unit length, and its gradient.
 *   images (B, E)   labels (B)   logits (B, K): room that is overwritten
 *   d_ctx like the contexts: overwritten; NULL skips the backward pass
 * *n_correct (may be NULL) counts the images whose label has the largest logit. */
double learner_loss(PromptLearner *learner, const float *images, const int *labels, int B, float *logits,
                    float *d_ctx, int *n_correct);

/* What the training loop sees: the contexts, called "ctx", their loss, and the generator as drawing
 * the first contexts left it. Owned by the learner. */
const Trainee *learner_trainee(PromptLearner *learner);

#endif
