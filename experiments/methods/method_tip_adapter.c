/* method_tip_adapter.c: Tip-Adapter and Tip-Adapter-F (coop/tip_adapter.h). A training takes seconds, minutes
 * for 1,000 classes: one that is interrupted begins anew, with the same bits. What is learned lies in the
 * point's folder, in classifier.safetensors.
 *
 * Keys are averaged over the random views of the section augment, as the authors average them over ten epochs
 * of augmentation; epoch e trains on view e. alpha and beta are searched on the few-shot validation images,
 * as C of a linear probe is; where there are none, those given count.
 */
#include "coop/tip_adapter.h"

#include "clip/base/clock.h"
#include "clip/base/files.h"
#include "clip/math/ops.h"
#include "clip/tensors/tensors_open.h"
#include "coop/classifier_file.h"
#include "coop/learned/cache_kind.h"
#include "experiments/methods/learned.h"
#include "experiments/methods/method.h"
#include "experiments/methods/training.h"
#include "experiments/session/prompt_classes.h"
#include "experiments/terminal/interrupt.h"

#include <math.h>
#include <string.h>

typedef struct {
    MethodOptions common;
    IntList train; /* 0 and 1 */
    RealList alpha, beta;
    IntList search; /* 0 and 1 */
    RealList max_alpha, max_beta;
} Options;

static const KeySpec train_key[] = {
    {"train", KEY_BOOL, KEY_LIST, offsetof(Options, train), .fallback = "false",
     .help = "true: Tip-Adapter-F, whose keys are trained"},
};

static const KeySpec keys[] = {
    {"alpha", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, alpha), .low = 0, .high = 1e3,
     .fallback = "1", .help = "weight of the cached images"},
    {"beta", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, beta), .low = 0, .high = 1e3,
     .fallback = "5.5", .help = "how much nearer images count for more"},
    {"search", KEY_BOOL, KEY_LIST, offsetof(Options, search), .fallback = "true",
     .help = "both anew on validation images, in the end"},
    {"max_alpha", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, max_alpha), .low = 0, .high = 1e3,
     .fallback = "3", .help = "of the search"},
    {"max_beta", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, max_beta), .low = 0, .high = 1e3,
     .fallback = "7", .help = "of the search"},
    {"lr", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, common.lr), .low = 0, .high = 1e3,
     .fallback = "0.001", .help = "train: learning rate of AdamW"},
    {"max_epoch", KEY_INT, KEY_LIST, offsetof(Options, common.max_epoch), .low = 1, .high = 1e6,
     .fallback = "20", .help = "train: epochs"},
};

static const KeyGroup train_group = KEY_GROUP(train_key), group = KEY_GROUP(keys);

static const Options *options_of(const Point *point) {
    return (const Options *)point->options;
}

static const char *label(const Point *variant, const MethodEntry *entry, const PointContext *context,
                         Arena *arena) {
    (void)context;
    return options_label(options_of(variant)->train.values[0] ? "Tip-Adapter-F" : "Tip-Adapter", "train",
                         variant, entry, arena);
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

typedef struct {
    Progress *progress;
    int n_steps; /* per epoch */
} Watch;

static int on_step(void *context, int epoch, int step, double lr, double loss, const TrainState *state) {
    (void)lr, (void)loss, (void)state;
    const Watch *watch = context;
    progress_update(watch->progress, (long)(epoch - 1) * watch->n_steps + step);
    return interrupt_signal();
}

static int train(TipAdapter *adapter, const TrainData *data, const Point *point, Result *result,
                 Progress *progress, Arena *arena, Error *err) {
    const Options *options = options_of(point);
    size_t mark = arena_mark(arena);
    const OptimConfig optim =
        tip_adapter_optim(options->common.lr.values[0], options->common.max_epoch.values[0]);
    const Trainee *trainee = tip_adapter_trainee(adapter, (uint32_t)point->seed, arena);
    if (!trainee)
        return error_memory(err);
    TrainState state = trainer_begin(trainee, &optim, arena);
    if (arena_failed(arena))
        return error_memory(err);
    Watch watch = {progress, trainer_steps(data, &optim)};
    progress_resume(progress, 0, (long)optim.max_epoch * watch.n_steps);
    int stopped = trainer_run(trainee, data, &optim, &state, NULL, on_step, &watch, err);
    result->epochs = optim.max_epoch;
    result->final_loss = state.loss;
    arena_reset(arena, mark); /* the optimiser's buffers are as large as the keys */
    return stopped > 0 ? interrupt_check(err) : stopped;
}

/* Trains and searches, as the options say. */
static int learn(TipAdapter *adapter, const Data *data, const Point *point, Result *result,
                 Progress *progress, Arena *arena, Error *err) {
    const Options *options = options_of(point);
    double start = clock_seconds();
    if (options->train.values[0] && train(adapter, &data->train, point, result, progress, arena, err) < 0)
        return -1;
    if (options->search.values[0] && data->n_val > 0) {
        if (tip_adapter_search(adapter, data->val, data->labels, data->n_val, options->max_alpha.values[0],
                               options->max_beta.values[0], err) < 0)
            return -1;
        result_set_text(result, "found",
                        arena_printf(arena, "alpha=%.4g beta=%.4g", adapter->alpha, adapter->beta));
    }
    result->train_seconds = clock_seconds() - start;
    result->trained_parameters = options->train.values[0] ? (double)adapter->n_keys * adapter->embed_dim : 0;
    return 0;
}

/* The adapter of n keys before it has learned anything. */
static int begin(TipAdapter *adapter, Session *session, const Point *point, float *cached, const int *labels,
                 int n, Arena *arena, Error *err) {
    const Clip *clip = session->model.clip;
    const Options *options = options_of(point);
    const float *text = session_texts(session, &options->common.templates, arena, err);
    *adapter = (TipAdapter){.n_keys = n,
                            .n_classes = session->dataset.n_classes,
                            .embed_dim = clip->embed_dim,
                            .keys = cached,
                            .labels = labels,
                            .text = text,
                            .scale = expf(clip->logit_scale),
                            .alpha = options->alpha.values[0],
                            .beta = options->beta.values[0],
                            .pool = session->model.pool};
    return text ? 0 : -1;
}

/* The adapter after its training; text features and keys are owned by the arena. */
static int make(TipAdapter *adapter, Session *session, const Point *point, Result *result, Progress *progress,
                Arena *arena, Error *err) {
    Data data;
    if (load(session, point, &data, arena, err) < 0 ||
        begin(adapter, session, point, data.keys, data.train.labels, data.train.n, arena, err) < 0)
        return -1;
    unit_rows_forward(data.keys, NULL, data.keys, data.train.n, adapter->embed_dim);
    result->n_train = data.train.n;
    return learn(adapter, &data, point, result, progress, arena, err);
}

static int write_file(const TipAdapter *adapter, Session *session, const Point *point, const char *folder,
                      const float *logits, const Result *result, Arena *arena, Error *err) {
    const char *path = path_join(arena, folder, CLASSIFIER_FILE);
    const ImageCache cache = {adapter->n_keys, adapter->keys, adapter->labels, (float)adapter->alpha,
                              (float)adapter->beta}; /* as logits take them */
    TensorOut tensors[IMAGE_CACHE_TENSORS];
    Prompt head;
    if (!path)
        return error_memory(err);
    if (learned_head(&head, session, point, adapter->text, logits, result, arena, err) < 0)
        return -1;
    image_cache_tensors(tensors, &cache, adapter->embed_dim);
    return classifier_file_write(path, &head, &cache_kind, tensors, IMAGE_CACHE_TENSORS, err);
}

static int run(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    TipAdapter adapter;
    float *val = arena_floats(arena, (size_t)session->val.n, (size_t)session->dataset.n_classes);
    if (!val)
        return error_memory(err);
    if (make(&adapter, session, point, result, progress, arena, err) < 0 ||
        tip_adapter_logits(&adapter, logits, session->test_unit, session->dataset.test.n, err) < 0 ||
        tip_adapter_logits(&adapter, val, session->val_unit, session->val.n, err) < 0)
        return -1;
    result->val_accuracy = learned_val_accuracy(session, val);
    return write_file(&adapter, session, point, folder, logits, result, arena, err);
}

/* What a finished point has left. */
static int read_file(TipAdapter *adapter, const char *path, Session *session, const Point *learned,
                     Arena *arena, Error *err) {
    ImageCache cache;
    TensorFile *file = tensors_open(path, err);
    int status = file ? image_cache_read(&cache, file, session->dataset.n_classes,
                                         session->model.clip->embed_dim, arena, err)
                      : -1;
    const char *key = file ? tensors_metadata(file, "key") : NULL;
    if (status == 0 && (!key || strcmp(key, learned->key) != 0))
        status = error_set(err, "%s: metadata: key: of another configuration", path);
    if (status == 0) {
        status =
            begin(adapter, session, learned, (float *)cache.keys, cache.labels, cache.n_keys, arena, err);
        adapter->alpha = cache.alpha;
        adapter->beta = cache.beta;
    }
    tensors_close(file);
    return status;
}

/* The cache as it was learned, all classes voting; the columns of the target's classes. An earlier version
 * left another file: there it is learned again. */
static int transfer(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err) {
    const Dataset *from = &session->dataset, *to = &target->dataset;
    TipAdapter adapter;
    Result unused;
    Progress silent = {0};
    float *scores = arena_floats(arena, (size_t)to->test.n, (size_t)from->n_classes);
    const char *path = path_join(arena, folder, CLASSIFIER_FILE);
    if (arena_failed(arena))
        return error_memory(err);
    result_start(&unused, learned, from->name, arena);
    if ((file_exists(path) ? read_file(&adapter, path, session, learned, arena, err)
                           : make(&adapter, session, learned, &unused, &silent, arena, err)) < 0 ||
        tip_adapter_logits(&adapter, scores, target->test_unit, to->test.n, err) < 0)
        return -1;
    class_columns(logits, scores, from->class_names, from->n_classes, to);
    return 0;
}

static const PointRules rules = {.label = label};

const Method method_tip_adapter = {
    .spec = {.section = {"tip_adapter",
                         "a method: a cache of images; every list is a dimension",
                         {&method_name_key, &train_group, &method_templates_key, &group}},
             .options_size = sizeof(Options),
             .title = "Tip-Adapter",
             .uses = USES_TRAINING | USES_VIEWS | USES_TEXT,
             .rules = &rules},
    .check = training_check_texts,
    .prepare = prepare,
    .run = run,
    .transfer = transfer,
};
