/* learned.h: what a point leaves for `classify`: a file, what that says of its origin, and how accurate it
 * is.
 *
 * A method writes its file in run(), with learned_head or learned_write_texts, and fills val_accuracy; where
 * it was learned and how accurate it is on the test images is added when the point is finished.
 */
#ifndef EXPERIMENTS_METHODS_LEARNED_H
#define EXPERIMENTS_METHODS_LEARNED_H

#include "coop/heads/linear_classifier.h"
#include "coop/prompt_file.h"
#include "experiments/grid/point.h"
#include "experiments/results/result.h"
#include "experiments/session/session.h"

/* What a learned file says of its classes and its checkpoint: all of a Prompt but what is about contexts.
 * text (K, E), of unit length, or NULL, is borrowed, as all that the session has; the rest is owned by the
 * arena. */
int learned_head(Prompt *prompt, Session *session, const float *text, Arena *arena, Error *err);

/* Percent of the session's validation images that logits (n_val, K) label right; NAN where there are none. */
double learned_val_accuracy(const Session *session, const float *logits);

/* For whatever ends in text features (K, E) of unit length: logits (n_test, K) and val_accuracy. */
int learned_classify(Session *session, const float *text, float *logits, Result *result, Arena *arena,
                     Error *err);
/* The same, and classifier.safetensors in the folder. */
int learned_write_texts(Session *session, const float *text, const char *folder, float *logits,
                        Result *result, Arena *arena, Error *err);

/* val_accuracy and the file for logits = scale f . w_k + b_k of f of unit length. */
int learned_write_linear(Session *session, const LinearClassifier *classifier, const char *folder,
                         Result *result, Arena *arena, Error *err);

/* Adds to the learned file of the folder, if there is one, where it comes from and what the result says. */
int learned_describe(const Point *point, const Result *result, const char *folder, Arena *arena, Error *err);

#endif
