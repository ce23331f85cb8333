/* heads.h: what the learners on cached features (coop/heads) share: their images, their recipes, and the way
 * from a linear classifier to logits.
 */
#ifndef EXPERIMENTS_METHODS_HEADS_H
#define EXPERIMENTS_METHODS_HEADS_H

#include "coop/heads/head.h"
#include "experiments/methods/method.h"
#include "experiments/methods/training.h"

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

/* Which images a method asks for. */
typedef struct {
    int n;            /* random views of each training image; 0: the centre crop */
    int kind;         /* VIEW_CROP, VIEW_LARGE_CROP */
    bool as_rows;     /* all views are images of their own; else epochs take them in turn */
    bool raw;         /* as the tower gives them; else of unit length */
    bool unprojected; /* before the tower's last layer (n, C) */
    Validation validation;
} HeadViews;

typedef struct {
    int n_images; /* of training, whatever their views */
    TrainData train;
    float *val;            /* (n_val, E or C), the centre crop */
    const int *val_labels; /* (n_val) */
    int n_val;
} HeadImages;

/* Owned by the arena. */
int heads_load(HeadImages *images, Session *session, const Point *point, const HeadViews *views, Arena *arena,
               Error *err);

/* The key "validation" of such a method, and what it came to in a result. */
#define VALIDATION_KEY(field, fallback_text, help_text)                                                      \
    {                                                                                                        \
        "validation", KEY_CHOICE, KEY_LIST | KEY_COLUMN, field, .choices = VALIDATIONS,                      \
                                                                .fallback = fallback_text, .help = help_text \
    }
void heads_tell_validation(Result *result, const HeadImages *images);

/* --- closed forms, and trainings of seconds: done again for a transfer, instead of being kept --- */

/* The Method.run and Method.transfer of a method that has a Method.fit. */
int heads_run_fit(Session *session, const Point *point, const char *folder, float *logits, Result *result,
                  Progress *progress, Arena *arena, Error *err);
int heads_transfer_fit(Session *session, const Point *learned, const char *folder, const Session *target,
                       float *logits, Arena *arena, Error *err);

/* --- trainings that go on where they were interrupted --- */

/* A head trained from the text features. */
typedef struct {
    OptimConfig optim;
    double alpha; /* of a residual; 0: none */
    bool constrained;
    HeadViews views; /* as_rows: each epoch sees as many of all views as there are images */
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

#endif
