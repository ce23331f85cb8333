/* heads.h: what the learners on cached features (coop/heads) share: their images, their recipes, and the way
 * from a linear classifier to logits.
 */
#ifndef EXPERIMENTS_METHODS_HEADS_H
#define EXPERIMENTS_METHODS_HEADS_H

#include "coop/heads/head.h"
#include "experiments/methods/method.h"
#include "experiments/methods/training.h"

typedef enum { RECIPE_PAPER, RECIPE_PLAIN } Recipe;
#define RECIPES "paper|plain"

/* Options of a head that is trained as Dassl trains; lr and max_epoch are the common ones. */
typedef struct {
    MethodOptions common;
    IntList recipe; /* of Recipe */
    RealList weight_decay;
    IntList batch_size;
} HeadOptions;

/* Dassl's schedule: a cosine by epoch behind one of warm-up. RECIPE_PLAIN: without the warm-up, and an
 * incomplete batch counts. */
OptimConfig heads_optim(const HeadOptions *options, OptimizerKind optimizer, double lr, int max_epoch);

/* Images of a point, of unit length, and their labels. */
typedef struct {
    TrainData train;
    float *val;            /* (n_val, E), the centre crop */
    const int *val_labels; /* (n_val) */
    int n_val;
} HeadImages;

/* n_views random views of the training images (0: the centre crop), for epochs in turn, or with as_rows all
 * as images of their own (n counts them all). Owned by the arena. */
int heads_load(HeadImages *images, Session *session, const Point *point, int n_views, bool as_rows,
               Validation validation, Arena *arena, Error *err);

/* A head trained from the text features. */
typedef struct {
    OptimConfig optim;
    double alpha; /* of a residual; 0: none */
    bool constrained;
    int views;
    bool as_rows; /* each epoch sees as many of all views as there are images */
} HeadPlan;

int heads_prepare(const HeadPlan *plan, Session *session, const Point *point, Arena *arena, Error *err);
int heads_run(const HeadPlan *plan, Session *session, const Point *point, const char *folder, float *logits,
              Result *result, Progress *progress, Arena *arena, Error *err);
int heads_transfer(const HeadPlan *plan, Session *session, const Point *learned, const char *folder,
                   const Session *target, float *logits, Arena *arena, Error *err);

/* Logits (n_test, K) of the test images of `tested`, whose classes are among those that the classifier
 * learned in `session`. */
int heads_classify(const LinearClassifier *classifier, const Session *session, const Session *tested,
                   float *logits, Arena *arena, Error *err);

/* The Method.serves_new_classes of what has a row of weights for each class. */
bool heads_serve_known_classes(const Point *learned);

#endif
