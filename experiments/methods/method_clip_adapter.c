/* method_clip_adapter.c: a network beside the image features (coop/heads/clip_adapter.h). Its repository
 * gives the trainer and refers to CoOp's for the rest; rate and batch are those of LP++'s comparison.
 */
#include "coop/heads/clip_adapter.h"

#include "clip/base/files.h"
#include "coop/classifier_file.h"
#include "experiments/methods/heads.h"
#include "experiments/methods/learned.h"

#include <string.h>

typedef struct {
    HeadOptions head;
    IntList reduction;
    RealList ratio;
} Options;

static const KeySpec keys[] = {
    {"recipe", KEY_CHOICE, KEY_LIST, offsetof(Options, head.recipe), .choices = RECIPES, .fallback = "paper",
     .help = "paper: a warm-up epoch at 1e-5, and incomplete\nbatches are left out; plain: neither"},
    {"reduction", KEY_INT, KEY_LIST, offsetof(Options, reduction), .low = 1, .high = 1024, .fallback = "4",
     .help = "how much narrower the network is inside"},
    {"ratio", KEY_REAL, KEY_LIST, offsetof(Options, ratio), .low = 0, .high = 1, .fallback = "0.2",
     .help = "its share of the features; 0.2 everywhere in the\n"
             "authors' program, searched in their paper"},
    {"lr", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, head.common.lr), .low = 0, .high = 1e3,
     .fallback = "0.01", .help = "learning rate of SGD"},
    {"weight_decay", KEY_REAL, KEY_LIST, offsetof(Options, head.weight_decay), .low = 0, .high = 1e3,
     .fallback = "0.0005", .help = "L2 term of the gradient"},
    {"batch_size", KEY_INT, KEY_LIST, offsetof(Options, head.batch_size), .low = 1, .high = 1e6,
     .fallback = "32", .help = "images per step"},
    {"max_epoch", KEY_INT, KEY_LIST, offsetof(Options, head.common.max_epoch), .low = 1, .high = 1e6,
     .word = "auto", .fallback = "auto", .help = "auto: 50, 100 from 2 shots, 200 from 5;\n50 on imagenet"},
};
static const KeyGroup group = KEY_GROUP(keys);

static const Options *options_of(const Point *point) {
    return (const Options *)point->options;
}

static OptimConfig optim_of(const Session *session, const Point *point) {
    const HeadOptions *head = &options_of(point)->head;
    const int asked = head->common.max_epoch.values[0];
    return heads_optim(head, OPTIMIZER_SGD, head->common.lr.values[0],
                       asked > 0 ? asked : auto_epochs(session->experiment->dataset.name, point->num_shots));
}

static HeadViews views_of(const Session *session, const Point *point) {
    const int max_epoch = optim_of(session, point).max_epoch;
    return (HeadViews){.n = point->views < max_epoch ? point->views : max_epoch,
                       .kind = VIEW_CROP,
                       .raw = true,
                       .validation = VALIDATION_NONE};
}

static int prepare(Session *session, const Point *point, Arena *arena, Error *err) {
    const HeadViews views = views_of(session, point);
    HeadImages images;
    return heads_load(&images, session, point, &views, arena, err);
}

/* The adapter of a point before training, against the texts of these classes. */
static ClipAdapter *begin(ClipAdapterConfig *config, const Session *session, const Session *classes,
                          const Point *point, Arena *arena, Error *err) {
    const Clip *clip = classes->model.clip;
    const float *text = session_texts(classes, &point->options->templates, arena, err);
    if (!text)
        return NULL;
    *config = (ClipAdapterConfig){.loss = {.n_classes = classes->dataset.n_classes,
                                           .embed_dim = clip->embed_dim,
                                           .text = text,
                                           .logit_scale = clip->logit_scale,
                                           .max_batch = optim_of(session, point).batch_size,
                                           .pool = classes->model.pool},
                                  .reduction = options_of(point)->reduction.values[0],
                                  .ratio = options_of(point)->ratio.values[0],
                                  .seed = (uint32_t)point->seed};
    ClipAdapter *adapter = clip_adapter_create(config, arena);
    if (!adapter)
        error_memory(err);
    return adapter;
}

/* logits (n, K) of images (n, E) as the tower gives them. */
static int classify(const ClipAdapter *adapter, const ClipAdapterConfig *config, float *logits,
                    const float *images, int n, Arena *arena, Error *err) {
    float *g = arena_floats(arena, (size_t)n, (size_t)config->loss.embed_dim);
    if (!g)
        return error_memory(err);
    if (clip_adapter_features(adapter, g, images, n, err) < 0)
        return -1;
    image_logits(&config->loss, logits, g, n);
    return 0;
}

/* val_accuracy, and classifier.safetensors. */
static int keep(ClipAdapter *adapter, const ClipAdapterConfig *config, Session *session, const Point *point,
                const char *folder, const float *logits, Result *result, Arena *arena, Error *err) {
    const int E = config->loss.embed_dim, H = clip_adapter_hidden(config);
    const float ratio = (float)config->ratio, *w1 = clip_adapter_trainee(adapter)->parameters;
    const char *path = path_join(arena, folder, CLASSIFIER_FILE);
    float *val = arena_floats(arena, (size_t)session->val.n, (size_t)config->loss.n_classes);
    const TensorOut tensors[] = {{"w1", DTYPE_F32, 2, {H, E}, w1},
                                 {"w2", DTYPE_F32, 2, {E, H}, w1 + (size_t)H * (size_t)E},
                                 {"ratio", DTYPE_F32, 1, {1}, &ratio}};
    Prompt head;
    if (arena_failed(arena))
        return error_memory(err);
    if (classify(adapter, config, val, session->val_raw, session->val.n, arena, err) < 0)
        return -1;
    result->val_accuracy = learned_val_accuracy(session, val);
    if (learned_head(&head, session, point, config->loss.text, logits, result, arena, err) < 0)
        return -1;
    return classifier_file_write(path, &head, &adapter_kind, tensors, 3, err);
}

static int run(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    const HeadViews views = views_of(session, point);
    HeadImages images;
    ClipAdapterConfig config;
    Point trained = *point;
    trained.optim = optim_of(session, point);
    ClipAdapter *adapter = begin(&config, session, session, point, arena, err);
    if (!adapter || heads_load(&images, session, point, &views, arena, err) < 0 ||
        training_run(session, &trained, folder, clip_adapter_trainee(adapter), &images.train, "", result,
                     progress, arena, err) < 0)
        return -1;
    result->epochs = trained.optim.max_epoch;
    if (classify(adapter, &config, logits, session->test_raw, session->dataset.test.n, arena, err) < 0)
        return -1;
    return keep(adapter, &config, session, point, folder, logits, result, arena, err);
}

static int transfer(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err) {
    ClipAdapterConfig config;
    const OptimConfig optim = optim_of(session, learned);
    ClipAdapter *adapter = begin(&config, session, target, learned, arena, err);
    if (!adapter)
        return -1;
    if (training_read(clip_adapter_trainee(adapter), &optim, learned, folder, arena, err) < 0)
        return -1;
    return classify(adapter, &config, logits, target->test_raw, target->dataset.test.n, arena, err);
}

const Method method_clip_adapter = {
    .spec = {.section = {"clip_adapter",
                         "a method: a network on the image features; every list is a dimension",
                         {&method_name_key, &group, &method_templates_key}},
             .options_size = sizeof(Options),
             .title = "CLIP-Adapter",
             .uses = USES_TRAINING | USES_VIEWS | USES_TEXT},
    .check = training_check_texts,
    .prepare = prepare,
    .run = run,
    .transfer = transfer,
    .serves_new_classes = method_serves_new_classes,
};
