/* prompt_classes.h: what was learned on the classes of one dataset, among those of another. */
#ifndef EXPERIMENTS_SESSION_PROMPT_CLASSES_H
#define EXPERIMENTS_SESSION_PROMPT_CLASSES_H

#include "coop/prompt_file.h"
#include "experiments/session/session.h"

/* The index of the name of the dataset's class k among n names, -1 when it is not there. Where a name stands
 * twice, its place tells which is meant. */
int class_index(const char *const *names, int n, const Dataset *dataset, int k);

/* The columns of the classes of `to` from the scores (n_test of `to`, K of `from`) of all classes of `from`,
 * which has each of them. */
void class_columns(float *logits, const float *scores, const Dataset *from, const Dataset *to);

/* text (K, E), unit length, for the K classes of the session's dataset: the stored features if all classes
 * are among the prompt's own, else its contexts among the new names. path is the prompt's, for messages.
 * Fails when the contexts are class-specific and a class is new. */
int prompt_class_features(float *text, const Prompt *prompt, const char *path, const Session *session,
                          Error *err);

#endif
