/* learned.h: what a point leaves for `classify`: a file, what that says of its origin, and how accurate it
 * is.
 *
 * A method makes its logits first, fills val_accuracy, and then writes its file, once: with learned_head, or
 * with one of the functions that do all of it.
 */
#ifndef EXPERIMENTS_METHODS_LEARNED_H
#define EXPERIMENTS_METHODS_LEARNED_H

#include "coop/heads/linear_classifier.h"
#include "coop/prompt_file.h"
#include "experiments/grid/point.h"
#include "experiments/results/result.h"
#include "experiments/session/session.h"

/* Percent of the session's validation images that logits (n_val, K) label right; NAN where there are none. */
double learned_val_accuracy(const Session *session, const float *logits);

/* Where it comes from, and how accurate it is: by val_accuracy of the result, and logits (n_test, K). */
Provenance learned_provenance(const Session *session, const Point *point, const float *logits,
                              const Result *result);

/* What a learned file says of its classes, its checkpoint and its origin: all of a Prompt but what is about
 * contexts. text (K, E), of unit length, or NULL, is borrowed, as all that the session and the point have;
 * the rest is owned by the arena. Without logits the origin is left to provenance_put. */
int learned_head(Prompt *prompt, Session *session, const Point *point, const float *text, const float *logits,
                 const Result *result, Arena *arena, Error *err);

/* For whatever ends in text features (K, E) of unit length: logits (n_test, K) and val_accuracy. */
int learned_classify(Session *session, const float *text, float *logits, Result *result, Arena *arena,
                     Error *err);
/* The same, and classifier.safetensors in the folder. */
int learned_write_texts(Session *session, const Point *point, const float *text, const char *folder,
                        float *logits, Result *result, Arena *arena, Error *err);

/* val_accuracy and the file for logits = scale f . w_k + b_k of f of unit length; those of the test images
 * are there already. */
int learned_write_linear(Session *session, const Point *point, const LinearClassifier *classifier,
                         const char *folder, const float *logits, Result *result, Arena *arena, Error *err);

#endif
