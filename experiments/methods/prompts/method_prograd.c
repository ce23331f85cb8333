/* method_prograd.c: ProGrad, prompts whose gradient does not work against zero-shot CLIP
 * (coop/prompts/prograd.h). Where this differs from the authors' program: it is in float; a template may have
 * words behind {}, which the start then leaves out; several templates are one ensemble, whose first one is
 * the start.
 */
#include "coop/prompts/prograd.h"

#include "coop/prompts/templates.h"
#include "experiments/methods/prompts/prompting.h"

#include <string.h>

typedef struct {
    RecipeOptions recipe;
    RealList lambda, temperature;
} Options;

#define PROMPTS(field) offsetof(Options, recipe.prompts.field)
#define OF_TEMPLATE "template" /* as ctx_init */

static const KeySpec keys[] = {
    {"n_ctx", KEY_INT, KEY_LIST | KEY_COLUMN, PROMPTS(n_ctx), .low = 1, .high = 1000, .fallback = "16",
     .help = "M, the number of context vectors"},
    {"class_token_position", KEY_CHOICE, KEY_LIST | KEY_COLUMN, PROMPTS(class_token_position),
     .choices = "end|middle|front", .fallback = "end", .help = "where the class name stands"},
    {"csc", KEY_BOOL, KEY_LIST | KEY_COLUMN, PROMPTS(csc), .fallback = "false",
     .help = "contexts of its own for each class"},
    {"ctx_init", KEY_TEXT, KEY_LIST | KEY_COLUMN, PROMPTS(ctx_init), .fallback = OF_TEMPLATE,
     .help = "template: the words before its {} are the last\n"
             "vectors, behind zeros (one vector per word, so\n"
             "that a comma leaves a token before the name, as\n"
             "in the authors' program); \"\" is random"},
    {"lambda", KEY_REAL, KEY_LIST, offsetof(Options, lambda), .low = 0, .high = 1e3, .fallback = "1",
     .help = "how much is taken away of what works against"},
    {"temperature", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, temperature), .low = 0, .high = 1e3,
     .fallback = "1", .help = "T of the zero-shot probabilities"},
};
static const KeyGroup group = KEY_GROUP(keys);

static const Options *options_of(const Point *point) {
    return (const Options *)point->options;
}

/* The prompts of a point behind a template. */
static int config_of(LearnerConfig *config, const Point *point, const TextList *templates,
                     const Session *session, Arena *arena, Error *err) {
    *config = prompting_config(point);
    if (!*config->ctx_init)
        return 0;
    if (strcmp(config->ctx_init, OF_TEMPLATE) != 0)
        return error_set(err, "prograd.ctx_init: '%.60s' is neither " OF_TEMPLATE " nor \"\"",
                         config->ctx_init);
    return prograd_start(config, templates->values[0], session->model.tokenizer, arena, err);
}

static int check(Session *session, const Point *point, Error *err) {
    Arena *arena = arena_create();
    LearnerConfig config;
    int status = arena ? config_of(&config, point, &point->options->templates, session, arena, err)
                       : error_memory(err);
    if (status < 0 && err && err->kind == ERROR_INPUT)
        error_prefix(err, "%s: %.80s", session->experiment->path, point->label);
    if (status == 0)
        status = prompting_check(session, point, &config, err);
    arena_free(arena);
    return status < 0 ? status : training_check_texts(session, point, err);
}

/* A second backward pass, which is about as long as a forward pass, comes to each step. */
static int flops(double *flops, Session *session, const Point *point, Error *err) {
    Arena *arena = arena_create();
    LearnerConfig config;
    int status = arena ? config_of(&config, point, &point->options->templates, session, arena, err)
                       : error_memory(err);
    if (status == 0)
        status = prompting_flops(flops, session, point, &config, err);
    if (status == 0)
        *flops *= 1.5;
    arena_free(arena);
    return status;
}

static int split(LearnerSplit *split, Session *session, const Point *point, Error *err) {
    Arena *arena = arena_create();
    LearnerConfig config;
    int status = arena ? config_of(&config, point, &point->options->templates, session, arena, err)
                       : error_memory(err);
    if (status == 0)
        status = prompting_split(split, session, &config, err);
    arena_free(arena);
    return status;
}

static int run(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    const Dataset *dataset = &session->dataset;
    const Options *options = options_of(point);
    const TextList *templates = &point->options->templates;
    LearnerConfig config;
    if (config_of(&config, point, templates, session, arena, err) < 0)
        return -1;
    config.link = session->link;
    const float *texts = session_texts(session, templates, arena, err);
    PromptLearner *learner =
        texts ? learner_create(session->model.clip, session->model.tokenizer, session->model.pool,
                               dataset->class_names, dataset->n_classes, &config,
                               experiment_memory_budget(session->experiment), err)
              : NULL;
    if (!learner)
        return -1;
    Prograd *prograd = prograd_create(learner, texts, options->lambda.values[0],
                                      options->temperature.values[0], point->optim.batch_size, arena);
    int status = prograd ? prompting_learn(session, point, &config, learner, prograd_trainee(prograd), folder,
                                           logits, result, progress, arena, err)
                         : error_memory(err);
    learner_free(learner);
    return status;
}

/* What stands between contexts and names follows the target's template, as in the authors' program. */
static int transfer(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err) {
    LearnerConfig config;
    const TextList *templates = prompting_templates(learned, session, target, arena);
    if (!templates)
        return error_memory(err);
    if (config_of(&config, learned, templates, target, arena, err) < 0)
        return -1;
    return prompting_transfer(folder, target, config.around, logits, arena, err);
}

static void recipe(OptimConfig *optim, const MethodOptions *options, const char *dataset) {
    (void)dataset;
    prompting_recipe(optim, options, 0.002, 100, 32);
}

static const PointRules rules = {.recipe = recipe, .json = prompting_json, .leaf = prompting_leaf};

const Method method_prograd = {
    .spec = {.section = {"prograd",
                         "a method: gradients that zero-shot CLIP agrees with; every list is a dimension",
                         {&method_name_key, &group, &prompting_recipe_keys, &method_templates_key}},
             .options_size = sizeof(Options),
             .title = "ProGrad",
             .uses = USES_TRAINING | USES_OPTIM | USES_VIEWS | USES_TEXT,
             .rules = &rules,
             .template = prograd_template},
    .check = check,
    .prepare = training_prepare,
    .flops = flops,
    .split = split,
    .run = run,
    .transfer = transfer,
    .serves_new_classes = prompting_serves_new_classes,
};
