/* model_handle.c: checkpoints, and what they encode, for coop.h */
#include "clip/math/ops.h"
#include "coop/library/encode.h"
#include "coop/library/options.h"
#include "coop/library/report.h"
#include "coop/zeroshot.h"

#include <stdlib.h>

enum { FLAGS = COOP_UNIT | COOP_CUT };

static int open_model(coop_model **model, const char *path, const coop_options *given, Error *err) {
    coop_options options;
    if (!path)
        return error_usage(err, "coop_model_open: a path is needed");
    if (options_read(&options, given, err) < 0)
        return -1;
    coop_model *m = calloc(1, sizeof *m);
    if (!m || handle_prepare(m, &options, err) < 0) {
        free(m);
        return error_memory(err);
    }
    LoadedModelOptions loading = options_of_model(&options);
    m->towers = loading.towers & CLIP_BOTH;
    loading.stop = stop_asked;
    loading.stop_context = &m->stop;
    if (loaded_model_open(&m->own, path, &loading, err) == 0) {
        m->own.upright = options.exif == COOP_EXIF_ROTATE;
        *model = m;
        return 0;
    }
    coop_model_close(m);
    return -1;
}

int coop_model_open(coop_model **model, const char *path, const coop_options *options, coop_error *error) {
    Call call;
    call_begin(&call);
    int result = -1;
    if (!model)
        error_usage(&call.err, "coop_model_open: a place for the model is needed");
    else
        *model = NULL;
    if (model)
        result = open_model(model, path, options, &call.err);
    return call_end(&call, result, error);
}

void coop_model_close(coop_model *model) {
    if (!model)
        return;
    handle_finish(model);
    free(model);
}

const char *coop_model_name(const coop_model *model) {
    return model ? model->loaded->name : NULL;
}

int coop_model_width(const coop_model *model) {
    return model ? model->loaded->clip->embed_dim : 0;
}

int coop_model_image_size(const coop_model *model) {
    return model ? model->loaded->clip->image_size : 0;
}

const char *coop_model_note(const coop_model *model) {
    return model ? model->loaded->clip->note : NULL;
}

static int check_rows(const char *function, const coop_model *model, const void *out, const void *in, int n,
                      int flags, Error *err) {
    if (!model || n < 0 || (n > 0 && (!out || !in)))
        return error_usage(err, "%s: a model, %d rows of features and as many inputs are needed", function,
                           n);
    if (flags & ~FLAGS)
        return error_usage(err, "%s: flags %d: there are COOP_UNIT and COOP_CUT", function, flags);
    return 0;
}

static int encode_list(coop_model *model, float *features, const coop_image *images, int n, int flags,
                       coop_error *errors, Error *err) {
    if (check_rows("coop_encode_images", model, features, images, n, flags, err) < 0)
        return -1;
    if (!(model->towers & CLIP_IMAGE))
        return error_usage(err, "coop_encode_images: the model was opened without its image tower");
    const int result = encode_images(model, features, images, n, errors, err);
    const int E = model->loaded->clip->embed_dim;
    for (int i = 0; i < n && flags & COOP_UNIT && (result == 0 || err->kind == ERROR_PARTLY); i++)
        if (!errors || errors[i].code == COOP_OK) /* the others are zero */
            unit_rows_forward(features + (size_t)i * (size_t)E, NULL, features + (size_t)i * (size_t)E, 1, E);
    return result;
}

int coop_encode_images(coop_model *model, float *features, const coop_image *list, int n, int flags,
                       coop_error *errors, coop_error *error) {
    Call call;
    call_begin(&call);
    return call_end(&call, encode_list(model, features, list, n, flags, errors, &call.err), error);
}

static int encode_text_list(coop_model *model, float *features, const char *const *list, int n, int flags,
                            Error *err) {
    if (check_rows("coop_encode_texts", model, features, list, n, flags, err) < 0)
        return -1;
    if (!model->loaded->tokenizer)
        return error_usage(err, "coop_encode_texts: the model was opened without its text tower");
    for (int i = 0; i < n; i++)
        if (!list[i])
            return error_usage(err, "coop_encode_texts: text %d is NULL", i);
    if (n == 0)
        return 0;
    TextCuts cuts;
    Turn turn;
    const Clip *clip = model->loaded->clip;
    if (turn_begin(&turn, model, err) < 0)
        return -1;
    const int result = encode_texts(features, NULL, flags & COOP_CUT ? &cuts : NULL, clip,
                                    model->loaded->tokenizer, turn.pool, list, n, NULL, err);
    turn_end(&turn);
    if (result == 0 && flags & COOP_UNIT)
        unit_rows_forward(features, NULL, features, n, clip->embed_dim);
    return result;
}

int coop_encode_texts(coop_model *model, float *features, const char *const *list, int n, int flags,
                      coop_error *error) {
    Call call;
    call_begin(&call);
    return call_end(&call, encode_text_list(model, features, list, n, flags, &call.err), error);
}
