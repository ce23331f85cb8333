/* model.c: see model.h */
#include "experiments/session/model.h"

#include "clip/base/files.h"
#include "clip/checkpoint/locate.h"
#include "clip/image/image_tower.h"
#include "clip/math/ops.h"
#include "experiments/terminal/interrupt.h"
#include "experiments/terminal/progress.h"

#include <stdio.h>
#include <string.h>

#define BATCH_FLOPS 1e11 /* of each thread */
#define MAX_BATCH 64
#define MANY_IMAGES 8

/* 512 symbols of bytes, start and end; what is more are merges. */
enum { LEAST_VOCABULARY = 514 };

static int open_tokenizer(Model *model, const char *weights, const char *vocab, Error *err) {
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

int model_open(Model *model, const char *weights, const char *vocab, ClipActivation activation,
               Precision precision, ClipTowers towers, int n_threads, Error *err) {
    *model = (Model){.asked = precision};
    model->pool = pool_create(n_threads);
    if (!model->pool)
        return error_run(err, "cannot start %d threads", n_threads);
    pool_set_stop(model->pool, interrupt_check);
    const ClipOptions options = {
        .towers = towers, .activation = activation, .precision = precision, .pool = model->pool};
    model->clip = clip_open_with(weights, &options, err);
    if (!model->clip)
        return -1;
    const bool is_float = model->clip->precision == PRECISION_FLOAT32;
    snprintf(model->name, sizeof model->name, "%s%s%s", model->clip->name, is_float ? "" : " ",
             is_float ? "" : precision_name(model->clip->precision));
    return towers & CLIP_TEXT ? open_tokenizer(model, weights, vocab, err) : 0;
}

int model_open_for(Model *model, const Experiment *experiment, int n_threads, Error *err) {
    return model_open(model, experiment->model.weights, experiment->model.vocab, experiment->model.activation,
                      experiment->model.precision, CLIP_BOTH | CLIP_DIGEST, n_threads, err);
}

int model_activation_option(ClipActivation *choice, const char *text, Error *err) {
    if (text && clip_activation_from(choice, text) < 0)
        return error_usage(err, "--activation %s: auto, quick_gelu or gelu is needed", text);
    return 0;
}

int model_precision_option(Precision *choice, const char *text, Error *err) {
    if (text && precision_from(choice, text) < 0)
        return error_usage(err, "--precision %s: float32, bfloat16 or auto is needed", text);
    return 0;
}

void model_print_precision(const Model *model, bool quiet) {
    if (model->asked == PRECISION_BFLOAT16 && model->clip->precision == PRECISION_FLOAT32 && !quiet)
        fprintf(stderr, PRECISION_NOTE "\n");
}

void model_print_note(const Model *model, bool quiet) {
    if (model->clip->note && !quiet)
        fprintf(stderr, "%s\n", model->clip->note);
    model_print_precision(model, quiet);
}

ClipTowers model_few(int n_images) {
    return n_images < MANY_IMAGES ? CLIP_FEW_IMAGES : 0;
}

void model_close(Model *model) {
    tokenizer_free(model->tokenizer);
    clip_free(model->clip);
    pool_free(model->pool);
    *model = (Model){0};
}

const char *prompt_weights(const Prompt *prompt, const char *prompt_path, const char *given, Error *err) {
    if (given || file_exists(prompt->checkpoint))
        return given ? given : prompt->checkpoint;
    error_set(err, "%s: checkpoint: %s is not there; say with --model where it is", prompt_path,
              prompt->checkpoint);
    return NULL;
}

int model_check_vocab(const Model *model, const char *prompt_path, const char *vocab_digest, Error *err) {
    const char *digest = tokenizer_digest(model->tokenizer);
    if (strcmp(vocab_digest, digest) == 0)
        return 0;
    return error_set(err,
                     "%s: vocab_digest: learned with another vocabulary (%.12s..., this one is %.12s...)",
                     prompt_path, vocab_digest, digest);
}

static int encode(void *context, const float *pixels, int n, float *features, Error *err) {
    Model *model = context;
    return image_tower_forward(model->clip, model->pool, pixels, n, features, err);
}

/* So many images that a batch takes seconds: then a big tower, too, is seen to move and can be stopped. */
static int batch_size(const Model *model) {
    int n_threads = pool_threads(model->pool);
    double n = BATCH_FLOPS * n_threads / image_tower_flops(model->clip);
    return n >= MAX_BATCH ? MAX_BATCH : n > n_threads ? (int)n : n_threads;
}

const char *model_tower_digest(Model *model) {
    const char *digest = clip_digest(model->clip);
    char text[100];
    if (model->clip->precision == PRECISION_FLOAT32)
        return digest;
    int n = snprintf(text, sizeof text, "%s %s", digest, precision_name(model->clip->precision));
    digest_bytes(model->tower_digest, text, (size_t)n);
    return model->tower_digest;
}

FeatureSource model_source(Model *model) {
    FeatureSource source = {.encode = encode,
                            .context = model,
                            .image_size = model->clip->image_size,
                            .embed_dim = model->clip->embed_dim,
                            .model_digest = "",
                            .max_batch = batch_size(model)};
    memcpy(source.mean, model->clip->mean, sizeof source.mean);
    memcpy(source.std, model->clip->std, sizeof source.std);
    return source;
}

static int on_progress(void *context, long done, long total) {
    (void)total;
    progress_update(context, done);
    return interrupt_signal();
}

int model_encode_images(Model *model, float *features, const char *const *paths, int n, bool unit, bool quiet,
                        Error *err) {
    int result = -1;
    FeatureSource source = model_source(model);
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
    Progress progress;
    progress_start(&progress, stderr, quiet, "encoding images", n);
    result = features_get(cache, features, NULL, &list, (FeatureView){0}, on_progress, &progress, err);
    progress_erase(&progress);
    if (result < 0 && interrupt_signal())
        interrupt_check(err);
    if (result == 0 && unit)
        unit_rows_forward(features, NULL, features, n, model->clip->embed_dim);
out:
    arena_free(arena);
    features_close(cache);
    return result;
}
