/* method_linear_probe.c: logistic regression on centre-crop features, C searched on the validation items.
 * What is learned lies in the point's folder, in classifier.safetensors. */
#include "clip/base/clock.h"
#include "clip/base/files.h"
#include "coop/classifier_file.h"
#include "coop/probe/linear_probe.h"
#include "experiments/methods/learned.h"
#include "experiments/methods/method.h"
#include "experiments/session/prompt_classes.h"

typedef struct {
    ItemList train_items, val_items;
    ProbeData train, val;
} Data;

static int load(Session *session, const Point *point, Data *data, Arena *arena, Error *err) {
    size_t E = (size_t)session->model.clip->embed_dim;
    if (session_lists(session, &data->train_items, &data->val_items, point->num_shots, point->seed, arena,
                      err) < 0)
        return -1;
    const ItemList *lists[] = {&data->train_items, &data->val_items};
    ProbeData *parts[] = {&data->train, &data->val};
    const char *labels[] = {"encoding training images", "encoding validation images"};
    for (int i = 0; i < 2; i++) {
        float *features = arena_floats(arena, (size_t)lists[i]->n, E);
        *parts[i] =
            (ProbeData){.features = features, .labels = list_labels(lists[i], arena), .n = lists[i]->n};
        if (arena_failed(arena))
            return error_memory(err);
        if (session_features(session, features, lists[i], (FeatureView){0}, labels[i], err) < 0)
            return -1;
    }
    return 0;
}

static int check(Session *session, const Point *point, Error *err) {
    (void)point;
    return session_check_training(session, err);
}

static int prepare(Session *session, const Point *point, Arena *arena, Error *err) {
    Data data;
    return load(session, point, &data, arena, err);
}

/* result may be NULL. */
static int fit(LinearProbe *probe, Session *session, const Point *point, Result *result, Arena *arena,
               Error *err) {
    Data data;
    if (load(session, point, &data, arena, err) < 0)
        return -1;
    const double start = clock_seconds();
    if (linear_probe_search(probe, &data.train, &data.val, session->model.clip->embed_dim,
                            session->dataset.n_classes, session->model.pool, arena, err) < 0)
        return -1;
    if (result) {
        result->train_seconds = clock_seconds() - start;
        result->trained_parameters = (double)probe->n_parameters;
        result->n_train = data.train.n;
        result_set_real(result, "C", probe->C);
    }
    return 0;
}

/* Shares and the file for classify. */
static int keep(const LinearProbe *probe, Session *session, const Point *point, const char *folder,
                const float *logits, Result *result, Arena *arena, Error *err) {
    const int K = probe->n_classes, E = probe->n_features;
    const char *path = path_join(arena, folder, CLASSIFIER_FILE);
    float *val = arena_floats(arena, (size_t)session->val.n, (size_t)K);
    Prompt head;
    const TensorOut tensors[] = {{"weights", DTYPE_F64, 2, {K, E}, probe->weights},
                                 {"bias", DTYPE_F64, 1, {K}, probe->bias}};
    if (arena_failed(arena))
        return error_memory(err);
    linear_probe_scores(probe, val, session->val_raw, session->val.n);
    result->val_accuracy = learned_val_accuracy(session, val);
    if (learned_head(&head, session, point, NULL, logits, result, arena, err) < 0)
        return -1;
    return classifier_file_write(path, &head, &linear_kind, tensors, 2, err);
}

static int run(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    (void)progress;
    LinearProbe probe;
    if (fit(&probe, session, point, result, arena, err) < 0)
        return -1;
    linear_probe_scores(&probe, logits, session->test_raw, session->dataset.test.n);
    return keep(&probe, session, point, folder, logits, result, arena, err);
}

/* A fit takes seconds, and an earlier version kept none: it is done again. The columns of the target's
 * classes. */
static int transfer(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err) {
    (void)folder;
    LinearProbe probe;
    const Dataset *from = &session->dataset, *to = &target->dataset;
    float *scores = arena_floats(arena, (size_t)to->test.n, (size_t)from->n_classes);
    if (!scores)
        return error_memory(err);
    if (fit(&probe, session, learned, NULL, arena, err) < 0)
        return -1;
    linear_probe_scores(&probe, scores, target->test_raw, to->test.n);
    class_columns(logits, scores, from->class_names, from->n_classes, to);
    return 0;
}

const Method method_linear_probe = {
    .spec = {.section = {"linear_probe",
                         "a method: logistic regression on image features",
                         {&method_name_key}},
             .options_size = sizeof(MethodOptions),
             .title = "linear probe",
             .uses = USES_TRAINING},
    .check = check,
    .prepare = prepare,
    .run = run,
    .transfer = transfer,
};
