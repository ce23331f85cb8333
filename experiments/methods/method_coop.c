/* method_coop.c: learned prompts (Zhou et al. 2022). What is learned lies in the folder of the training as
 * prompt.safetensors.
 */
#include "experiments/methods/method_coop.h"

#include "clip/base/files.h"
#include "coop/prompt_file.h"
#include "experiments/config/names.h"
#include "experiments/methods/learned.h"
#include "experiments/methods/method.h"
#include "experiments/methods/training.h"
#include "experiments/session/prompt_classes.h"
#include "experiments/terminal/printable.h"

#include <stdio.h>
#include <string.h>

enum { N_CTX = 1 }; /* the place of n_ctx among the keys of the section, behind name */
static const KeySpec keys[] = {
    {"n_ctx", KEY_INT, KEY_LIST | KEY_COLUMN, offsetof(CoopOptions, n_ctx), .low = 1, .high = 1000,
     .fallback = "16", .help = "M, the number of context vectors"},
    {"class_token_position", KEY_CHOICE, KEY_LIST | KEY_COLUMN, offsetof(CoopOptions, class_token_position),
     .choices = "end|middle|front", .fallback = "end", .help = "where the class name stands"},
    {"csc", KEY_BOOL, KEY_LIST | KEY_COLUMN, offsetof(CoopOptions, csc), .fallback = "false",
     .help = "contexts of its own for each class"},
    {"ctx_init", KEY_TEXT, KEY_LIST | KEY_COLUMN, offsetof(CoopOptions, ctx_init), .fallback = "\"\"",
     .help = "words ('words: a/b'), or a file; \"\" is random"},
};
static const KeyGroup group = KEY_GROUP(keys);

static const CoopOptions *options_of(const Point *point) {
    return (const CoopOptions *)point->options;
}

LearnerConfig coop_learner_config(const Point *point) {
    const CoopOptions *options = options_of(point);
    return (LearnerConfig){.n_ctx = options->n_ctx.n > 0 ? options->n_ctx.values[0] : 0,
                           .csc = options->csc.values[0],
                           .class_token_position =
                               (ClassTokenPosition)options->class_token_position.values[0],
                           .ctx_init = options->ctx_init.values[0],
                           .seed = (uint32_t)point->seed};
}

/* --- in words --- */

/* Words as the learner reads them: with "words:" in front only where they would pass for a file. */
static const char *plain_words(const char *ctx_init) {
    const char *words = ctx_init_words(ctx_init);
    return ctx_init_is_file(words) ? ctx_init : words;
}

static int digest_file(CoopOptions *options, const char *path, Arena *arena, Error *err) {
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

/* "~/", the digest of a file of contexts, and no n_ctx where words or a file decide it. */
static int resolve(MethodOptions *common, Arena *arena, Error *err) {
    CoopOptions *options = (CoopOptions *)common;
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

/* "CoOp M=16 end csc". Under a name of its own, a method shows only the dimensions in which it varies. */
static const char *label(const Point *variant, const MethodEntry *entry, const PointContext *context,
                         Arena *arena) {
    (void)context;
    const CoopOptions *method = (const CoopOptions *)entry->options;
    LearnerConfig learner = coop_learner_config(variant);
    bool all = !method->common.name, random_start = learner.ctx_init[0] == '\0';
    const char *start = all ? "CoOp" : method->common.name, *m = "", *init = "", *lr = "", *epochs = "";
    if (random_start && (all || method->n_ctx.n > 1))
        m = arena_printf(arena, " M=%d", learner.n_ctx);
    const char *position =
        all || method->class_token_position.n > 1 ? position_name(learner.class_token_position) : "";
    const char *csc = !(all || method->csc.n > 1) ? "" : learner.csc ? " csc" : all ? "" : " unified";
    if (!random_start && (all || method->ctx_init.n > 1))
        init = arena_printf(arena, " \"%s\"", learner.ctx_init);
    if (all ? method->common.lr.n > 0 : method->common.lr.n > 1)
        lr = arena_printf(arena, " lr=%g", variant->optim.lr);
    if (all ? method->common.max_epoch.n > 0 : method->common.max_epoch.n > 1)
        epochs = variant->optim.max_epoch > 0 ? arena_printf(arena, " epochs=%d", variant->optim.max_epoch)
                                              : " epochs=auto";
    if (arena_failed(arena))
        return NULL;
    return arena_printf(arena, "%s%s%s%s%s%s%s%s", start, m, *position ? " " : "", position, csc, init, lr,
                        epochs);
}

static json_t *json(const Point *point, const PointContext *context, Arena *arena) {
    LearnerConfig learner = coop_learner_config(point);
    const char *digest = options_of(point)->ctx_digest;
    return json_pack("{s:s, s:i, s:b, s:s, s:s, s:o, s:i, s:s}", "name", point->method->section.name, "n_ctx",
                     learner.n_ctx, "csc", learner.csc, "class_token_position",
                     position_name(learner.class_token_position), "ctx_init",
                     digest && !context->names ? digest : learner.ctx_init, "optim",
                     optim_json(&point->optim, arena), "views", point->views, "vocab",
                     context->names ? "" : context->digests.vocab);
}

/* "nctx16_cscFalse_ctpend", as in CoOp's scripts; "_1f2e3d4c" follows where something else is not the
 * default. */
static const char *leaf(const Point *point, const PointContext *context, Arena *arena) {
    LearnerConfig learner = coop_learner_config(point);
    bool random_start = learner.ctx_init[0] == '\0';
    char *start = arena_printf(arena, "nctx%d", learner.n_ctx);
    if (!random_start) {
        const char *words =
            options_of(point)->ctx_digest ? path_stem(learner.ctx_init, arena) : learner.ctx_init;
        char *name = words ? safe_name(words, arena) : NULL;
        start = name ? arena_printf(arena, "init_%s", name) : NULL;
    }
    if (!start)
        return NULL;
    const char *csc = learner.csc ? "True" : "False";
    const char *position = position_name(learner.class_token_position);
    if (random_start && is_default_recipe(point, context))
        return arena_printf(arena, "%s_csc%s_ctp%s", start, csc, position);
    char *digest = short_digest(point, context, arena);
    return digest ? arena_printf(arena, "%s_csc%s_ctp%s_%s", start, csc, position, digest) : NULL;
}

/* --- work --- */

static int check(Session *session, const Point *point, Error *err) {
    const Dataset *dataset = &session->dataset;
    LearnerConfig learner = coop_learner_config(point);
    if (session_check_training(session, err) < 0)
        return -1;
    const CoopOptions *options = options_of(point);
    int n_ctx = learner_check(session->model.clip, session->model.tokenizer, dataset->class_names,
                              dataset->n_classes, &learner, err);
    if (n_ctx > 0 && options->ignored_n_ctx > 0 && options->ignored_n_ctx != n_ctx && !session->quiet)
        print_line(stderr, "%s: ctx_init gives %d context vector%s, and n_ctx: %d does not count",
                   point->label, n_ctx, n_ctx == 1 ? "" : "s", options->ignored_n_ctx);
    if (n_ctx > 0)
        return 0;
    const char *file = options->ctx_digest ? learner.ctx_init : NULL;
    if (file && strncmp(err->text, file, strlen(file)) == 0)
        return -1; /* the file of contexts itself is wrong, and named */
    return file ? error_prefix(err, "%s", file)
                : error_prefix(err, "%s: %.80s", session->experiment->path, point->label);
}

/* All steps of the training; the features of the images are in the cache. */
static int flops(double *flops, Session *session, const Point *point, Error *err) {
    const Dataset *dataset = &session->dataset;
    LearnerConfig config = coop_learner_config(point);
    TrainData data = {0};
    ItemList train, val;
    Arena *arena = arena_create();
    int status = arena ? session_lists(session, &train, &val, point->num_shots, point->seed, arena, err)
                       : error_memory(err);
    if (status == 0)
        status = learner_step_flops(flops, session->model.clip, session->model.tokenizer,
                                    dataset->class_names, dataset->n_classes, &config, err);
    if (status == 0) {
        data.n = train.n;
        *flops *= (double)point->optim.max_epoch * trainer_steps(&data, &point->optim);
    }
    arena_free(arena);
    return status;
}

static int write_prompt(Session *session, const Point *point, PromptLearner *learner, const float *text,
                        const char *folder, const float *logits, const Result *result, Arena *arena,
                        Error *err) {
    LearnerConfig config = coop_learner_config(point);
    const char *path = path_join(arena, folder, PROMPT_FILE);
    Prompt prompt;
    if (!path)
        return error_memory(err);
    if (learned_head(&prompt, session, point, text, logits, result, arena, err) < 0)
        return -1;
    prompt.n_ctx = learner_n_ctx(learner);
    prompt.width = session->model.clip->text.width;
    prompt.csc = config.csc;
    prompt.class_token_position = config.class_token_position;
    prompt.ctx = learner_ctx(learner);
    return prompt_write(path, &prompt, err);
}

/* Training, evaluation of the last step. */
static int learn(Session *session, const Point *point, PromptLearner *learner, const char *folder,
                 float *logits, Result *result, Progress *progress, Arena *arena, Error *err) {
    const Clip *clip = session->model.clip;
    const Dataset *dataset = &session->dataset;
    TrainData data;
    char detail[64];
    snprintf(detail, sizeof detail, "%d tree nodes (%d frozen)", learner_tree(learner)->n_nodes,
             learner_tree(learner)->n_frozen);
    if (training_load(session, point, training_views(point), &data, NULL, arena, err) < 0 ||
        training_run(session, point, folder, learner_trainee(learner), &data, detail, result, progress, arena,
                     err) < 0)
        return -1;
    float *text = arena_floats(arena, (size_t)dataset->n_classes, (size_t)clip->embed_dim);
    if (!text)
        return error_memory(err);
    learner_text_features(learner, text);
    if (learned_classify(session, text, logits, result, arena, err) < 0)
        return -1;
    result_set_int(result, "n_ctx", learner_n_ctx(learner));
    return write_prompt(session, point, learner, text, folder, logits, result, arena, err);
}

static int run(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    const Dataset *dataset = &session->dataset;
    LearnerConfig config = coop_learner_config(point);
    PromptLearner *learner = learner_create(session->model.clip, session->model.tokenizer,
                                            session->model.pool, dataset->class_names, dataset->n_classes,
                                            &config, experiment_memory_budget(session->experiment), err);
    int status = learner ? learn(session, point, learner, folder, logits, result, progress, arena, err) : -1;
    learner_free(learner);
    return status;
}

/* --- other datasets --- */

static int transfer(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err) {
    (void)session, (void)learned;
    const Clip *clip = target->model.clip;
    const Dataset *dataset = &target->dataset;
    Prompt prompt;
    const char *path = path_join(arena, folder, PROMPT_FILE);
    float *text = arena_floats(arena, (size_t)dataset->n_classes, (size_t)clip->embed_dim);
    if (arena_failed(arena))
        return error_memory(err);
    if (prompt_read(&prompt, path, arena, err) < 0 ||
        prompt_check_model(&prompt, path, target->model.clip, err) < 0 ||
        prompt_class_features(text, &prompt, path, target, err) < 0)
        return -1;
    session_classify(target, logits, text);
    return 0;
}

static bool serves_new_classes(const Point *learned) {
    return !coop_learner_config(learned).csc;
}

static const PointRules rules = {.resolve = resolve, .label = label, .json = json, .leaf = leaf};

const Method method_coop = {
    .spec = {.section = {"coop",
                         "a method: learned prompts; every list is a dimension",
                         {&method_name_key, &group, &method_optim_keys}},
             .options_size = sizeof(CoopOptions),
             .title = "CoOp",
             .uses = USES_TRAINING | USES_OPTIM | USES_VIEWS | USES_TEXT,
             .rules = &rules},
    .check = check,
    .prepare = training_prepare,
    .flops = flops,
    .run = run,
    .transfer = transfer,
    .serves_new_classes = serves_new_classes,
};
