/* classifier_kind.h: how a learned classifier makes logits of image features: one file for each way.
 *
 * A new kind is a file NAME_kind.c with one ClassifierKind, and its name in classifier_kinds.c. What it has
 * beside class names and the checkpoint, it reads from the tensors of classifier.safetensors
 * (coop/classifier_file.h).
 */
#ifndef COOP_LEARNED_CLASSIFIER_KIND_H
#define COOP_LEARNED_CLASSIFIER_KIND_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"
#include "clip/checkpoint/model.h"
#include "clip/tensors/tensors.h"
#include "clip/text/tokenizer.h"

/* What all files tell. */
typedef struct {
    int n_classes, embed_dim;   /* K, E */
    const float *text_features; /* (K, E), unit length; NULL: the kind has none */
    float logit_scale;          /* a logarithm */
} KindInput;

/* The checkpoint with its text tower, for a kind whose classes depend on the image; all borrowed. */
typedef struct {
    Clip *clip;
    const Tokenizer *tokenizer;
    Pool *pool;
    const char **class_names; /* (n_classes): those learned, or others */
    int n_classes;
} KindModel;

typedef struct {
    const char *name; /* in the file: "cosine" */
    bool
        has_texts; /* the file holds text features and a scale, and with them embed_dim; else open finds it */

    bool needs_length; /* the logits depend on how long the features are, not on their direction alone */

    /* What the logits need, owned by the arena; input's arrays are borrowed. NULL with an error. */
    void *(*open)(KindInput *input, const TensorFile *file, Arena *arena, Error *err);

    /* Called once the checkpoint is open, and close before it closes. NULL, both: no text tower is needed. */
    int (*attach)(void *state, const KindModel *model, Error *err);
    void (*close)(void *state);

    /* logits (n, K) of features (n, E) as the image tower gives them. The bits of a row do not depend on its
     * neighbours. */
    int (*logits)(const void *state, Pool *pool, float *logits, const float *features, int n, Error *err);
} ClassifierKind;

/* By its name; NULL: no kind is called so. */
const ClassifierKind *classifier_kind(const char *name);

extern const ClassifierKind cosine_kind, linear_kind, unit_linear_kind, cache_kind, adapter_kind;
extern const ClassifierKind cocoop_kind; /* coop/prompts/cocoop_kind.c, above this room */

#endif
