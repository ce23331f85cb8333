/* method_gda.c: Gaussian discriminant analysis beside hand-written prompts (coop/heads/gda.h). Where this
 * differs from the authors' program: the scale is the checkpoint's (theirs: 100, which is that of OpenAI's
 * models).
 */
#include "coop/heads/gda.h"

#include "experiments/methods/heads.h"
#include "experiments/terminal/clock.h"

#define ALPHA_WITHOUT_VALIDATION 0.1

typedef struct {
    MethodOptions common;
    RealList alpha; /* 0 is auto */
    IntList validation, views;
} Options;

static const KeySpec keys[] = {
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

/* A class without images has no mean. */
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
        if (counts[k] == 0)
            return error_set(err, "%s: %.80s: class '%s' has no training images, hence no mean",
                             session->experiment->path, point->label, session->dataset.class_names[k]);
    return 0;
}

static int fit(LinearClassifier *gda, Session *session, const Point *point, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    (void)progress;
    const HeadViews views = views_of(point);
    const float logit_scale = session->model.clip->logit_scale;
    Pool *pool = session->model.pool;
    HeadImages images;
    double alpha = options_of(point)->alpha.values[0];
    const float *text = session_texts(session, &point->options->templates, arena, err);
    if (!text || heads_load(&images, session, point, &views, arena, err) < 0)
        return -1;
    const double start = clock_seconds();
    if (gda_fit(gda, images.train.features, images.train.labels, images.train.n, pool, err) < 0 ||
        (alpha == 0 && gda_search(&alpha, gda, text, logit_scale, images.val, images.val_labels, images.n_val,
                                  ALPHA_WITHOUT_VALIDATION, pool, err) < 0))
        return -1;
    gda_join(gda, text, logit_scale, alpha);
    if (result) {
        result->train_seconds = clock_seconds() - start;
        result->trained_parameters = (double)gda->n_classes * (gda->embed_dim + 1);
        result->n_train = images.n_images;
        heads_tell_validation(result, &images);
        result_set_text(result, "found", arena_printf(arena, "alpha=%g", alpha));
    }
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
    .transfer = heads_transfer_fit,
};
