/* session.c: see session.h */
#include "experiments/session.h"

#include "clip/base/files.h"
#include "clip/ops.h"
#include "experiments/interrupt.h"
#include "experiments/progress.h"

#include <stdlib.h>
#include <string.h>

/* One text of everything that the lists say, digested. */
static int digest_lists(Session *session, Error *err) {
    const Dataset *d = &session->dataset;
    const ItemList *lists[] = {&d->train, &d->val, &d->test};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return error_memory(err);
    for (int k = 0; k < d->n_classes; k++)
        fprintf(out, "class %s\n", d->class_names[k]);
    for (int part = 0; part < 3; part++) {
        fprintf(out, "part %d\n", lists[part]->n);
        for (int i = 0; i < lists[part]->n; i++)
            fprintf(out, "%d %s\n", lists[part]->items[i].label, lists[part]->items[i].path);
    }
    bool failed = ferror(out) != 0;
    failed |= fclose(out) != 0;
    if (!failed)
        digest_bytes(session->split_digest, text, size);
    free(text);
    return failed ? error_memory(err) : 0;
}

int session_open(Session *session, const Experiment *experiment, int n_threads, bool quiet, Error *err) {
    *session = (Session){.experiment = experiment, .quiet = quiet, .arena = arena_create()};
    if (!session->arena)
        return error_memory(err);
    if (dataset_open(&session->dataset, &experiment->dataset, session->arena, err) < 0 ||
        digest_lists(session, err) < 0)
        return -1;
    if (session->dataset.test.n == 0)
        return error_set(err, "%s: dataset: no test images", experiment->path);
    if (model_open(&session->model, experiment->model.weights, experiment->model.vocab, CLIP_BOTH, n_threads,
                   err) < 0)
        return -1;
    FeatureSource source = model_source(&session->model);
    session->cache = features_open(experiment->cache, &source, session->model.pool, err);
    return session->cache ? 0 : -1;
}

void session_close(Session *session) {
    features_close(session->cache);
    model_close(&session->model);
    arena_free(session->arena);
    *session = (Session){0};
}

/* The bar appears with the first image that has to be encoded: never for a cache that holds them all. */
typedef struct {
    Progress progress;
    const char *label;
    bool quiet, started;
} Encoding;

static int on_progress(void *context, long done, long total) {
    Encoding *encoding = context;
    if (!encoding->started)
        progress_start(&encoding->progress, stderr, encoding->quiet, encoding->label, total);
    encoding->started = true;
    progress_update(&encoding->progress, done);
    return interrupt_signal();
}

int session_features(Session *session, float *features, const ItemList *items, FeatureView view,
                     const char *label, Error *err) {
    Encoding encoding = {.label = label, .quiet = session->quiet};
    int result = features_get(session->cache, features, session->dataset.root, items, view, on_progress,
                              &encoding, err);
    progress_finish(&encoding.progress);
    return result < 0 && interrupt_signal() ? interrupt_check(err) : result;
}

int *list_labels(const ItemList *list, Arena *arena) {
    int *labels = ARENA_NEW(arena, int, list->n);
    for (int i = 0; labels && i < list->n; i++)
        labels[i] = list->items[i].label;
    return labels;
}

int session_encode_test(Session *session, Error *err) {
    const ItemList *test = &session->dataset.test;
    size_t n = (size_t)test->n, E = (size_t)session->model.clip->embed_dim;
    float *raw = arena_floats(session->arena, n, E), *unit = arena_floats(session->arena, n, E);
    session->test_labels = list_labels(test, session->arena);
    if (arena_failed(session->arena))
        return error_memory(err);
    if (session_features(session, raw, test, (FeatureView){0}, "encoding test images", err) < 0)
        return -1;
    unit_rows_forward(unit, NULL, raw, test->n, (int)E);
    session->test_raw = raw;
    session->test_unit = unit;
    return 0;
}

int session_lists(Session *session, ItemList *train, ItemList *val, int num_shots, int seed, Arena *arena,
                  Error *err) {
    const Dataset *dataset = &session->dataset;
    if (dataset->train.n == 0)
        return error_set(err, "%s: dataset: no training images, which every method but zeroshot needs",
                         session->experiment->path);
    return dataset_few_shot(train, val, dataset, num_shots, (uint32_t)seed, arena, err);
}
