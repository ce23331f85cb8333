/* method_kgcoop.c: KgCoOp, prompts that stay near hand-written ones (coop/prompts/kgcoop.h). Where this
 * differs from the authors' program: all is in float, and n_ctx counts with a random start alone, as theirs
 * does; words other than "a photo of a", which it would not look at, count here.
 */
#include "coop/prompts/kgcoop.h"

#include "coop/prompts/templates.h"
#include "experiments/methods/prompts/prompting.h"

typedef struct {
    RecipeOptions recipe;
    RealList w;
} Options;

#define PROMPTS(field) offsetof(Options, recipe.prompts.field)

static const KeySpec keys[] = {
    {"n_ctx", KEY_INT, KEY_LIST | KEY_COLUMN, PROMPTS(n_ctx), .low = 1, .high = 1000, .fallback = "4",
     .help = "M, context vectors of a random start"},
    {"class_token_position", KEY_CHOICE, KEY_LIST | KEY_COLUMN, PROMPTS(class_token_position),
     .choices = "end|middle|front", .fallback = "end", .help = "where the class name stands (theirs: end)"},
    {"csc", KEY_BOOL, KEY_LIST | KEY_COLUMN, PROMPTS(csc), .fallback = "false",
     .help = "contexts of its own for each class"},
    {"ctx_init", KEY_TEXT, KEY_LIST | KEY_COLUMN, PROMPTS(ctx_init), .fallback = "a photo of a",
     .help = "words ('words: a/b'), or a file; \"\" is random;\n"
             "the authors' program has these words alone"},
    {"w", KEY_REAL, KEY_LIST, offsetof(Options, w), .low = 0, .high = 1e6, .fallback = "8",
     .help = "weight of 1 - mean cosine to the hand-written\n"
             "features (lengths of at least 1e-7)"},
};
static const KeyGroup group = KEY_GROUP(keys);

static int check(Session *session, const Point *point, Error *err) {
    const LearnerConfig config = prompting_config(point);
    if (prompting_check(session, point, &config, err) < 0)
        return -1;
    return training_check_texts(session, point, err);
}

static int flops(double *flops, Session *session, const Point *point, Error *err) {
    const LearnerConfig config = prompting_config(point);
    return prompting_flops(flops, session, point, &config, err);
}

static int split(LearnerSplit *split, Session *session, const Point *point, Error *err) {
    const LearnerConfig config = prompting_config(point);
    return prompting_split(split, session, &config, err);
}

static int run(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    const Dataset *dataset = &session->dataset;
    LearnerConfig config = prompting_config(point);
    config.link = session->link;
    const float *texts = session_texts(session, &point->options->templates, arena, err);
    PromptLearner *learner =
        texts ? learner_create(session->model.clip, session->model.tokenizer, session->model.pool,
                               dataset->class_names, dataset->n_classes, &config,
                               experiment_memory_budget(session->experiment), err)
              : NULL;
    if (!learner)
        return -1;
    Kgcoop kgcoop;
    kgcoop_init(&kgcoop, learner, texts, ((const Options *)point->options)->w.values[0]);
    int status = prompting_learn(session, point, &config, learner, kgcoop_trainee(&kgcoop), folder, logits,
                                 result, progress, arena, err);
    learner_free(learner);
    return status;
}

static int transfer(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err) {
    (void)session, (void)learned;
    return prompting_transfer(folder, target, NULL, logits, arena, err);
}

static void recipe(OptimConfig *optim, const MethodOptions *options, const char *dataset) {
    (void)dataset;
    prompting_recipe(optim, options, 0.002, 100, 128);
}

static const PointRules rules = {
    .resolve = prompting_resolve, .recipe = recipe, .json = prompting_json, .leaf = prompting_leaf};

const Method method_kgcoop = {
    .spec = {.section = {"kgcoop",
                         "a method: prompts near hand-written ones; every list is a dimension",
                         {&method_name_key, &group, &prompting_recipe_keys, &method_templates_key}},
             .options_size = sizeof(Options),
             .title = "KgCoOp",
             .uses = USES_TRAINING | USES_OPTIM | USES_VIEWS | USES_TEXT,
             .rules = &rules,
             .template = kgcoop_template},
    .check = check,
    .prepare = training_prepare,
    .flops = flops,
    .split = split,
    .run = run,
    .transfer = transfer,
    .serves_new_classes = prompting_serves_new_classes,
};
