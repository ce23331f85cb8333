/* method_cocoop.c: CoCoOp, prompts that depend on the image (coop/prompts/cocoop.h). What is learned lies in
 * the folder of the training, in state.safetensors, and for use in classifier.safetensors. Each test image
 * has features of all classes of its own, so testing takes a while.
 *
 * Where this differs from the authors' program: all is in float; the start of the two layers is drawn behind
 * that of the contexts; the class name may stand elsewhere than behind the contexts.
 */
#include "coop/prompts/cocoop.h"

#include "clip/base/files.h"
#include "coop/classifier_file.h"
#include "coop/prompts/cocoop_kind.h"
#include "experiments/methods/learned.h"
#include "experiments/methods/prompts/prompting.h"

#include <stdio.h>

#define PROMPTS(field) offsetof(RecipeOptions, prompts.field)

static const KeySpec keys[] = {
    {"n_ctx", KEY_INT, KEY_LIST | KEY_COLUMN, PROMPTS(n_ctx), .low = 1, .high = 1000, .fallback = "4",
     .help = "M, context vectors of a random start"},
    {"class_token_position", KEY_CHOICE, KEY_LIST | KEY_COLUMN, PROMPTS(class_token_position),
     .choices = "end|middle|front", .fallback = "end", .help = "where the class name stands (theirs: end)"},
    {"ctx_init", KEY_TEXT, KEY_LIST | KEY_COLUMN, PROMPTS(ctx_init), .fallback = "a photo of a",
     .help = "words ('words: a/b'), or a file; \"\" is random"},
};
static const KeyGroup group = KEY_GROUP(keys);

static int check(Session *session, const Point *point, Error *err) {
    const LearnerConfig config = prompting_config(point);
    const Clip *clip = session->model.clip;
    if (clip->embed_dim < 16)
        return error_set(err, "%s: cocoop: features of width %d, where the hidden layer has a 16th of it",
                         session->experiment->path, clip->embed_dim);
    return prompting_check(session, point, &config, err);
}

/* The prompts of each training image once per epoch. */
static int flops(double *flops, Session *session, const Point *point, Error *err) {
    const LearnerConfig config = prompting_config(point);
    if (prompting_flops(flops, session, point, &config, err) < 0)
        return -1;
    *flops *= point->optim.batch_size;
    return 0;
}

static int write_file(Session *session, const Point *point, const Cocoop *cocoop, const char *folder,
                      const float *logits, const Result *result, Arena *arena, Error *err) {
    const int32_t position = prompting_config(point).class_token_position;
    const char *path = path_join(arena, folder, CLASSIFIER_FILE);
    TensorOut tensors[COCOOP_TENSORS];
    Prompt head;
    if (!path)
        return error_memory(err);
    if (learned_head(&head, session, point, NULL, logits, result, arena, err) < 0)
        return -1;
    cocoop_tensors(tensors, cocoop, &position);
    return classifier_file_write(path, &head, &cocoop_kind, tensors, COCOOP_TENSORS, err);
}

static int learn(Session *session, const Point *point, Cocoop *cocoop, const TrainData *data,
                 const char *folder, float *logits, Result *result, Progress *progress, Arena *arena,
                 Error *err) {
    char detail[64];
    snprintf(detail, sizeof detail, "%d tree nodes (%d frozen)", cocoop_tree(cocoop)->n_nodes,
             cocoop_tree(cocoop)->n_frozen);
    if (training_run(session, point, folder, cocoop_trainee(cocoop), data, detail, result, progress, arena,
                     err) < 0)
        return -1;
    result_set_int(result, "n_ctx", cocoop_n_ctx(cocoop));
    progress_note(progress, "testing");
    float *val = arena_floats(arena, (size_t)session->val.n, (size_t)session->dataset.n_classes);
    if (!val)
        return error_memory(err);
    if (cocoop_logits(cocoop, val, session->val_unit, session->val.n, false, err) < 0)
        return -1;
    result->val_accuracy = learned_val_accuracy(session, val);
    if (cocoop_logits(cocoop, logits, session->test_unit, session->dataset.test.n, false, err) < 0)
        return -1;
    return write_file(session, point, cocoop, folder, logits, result, arena, err);
}

static int run(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    const LearnerConfig config = prompting_config(point);
    const Dataset *dataset = &session->dataset;
    TrainData data;
    if (training_load(session, point, training_views(point), &data, NULL, arena, err) < 0)
        return -1;
    const int batch = data.n < point->optim.batch_size ? data.n : point->optim.batch_size;
    Cocoop *cocoop = cocoop_create(session->model.clip, session->model.tokenizer, session->model.pool,
                                   dataset->class_names, dataset->n_classes, &config, batch,
                                   experiment_memory_budget(session->experiment), err);
    int status =
        cocoop ? learn(session, point, cocoop, &data, folder, logits, result, progress, arena, err) : -1;
    cocoop_free(cocoop);
    return status;
}

static int transfer(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err) {
    (void)session;
    const LearnerConfig config = prompting_config(learned);
    const Dataset *dataset = &target->dataset;
    Cocoop *cocoop = cocoop_create_untrained(target->model.clip, target->model.tokenizer, target->model.pool,
                                             dataset->class_names, dataset->n_classes, &config, err);
    int status = -1;
    if (cocoop && training_read(cocoop_trainee(cocoop), &learned->optim, learned, folder, arena, err) == 0)
        status = cocoop_logits(cocoop, logits, target->test_unit, dataset->test.n, false, err);
    cocoop_free(cocoop);
    return status;
}

static void recipe(OptimConfig *optim, const MethodOptions *options, const char *dataset) {
    (void)dataset;
    prompting_recipe(optim, options, 0.002, 10, 1);
}

static const PointRules rules = {
    .resolve = prompting_resolve, .recipe = recipe, .json = prompting_json, .leaf = prompting_leaf};

const Method method_cocoop = {
    .spec = {.section = {"cocoop",
                         "a method: prompts that depend on the image; every list is a dimension",
                         {&method_name_key, &group, &prompting_recipe_keys}},
             .options_size = sizeof(RecipeOptions),
             .title = "CoCoOp",
             .uses = USES_TRAINING | USES_OPTIM | USES_VIEWS | USES_TEXT,
             .rules = &rules},
    .check = check,
    .prepare = training_prepare,
    .flops = flops,
    .run = run,
    .transfer = transfer,
    .serves_new_classes = method_serves_new_classes,
};
