/* pretrain_data.c: see pretrain_data.h */
#include "experiments/pretrain/pretrain_data.h"

#include "datasets/lists/dataset_open.h"

#include <stdarg.h>
#include <stdio.h>

void pretrain_remark(PretrainSession *session, const char *format, ...) {
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    TextList *remarks = &session->remarks;
    const char **values = arena_grow(session->arena, remarks->values, &session->remarks_capacity,
                                     remarks->n + 1, sizeof *values);
    if (!values)
        return;
    remarks->values = values;
    values[remarks->n++] = arena_strdup(session->arena, line);
}

static void take_remarks(PretrainSession *session, const Remarks *remarks) {
    for (int i = 0; i < remarks->n; i++)
        pretrain_remark(session, "%s", remarks->lines[i]);
}

/* Training images to train on; those for validation, or else for testing, to validate on. */
static PairSource *open_labelled(PretrainSession *session, const PairSpec *spec, bool training, Error *err) {
    Dataset dataset;
    if (dataset_open(&dataset, &spec->dataset, session->arena, err) < 0)
        return NULL;
    take_remarks(session, &dataset.remarks);
    const ItemList *items = training ? &dataset.train : &dataset.val;
    if (!training && items->n == 0) {
        items = &dataset.test;
        pretrain_remark(session, "%s: no images for validation: its test images are taken", dataset.source);
    }
    if (items->n == 0) {
        error_set(err, "%s: no %s images", dataset.source, training ? "training" : "test");
        return NULL;
    }
    return pairs_open_labelled(dataset.root, items, dataset.class_names, dataset.n_classes,
                               spec->templates.values, spec->templates.n, err);
}

static PairSource *open_pairs(PretrainSession *session, const PairSpec *spec, bool training, Error *err) {
    PairSource *source = spec->kind == PAIRS_TABLE
                             ? pairs_open_table(spec->csv, spec->separator, spec->image_key,
                                                spec->caption_key, spec->root, err)
                         : spec->kind == PAIRS_SHARDS ? pairs_open_shards(spec->webdataset, err)
                                                      : open_labelled(session, spec, training, err);
    const char *line;
    for (int i = 0; source && (line = pairs_remark(source, i)); i++)
        pretrain_remark(session, "%s", line);
    return source;
}

/* The test images, each with the number of its class for a caption: a loader gives no more than captions. */
static int open_zeroshot(PretrainSession *session, Error *err) {
    static const char *const number[] = {"{}"};
    Dataset *dataset = &session->zeroshot.dataset;
    if (dataset_open(dataset, &session->config->zeroshot.dataset, session->arena, err) < 0)
        return -1;
    take_remarks(session, &dataset->remarks);
    if (dataset->test.n == 0)
        return error_set(err, "%s: no test images", dataset->source);
    const char **numbers = ARENA_NEW(session->arena, const char *, dataset->n_classes);
    for (int i = 0; numbers && i < dataset->n_classes; i++)
        numbers[i] = arena_printf(session->arena, "%d", i);
    if (arena_failed(session->arena))
        return error_memory(err);
    session->zeroshot.images =
        pairs_open_labelled(dataset->root, &dataset->test, numbers, dataset->n_classes, number, 1, err);
    return session->zeroshot.images ? 0 : -1;
}

int pretrain_open_data(PretrainSession *session, Error *err) {
    const PretrainConfig *config = session->config;
    session->train = open_pairs(session, &config->train, true, err);
    if (!session->train)
        return -1;
    if (config->val.kind && !(session->val = open_pairs(session, &config->val, false, err)))
        return -1;
    if (config->zeroshot.kind && open_zeroshot(session, err) < 0)
        return -1;
    return arena_failed(session->arena) ? error_memory(err) : 0;
}

void pretrain_close_data(PretrainSession *session) {
    pairs_close(session->train);
    pairs_close(session->val);
    pairs_close(session->zeroshot.images);
}
