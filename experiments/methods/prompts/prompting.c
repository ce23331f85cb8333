/* prompting.c: see prompting.h. */
#include "experiments/methods/prompts/prompting.h"

#include "clip/base/files.h"
#include "coop/prompt_file.h"
#include "experiments/methods/learned.h"
#include "experiments/session/prompt_classes.h"
#include "experiments/terminal/printable.h"

#include <stdio.h>
#include <string.h>

enum { N_CTX = 1 }; /* the place of n_ctx among the keys of a section, behind name */

static const PromptOptions *options_of(const Point *point) {
    return (const PromptOptions *)point->options;
}

LearnerConfig prompting_config(const Point *point) {
    const PromptOptions *options = options_of(point);
    return (LearnerConfig){.n_ctx = options->n_ctx.n > 0 ? options->n_ctx.values[0] : 0,
                           .csc = options->csc.n > 0 && options->csc.values[0],
                           .class_token_position =
                               (ClassTokenPosition)options->class_token_position.values[0],
                           .ctx_init = options->ctx_init.values[0],
                           .seed = (uint32_t)point->seed};
}

/* --- where the contexts start --- */

/* Words as the learner reads them: with "words:" in front only where they would pass for a file. */
static const char *plain_words(const char *ctx_init) {
    const char *words = ctx_init_words(ctx_init);
    return ctx_init_is_file(words) ? ctx_init : words;
}

static int digest_file(PromptOptions *options, const char *path, Arena *arena, Error *err) {
    FileMap map;
    char hex[65];
    if (file_map(&map, path, err) < 0) {
        if (err && err->kind == ERROR_INPUT)
            error_set(err, "%s (ctx_init; words that look like a path are written 'words: ...')",
                      arena_strdup(arena, err->text));
        return -1;
    }
    digest_bytes(hex, map.data, map.size);
    file_unmap(&map);
    options->ctx_digest = arena_strdup(arena, hex);
    return options->ctx_digest ? 0 : error_memory(err);
}

int prompting_resolve(MethodOptions *common, Arena *arena, Error *err) {
    PromptOptions *options = (PromptOptions *)common;
    const char **init = ARENA_NEW(arena, const char *, 1), *given = options->ctx_init.values[0];
    bool is_file = ctx_init_is_file(given);
    if (init)
        *init = is_file ? path_expand(arena, given) : plain_words(given);
    if (arena_failed(arena))
        return error_memory(err);
    options->ctx_init.values = init;
    if (!**init)
        return 0;
    options->ignored_n_ctx = common->given & 1u << N_CTX ? options->n_ctx.values[0] : 0;
    options->n_ctx.n = 0;
    return is_file ? digest_file(options, *init, arena, err) : 0;
}

/* --- work --- */

int prompting_check(Session *session, const Point *point, const LearnerConfig *config, Error *err) {
    const Dataset *dataset = &session->dataset;
    if (session_check_training(session, err) < 0)
        return -1;
    const PromptOptions *options = options_of(point);
    int n_ctx = learner_check(session->model.clip, session->model.tokenizer, dataset->class_names,
                              dataset->n_classes, config, err);
    if (n_ctx > 0 && options->ignored_n_ctx > 0 && options->ignored_n_ctx != n_ctx && !session->quiet)
        print_line(stderr, "%s: ctx_init gives %d context vector%s, and n_ctx: %d does not count",
                   point->label, n_ctx, n_ctx == 1 ? "" : "s", options->ignored_n_ctx);
    if (n_ctx > 0)
        return 0;
    const char *file = options->ctx_digest ? config->ctx_init : NULL;
    if (file && strncmp(err->text, file, strlen(file)) == 0)
        return -1; /* the file of contexts itself is wrong, and named */
    return file ? error_prefix(err, "%s", file)
                : error_prefix(err, "%s: %.80s", session->experiment->path, point->label);
}

/* The features of the images are in the cache. */
int prompting_steps(double *flops, Session *session, const Point *point, Error *err) {
    ItemList train, val;
    Arena *arena = arena_create();
    int status = arena ? session_lists(session, &train, &val, point->num_shots, point->seed, arena, err)
                       : error_memory(err);
    if (status == 0) {
        const TrainData data = {.n = train.n};
        *flops *= (double)point->optim.max_epoch * trainer_steps(&data, &point->optim);
    }
    arena_free(arena);
    return status;
}

int prompting_flops(double *flops, Session *session, const Point *point, const LearnerConfig *config,
                    Error *err) {
    const Dataset *dataset = &session->dataset;
    if (learner_step_flops(flops, session->model.clip, session->model.tokenizer, dataset->class_names,
                           dataset->n_classes, config, err) < 0)
        return -1;
    return prompting_steps(flops, session, point, err);
}

int prompting_split(LearnerSplit *split, Session *session, const LearnerConfig *config, Error *err) {
    const Dataset *dataset = &session->dataset;
    return learner_split(split, session->model.clip, session->model.tokenizer, dataset->class_names,
                         dataset->n_classes, config, err);
}

static int write_prompt(Session *session, const Point *point, const LearnerConfig *config,
                        PromptLearner *learner, const float *text, const char *folder, const float *logits,
                        const Result *result, Arena *arena, Error *err) {
    const char *path = path_join(arena, folder, PROMPT_FILE);
    Prompt prompt;
    if (!path)
        return error_memory(err);
    if (learned_head(&prompt, session, point, text, logits, result, arena, err) < 0)
        return -1;
    prompt.n_ctx = learner_n_ctx(learner);
    prompt.width = session->model.clip->text.width;
    prompt.csc = config->csc;
    prompt.class_token_position = config->class_token_position;
    prompt.around = config->around;
    prompt.ctx = learner_ctx(learner);
    return prompt_write(path, &prompt, err);
}

int prompting_learn(Session *session, const Point *point, const LearnerConfig *config, PromptLearner *learner,
                    const Trainee *trainee, const char *folder, float *logits, Result *result,
                    Progress *progress, Arena *arena, Error *err) {
    const Clip *clip = session->model.clip;
    const Dataset *dataset = &session->dataset;
    TrainData data;
    char detail[64];
    snprintf(detail, sizeof detail, "%d tree nodes (%d frozen)", learner_tree(learner)->n_nodes,
             learner_tree(learner)->n_frozen);
    if (training_load(session, point, training_views(point), &data, NULL, arena, err) < 0 ||
        training_run(session, point, folder, trainee, &data, detail, result, progress, arena, err) < 0)
        return -1;
    float *text = arena_floats(arena, (size_t)dataset->n_classes, (size_t)clip->embed_dim);
    if (!text)
        return error_memory(err);
    learner_text_features(learner, text);
    if (learned_classify(session, text, logits, result, arena, err) < 0)
        return -1;
    result_set_int(result, "n_ctx", learner_n_ctx(learner));
    return write_prompt(session, point, config, learner, text, folder, logits, result, arena, err);
}

/* --- other datasets --- */

int prompting_transfer(const char *folder, const Session *target, const char *around, float *logits,
                       Arena *arena, Error *err) {
    const Clip *clip = target->model.clip;
    const Dataset *dataset = &target->dataset;
    Prompt prompt;
    const char *path = path_join(arena, folder, PROMPT_FILE);
    float *text = arena_floats(arena, (size_t)dataset->n_classes, (size_t)clip->embed_dim);
    if (arena_failed(arena))
        return error_memory(err);
    if (prompt_read(&prompt, path, arena, err) < 0 ||
        prompt_check_model(&prompt, path, target->model.clip, err) < 0)
        return -1;
    prompt.around = around ? around : prompt.around;
    if (prompt_class_features(text, &prompt, path, target, err) < 0)
        return -1;
    session_classify(target, logits, text);
    return 0;
}

bool prompting_serves_new_classes(const Point *learned) {
    return !prompting_config(learned).csc;
}

/* --- recipes --- */

static const KeySpec recipe_keys[] = {
    {"recipe", KEY_CHOICE, KEY_LIST, offsetof(RecipeOptions, recipe), .choices = RECIPES, .fallback = "paper",
     .help = "lr, max_epoch and batch_size of the authors, or\n"
             "those of the section optim, unless given here"},
    {"lr", KEY_REAL, KEY_LIST | KEY_ABOVE | KEY_OPTIM, offsetof(MethodOptions, lr), .low = 0, .high = 1e3,
     .help = "learning rate"},
    {"max_epoch", KEY_INT, KEY_LIST | KEY_OPTIM, offsetof(MethodOptions, max_epoch), .low = 1, .high = 1e6,
     .word = "auto", .help = "epochs; auto: as in the section optim"},
    {"batch_size", KEY_INT, KEY_LIST | KEY_OPTIM, offsetof(RecipeOptions, batch_size), .low = 1, .high = 1e6,
     .help = "images per step; an incomplete batch is dropped"},
};
const KeyGroup prompting_recipe_keys = KEY_GROUP(recipe_keys);

void prompting_recipe(OptimConfig *optim, const MethodOptions *options, double lr, int max_epoch,
                      int batch_size) {
    if (((const RecipeOptions *)options)->recipe.values[0] != RECIPE_PAPER)
        return;
    optim->lr = lr;
    optim->max_epoch = max_epoch;
    optim->batch_size = batch_size;
}

json_t *prompting_json(const Point *point, const PointContext *context, Arena *arena) {
    const PromptOptions *options = options_of(point);
    json_t *json = options_json(point, context, arena);
    int failed = !json;
    if (json && options->ctx_digest && !context->names)
        failed |= json_object_set_new(json, "ctx_init", json_string(options->ctx_digest));
    if (json && options->n_ctx.n == 0)
        failed |= json_object_set_new(json, "n_ctx", json_integer(0));
    if (!failed)
        return json;
    json_decref(json);
    return NULL;
}

const char *prompting_leaf(const Point *point, const PointContext *context, Arena *arena) {
    const LearnerConfig config = prompting_config(point);
    const char *digest = short_digest(point, context, arena);
    char n_ctx[16] = "init"; /* whose words are in the digest */
    if (config.n_ctx > 0)
        snprintf(n_ctx, sizeof n_ctx, "nctx%d", config.n_ctx);
    return digest
               ? arena_printf(arena, "%s_ctp%s_%s", n_ctx, position_name(config.class_token_position), digest)
               : NULL;
}

/* What `default` stands for with this method there. */
static const char *own_template(const MethodSpec *method, const DatasetSpec *dataset) {
    const char *template = dataset->template || !method->template ? NULL : method->template(dataset->name);
    return template ? template : default_template(dataset);
}

const TextList *prompting_templates(const Point *learned, const Session *session, const Session *target,
                                    Arena *arena) {
    const TextList *templates = &learned->options->templates;
    const char *own = own_template(learned->method, &session->experiment->dataset);
    if (templates->n != 1 || strcmp(templates->values[0], own) != 0)
        return templates;
    TextList *there = ARENA_NEW(arena, TextList, 1);
    const char **text = ARENA_NEW(arena, const char *, 1);
    if (!there || !text)
        return NULL;
    *text = own_template(learned->method, &target->experiment->dataset);
    *there = (TextList){text, 1};
    return there;
}
