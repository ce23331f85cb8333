/* classifier_handle.c: what was learned, and what it says of images, for coop.h */
#include "coop/labels.h"
#include "coop/library/encode.h"
#include "coop/library/options.h"
#include "coop/library/report.h"
#include "coop/zeroshot.h"

#include <stdlib.h>
#include <string.h>

/* --- opening --- */

/* What a file may come as. */
typedef struct {
    const char *path; /* or, with data, its name for messages */
    const void *data;
    size_t size;
} Source;

static coop_classifier *create(const coop_options *options, Error *err) {
    coop_classifier *c = calloc(1, sizeof *c);
    if (c && handle_prepare(&c->own, options, err) == 0) {
        c->model = &c->own;
        c->own.towers = CLIP_IMAGE;
        return c;
    }
    free(c);
    error_memory(err);
    return NULL;
}

static int open_learned(coop_classifier **classifier, const Source *source, const coop_options *given,
                        Error *err) {
    coop_options options;
    if (options_read(&options, given, err) < 0)
        return -1;
    coop_classifier *c = create(&options, err);
    if (!c)
        return -1;
    ClassifierOptions opening = options_of_classifier(&options);
    opening.model.stop = stop_asked;
    opening.model.stop_context = &c->own.stop;
    const int result = source->data ? classifier_open_bytes(&c->classifier, source->data, source->size,
                                                            source->path, &opening, err)
                                    : classifier_open(&c->classifier, source->path, &opening, err);
    if (result < 0) {
        coop_classifier_close(c);
        return -1;
    }
    c->own.loaded = classifier_model(c->classifier);
    if (options.exif != COOP_EXIF_AS_LEARNED)
        c->own.loaded->upright = options.exif == COOP_EXIF_ROTATE;
    *classifier = c;
    return 0;
}

int coop_classifier_open(coop_classifier **classifier, const char *path, const coop_options *options,
                         coop_error *error) {
    Call call;
    call_begin(&call);
    const Source source = {.path = path};
    int result = -1;
    if (classifier)
        *classifier = NULL;
    if (!classifier || !path)
        error_usage(&call.err, "coop_classifier_open: a path, and a place for the classifier, are needed");
    else
        result = open_learned(classifier, &source, options, &call.err);
    return call_end(&call, result, error);
}

int coop_classifier_open_bytes(coop_classifier **classifier, const void *data, size_t size, const char *name,
                               const coop_options *options, coop_error *error) {
    Call call;
    call_begin(&call);
    const Source source = {.path = name ? name : "classifier", .data = data, .size = size};
    int result = -1;
    if (classifier)
        *classifier = NULL;
    if (!classifier || !data)
        error_usage(&call.err,
                    "coop_classifier_open_bytes: data, and a place for the classifier, are needed");
    else
        result = open_learned(classifier, &source, options, &call.err);
    return call_end(&call, result, error);
}

const char *const *coop_templates(int *n) {
    int unused;
    return zeroshot_ensemble(n ? n : &unused);
}

static int check_texts(const char *what, const char *const *texts, int n, Error *err) {
    if (n < 0 || (n > 0 && !texts))
        return error_usage(err, "coop_classifier_zeroshot: %d %ss", n, what);
    for (int i = 0; i < n; i++)
        if (!texts[i])
            return error_usage(err, "coop_classifier_zeroshot: %s %d is NULL", what, i);
    return 0;
}

static int open_zeroshot(coop_classifier **classifier, coop_model *model, const char *const *templates,
                         int n_templates, const char *const *names, int n_classes, Error *err) {
    static const char *const plain[] = {"a photo of a {}."};
    const coop_options options = {0};
    if (!model || !model->loaded->tokenizer || !(model->towers & CLIP_IMAGE))
        return error_usage(err, "coop_classifier_zeroshot: a model with both towers is needed");
    if (check_texts("template", templates, n_templates, err) < 0 ||
        check_texts("name", names, n_classes, err) < 0)
        return -1;
    if (n_classes == 0)
        return error_usage(err, "coop_classifier_zeroshot: names of classes are needed");
    coop_classifier *c = create(&options, err);
    if (!c)
        return -1;
    Turn turn;
    turn_begin_alone(&turn, model);
    const int result = classifier_zeroshot(&c->classifier, model->loaded, n_templates > 0 ? templates : plain,
                                           n_templates > 0 ? n_templates : 1, names, n_classes, err);
    turn_end(&turn);
    c->model = model;
    if (result < 0) {
        coop_classifier_close(c);
        return -1;
    }
    *classifier = c;
    return 0;
}

int coop_classifier_zeroshot(coop_classifier **classifier, coop_model *model, const char *const *templates,
                             int n_templates, const char *const *names, int n_classes, coop_error *error) {
    Call call;
    call_begin(&call);
    int result = -1;
    if (classifier)
        *classifier = NULL;
    if (!classifier)
        error_usage(&call.err, "coop_classifier_zeroshot: a place for the classifier is needed");
    else
        result = open_zeroshot(classifier, model, templates, n_templates, names, n_classes, &call.err);
    return call_end(&call, result, error);
}

void coop_classifier_close(coop_classifier *classifier) {
    if (!classifier)
        return;
    classifier_close(classifier->classifier);
    handle_finish(&classifier->own);
    free(classifier);
}

/* --- what is known of it --- */

int coop_classifier_classes(const coop_classifier *classifier) {
    return classifier ? classifier_info(classifier->classifier)->n_classes : 0;
}

const char *coop_classifier_name(const coop_classifier *classifier, int index) {
    if (index < 0 || index >= coop_classifier_classes(classifier))
        return NULL;
    return classifier_info(classifier->classifier)->class_names[index];
}

coop_model *coop_classifier_model(coop_classifier *classifier) {
    return classifier ? classifier->model : NULL;
}

void coop_classifier_info(const coop_classifier *classifier, coop_info *info, size_t size) {
    if (!info)
        return;
    coop_info known = {0};
    if (classifier) {
        const ClassifierInfo *from = classifier_info(classifier->classifier);
        known = (coop_info){.method = from->method,
                            .dataset = from->dataset,
                            .backbone = from->backbone,
                            .shots = from->num_shots,
                            .seed = from->seed,
                            .val_accuracy = from->val_accuracy,
                            .accuracy = from->accuracy,
                            .exif_rotate = from->exif_rotate};
    }
    memset(info, 0, size);
    memcpy(info, &known, size < sizeof known ? size : sizeof known);
}

/* --- labels --- */

static int logits_of(coop_classifier *c, float *logits, const float *features, int n, Error *err) {
    Turn turn;
    turn_begin_alone(&turn, c->model);
    const int result = classifier_logits(c->classifier, logits, features, n, err);
    turn_end(&turn);
    return result;
}

int coop_logits(coop_classifier *classifier, float *logits, const float *features, int n, coop_error *error) {
    Call call;
    call_begin(&call);
    int result = -1;
    if (!classifier || n < 0 || (n > 0 && (!logits || !features)))
        error_usage(&call.err, "coop_logits: a classifier and %d rows of features and logits are needed", n);
    else
        result = n == 0 ? 0 : logits_of(classifier, logits, features, n, &call.err);
    return call_end(&call, result, error);
}

static void rank(coop_label *labels, int top, const float *logits, Label *ranked, int K) {
    labels_rank(ranked, logits, K);
    for (int i = 0; i < top; i++)
        labels[i] = (coop_label){.index = ranked[i].label, .probability = ranked[i].probability};
}

static void rank_none(coop_label *labels, int top) {
    for (int i = 0; i < top; i++)
        labels[i] = (coop_label){.index = -1};
}

/* Features of a bad image are zero, and not looked at. */
static int label(coop_classifier *c, const coop_image *images, int n, coop_label *labels, int top,
                 coop_error *errors, Arena *arena, Error *err) {
    const int K = coop_classifier_classes(c), E = c->model->loaded->clip->embed_dim;
    float *features = arena_floats(arena, (size_t)n, (size_t)E);
    float *logits = arena_floats(arena, (size_t)n, (size_t)K);
    Label *ranked = ARENA_NEW(arena, Label, K);
    Error partly = {0};
    if (arena_failed(arena))
        return error_memory(err);
    if (encode_images(c->model, features, images, n, errors, &partly) < 0 && partly.kind != ERROR_PARTLY) {
        *err = partly;
        return -1;
    }
    if (logits_of(c, logits, features, n, err) < 0)
        return -1;
    for (int i = 0; i < n; i++)
        if (errors && errors[i].code != COOP_OK)
            rank_none(labels + (size_t)i * (size_t)top, top);
        else
            rank(labels + (size_t)i * (size_t)top, top, logits + (size_t)i * (size_t)K, ranked, K);
    *err = partly;
    return partly.kind == ERROR_NONE ? 0 : -1;
}

static int classify(coop_classifier *c, const coop_image *images, int n, coop_label *labels, int top,
                    coop_error *errors, Error *err) {
    if (!c || n < 0 || (n > 0 && (!images || !labels)))
        return error_usage(err, "coop_classify: a classifier, %d images and labels are needed", n);
    if (top < 1 || top > coop_classifier_classes(c))
        return error_usage(err, "coop_classify: the top %d of %d classes", top, coop_classifier_classes(c));
    if (n == 0)
        return 0;
    Arena *arena = arena_create();
    const int result = label(c, images, n, labels, top, errors, arena, err);
    arena_free(arena);
    return result;
}

int coop_classify(coop_classifier *classifier, const coop_image *images, int n, coop_label *labels, int top,
                  coop_error *errors, coop_error *error) {
    Call call;
    call_begin(&call);
    return call_end(&call, classify(classifier, images, n, labels, top, errors, &call.err), error);
}
