/* method_coop.c: learned prompts (Zhou et al. 2022). */
#include "clip/base/files.h"
#include "experiments/config/names.h"
#include "experiments/methods/prompts/prompting.h"

static const KeySpec keys[] = {
    {"n_ctx", KEY_INT, KEY_LIST | KEY_COLUMN, offsetof(PromptOptions, n_ctx), .low = 1, .high = 1000,
     .fallback = "16", .help = "M, the number of context vectors"},
    {"class_token_position", KEY_CHOICE, KEY_LIST | KEY_COLUMN, offsetof(PromptOptions, class_token_position),
     .choices = "end|middle|front", .fallback = "end", .help = "where the class name stands"},
    {"csc", KEY_BOOL, KEY_LIST | KEY_COLUMN, offsetof(PromptOptions, csc), .fallback = "false",
     .help = "contexts of its own for each class"},
    {"ctx_init", KEY_TEXT, KEY_LIST | KEY_COLUMN, offsetof(PromptOptions, ctx_init), .fallback = "\"\"",
     .help = "words ('words: a/b'), or a file; \"\" is random"},
};
static const KeyGroup group = KEY_GROUP(keys);

/* --- in words --- */

/* "CoOp M=16 end csc". Under a name of its own, a method shows only the dimensions in which it varies. */
static const char *label(const Point *variant, const MethodEntry *entry, const PointContext *context,
                         Arena *arena) {
    (void)context;
    const PromptOptions *method = (const PromptOptions *)entry->options;
    LearnerConfig learner = prompting_config(variant);
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
    LearnerConfig learner = prompting_config(point);
    const char *digest = ((const PromptOptions *)point->options)->ctx_digest;
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
    LearnerConfig learner = prompting_config(point);
    bool random_start = learner.ctx_init[0] == '\0';
    char *start = arena_printf(arena, "nctx%d", learner.n_ctx);
    if (!random_start) {
        const char *words = ((const PromptOptions *)point->options)->ctx_digest
                                ? path_stem(learner.ctx_init, arena)
                                : learner.ctx_init;
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
    const LearnerConfig config = prompting_config(point);
    return prompting_check(session, point, &config, err);
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
    PromptLearner *learner = learner_create(session->model.clip, session->model.tokenizer,
                                            session->model.pool, dataset->class_names, dataset->n_classes,
                                            &config, experiment_memory_budget(session->experiment), err);
    int status = learner ? prompting_learn(session, point, &config, learner, learner_trainee(learner), folder,
                                           logits, result, progress, arena, err)
                         : -1;
    learner_free(learner);
    return status;
}

static int transfer(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err) {
    (void)session, (void)learned;
    return prompting_transfer(folder, target, NULL, logits, arena, err);
}

static const PointRules rules = {.resolve = prompting_resolve, .label = label, .json = json, .leaf = leaf};

const Method method_coop = {
    .spec = {.section = {"coop",
                         "a method: learned prompts; every list is a dimension",
                         {&method_name_key, &group, &method_optim_keys}},
             .options_size = sizeof(PromptOptions),
             .title = "CoOp",
             .uses = USES_TRAINING | USES_OPTIM | USES_VIEWS | USES_TEXT,
             .rules = &rules},
    .check = check,
    .prepare = training_prepare,
    .flops = flops,
    .split = split,
    .run = run,
    .transfer = transfer,
    .serves_new_classes = prompting_serves_new_classes,
};
