/* method_tip_adapter.c: Tip-Adapter and Tip-Adapter-F (coop/tip_adapter.h). A training takes seconds, minutes
 * for 1,000 classes: one that is interrupted begins anew, with the same bits.
 *
 * Keys are averaged over the random views of the section augment, as the authors average them over ten epochs
 * of augmentation; epoch e trains on view e. alpha and beta are searched on the few-shot validation images,
 * as C of a linear probe is; where there are none, those given count.
 */
#include "clip/ops.h"
#include "coop/tip_adapter.h"
#include "experiments/clock.h"
#include "experiments/method.h"
#include "experiments/training.h"

#include <math.h>

typedef struct {
    MethodOptions common;
    IntList train; /* 0 and 1 */
    TextList templates;
    RealList alpha, beta;
    IntList search; /* 0 and 1 */
    RealList max_alpha, max_beta;
    RealList lr;
    IntList max_epoch;
} Options;

#define REAL(key, default, text)                                                                             \
    {                                                                                                        \
#key, KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, key), .low = 0, .high = 1e3,                 \
                                                                      .fallback = default, .help = text      \
    }

static const KeySpec keys[] = {
    METHOD_NAME_KEY,
    {"train", KEY_BOOL, KEY_LIST, offsetof(Options, train), .fallback = "false",
     .help = "true: Tip-Adapter-F, whose keys are trained"},
    METHOD_TEMPLATES_KEY(Options),
    REAL(alpha, "1", "weight of the cached images"),
    REAL(beta, "5.5", "how much nearer images count for more"),
    {"search", KEY_BOOL, KEY_LIST, offsetof(Options, search), .fallback = "true",
     .help = "both anew on validation images, in the end"},
    REAL(max_alpha, "3", "of the search"),
    REAL(max_beta, "7", "of the search"),
    REAL(lr, "0.001", "train: learning rate of AdamW"),
    {"max_epoch", KEY_INT, KEY_LIST, offsetof(Options, max_epoch), .low = 1, .high = 1e6, .fallback = "20",
     .help = "train: epochs"},
};

static const Options *options_of(const Point *point) {
    return (const Options *)point->options;
}

static const char *label(const Point *variant, const MethodSpec *spec, const PointContext *context,
                         Arena *arena) {
    (void)context;
    return options_label(options_of(variant)->train.values[0] ? "Tip-Adapter-F" : "Tip-Adapter", "train",
                         variant, spec, arena);
}

static int check(Session *session, const Point *point, Error *err) {
    if (session_check_training(session, err) < 0)
        return -1;
    return session_check_texts(session, &options_of(point)->templates, point->label, err);
}

typedef struct {
    TrainData train;
    float *keys;       /* (n, E) mean over the views, as the tower gives it */
    float *val;        /* (n_val, E), unit length */
    const int *labels; /* (n_val) */
    int n_val;
} Data;

static int load(Session *session, const Point *point, Data *data, Arena *arena, Error *err) {
    int E = session->model.clip->embed_dim;
    ItemList train, val;
    if (training_load(session, point, point->views, &data->train, &data->keys, arena, err) < 0 ||
        session_lists(session, &train, &val, point->num_shots, point->seed, arena, err) < 0)
        return -1;
    data->n_val = val.n;
    data->val = arena_floats(arena, (size_t)val.n, (size_t)E);
    data->labels = list_labels(&val, arena);
    if (arena_failed(arena))
        return error_memory(err);
    if (session_features(session, data->val, &val, (FeatureView){0}, "encoding validation images", err) < 0)
        return -1;
    unit_rows_forward(data->val, NULL, data->val, val.n, E);
    return 0;
}

static int prepare(Session *session, const Point *point, Arena *arena, Error *err) {
    Data data;
    return load(session, point, &data, arena, err);
}

static void on_step(void *context, long done, long total) {
    progress_resume(context, 0, total);
    progress_update(context, done);
}

/* Trains and searches, as the options say. */
static int learn(TipAdapter *adapter, const Data *data, const Point *point, Result *result,
                 Progress *progress, Arena *arena, Error *err) {
    const Options *options = options_of(point);
    double start = clock_seconds();
    TipTraining training = {.lr = options->lr.values[0],
                            .max_epoch = options->max_epoch.values[0],
                            .seed = (uint32_t)point->seed,
                            .final_loss = &result->final_loss,
                            .on_step = on_step,
                            .context = progress};
    if (options->train.values[0]) {
        result->epochs = training.max_epoch;
        if (tip_adapter_train(adapter, &data->train, &training, err) < 0)
            return -1;
    }
    if (options->search.values[0] && data->n_val > 0) {
        if (tip_adapter_search(adapter, data->val, data->labels, data->n_val, options->max_alpha.values[0],
                               options->max_beta.values[0], err) < 0)
            return -1;
        result->found = arena_printf(arena, "alpha=%.4g beta=%.4g", adapter->alpha, adapter->beta);
    }
    result->train_seconds = clock_seconds() - start;
    return 0;
}

static int run(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    (void)folder;
    const Clip *clip = session->model.clip;
    const Options *options = options_of(point);
    Data data;
    const float *text = session_texts(session, &options->templates, arena, err);
    if (!text || load(session, point, &data, arena, err) < 0)
        return -1;
    unit_rows_forward(data.keys, NULL, data.keys, data.train.n, clip->embed_dim);
    TipAdapter adapter = {.n_keys = data.train.n,
                          .n_classes = session->dataset.n_classes,
                          .embed_dim = clip->embed_dim,
                          .keys = data.keys,
                          .labels = data.train.labels,
                          .text = text,
                          .scale = expf(clip->logit_scale),
                          .alpha = options->alpha.values[0],
                          .beta = options->beta.values[0],
                          .pool = session->model.pool};
    result->n_train = data.train.n;
    if (learn(&adapter, &data, point, result, progress, arena, err) < 0)
        return -1;
    return tip_adapter_logits(&adapter, logits, session->test_unit, session->dataset.test.n, err);
}

const Method method_tip_adapter = {
    .section = {"tip_adapter", METHOD_KEYS(keys), "a method: a cache of images; every list is a dimension"},
    .options_size = sizeof(Options),
    .title = "Tip-Adapter",
    .uses = USES_TRAINING | USES_VIEWS | USES_TEXT,
    .label = label,
    .check = check,
    .prepare = prepare,
    .run = run};
