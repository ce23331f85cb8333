/* prompting.h: what the methods with contexts among class names share: their keys' fields, how contexts
 * start, training, the file of what was learned, and its use on other classes. What is learned lies in the
 * folder of the training as prompt.safetensors.
 */
#ifndef EXPERIMENTS_METHODS_PROMPTING_H
#define EXPERIMENTS_METHODS_PROMPTING_H

#include "coop/prompt_learner.h"
#include "experiments/methods/method.h"
#include "experiments/methods/training.h"

/* The options of coop, and what those of the others begin with. */
typedef struct {
    MethodOptions common;
    IntList n_ctx;                /* M; empty where ctx_init decides it */
    IntList class_token_position; /* of ClassTokenPosition */
    IntList csc;                  /* 0 and 1; empty: false */
    TextList ctx_init;            /* as in LearnerConfig */

    /* of one variant: */
    const char *ctx_digest; /* SHA-256 of the file that ctx_init names; NULL: it names none */
    int ignored_n_ctx;      /* what the file says of n_ctx although ctx_init decides it; 0: nothing */
} PromptOptions;

/* The prompts of one point. */
LearnerConfig prompting_config(const Point *point);

/* PointRules.resolve of a section whose keys begin with name and n_ctx: "~/", the digest of a file of
 * contexts, and no n_ctx where words or a file decide it. */
int prompting_resolve(MethodOptions *options, Arena *arena, Error *err);

/* As Method.check, Method.flops. */
int prompting_check(Session *session, const Point *point, const LearnerConfig *config, Error *err);
int prompting_flops(double *flops, Session *session, const Point *point, const LearnerConfig *config,
                    Error *err);

/* As Method.split. */
int prompting_split(LearnerSplit *split, Session *session, const LearnerConfig *config, Error *err);

/* Multiplies the operations of a step by the steps of the training. */
int prompting_steps(double *flops, Session *session, const Point *point, Error *err);

/* Trains the trainee, whose contexts are the learner's, and evaluates and writes what the learner then has.
 */
int prompting_learn(Session *session, const Point *point, const LearnerConfig *config, PromptLearner *learner,
                    const Trainee *trainee, const char *folder, float *logits, Result *result,
                    Progress *progress, Arena *arena, Error *err);

/* As Method.transfer; around (LearnerConfig) replaces what the prompt says, unless it is NULL. */
int prompting_transfer(const char *folder, const Session *target, const char *around, float *logits,
                       Arena *arena, Error *err);
bool prompting_serves_new_classes(const Point *learned);

/* --- for methods whose authors have a recipe --- */

typedef struct {
    PromptOptions prompts;
    IntList recipe; /* of Recipe */
    IntList batch_size;
} RecipeOptions;

extern const KeyGroup prompting_recipe_keys; /* recipe, lr, max_epoch, batch_size of RecipeOptions */

/* PointRules.json and PointRules.leaf of RecipeOptions: "nctx4_ctpend_1f2e3d4c". */
json_t *prompting_json(const Point *point, const PointContext *context, Arena *arena);
const char *prompting_leaf(const Point *point, const PointContext *context, Arena *arena);

/* Puts these numbers into optim under `recipe: paper`. */
void prompting_recipe(OptimConfig *optim, const MethodOptions *options, double lr, int max_epoch,
                      int batch_size);

/* PromptOptions.common.templates for the classes of a target: where the point has its method's template for
 * its own dataset, that of the target's. Owned by the arena; NULL when memory is out. */
const TextList *prompting_templates(const Point *learned, const Session *session, const Session *target,
                                    Arena *arena);

#endif
