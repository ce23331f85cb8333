/* classifier_file.h: what was learned otherwise than as a prompt or as weights of the towers, on disk: all
 * that `classify` needs beside the checkpoint.
 *
 * Layout of `classifier.safetensors` (format "coop-classifier"): metadata kind ("cosine", "linear", ...),
 * the tensors of that kind (coop/learned/NAME_kind.c), with it text_features and logit_scale where the kind
 * has texts, and the metadata of a prompt's file (prompt_file.h) but that of contexts.
 */
#ifndef COOP_CLASSIFIER_FILE_H
#define COOP_CLASSIFIER_FILE_H

#include "coop/learned/classifier_kind.h"
#include "coop/prompt_file.h"

#define CLASSIFIER_FILE "classifier.safetensors"

typedef struct {
    Prompt head; /* without contexts */
    const ClassifierKind *kind;
    void *state; /* for its logits */
} ClassifierFile;

bool classifier_file_is_one(const TensorFile *file);

/* Written atomically, with a checksum. Tensors are those of the kind. */
int classifier_file_write(const char *path, const Prompt *head, const ClassifierKind *kind,
                          const TensorOut *tensors, int n_tensors, Error *err);

/* Everything is owned by the arena, or the kind's and borrowed from the head. */
int classifier_file_read(ClassifierFile *classifier, const TensorFile *file, Arena *arena, Error *err);

#endif
