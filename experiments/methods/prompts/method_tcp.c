/* method_tcp.c: TCP, prompts with vectors of each class inside the text tower (coop/prompts/tcp.h). What is
 * learned lies in the folder of the training: the parameters in state.safetensors, the features of the
 * classes in classifier.safetensors.
 *
 * Where this differs from the authors' program: all is in float (theirs takes the epsilon of 1e-3 for half
 * precision, and has it here too); the start of the two layers is drawn behind that of the contexts; n_ctx,
 * class_token_position and the words of a start may be others than their four vectors before the name.
 */
#include "coop/prompts/tcp.h"

#include "coop/prompts/templates.h"
#include "experiments/methods/learned.h"
#include "experiments/methods/prompts/prompting.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    RecipeOptions recipe;
    RealList w, epsilon;
    IntList layer;
    TextList around;
    IntList optimizer; /* 0: Adam, 1: SGD */
} Options;

#define PROMPTS(field) offsetof(Options, recipe.prompts.field)

static const KeySpec keys[] = {
    {"n_ctx", KEY_INT, KEY_LIST | KEY_COLUMN, PROMPTS(n_ctx), .low = 1, .high = 1000, .fallback = "4",
     .help = "M, context vectors of a random start"},
    {"class_token_position", KEY_CHOICE, KEY_LIST | KEY_COLUMN, PROMPTS(class_token_position),
     .choices = "end|middle|front", .fallback = "end", .help = "where the class name stands (theirs: end)"},
    {"ctx_init", KEY_TEXT, KEY_LIST | KEY_COLUMN, PROMPTS(ctx_init), .fallback = "\"\"",
     .help = "words ('words: a/b'), or a file; \"\" is random"},
    {"around", KEY_TEXT, KEY_LIST, offsetof(Options, around), .fallback = "default",
     .help = "what follows the contexts, {} for the name;\n"
             "default: the authors' text for a known dataset"},
    {"w", KEY_REAL, KEY_LIST, offsetof(Options, w), .low = 0, .high = 1e6, .fallback = "8",
     .help = "weight of 1 - mean cosine to the hand-written\n"
             "features (theirs is 8 whatever is given)"},
    {"layer", KEY_INT, KEY_LIST, offsetof(Options, layer), .low = 1, .high = 1000, .fallback = "8",
     .help = "the block (from 0) before which four vectors of\n"
             "each class take the place of tokens 1 to 4"},
    {"optimizer", KEY_CHOICE, KEY_LIST, offsetof(Options, optimizer), .choices = "adam|sgd",
     .fallback = "adam", .help = "Adam with weight decay in the gradient, or SGD"},
    {"epsilon", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, epsilon), .low = 0, .high = 1,
     .fallback = "0.001", .help = "of Adam"},
};
static const KeyGroup group = KEY_GROUP(keys);

static const Options *options_of(const Point *point) {
    return (const Options *)point->options;
}

/* The prompts of a point for the classes of a session. */
static TcpConfig config_of(const Point *point, const Session *session) {
    const Options *options = options_of(point);
    const char *around = options->around.values[0];
    TcpConfig config = {.prompts = prompting_config(point),
                        .layer = options->layer.values[0],
                        .weight = options->w.values[0]};
    config.prompts.around =
        strcmp(around, "default") == 0 ? tcp_around(session->experiment->dataset.name) : around;
    return config;
}

static int check(Session *session, const Point *point, Error *err) {
    const TcpConfig config = config_of(point, session);
    const Dataset *dataset = &session->dataset;
    const char *path = session->experiment->path;
    if (!strstr(config.prompts.around, "{}"))
        return error_set(err, "%s: tcp.around: '%.60s' has no {} for the class name", path,
                         config.prompts.around);
    if (prompting_check(session, point, &config.prompts, err) < 0 ||
        training_check_texts(session, point, err) < 0)
        return -1;
    if (tcp_check(session->model.clip, session->model.tokenizer, dataset->class_names, dataset->n_classes,
                  &config, err) < 0)
        return error_prefix(err, "%s: %.80s", path, point->label);
    return 0;
}

static int flops(double *flops, Session *session, const Point *point, Error *err) {
    const TcpConfig config = config_of(point, session);
    const Dataset *dataset = &session->dataset;
    if (tcp_step_flops(flops, session->model.clip, session->model.tokenizer, dataset->class_names,
                       dataset->n_classes, &config, err) < 0)
        return -1;
    return prompting_steps(flops, session, point, err);
}

/* A learner for the classes of `session`, around the hand-written prompts of these templates. */
static Tcp *create(const Session *session, const Point *point, const TextList *templates, Arena *arena,
                   Error *err) {
    const TcpConfig config = config_of(point, session);
    const Dataset *dataset = &session->dataset;
    const float *texts = session_texts(session, templates, arena, err);
    return texts ? tcp_create(session->model.clip, session->model.tokenizer, session->model.pool,
                              dataset->class_names, dataset->n_classes, &config, texts,
                              experiment_memory_budget(session->experiment), err)
                 : NULL;
}

/* For the classes that it was made for; NULL with an error. */
static const float *features(Tcp *tcp, const Session *session, Arena *arena, Error *err) {
    float *text =
        arena_floats(arena, (size_t)session->dataset.n_classes, (size_t)session->model.clip->embed_dim);
    if (text)
        tcp_text_features(tcp, text);
    else
        error_memory(err);
    return text;
}

static int learn(Session *session, const Point *point, Tcp *tcp, const char *folder, float *logits,
                 Result *result, Progress *progress, Arena *arena, Error *err) {
    TrainData data;
    char detail[80];
    snprintf(detail, sizeof detail, "%d tree nodes, %d from block %d on", tcp_tree(tcp, false)->n_nodes,
             tcp_tree(tcp, true)->n_nodes, options_of(point)->layer.values[0]);
    if (training_load(session, point, training_views(point), &data, NULL, arena, err) < 0 ||
        training_run(session, point, folder, tcp_trainee(tcp), &data, detail, result, progress, arena, err) <
            0)
        return -1;
    result_set_int(result, "n_ctx", tcp_n_ctx(tcp));
    const float *text = features(tcp, session, arena, err);
    return text ? learned_write_texts(session, point, text, folder, logits, result, arena, err) : -1;
}

static int run(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    Tcp *tcp = create(session, point, &point->options->templates, arena, err);
    int status = tcp ? learn(session, point, tcp, folder, logits, result, progress, arena, err) : -1;
    tcp_free(tcp);
    return status;
}

/* Vectors of the new classes follow from their hand-written prompts. */
static int transfer(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err) {
    const TextList *templates = prompting_templates(learned, session, target, arena);
    if (!templates)
        return error_memory(err);
    Tcp *tcp = create(target, learned, templates, arena, err);
    const float *text = NULL;
    if (tcp && training_read(tcp_trainee(tcp), &learned->optim, learned, folder, arena, err) == 0)
        text = features(tcp, target, arena, err);
    if (text)
        session_classify(target, logits, text);
    tcp_free(tcp);
    return text ? 0 : -1;
}

static void recipe(OptimConfig *optim, const MethodOptions *common, const char *dataset) {
    const Options *options = (const Options *)common;
    const bool is_large = dataset && (strcmp(dataset, "imagenet") == 0 || strcmp(dataset, "sun397") == 0);
    prompting_recipe(optim, common, 0.002, is_large ? 25 : 50, 32);
    optim->optimizer = options->optimizer.values[0] == 0 ? OPTIMIZER_ADAM : OPTIMIZER_SGD;
    optim->beta1 = 0.9;
    optim->beta2 = 0.999;
    optim->epsilon = options->epsilon.values[0];
}

static const PointRules rules = {
    .resolve = prompting_resolve, .recipe = recipe, .json = prompting_json, .leaf = prompting_leaf};

const Method method_tcp = {
    .spec = {.section = {"tcp",
                         "a method: vectors of each class inside the tower; every list is a dimension",
                         {&method_name_key, &group, &prompting_recipe_keys, &method_templates_key}},
             .options_size = sizeof(Options),
             .title = "TCP",
             .uses = USES_TRAINING | USES_OPTIM | USES_VIEWS | USES_TEXT,
             .rules = &rules,
             .template = tcp_template},
    .check = check,
    .prepare = training_prepare,
    .flops = flops,
    .run = run,
    .transfer = transfer,
    .serves_new_classes = method_serves_new_classes,
};
