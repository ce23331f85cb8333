/* zeroshot.h: classifiers from hand-written prompts, one or an ensemble (Radford et al. 2021, section 3.1.4).
 */
#ifndef COOP_ZEROSHOT_H
#define COOP_ZEROSHOT_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/checkpoint/model.h"
#include "clip/text/token_tree.h"
#include "clip/text/tokenizer.h"

/* The seven templates selected for ImageNet in openai/CLIP's notebook; (n) strings with "{}" for the name. */
const char *const *zeroshot_ensemble(int *n);

/* features (K, E), unit length: the features of every template filled with the class name ('_' stands for a
 * space), each of unit length, averaged over the templates and normalised again. All n_templates * n_classes
 * prompts are one prefix tree. A template without "{}" or a prompt that is too long is an error that names
 * it. Ends early with its error when the pool is stopped. */
int zeroshot_features(float *features, const Clip *clip, const Tokenizer *tokenizer, Pool *pool,
                      const char *const *templates, int n_templates, const char *const *class_names,
                      int n_classes, Error *err);

/* The same without unit lengths: the mean over the templates of what the tower gives. */
int zeroshot_raw_features(float *features, const Clip *clip, const Tokenizer *tokenizer, Pool *pool,
                          const char *const *templates, int n_templates, const char *const *class_names,
                          int n_classes, Error *err);

/* The prompts of that, (n_templates, K), owned by the arena; NULL with an error. */
const char **zeroshot_prompts(const char *const *templates, int n_templates, const char *const *class_names,
                              int n_classes, Arena *arena, Error *err);
/* Their prefix tree, or with `apart` a path for each, for whoever encodes them otherwise; owned by the arena.
 */
int zeroshot_tree(TokenTree *tree, const Clip *clip, const Tokenizer *tokenizer, const char *const *templates,
                  int n_templates, const char *const *class_names, int n_classes, bool apart, Arena *arena,
                  Error *err);
/* The rest of it: features (K, E) of those of the prompts, each (n_templates, K, E), which become of unit
 * length. */
void zeroshot_average(float *features, float *each, int n_templates, int n_classes, int E);

/* Only tokenizes these prompts: 0 when zeroshot_features would accept them. */
int zeroshot_check(const Clip *clip, const Tokenizer *tokenizer, const char *const *templates,
                   int n_templates, const char *const *class_names, int n_classes, Error *err);

/* Texts that did not fit and were cut. */
typedef struct {
    int n, first; /* how many, and the index of the first */
} TextCuts;

/* features (n, E) as encode_text gives them (not of unit length) and, when tokens is not NULL, the padded ids
 * (n, T). A text that is too long is an error when cuts is NULL; else it keeps its first T - 2 ids, as
 * OpenCLIP's tokenizer does it, and is counted. After an error *bad (may be NULL) is the index of the text at
 * fault, or -1 when none is. */
int encode_texts(float *features, int *tokens, TextCuts *cuts, const Clip *clip, const Tokenizer *tokenizer,
                 Pool *pool, const char *const *texts, int n, int *bad, Error *err);

/* logits (n, K) = exp(logit_scale) * images (n, E) . classes (K, E), both of unit length. */
void cosine_logits(Pool *pool, float *logits, const float *images, const float *classes, int n, int n_classes,
                   int E, float logit_scale);

#endif
