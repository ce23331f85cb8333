/* method_gda.c: Gaussian discriminant analysis beside hand-written prompts (coop/heads/gda.h), and what
 * images of known classes say about new ones (coop/heads/gda_base.h). Where this differs from the authors'
 * programs: the scale is the checkpoint's (theirs: 100, which is that of OpenAI's models), and where they
 * have 512, which is the width of their model's features, it is that of this one's.
 */
#include "coop/heads/gda.h"

#include "clip/base/clock.h"
#include "coop/heads/gda_base.h"
#include "experiments/methods/heads.h"
#include "experiments/session/prompt_classes.h"

#include <string.h>

#define ALPHA_WITHOUT_VALIDATION 0.1

typedef struct {
    MethodOptions common;
    IntList recipe; /* of Recipe */
    RealList alpha; /* 0 is auto */
    IntList validation, views;
} Options;

static const KeySpec keys[] = {
    {"recipe", KEY_CHOICE, KEY_LIST, offsetof(Options, recipe), .choices = RECIPES, .fallback = "paper",
     .help = "paper: of base classes (subsample_classes: base)\n"
             "the mean of their covariances, not shrunk, as in\n"
             "the authors' program for new classes; plain:\n"
             "shrunk there too"},
    {"alpha", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, alpha), .low = 0, .high = 1e6, .word = "auto",
     .fallback = "auto",
     .help = "weight of what the images say; auto: the best\nof 1e-4 ... 1e2 on validation images, and\n"
             "0.1 without any"},
    VALIDATION_KEY(offsetof(Options, validation), "all",
                   "images to search alpha on: min(shots, 4) or\nshots per class, the whole split, or none"),
    {"views", KEY_INT, KEY_LIST, offsetof(Options, views), .low = 0, .high = 1e5, .fallback = "10",
     .help = "random crops (half of the area and more) per\nimage, each an image; 0: the centre crop"},
};
static const KeyGroup group = KEY_GROUP(keys);

static const Options *options_of(const Point *point) {
    return (const Options *)point->options;
}

static HeadViews views_of(const Point *point) {
    const Options *options = options_of(point);
    return (HeadViews){.n = options->views.values[0],
                       .kind = VIEW_LARGE_CROP,
                       .as_rows = true,
                       .validation = options->alpha.values[0] > 0
                                         ? VALIDATION_NONE
                                         : (Validation)options->validation.values[0]};
}

/* Whether the authors would run their other program, that for base and new classes. */
static bool is_base(const Session *session, const Point *point) {
    const char *part = session->experiment->dataset.subsample_classes;
    return part && strcmp(part, "base") == 0 && options_of(point)->recipe.values[0] == RECIPE_PAPER;
}

/* A class without images has no mean, with one no covariance. */
static int prepare(Session *session, const Point *point, Arena *arena, Error *err) {
    const HeadViews views = views_of(point);
    HeadImages images;
    if (heads_load(&images, session, point, &views, arena, err) < 0)
        return -1;
    int *counts = ARENA_NEW(arena, int, session->dataset.n_classes);
    if (!counts)
        return error_memory(err);
    for (int i = 0; i < images.train.n; i++)
        counts[images.train.labels[i]]++;
    for (int k = 0; k < session->dataset.n_classes; k++)
        if (counts[k] < (is_base(session, point) ? 2 : 1))
            return error_set(err, "%s: %.80s: class '%s' has %s", session->experiment->path, point->label,
                             session->dataset.class_names[k],
                             counts[k] == 0 ? "no training images, hence no mean"
                                            : "one training image, hence no covariance (views: 2 makes two)");
    return 0;
}

static int load(HeadImages *images, const float **text, Session *session, const Point *point, Arena *arena,
                Error *err) {
    const HeadViews views = views_of(point);
    *text = session_texts(session, &point->options->templates, arena, err);
    return *text ? heads_load(images, session, point, &views, arena, err) : -1;
}

/* a, b and alpha of the session's classes. */
static int find(LinearClassifier *gda, double *alpha, const HeadImages *images, const float *text,
                const Session *session, const Point *point, Error *err) {
    Pool *pool = session->model.pool;
    const TrainData *train = &images->train;
    const int status = is_base(session, point)
                           ? gda_base_fit(gda, train->features, train->labels, train->n, err)
                           : gda_fit(gda, train->features, train->labels, train->n, pool, err);
    *alpha = options_of(point)->alpha.values[0];
    if (status < 0 || *alpha > 0)
        return status;
    return gda_search(alpha, gda, text, session->model.clip->logit_scale, images->val, images->val_labels,
                      images->n_val, ALPHA_WITHOUT_VALIDATION, pool, err);
}

static int fit(LinearClassifier *gda, Session *session, const Point *point, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    (void)progress;
    HeadImages images;
    double alpha;
    const float *text;
    if (load(&images, &text, session, point, arena, err) < 0)
        return -1;
    const double start = clock_seconds();
    if (find(gda, &alpha, &images, text, session, point, err) < 0)
        return -1;
    gda_join(gda, text, session->model.clip->logit_scale, alpha);
    if (result) {
        result->train_seconds = clock_seconds() - start;
        result->trained_parameters = (double)gda->n_classes * (gda->embed_dim + 1);
        result->n_train = images.n_images;
        heads_tell_validation(result, &images);
        result_set_text(result, "found", arena_printf(arena, "alpha=%g", alpha));
    }
    return 0;
}

/* Classes of which one is new get all that they have from their texts and the session's images. */
static int transfer(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err) {
    if (class_all_known(&session->dataset, &target->dataset))
        return heads_transfer_fit(session, learned, folder, target, logits, arena, err);
    const int E = session->model.clip->embed_dim, K = target->dataset.n_classes;
    HeadImages images;
    double alpha;
    const float *text, *new_text = session_texts(target, &learned->options->templates, arena, err);
    LinearClassifier known = linear_classifier(session->dataset.n_classes, E, arena),
                     gda = linear_classifier(K, E, arena);
    if (!new_text)
        return -1;
    if (arena_failed(arena))
        return error_memory(err);
    if (load(&images, &text, session, learned, arena, err) < 0 ||
        find(&known, &alpha, &images, text, session, learned, err) < 0 ||
        gda_new_fit(&gda, images.train.features, images.train.n, new_text, target->model.pool, err) < 0)
        return -1;
    gda_join(&gda, new_text, target->model.clip->logit_scale, alpha);
    linear_classifier_logits(&gda, target->model.pool, logits, target->test_unit, target->dataset.test.n);
    return 0;
}

const Method method_gda = {
    .spec = {.section = {"gda",
                         "a method: Gaussian discriminant analysis; every list is a dimension",
                         {&method_name_key, &group, &method_templates_key}},
             .options_size = sizeof(Options),
             .title = "GDA",
             .uses = USES_TRAINING | USES_TEXT},
    .check = training_check_texts,
    .prepare = prepare,
    .fit = fit,
    .run = heads_run_fit,
    .transfer = transfer,
    .serves_new_classes = method_serves_new_classes,
};
