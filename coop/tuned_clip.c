/* tuned_clip.c: see tuned_clip.h. */
#include "coop/tuned_clip.h"

#include "clip/base/minimum.h"
#include "coop/zeroshot.h"

enum { MOST_IMAGES = 64 };

static int most_images(const LoadedModel *model) {
    return min_int(MOST_IMAGES, loaded_model_source((LoadedModel *)model).max_batch);
}

int tuned_clip_open(TunedClip *tuned_clip, const Tuned *tuned, const TensorFile *file, LoadedModel *model,
                    const TunedSource *source, Error *err) {
    TunedClip *t = tuned_clip;
    bool image, text;
    *t = (TunedClip){.model = model};
    if (prompt_check_model(&tuned->head, tensors_path(file), model->clip, err) < 0)
        return -1;
    t->clip = trainable_clip_open(source->weights, source->activation, source->heads, model->clip->precision,
                                  model->pool, err);
    if (!t->clip || tuned_apply(tuned, file, t->clip, &image, &text, err) < 0)
        return -1;
    if (image)
        t->images =
            image_trainer_create(t->clip, model->pool, most_images(model), source->memory_budget, err);
    if (text && (!image || t->images))
        t->text = text_trainer_create(t->clip, model->pool, source->memory_budget, err);
    return (image && !t->images) || (text && !t->text) ? -1 : 0;
}

void tuned_clip_close(TunedClip *tuned_clip) {
    image_trainer_free(tuned_clip->images);
    text_trainer_free(tuned_clip->text);
    trainable_clip_free(tuned_clip->clip);
    *tuned_clip = (TunedClip){0};
}

static int encode(void *context, const float *pixels, int n, float *features, Error *err) {
    TunedClip *t = context;
    image_trainer_forward(t->images, features, pixels, n, PASS_TEST);
    return pool_stopped(t->model->pool, err);
}

void tuned_clip_lend(TunedClip *tuned_clip) {
    if (!tuned_clip->images)
        return;
    tuned_clip->model->encode = encode;
    tuned_clip->model->encode_context = tuned_clip;
}

int tuned_clip_texts(TunedClip *tuned_clip, float *features, const char *const *templates, int n_templates,
                     const char *const *class_names, int n_classes, Error *err) {
    const LoadedModel *model = tuned_clip->model;
    const int E = model->clip->embed_dim;
    TokenTree tree;
    if (!tuned_clip->text)
        return zeroshot_features(features, model->clip, model->tokenizer, model->pool, templates, n_templates,
                                 class_names, n_classes, err);
    Arena *arena = arena_create();
    float *each = arena_floats(arena, (size_t)n_templates * (size_t)n_classes, (size_t)E);
    int result = -1;
    if (!each)
        error_memory(err);
    else if (zeroshot_tree(&tree, model->clip, model->tokenizer, templates, n_templates, class_names,
                           n_classes, false, arena, err) == 0)
        result = text_trainer_forward(tuned_clip->text, each, &tree, PASS_TEST, err);
    if (result == 0)
        zeroshot_average(features, each, n_templates, n_classes, E);
    arena_free(arena);
    return result;
}
