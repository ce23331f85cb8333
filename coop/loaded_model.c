/* loaded_model.c: see loaded_model.h */
#include "coop/loaded_model.h"

#include "clip/base/files.h"
#include "clip/checkpoint/locate.h"
#include "clip/image/image_tower.h"
#include "clip/math/ops.h"

#include <stdio.h>
#include <string.h>

#define BATCH_FLOPS 2e11 /* of each thread */
#define MAX_BATCH 64
#define MANY_IMAGES 8

/* 512 symbols of bytes, start and end; what is more are merges. */
enum { LEAST_VOCABULARY = 514 };

static int open_tokenizer(LoadedModel *model, const char *weights, const char *vocab, Error *err) {
    const int n_vocab = model->clip->n_vocab;
    Arena *arena = arena_create();
    if (!arena)
        return error_memory(err);
    if (!vocab || folder_exists(vocab))
        vocab = locate_vocabulary(vocab ? vocab : weights, arena, err);
    if (vocab && n_vocab < LEAST_VOCABULARY)
        error_set(err, "%s: %d tokens, where the smallest vocabulary, %s without a merge, has %d", weights,
                  n_vocab, vocab, LEAST_VOCABULARY);
    else if (vocab)
        model->tokenizer = tokenizer_open(vocab, n_vocab - LEAST_VOCABULARY, err);
    int result = model->tokenizer ? 0 : -1;
    if (result == 0 && tokenizer_surplus(model->tokenizer) > 0)
        result = error_set(err, "%s: a vocabulary of %d tokens, where the checkpoint %s has %d", vocab,
                           n_vocab + tokenizer_surplus(model->tokenizer), weights, n_vocab);
    arena_free(arena);
    return result;
}

int loaded_model_open(LoadedModel *model, const char *weights, const LoadedModelOptions *options,
                      Error *err) {
    *model = (LoadedModel){.asked = options->precision};
    model->pool = pool_create(options->n_threads);
    if (!model->pool)
        return error_run(err, "cannot start threads: out of memory, or too many of them");
    pool_set_stop(model->pool, options->stop, options->stop_context);
    const ClipOptions clip_options = {.towers = options->towers,
                                      .activation = options->activation,
                                      .heads = options->heads,
                                      .precision = options->precision,
                                      .pool = model->pool};
    model->clip = clip_open_with(weights, &clip_options, err);
    if (!model->clip)
        return -1;
    const bool is_float = model->clip->precision == PRECISION_FLOAT32;
    snprintf(model->name, sizeof model->name, "%s%s%s", model->clip->name, is_float ? "" : " ",
             is_float ? "" : precision_name(model->clip->precision));
    return options->towers & CLIP_TEXT ? open_tokenizer(model, weights, options->vocab, err) : 0;
}

ClipTowers loaded_model_few(int n_images) {
    return n_images < MANY_IMAGES ? CLIP_FEW_IMAGES : 0;
}

void loaded_model_close(LoadedModel *model) {
    tokenizer_free(model->tokenizer);
    clip_free(model->clip);
    pool_free(model->pool);
    *model = (LoadedModel){0};
}

const char *loaded_model_prompt_weights(const Prompt *prompt, const char *path, const char *given,
                                        Error *err) {
    const int there = given ? 1 : locate_is_there(prompt->checkpoint, err);
    if (there != 0)
        return there < 0 ? NULL : given ? given : prompt->checkpoint;
    const bool named = locate_is_name(prompt->checkpoint);
    error_set(err,
              "%s: checkpoint: %s is not there; say where it is (--model, or checkpoint of coop_options)%s%s",
              path, prompt->checkpoint, named ? ", or fetch it: coop models get " : "",
              named ? prompt->checkpoint : "");
    return NULL;
}

int loaded_model_check_vocab(const LoadedModel *model, const char *path, const char *vocab_digest,
                             Error *err) {
    const char *digest = tokenizer_digest(model->tokenizer);
    if (strcmp(vocab_digest, digest) == 0)
        return 0;
    return error_set(err,
                     "%s: vocab_digest: learned with another vocabulary (%.12s..., this one is %.12s...)",
                     path, vocab_digest, digest);
}

static int encode(void *context, const float *pixels, int n, float *features, Error *err) {
    LoadedModel *model = context;
    return image_tower_forward(model->clip, model->pool, pixels, n, features, err);
}

/* So many images that a batch takes a second: then a big tower, too, is seen to move and can be stopped. All
 * threads have the same number of them. */
static int batch_size(const LoadedModel *model) {
    const int n_threads = pool_threads(model->pool);
    const double n = BATCH_FLOPS * n_threads / image_tower_flops(model->clip);
    const int each = n < MAX_BATCH ? (int)n / n_threads : MAX_BATCH / n_threads;
    return each > 1 ? each * n_threads : n_threads;
}

const char *loaded_model_tower_digest(LoadedModel *model) {
    const char *digest = clip_digest(model->clip);
    char text[100];
    if (model->clip->precision == PRECISION_FLOAT32)
        return digest;
    if (*model->tower_digest == '\0') {
        int n = snprintf(text, sizeof text, "%s %s", digest, precision_name(model->clip->precision));
        digest_bytes(model->tower_digest, text, (size_t)n);
    }
    return model->tower_digest;
}

Transform image_transform(const ImagePreparation *images, int image_size) {
    return (Transform){.size = image_size,
                       .resize = images->resize,
                       .fit = images->squash ? FIT_SQUASH
                              : images->pad  ? FIT_PAD
                                             : FIT_CROP,
                       .filter = images->bilinear ? FILTER_BILINEAR : FILTER_BICUBIC,
                       .fill = (unsigned char)images->fill};
}

FeatureSource loaded_model_source(LoadedModel *model) {
    FeatureSource source = {.encode = model->encode ? model->encode : encode,
                            .context = model->encode ? model->encode_context : model,
                            .upright = model->upright,
                            .transform = image_transform(&model->clip->images, model->clip->image_size),
                            .embed_dim = model->clip->embed_dim,
                            .model_digest = "",
                            .max_batch = batch_size(model)};
    memcpy(source.mean, model->clip->mean, sizeof source.mean);
    memcpy(source.std, model->clip->std, sizeof source.std);
    return source;
}

static int encode_unprojected(void *context, const float *pixels, int n, float *features, Error *err) {
    LoadedModel *model = context;
    return image_tower_forward_unprojected(model->clip, model->pool, pixels, n, features, err);
}

FeatureSource loaded_model_unprojected_source(LoadedModel *model) {
    FeatureSource source = loaded_model_source(model);
    char text[100];
    const int n = snprintf(text, sizeof text, "%s unprojected", loaded_model_tower_digest(model));
    digest_bytes(model->unprojected_digest, text, (size_t)n);
    source.encode = encode_unprojected;
    source.context = model;
    source.embed_dim = image_tower_width(model->clip);
    source.model_digest = model->unprojected_digest;
    return source;
}

int loaded_model_encode(LoadedModel *model, float *features, Error *bad, const char *const *paths, int n,
                        bool unit, ProgressFn progress, void *progress_context, ImageFaults *faults,
                        Error *err) {
    int result = -1;
    FeatureSource source = loaded_model_source(model);
    FeatureCache *cache = features_open(NULL, &source, model->pool, err);
    Arena *arena = arena_create();
    ItemList list = {.items = ARENA_NEW(arena, Item, n), .n = n};
    if (!cache)
        goto out;
    if (!list.items) {
        error_memory(err);
        goto out;
    }
    for (int i = 0; i < n; i++)
        list.items[i].path = paths[i];
    const FeatureView view = {0};
    result = bad ? features_get_good(cache, features, bad, NULL, &list, view, progress, progress_context, err)
                 : features_get(cache, features, NULL, &list, view, progress, progress_context, err);
    if (faults)
        *faults = *features_faults(cache);
    if (result == 0 && unit)
        unit_rows_forward(features, NULL, features, n, model->clip->embed_dim);
out:
    arena_free(arena);
    features_close(cache);
    return result;
}
