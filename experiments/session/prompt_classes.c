/* prompt_classes.c: see prompt_classes.h */
#include "experiments/session/prompt_classes.h"

#include <string.h>

int class_index(const char *const *names, int n, const Dataset *dataset, int k) {
    const char *name = dataset->class_names[k];
    if (k < n && strcmp(names[k], name) == 0)
        return k;
    for (int j = 0; j < n; j++)
        if (strcmp(names[j], name) == 0)
            return j;
    return -1;
}

bool class_all_known(const Dataset *own, const Dataset *target) {
    for (int k = 0; k < target->n_classes; k++)
        if (class_index(own->class_names, own->n_classes, target, k) < 0)
            return false;
    return true;
}

void class_columns(float *logits, const float *scores, const char *const *names, int n, const Dataset *to) {
    for (int k = 0; k < to->n_classes; k++) {
        int column = class_index(names, n, to, k);
        for (int i = 0; i < to->test.n; i++)
            logits[(size_t)i * (size_t)to->n_classes + (size_t)k] =
                scores[(size_t)i * (size_t)n + (size_t)column];
    }
}

/* The features that the prompt was stored with. Returns the first class that has none, or -1. */
static int stored_features(float *text, const Prompt *prompt, const Dataset *dataset) {
    size_t E = (size_t)prompt->embed_dim;
    for (int k = 0; k < dataset->n_classes; k++) {
        int j = class_index(prompt->class_names, prompt->n_classes, dataset, k);
        if (j < 0)
            return k;
        memcpy(text + (size_t)k * E, prompt->text_features + (size_t)j * E, E * sizeof *text);
    }
    return -1;
}

int prompt_class_features(float *text, const Prompt *prompt, const char *path, const Session *session,
                          Error *err) {
    const Dataset *dataset = &session->dataset;
    int unknown = stored_features(text, prompt, dataset);
    if (unknown < 0)
        return 0;
    if (prompt->csc)
        return error_set(
            err, "%s: class_names: class-specific contexts of %d classes, but none for class '%s' of %s",
            path, prompt->n_classes, dataset->class_names[unknown], session->name);
    if (loaded_model_check_vocab(&session->model, path, prompt->vocab_digest, err) < 0)
        return -1;
    LearnerConfig config = {.n_ctx = prompt->n_ctx,
                            .class_token_position = prompt->class_token_position,
                            .ctx_init = "",
                            .around = prompt->around};
    PromptLearner *learner = learner_create(session->model.clip, session->model.tokenizer,
                                            session->model.pool, dataset->class_names, dataset->n_classes,
                                            &config, experiment_memory_budget(session->experiment), err);
    if (!learner)
        return error_prefix(err, "%s", path);
    memcpy(learner_ctx(learner), prompt->ctx, learner_ctx_size(learner) * sizeof(float));
    learner_text_features(learner, text);
    learner_free(learner);
    return 0;
}
