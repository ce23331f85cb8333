/* tuned_logits.c: see tuned_logits.h. */
#include "experiments/session/tuned_logits.h"

#include "clip/math/ops.h"
#include "coop/zeroshot.h"
#include "experiments/session/print_faults.h"
#include "experiments/terminal/interrupt.h"

static int on_progress(void *context, long done, long total) {
    if (context)
        progress_note(context, "testing %ld of %ld images", done, total);
    return interrupt_signal();
}

/* Of unit length. NULL with an error. */
static const float *encode_list(LoadedModel *model, const Session *session, const ItemList *list,
                                Progress *progress, Arena *arena, Error *err) {
    const int E = model->clip->embed_dim;
    float *features = arena_floats(arena, (size_t)list->n, (size_t)E);
    const FeatureSource source = loaded_model_source(model);
    FeatureCache *cache = features ? features_open(NULL, &source, model->pool, err) : NULL;
    int status = -1;
    if (!features)
        error_memory(err);
    else if (cache)
        status = features_get(cache, features, session->dataset.root, list, (FeatureView){0}, on_progress,
                              progress, err);
    if (cache && status < 0)
        status = interrupt_signal() ? interrupt_check(err) : print_faults(features_faults(cache), err);
    features_close(cache);
    if (status == 0)
        unit_rows_forward(features, NULL, features, list->n, E);
    return status == 0 ? features : NULL;
}

/* logits (list->n, K); unit holds the frozen tower's features, or is NULL. */
static int classify_list(float *logits, TunedClip *clip, const Tuned *tuned, const Session *session,
                         const ItemList *list, const float *unit, const float *text, Progress *progress,
                         Arena *arena, Error *err) {
    LoadedModel *model = clip->model;
    if (clip->images || !unit)
        unit = encode_list(model, session, list, progress, arena, err);
    if (!unit)
        return -1;
    cosine_logits(model->pool, logits, unit, text, list->n, session->dataset.n_classes,
                  model->clip->embed_dim, tuned->head.logit_scale);
    return 0;
}

static int classify(float *logits, float *val, TunedClip *clip, const Tuned *tuned, const Session *session,
                    const TextList *templates, Progress *progress, Arena *arena, Error *err) {
    const Dataset *dataset = &session->dataset;
    float *text = arena_floats(arena, (size_t)dataset->n_classes, (size_t)clip->model->clip->embed_dim);
    if (!text)
        return error_memory(err);
    if (tuned_clip_texts(clip, text, templates->values, templates->n, dataset->class_names,
                         dataset->n_classes, err) < 0)
        return -1;
    tuned_clip_lend(clip);
    if (classify_list(logits, clip, tuned, session, &dataset->test, session->test_unit, text, progress, arena,
                      err) < 0)
        return -1;
    return val && session->val.n > 0 ? classify_list(val, clip, tuned, session, &session->val,
                                                     session->val_unit, text, progress, arena, err)
                                     : 0;
}

int tuned_logits(float *logits, float *val, const Tuned *tuned, const TensorFile *file,
                 const Session *session, const TextList *templates, Progress *progress, Arena *arena,
                 Error *err) {
    const Experiment *experiment = session->experiment;
    const TunedSource source = {.weights = experiment_weights(experiment),
                                .activation = experiment->model.activation,
                                .heads = experiment->model.heads,
                                .memory_budget = experiment_memory_budget(experiment)};
    LoadedModel model = session->model; /* a copy, whose images go another way */
    TunedClip clip;
    int result = tuned_clip_open(&clip, tuned, file, &model, &source, err);
    if (result == 0)
        result = classify(logits, val, &clip, tuned, session, templates, progress, arena, err);
    tuned_clip_close(&clip);
    return result;
}
