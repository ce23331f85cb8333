/* method_prolip.c: the image projection alone, trained near where it was (coop/heads/prolip.h), on large
 * crops in the views of the section augment (theirs: 300, one for each epoch). The scale is the checkpoint's
 * (theirs: 100).
 */
#include "coop/heads/prolip.h"

#include "clip/base/files.h"
#include "clip/image/image_tower.h"
#include "coop/heads/prolip_search.h"
#include "coop/tuned_file.h"
#include "experiments/methods/heads.h"
#include "experiments/methods/learned.h"

#include <string.h>

typedef struct {
    MethodOptions common;
    IntList recipe;    /* of Recipe */
    IntList search;    /* 0 and 1 */
    RealList lambda_v; /* 0 is auto */
    IntList validation;
} Options;

static const KeySpec keys[] = {
    {"recipe", KEY_CHOICE, KEY_LIST, offsetof(Options, recipe), .choices = RECIPES, .fallback = "paper",
     .help = "paper: views in turn from the second on, as the\n"
             "authors' program does; plain: from the first"},
    {"search", KEY_BOOL, KEY_LIST, offsetof(Options, search), .fallback = "false",
     .help = "as where the authors have validation images:\n"
             "lr of 1e-2, 1e-3 ... 1e-8 and lambda_v of 10,\n"
             "1 ... 1e-4, 0, the best on them; else those\n"
             "given, as where they have none"},
    {"lr", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, common.lr), .low = 0, .high = 1e3,
     .fallback = "1.0e-5", .help = "learning rate of Adam"},
    {"lambda_v", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, lambda_v), .low = 0, .high = 1e6,
     .word = "auto", .fallback = "auto", .help = "how near the projection stays; auto: 1 / shots"},
    {"max_epoch", KEY_INT, KEY_LIST, offsetof(Options, common.max_epoch), .low = 1, .high = 1e6,
     .fallback = "300", .help = "steps, each over all images"},
    VALIDATION_KEY(offsetof(Options, validation), "as_train",
                   "images of a search: min(shots, 4) or shots per\nclass, the whole split, or none"),
};
static const KeyGroup group = KEY_GROUP(keys);

static const Options *options_of(const Point *point) {
    return (const Options *)point->options;
}

static OptimConfig optim_of(const Point *point, int n) {
    const Options *options = options_of(point);
    return (OptimConfig){.optimizer = OPTIMIZER_ADAM,
                         .lr = options->common.lr.values[0],
                         .beta1 = 0.9,
                         .beta2 = 0.999,
                         .epsilon = 1e-4,
                         .max_epoch = options->common.max_epoch.values[0],
                         .batch_size = n,
                         .lr_scheduler = SCHEDULE_COSINE};
}

static HeadViews views_of(const Point *point) {
    const int max_epoch = options_of(point)->common.max_epoch.values[0];
    return (HeadViews){.n = point->views < max_epoch ? point->views : max_epoch,
                       .kind = VIEW_LARGE_CROP,
                       .raw = true,
                       .unprojected = true,
                       .validation = options_of(point)->search.values[0]
                                         ? (Validation)options_of(point)->validation.values[0]
                                         : VALIDATION_NONE};
}

static int prepare(Session *session, const Point *point, Arena *arena, Error *err) {
    const HeadViews views = views_of(point);
    HeadImages images;
    return heads_load(&images, session, point, &views, arena, err);
}

/* Epoch e takes view e mod V where the trainer takes (e - 1) mod V: the first goes behind the others. */
static int turn_views(TrainData *train, Arena *arena, Error *err) {
    const size_t view = (size_t)train->n * (size_t)train->embed_dim,
                 rest = (size_t)(train->n_views - 1) * view;
    float *turned = arena_floats(arena, (size_t)train->n_views, view);
    if (!turned)
        return error_memory(err);
    memcpy(turned, train->features + view, rest * sizeof *turned);
    memcpy(turned + rest, train->features, view * sizeof *turned);
    train->features = turned;
    return 0;
}

static double lambda_of(const Session *session, const Point *point, int n_images) {
    const double given = options_of(point)->lambda_v.values[0];
    if (given > 0)
        return given;
    return 1 / (point->num_shots > 0 ? point->num_shots : (double)n_images / session->dataset.n_classes);
}

/* How a point is trained, against the texts of these classes. */
static int configure(ProlipConfig *config, const Session *classes, const Point *point, int n_images,
                     double lambda, Arena *arena, Error *err) {
    const Clip *clip = classes->model.clip;
    const int width = image_tower_width(clip);
    const float *bias, *text = session_texts(classes, &point->options->templates, arena, err);
    float *w0 = arena_floats(arena, (size_t)clip->embed_dim, (size_t)width);
    if (!text)
        return -1;
    if (!w0)
        return error_memory(err);
    image_tower_projection(clip, w0, &bias);
    *config = (ProlipConfig){.loss = {.n_classes = classes->dataset.n_classes,
                                      .embed_dim = clip->embed_dim,
                                      .text = text,
                                      .logit_scale = clip->logit_scale,
                                      .max_batch = n_images,
                                      .pool = classes->model.pool},
                             .width = width,
                             .w0 = w0,
                             .bias = bias,
                             .lambda = lambda,
                             .seed = (uint32_t)point->seed};
    return 0;
}

static Prolip *begin(const ProlipConfig *config, Arena *arena, Error *err) {
    Prolip *prolip = prolip_create(config, arena);
    if (!prolip)
        error_memory(err);
    return prolip;
}

/* logits (n, K) of images (n, C) before the projection. */
static int classify(const Prolip *prolip, const ProlipConfig *config, float *logits, const float *images,
                    int n, Arena *arena, Error *err) {
    float *g = arena_floats(arena, (size_t)n, (size_t)config->loss.embed_dim);
    if (!g)
        return error_memory(err);
    prolip_features(prolip, g, images, n);
    image_logits(&config->loss, logits, g, n);
    return 0;
}

/* val_accuracy, and the projection as fine-tuning keeps it: weights.safetensors. */
static int keep(Prolip *prolip, const ProlipConfig *config, Session *session, const Point *point,
                const char *folder, const float *logits, Result *result, Arena *arena, Error *err) {
    const TextList *templates = &point->options->templates;
    const char *path = path_join(arena, folder, TUNED_WEIGHTS_FILE);
    float *val = arena_floats(arena, (size_t)session->val.n, (size_t)config->loss.n_classes);
    Tuned tuned = {.templates = templates->values, .n_templates = templates->n};
    if (arena_failed(arena))
        return error_memory(err);
    if (classify(prolip, config, val, session->val_unprojected, session->val.n, arena, err) < 0)
        return -1;
    result->val_accuracy = learned_val_accuracy(session, val);
    if (learned_head(&tuned.head, session, point, config->loss.text, logits, result, arena, err) < 0)
        return -1;
    return tuned_write_projection(path, &tuned, session->model.clip, prolip_trainee(prolip)->parameters, err);
}

/* A training that goes on searches again, with the same bits. */
static int search(ProlipConfig *config, Point *trained, const HeadImages *images, Session *session,
                  Result *result, Progress *progress, Arena *arena, Error *err) {
    ProlipFound found;
    const ProlipImages val = {images->val, images->val_labels, images->n_val};
    heads_tell_validation(result, images);
    if (!options_of(trained)->search.values[0] || images->n_val == 0)
        return 0;
    progress_note(progress, "searching");
    if (prolip_search(&found, config, &images->train, &trained->optim, &val, session->model.pool, err) < 0)
        return -1;
    trained->optim.lr = found.lr;
    config->lambda = found.lambda;
    result_set_text(result, "found", arena_printf(arena, "lr=%g lambda_v=%g", found.lr, found.lambda));
    return 0;
}

static int run(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    const HeadViews views = views_of(point);
    HeadImages images;
    ProlipConfig config;
    Point trained = *point;
    if (heads_load(&images, session, point, &views, arena, err) < 0)
        return -1;
    trained.optim = optim_of(point, images.n_images);
    if (configure(&config, session, point, images.n_images, lambda_of(session, point, images.n_images), arena,
                  err) < 0 ||
        (options_of(point)->recipe.values[0] == RECIPE_PAPER && turn_views(&images.train, arena, err) < 0) ||
        search(&config, &trained, &images, session, result, progress, arena, err) < 0)
        return -1;
    Prolip *prolip = begin(&config, arena, err);
    if (!prolip || training_run(session, &trained, folder, prolip_trainee(prolip), &images.train, "", result,
                                progress, arena, err) < 0)
        return -1;
    result->epochs = trained.optim.max_epoch;
    if (classify(prolip, &config, logits, session->test_unprojected, session->dataset.test.n, arena, err) < 0)
        return -1;
    return keep(prolip, &config, session, point, folder, logits, result, arena, err);
}

static int transfer(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err) {
    (void)session;
    ProlipConfig config;
    const OptimConfig optim = optim_of(learned, 1);
    if (configure(&config, target, learned, 1, 1, arena, err) < 0)
        return -1;
    Prolip *prolip = begin(&config, arena, err);
    if (!prolip)
        return -1;
    if (training_read(prolip_trainee(prolip), &optim, learned, folder, arena, err) < 0)
        return -1;
    return classify(prolip, &config, logits, target->test_unprojected, target->dataset.test.n, arena, err);
}

const Method method_prolip = {
    .spec = {.section = {"prolip",
                         "a method: the image projection, held near itself; every list is a dimension",
                         {&method_name_key, &group, &method_templates_key}},
             .options_size = sizeof(Options),
             .title = "ProLIP",
             .uses = USES_TRAINING | USES_VIEWS | USES_TEXT | USES_UNPROJECTED},
    .check = training_check_texts,
    .prepare = prepare,
    .run = run,
    .transfer = transfer,
    .serves_new_classes = method_serves_new_classes,
};
