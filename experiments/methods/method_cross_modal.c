/* method_cross_modal.c: a head trained on images and texts alike (coop/heads/cross_modal.h), from the centre
 * crop, each template a text of its own. A search takes a minute for 100 classes: one that is interrupted
 * begins anew, with the same bits. Where this differs from the authors' program: the scale is the
 * checkpoint's (theirs: 100), and of fewer samples than half a batch all are taken (there such a batch size
 * is refused). The numbers of their paper are of the centre crop and its mirror image; the program's default
 * is the centre crop, as here. Of settings that are equally good the first is taken, there too.
 */
#include "coop/heads/cross_modal.h"

#include "clip/base/clock.h"
#include "clip/math/ops.h"
#include "experiments/methods/heads.h"

#include <string.h>

typedef struct {
    MethodOptions common;
    IntList search; /* 0 and 1 */
    RealList weight_decay;
    IntList batch_size, max_iter, warmup_iter, validation;
    RealList wiseft_ratio;
} Options;

static const KeySpec keys[] = {
    {"search", KEY_BOOL, KEY_LIST, offsetof(Options, search), .fallback = "true",
     .help =
         "lr of 1e-3, 1e-4, weight_decay of 0, 0.01, 1e-4\nand batch_size of 8, 32: the best on validation\n"
         "images; else those given"},
    {"lr", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, common.lr), .low = 0, .high = 1e3,
     .fallback = "0.001", .help = "learning rate of AdamW"},
    {"weight_decay", KEY_REAL, KEY_LIST, offsetof(Options, weight_decay), .low = 0, .high = 1e3,
     .fallback = "0.01", .help = "of AdamW"},
    {"batch_size", KEY_INT, KEY_LIST, offsetof(Options, batch_size), .low = 2, .high = 1e6, .fallback = "8",
     .help = "half images, half texts"},
    {"max_iter", KEY_INT, KEY_LIST, offsetof(Options, max_iter), .low = 1, .high = 1e8, .fallback = "12800",
     .help = "iterations"},
    {"warmup_iter", KEY_INT, KEY_LIST, offsetof(Options, warmup_iter), .low = 0, .high = 1e8,
     .fallback = "50", .help = "of them, at a rising rate"},
    VALIDATION_KEY(
        offsetof(Options, validation), "min4",
        "images that choose iteration and settings: min(\nshots, 4) or shots per class, the whole split;\n"
        "none: the last, of those given"),
    {"wiseft_ratio", KEY_REAL, KEY_LIST, offsetof(Options, wiseft_ratio), .low = 0, .high = 1,
     .fallback = "0", .help = "share of the texts in the head, in the end"},
};
static const KeyGroup group = KEY_GROUP(keys);

static const Options *options_of(const Point *point) {
    return (const Options *)point->options;
}

static HeadViews views_of(const Point *point) {
    return (HeadViews){.validation = (Validation)options_of(point)->validation.values[0]};
}

static int prepare(Session *session, const Point *point, Arena *arena, Error *err) {
    const HeadViews views = views_of(point);
    HeadImages images;
    return heads_load(&images, session, point, &views, arena, err);
}

/* The texts of all templates as samples, of unit length. */
static int load_texts(HeadSamples *texts, const Session *session, const TextList *templates, Arena *arena,
                      Error *err) {
    const int K = session->dataset.n_classes, E = session->model.clip->embed_dim, n = templates->n * K;
    const size_t size = (size_t)K * (size_t)E;
    float *features = arena_floats(arena, (size_t)n, (size_t)E);
    int *labels = ARENA_NEW(arena, int, n);
    if (arena_failed(arena))
        return error_memory(err);
    for (int t = 0; t < templates->n; t++) {
        const TextList one = {&templates->values[t], 1};
        const float *part = session_texts(session, &one, arena, err);
        if (!part)
            return -1;
        memcpy(features + (size_t)t * size, part, size * sizeof *part);
    }
    for (int i = 0; i < n; i++)
        labels[i] = i % K;
    *texts = (HeadSamples){features, labels, n};
    return 0;
}

enum { MOST_SETTINGS = 12 };

static int settings_of(CrossModalSetting *settings, const Point *point, bool searched) {
    static const double rates[] = {1e-3, 1e-4}, decays[] = {0, 0.01, 1e-4};
    static const int sizes[] = {8, 32};
    const Options *options = options_of(point);
    const int given = options->batch_size.values[0], n_texts = given / 2;
    int n = 0;
    for (int i = 0; searched && i < MOST_SETTINGS; i++) {
        const int half = sizes[i % 2] / 2;
        settings[n++] = (CrossModalSetting){rates[i / 6], decays[i / 2 % 3], half, half};
    }
    if (!searched)
        settings[n++] = (CrossModalSetting){options->common.lr.values[0], options->weight_decay.values[0],
                                            given - n_texts, n_texts};
    return n;
}

static CrossModalConfig config_of(const Session *session, const Point *point, const float *start) {
    const Options *options = options_of(point);
    return (CrossModalConfig){.head = {.n_classes = session->dataset.n_classes,
                                       .embed_dim = session->model.clip->embed_dim,
                                       .text = start,
                                       .logit_scale = session->model.clip->logit_scale,
                                       .as_it_is = true,
                                       .seed = (uint32_t)point->seed},
                              .max_iter = options->max_iter.values[0],
                              .warmup_iter = options->warmup_iter.values[0],
                              .eval_every = 100,
                              .warmup_min_lr = 1e-5};
}

/* w = (1 - ratio) w + ratio t */
static void mix(LinearClassifier *classifier, const float *text, double ratio) {
    const size_t n = (size_t)classifier->n_classes * (size_t)classifier->embed_dim;
    for (size_t i = 0; ratio > 0 && i < n; i++)
        classifier->weights[i] = (float)(1 - ratio) * classifier->weights[i] + (float)ratio * text[i];
}

static void tell(Result *result, const HeadImages *images, const CrossModalSetting *setting,
                 const CrossModalFound *found, int max_iter, Arena *arena) {
    result->n_train = images->n_images;
    heads_tell_validation(result, images);
    result_set_text(result, "found",
                    arena_printf(arena, "lr=%g weight_decay=%g batch_size=%d iteration=%d of %d", setting->lr,
                                 setting->weight_decay, setting->n_images + setting->n_texts,
                                 found->iteration + 1, max_iter));
}

static int fit(LinearClassifier *classifier, Session *session, const Point *point, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    (void)progress;
    const HeadViews views = views_of(point);
    const TextList *templates = &point->options->templates;
    HeadImages images;
    CrossModalData data;
    CrossModalFound found;
    CrossModalSetting settings[MOST_SETTINGS];
    float *start = session_raw_texts(session, templates, arena, err);
    if (!start || heads_load(&images, session, point, &views, arena, err) < 0 ||
        load_texts(&data.texts, session, templates, arena, err) < 0)
        return -1;
    unit_rows_forward(start, NULL, start, classifier->n_classes, classifier->embed_dim);
    data.images = (HeadSamples){images.train.features, images.train.labels, images.train.n};
    data.val = (HeadSamples){images.val, images.val_labels, images.n_val};
    const CrossModalConfig config = config_of(session, point, start);
    const bool searched = options_of(point)->search.values[0] && images.n_val > 0;
    const int n = settings_of(settings, point, searched);
    const double began = clock_seconds();
    if (cross_modal_train(classifier, &found, &config, &data, settings, n, session->model.pool, err) < 0)
        return -1;
    mix(classifier, start, options_of(point)->wiseft_ratio.values[0]);
    if (result) {
        result->train_seconds = clock_seconds() - began;
        result->trained_parameters = (double)classifier->n_classes * classifier->embed_dim;
        tell(result, &images, &settings[found.setting], &found, config.max_iter, arena);
    }
    return 0;
}

const Method method_cross_modal = {
    .spec = {.section = {"cross_modal",
                         "a method: a probe of images and texts alike; every list is a dimension",
                         {&method_name_key, &group, &method_templates_key}},
             .options_size = sizeof(Options),
             .title = "cross-modal probe",
             .uses = USES_TRAINING | USES_TEXT},
    .check = training_check_texts,
    .prepare = prepare,
    .fit = fit,
    .run = heads_run_fit,
    .transfer = heads_transfer_fit,
};
