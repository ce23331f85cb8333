/* method_lpp.c: LP++ (coop/heads/lpp.h). A training takes seconds: one that is interrupted begins anew, with
 * the same bits.
 */
#include "coop/heads/lpp.h"

#include "clip/base/clock.h"
#include "experiments/methods/heads.h"
#include "experiments/terminal/interrupt.h"

typedef struct {
    MethodOptions common; /* lr 0 is auto */
    IntList recipe;       /* of Recipe */
    RealList lr_alpha;    /* 0 is auto */
    IntList validation, views;
} Options;

static const KeySpec keys[] = {
    {"recipe", KEY_CHOICE, KEY_LIST, offsetof(Options, recipe), .choices = RECIPES, .fallback = "paper",
     .help = "paper: as the authors' program, which starts the\n"
             "bias at random and adds up earlier gradients\n"
             "in each step of alpha; plain: neither"},
    {"lr", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, common.lr), .low = 0, .high = 1e6,
     .word = "auto", .fallback = "auto",
     .help = "learning rate of the weights; auto: from the\nlargest eigenvalue of the features"},
    {"lr_alpha", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, lr_alpha), .low = 0, .high = 1e6,
     .word = "auto", .fallback = "auto", .help = "that of the weights of the texts; auto: alike"},
    {"max_epoch", KEY_INT, KEY_LIST, offsetof(Options, common.max_epoch), .low = 1, .high = 1e6,
     .fallback = "300", .help = "steps, each over all images"},
    VALIDATION_KEY(
        offsetof(Options, validation), "as_train",
        "images that choose the epoch: min(shots, 4) or\nshots per class, the whole split; none: the last"),
    {"views", KEY_INT, KEY_LIST, offsetof(Options, views), .low = 0, .high = 1e5, .fallback = "1",
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
                       .validation = (Validation)options->validation.values[0]};
}

static int prepare(Session *session, const Point *point, Arena *arena, Error *err) {
    const HeadViews views = views_of(point);
    HeadImages images;
    return heads_load(&images, session, point, &views, arena, err);
}

static int on_epoch(void *context, int epoch, double loss) {
    (void)loss;
    progress_update(context, epoch);
    return interrupt_signal();
}

static int train(LinearClassifier *classifier, LppFound *found, const HeadImages *images, const float *text,
                 const Session *session, const Point *point, Progress *progress, Error *err) {
    const Options *options = options_of(point);
    const LppImages train = {images->train.features, images->train.labels, images->train.n},
                    val = {images->val, images->val_labels, images->n_val};
    const LppConfig config = {.text = text,
                              .max_epoch = options->common.max_epoch.values[0],
                              .lr = options->common.lr.values[0],
                              .lr_alpha = options->lr_alpha.values[0],
                              .plain = options->recipe.values[0] == RECIPE_PLAIN,
                              .seed = (uint32_t)point->seed,
                              .on_epoch = on_epoch,
                              .context = progress};
    progress_resume(progress, 0, config.max_epoch);
    const int status = lpp_train(classifier, found, &config, &train, &val, session->model.pool, err);
    return status > 0 ? interrupt_check(err) : status;
}

static int fit(LinearClassifier *classifier, Session *session, const Point *point, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    const HeadViews views = views_of(point);
    HeadImages images;
    LppFound found;
    const float *text = session_texts(session, &point->options->templates, arena, err);
    if (!text || heads_load(&images, session, point, &views, arena, err) < 0)
        return -1;
    const double start = clock_seconds();
    if (train(classifier, &found, &images, text, session, point, progress, err) < 0)
        return -1;
    if (result) {
        result->train_seconds = clock_seconds() - start;
        result->trained_parameters = (double)classifier->n_classes * (classifier->embed_dim + 2);
        result->n_train = images.n_images;
        result->epochs = options_of(point)->common.max_epoch.values[0];
        result->final_loss = found.loss;
        heads_tell_validation(result, &images);
        result_set_text(result, "found", arena_printf(arena, "epoch=%d", found.epoch));
    }
    return 0;
}

const Method method_lpp = {
    .spec = {.section = {"lpp",
                         "a method: LP++, a probe beside weighted texts; every list is a dimension",
                         {&method_name_key, &group, &method_templates_key}},
             .options_size = sizeof(Options),
             .title = "LP++",
             .uses = USES_TRAINING | USES_TEXT},
    .check = training_check_texts,
    .prepare = prepare,
    .fit = fit,
    .run = heads_run_fit,
    .transfer = heads_transfer_fit,
};
