/* method_text_layer.c: a linear layer or a bias behind the text encoder, trained as prompts are
 * (coop/text_adapter.h). What is learned lies in the folder of the training: the layer in state.safetensors,
 * for other classes, and the features behind it in classifier.safetensors.
 */
#include "coop/text_adapter.h"

#include "experiments/methods/learned.h"
#include "experiments/methods/method.h"
#include "experiments/methods/training.h"

typedef struct {
    MethodOptions common;
    IntList layer; /* of TextLayer */
} Options;

static const KeySpec layer_key[] = {
    {"layer", KEY_CHOICE, KEY_LIST, offsetof(Options, layer), .choices = "linear|bias", .fallback = "linear",
     .help = "what is added to the text encoder"},
};
static const KeyGroup layer_group = KEY_GROUP(layer_key);

static const Options *options_of(const Point *point) {
    return (const Options *)point->options;
}

static const char *label(const Point *variant, const MethodEntry *entry, const PointContext *context,
                         Arena *arena) {
    (void)context;
    bool linear = options_of(variant)->layer.values[0] == TEXT_LINEAR;
    return options_label(linear ? "text linear layer" : "text bias", "layer", variant, entry, arena);
}

/* The layer before training, behind the texts of a session's classes. */
static TextAdapter *begin(const Session *session, const Point *point, Arena *arena, Error *err) {
    const Clip *clip = session->model.clip;
    const float *text = session_texts(session, &point->options->templates, arena, err);
    if (!text)
        return NULL;
    TextAdapter *adapter = text_adapter_create((TextLayer)options_of(point)->layer.values[0], text,
                                               session->dataset.n_classes, clip->embed_dim, clip->logit_scale,
                                               (uint32_t)point->seed, session->model.pool, arena);
    if (!adapter)
        error_memory(err);
    return adapter;
}

/* Behind the texts of the tested classes; NULL with an error. */
static const float *features(TextAdapter *adapter, const Session *tested, Arena *arena, Error *err) {
    float *text =
        arena_floats(arena, (size_t)tested->dataset.n_classes, (size_t)tested->model.clip->embed_dim);
    if (text)
        text_adapter_features(adapter, text);
    else
        error_memory(err);
    return text;
}

static int run(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    TrainData data;
    TextAdapter *adapter = begin(session, point, arena, err);
    if (!adapter || training_load(session, point, training_views(point), &data, NULL, arena, err) < 0 ||
        training_run(session, point, folder, text_adapter_trainee(adapter), &data, "", result, progress,
                     arena, err) < 0)
        return -1;
    const float *text = features(adapter, session, arena, err);
    return text ? learned_write_texts(session, point, text, folder, logits, result, arena, err) : -1;
}

/* The layer of a finished training, behind the texts of other classes. */
static int transfer(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err) {
    (void)session;
    TextAdapter *adapter = begin(target, learned, arena, err);
    if (!adapter)
        return -1;
    if (training_read(text_adapter_trainee(adapter), &learned->optim, learned, folder, arena, err) < 0)
        return -1;
    const float *text = features(adapter, target, arena, err);
    if (!text)
        return -1;
    session_classify(target, logits, text);
    return 0;
}

static const PointRules rules = {.label = label};

const Method method_text_layer = {
    .spec = {.section = {"text_layer",
                         "a method: a layer on the text features; every list is a dimension",
                         {&method_name_key, &layer_group, &method_templates_key, &method_optim_keys}},
             .options_size = sizeof(Options),
             .title = "text layer",
             .uses = USES_TRAINING | USES_OPTIM | USES_VIEWS | USES_TEXT,
             .rules = &rules},
    .check = training_check_texts,
    .prepare = training_prepare,
    .run = run,
    .transfer = transfer,
    .serves_new_classes = method_serves_new_classes,
};
