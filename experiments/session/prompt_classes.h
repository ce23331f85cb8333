/* prompt_classes.h: using what was learned on the classes of one dataset for those of another. */
#ifndef EXPERIMENTS_SESSION_PROMPT_CLASSES_H
#define EXPERIMENTS_SESSION_PROMPT_CLASSES_H

#include "coop/prompt_file.h"
#include "experiments/session/session.h"

/* Where the name of the dataset's class k stands among n names; -1 when it is missing. Of a name that stands
 * there twice, the one at index k is meant. */
int class_index(const char *const *names, int n, const Dataset *dataset, int k);

/* Whether every class of the target is one of `own`. */
bool class_all_known(const Dataset *own, const Dataset *target);

/* logits (n_test of `to`, K of `to`): the columns of these classes, picked from the scores (n_test of `to`,
 * n) of n classes, which must have every class of `to`. */
void class_columns(float *logits, const float *scores, const char *const *names, int n, const Dataset *to);

/* text (K, E), unit length, for the K classes of the session's dataset: the features stored in the prompt if
 * it has all of these classes, else those of its context vectors around the new names. path is the prompt's,
 * for messages. Fails when the contexts are class-specific and a class is new. */
int prompt_class_features(float *text, const Prompt *prompt, const char *path, const Session *session,
                          Error *err);

#endif
