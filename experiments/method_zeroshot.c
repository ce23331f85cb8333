/* method_zeroshot.c: hand-written prompts, one or an ensemble. */
#include "coop/zeroshot.h"
#include "experiments/method.h"

static int check(Session *session, const Point *point, Error *err) {
    const Dataset *dataset = &session->dataset;
    if (zeroshot_check(session->model.clip, session->model.tokenizer, point->templates.values,
                       point->templates.n, dataset->class_names, dataset->n_classes, err) < 0)
        return error_prefix(err, "%s: %.80s", session->experiment->path, point->label);
    return 0;
}

static int prepare(Session *session, const Point *point, Error *err) {
    (void)session, (void)point, (void)err;
    return 0;
}

static int run(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    (void)folder, (void)result, (void)progress;
    const Clip *clip = session->model.clip;
    const Dataset *dataset = &session->dataset;
    float *text = arena_floats(arena, (size_t)dataset->n_classes, (size_t)clip->embed_dim);
    if (!text)
        return error_memory(err);
    if (zeroshot_features(text, clip, session->model.tokenizer, session->model.pool, point->templates.values,
                          point->templates.n, dataset->class_names, dataset->n_classes, err) < 0)
        return -1;
    cosine_logits(session->model.pool, logits, session->test_unit, text, dataset->test.n, dataset->n_classes,
                  clip->embed_dim, clip->logit_scale);
    return 0;
}

const Method method_zeroshot = {check, prepare, run, NULL, NULL};
