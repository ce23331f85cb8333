/* learned.c: see learned.h. */
#include "experiments/methods/learned.h"

#include "clip/base/files.h"
#include "clip/checkpoint/locate.h"
#include "coop/classifier_file.h"
#include "coop/coop.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How many of n rows have their largest logit, the first among equals, at their label. */
static int count_right(const float *logits, const int *labels, int n, int K) {
    int n_right = 0;
    for (int i = 0; i < n; i++) {
        const float *row = logits + (size_t)i * (size_t)K;
        int best = 0;
        for (int k = 1; k < K; k++)
            best = row[k] > row[best] ? k : best;
        n_right += best == labels[i];
    }
    return n_right;
}

double learned_val_accuracy(const Session *session, const float *logits) {
    const int n = session->val.n;
    return n > 0 ? 100.0 * count_right(logits, session->val_labels, n, session->dataset.n_classes) / n : NAN;
}

Provenance learned_provenance(const Session *session, const Point *point, const float *logits,
                              const Result *result) {
    const int shots = point->num_shots, n = session->dataset.test.n;
    return (Provenance){
        .method = point->method->section.name,
        .num_shots = shots == SHOTS_ALL    ? ALL_SHOTS
                     : shots == SHOTS_NONE ? 0
                                           : shots,
        .seed = shots == SHOTS_NONE ? -1 : point->seed,
        .val_accuracy = result->val_accuracy / 100,
        .accuracy = (double)count_right(logits, session->test_labels, n, session->dataset.n_classes) / n,
        .key = point->key,
        .program = "coop " COOP_VERSION};
}

int learned_head(Prompt *prompt, Session *session, const Point *point, const float *text, const float *logits,
                 const Result *result, Arena *arena, Error *err) {
    Clip *clip = session->model.clip;
    const Dataset *dataset = &session->dataset;
    *prompt = (Prompt){.n_classes = dataset->n_classes,
                       .embed_dim = clip->embed_dim,
                       .class_names = dataset->class_names,
                       .text_features = text,
                       .logit_scale = clip->logit_scale,
                       .backbone = clip->name,
                       .backbone_digest = clip_digest(clip),
                       .vocab_digest = tokenizer_digest(session->model.tokenizer),
                       .dataset = dataset->name,
                       .checkpoint = session->experiment->model.weights,
                       .checkpoint_stamp = session->experiment->model.weights_here
                                               ? session->experiment->model.stamp_here
                                               : clip_stamp(clip),
                       .activation = session->experiment->model.activation,
                       .assumed = clip->assumed,
                       .heads = session->experiment->model.heads,
                       .image_size = clip->image_size,
                       .exif_rotate = session->model.upright,
                       .precision = clip->precision};
    if (logits)
        prompt->made = learned_provenance(session, point, logits, result);
    memcpy(prompt->mean, clip->mean, sizeof prompt->mean);
    memcpy(prompt->std, clip->std, sizeof prompt->std);
    /* A path is found again from any folder; not through a link, for the config lies beside the link. A name
     * is found on other machines too. */
    const bool stays = *prompt->checkpoint == '/' || locate_is_name(prompt->checkpoint);
    char *folder_now = stays ? NULL : realpath(".", NULL);
    if (!stays && !folder_now && errno == ENOMEM)
        return error_memory(err);
    if (folder_now)
        prompt->checkpoint = path_join(arena, folder_now, prompt->checkpoint);
    free(folder_now);
    return prompt->checkpoint ? 0 : error_memory(err);
}

int learned_classify(Session *session, const float *text, float *logits, Result *result, Arena *arena,
                     Error *err) {
    float *val = arena_floats(arena, (size_t)session->val.n, (size_t)session->dataset.n_classes);
    if (!val)
        return error_memory(err);
    session_classify(session, logits, text);
    session_classify_val(session, val, text);
    result->val_accuracy = learned_val_accuracy(session, val);
    return 0;
}

int learned_write_texts(Session *session, const Point *point, const float *text, const char *folder,
                        float *logits, Result *result, Arena *arena, Error *err) {
    Prompt head;
    const char *path = path_join(arena, folder, CLASSIFIER_FILE);
    if (!path)
        return error_memory(err);
    if (learned_classify(session, text, logits, result, arena, err) < 0 ||
        learned_head(&head, session, point, text, logits, result, arena, err) < 0)
        return -1;
    return classifier_file_write(path, &head, &cosine_kind, NULL, 0, err);
}

int learned_write_linear(Session *session, const Point *point, const LinearClassifier *classifier,
                         const char *folder, const float *logits, Result *result, Arena *arena, Error *err) {
    const int K = classifier->n_classes, E = classifier->embed_dim;
    const char *path = path_join(arena, folder, CLASSIFIER_FILE);
    float *val = arena_floats(arena, (size_t)session->val.n, (size_t)K);
    double *weights = ARENA_NEW(arena, double, (size_t)K *(size_t)E), *bias = ARENA_NEW(arena, double, K);
    const TensorOut tensors[] = {{"weights", DTYPE_F64, 2, {K, E}, weights},
                                 {"bias", DTYPE_F64, 1, {K}, bias}};
    Prompt head;
    if (arena_failed(arena))
        return error_memory(err);
    linear_classifier_logits(classifier, session->model.pool, val, session->val_unit, session->val.n);
    result->val_accuracy = learned_val_accuracy(session, val);
    for (size_t i = 0; i < (size_t)K * (size_t)E; i++)
        weights[i] = (double)classifier->scale * classifier->weights[i];
    for (int k = 0; k < K; k++)
        bias[k] = classifier->bias[k];
    if (learned_head(&head, session, point, NULL, logits, result, arena, err) < 0)
        return -1;
    return classifier_file_write(path, &head, &unit_linear_kind, tensors, 2, err);
}
