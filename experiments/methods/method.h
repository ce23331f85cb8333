/* method.h: a method, which makes a row of the comparison table: a way from training images to logits on the
 * test images.
 *
 * A new method is one file with one Method, and its name in methods.c. The keys of its section make its
 * reader, its help, its dimensions, and, unless its PointRules say otherwise, its labels, canonical texts and
 * folders.
 *
 * A method works in three steps, so that whatever can be wrong with the input stops an experiment that has
 * not begun: nothing is written before all points are prepared.
 */
#ifndef EXPERIMENTS_METHODS_METHOD_H
#define EXPERIMENTS_METHODS_METHOD_H

#include "coop/heads/linear_classifier.h"
#include "coop/prompt_learner.h"
#include "experiments/grid/point.h"
#include "experiments/results/results.h"
#include "experiments/session/session.h"
#include "experiments/terminal/progress.h"

#include <stddef.h>

typedef struct {
    MethodSpec spec;

    /* Checks prompts and files; called once for all shots and seeds of a variant. Fast. */
    int (*check)(Session *session, const Point *point, Error *err);

    /* Encodes (into the session's cache) what the point will ask for; of a method that USES_OPTIM, images by
     * num_shots, seed, views and max_epoch alone. NULL: nothing. Throw-away memory is taken from the arena.
     */
    int (*prepare)(Session *session, const Point *point, Arena *arena, Error *err);

    /* Floating-point operations of running the point, for a dry run; NULL: next to nothing. */
    int (*flops)(double *flops, Session *session, const Point *point, Error *err);

    /* What several ranks want to know before they share the classes of the point (Session.link); NULL: it is
     * one rank's work. */
    int (*split)(LearnerSplit *split, Session *session, const Point *point, Error *err);

    /* Fills logits (n_test, K) and the fields of the result that only the method knows. folder is where a
     * method may keep files of its own. ERROR_SIGNAL when stopped. */
    int (*run)(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err);

    /* Fills logits (n_test, K) on the test images and classes of a target, with what a finished point of the
     * session has learned (transfer.h). NULL for a method whose points cannot be tested elsewhere, and for
     * one that learns nothing: its points are run on the target itself. */
    int (*transfer)(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err);

    /* Goes with transfer: whether the target may have classes that the point was not learned on. NULL: never,
     * as where each class has weights of its own. */
    bool (*serves_new_classes)(const Point *learned);

    /* What heads_run_fit and heads_transfer_fit (heads.h) call, in place of run and transfer of its own:
     * fills a classifier of the session's classes; result is NULL in a transfer. */
    int (*fit)(LinearClassifier *classifier, Session *session, const Point *point, Result *result,
               Progress *progress, Arena *arena, Error *err);
} Method;

/* Always. */
bool method_serves_new_classes(const Point *learned);

/* The method of a point. */
const Method *method_of(const Point *point);

#endif
