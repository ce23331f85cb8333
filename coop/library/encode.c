/* encode.c: see encode.h. A single image is decoded before its turn comes, by the thread that calls, so that
 * those of several threads are decoded side by side. */
#include "coop/library/encode.h"

#include "clip/image/image_tower.h"
#include "clip/math/ops.h"
#include "coop/library/image_input.h"
#include "coop/library/report.h"
#include "coop/zeroshot.h"

#include <string.h>

typedef struct {
    coop_model *model;
    FeatureSource source;
    ImageShape shape;
    const coop_image *images; /* of a batch (n) */
    float *pixels;            /* (n, 3, S, S) */
    Error *bad;               /* (n) */
    Arena **scratch;          /* of each worker */
    int n;
} Batch;

static size_t pixel_count(const Batch *batch) {
    const size_t S = (size_t)batch->shape.transform.size;
    return 3 * S * S;
}

static void decode_tile(void *context, int tile, int worker) {
    const Batch *batch = context;
    batch->bad[tile] = (Error){0};
    image_input(batch->pixels + (size_t)tile * pixel_count(batch), &batch->images[tile], &batch->shape,
                batch->scratch[worker], &batch->bad[tile]);
}

/* The good ones close up, the tower, and each feature to where its image is. */
static int encode_good(Batch *batch, Pool *pool, float *features, Error *err) {
    const size_t size = pixel_count(batch), E = (size_t)batch->source.embed_dim;
    const LoadedModel *loaded = batch->model->loaded;
    int n_good = 0, result = 0;
    for (int i = 0; i < batch->n; i++)
        if (batch->bad[i].kind == ERROR_NONE && n_good++ != i)
            memcpy(batch->pixels + (size_t)(n_good - 1) * size, batch->pixels + (size_t)i * size,
                   size * sizeof *batch->pixels);
    if (n_good > 0)
        result = loaded->encode
                     ? loaded->encode(loaded->encode_context, batch->pixels, n_good, features, err)
                     : image_tower_forward(loaded->clip, pool, batch->pixels, n_good, features, err);
    for (int i = batch->n - 1; i >= 0 && result == 0; i--)
        if (batch->bad[i].kind != ERROR_NONE)
            memset(features + (size_t)i * E, 0, E * sizeof *features);
        else if (--n_good != i)
            memcpy(features + (size_t)i * E, features + (size_t)n_good * E, E * sizeof *features);
    return result;
}

/* What is wrong with the images, for the caller; how many. */
static int tell_bad(const Batch *batch, int start, coop_error *bad) {
    int n_bad = 0;
    for (int i = 0; i < batch->n; i++)
        n_bad += report(bad ? &bad[start + i] : NULL, &batch->bad[i]) != COOP_OK;
    return n_bad;
}

/* One that says nothing about the image ends the call: no memory. */
static int first_bad(const Batch *batch, bool fatal_only, Error *err) {
    for (int i = 0; i < batch->n; i++) {
        const ErrorKind kind = batch->bad[i].kind;
        if (kind == ERROR_NONE || (fatal_only && kind != ERROR_RUN))
            continue;
        if (err)
            *err = batch->bad[i];
        return -1;
    }
    return 0;
}

static int encode_batch(Batch *batch, float *features, const coop_image *images, int n, Error *err) {
    Turn turn;
    int result;
    batch->images = images;
    batch->n = n;
    if (n == 1)
        decode_tile(batch, 0, 0);
    if (turn_begin(&turn, batch->model, err) < 0)
        return -1;
    if (n > 1)
        pool_run(turn.pool, n, decode_tile, batch);
    result = first_bad(batch, true, err);
    if (result == 0)
        result = encode_good(batch, turn.pool, features, err);
    if (result == 0)
        result = pool_stopped(turn.pool, err);
    turn_end(&turn);
    return result;
}

static int batch_create(Batch *batch, coop_model *model, int most, Arena *arena, Error *err) {
    const int workers = pool_threads(model->loaded->pool);
    *batch = (Batch){.model = model, .source = loaded_model_source(model->loaded)};
    batch->shape.transform = batch->source.transform;
    batch->shape.upright = batch->source.upright;
    memcpy(batch->shape.mean, batch->source.mean, sizeof batch->shape.mean);
    memcpy(batch->shape.std, batch->source.std, sizeof batch->shape.std);
    batch->pixels = arena_floats(arena, (size_t)most, pixel_count(batch));
    batch->bad = ARENA_NEW(arena, Error, most);
    batch->scratch = ARENA_NEW(arena, Arena *, workers);
    for (int i = 0; i < workers && batch->scratch; i++)
        if (!(batch->scratch[i] = arena_create()))
            return error_memory(err);
    return arena_failed(arena) ? error_memory(err) : 0;
}

static void batch_free(Batch *batch) {
    const int workers = pool_threads(batch->model->loaded->pool);
    for (int i = 0; i < workers && batch->scratch; i++)
        arena_free(batch->scratch[i]);
}

int encode_images(coop_model *model, float *features, const coop_image *images, int n, coop_error *bad,
                  Error *err) {
    const size_t E = (size_t)model->loaded->clip->embed_dim;
    const int most = loaded_model_source(model->loaded).max_batch, step = n < most ? n : most;
    Arena *arena = arena_create();
    Batch batch;
    int n_bad = 0, result = batch_create(&batch, model, step > 0 ? step : 1, arena, err);
    for (int i = 0; i < n && result == 0; i += step) {
        const int count = n - i < step ? n - i : step;
        result = encode_batch(&batch, features + (size_t)i * E, images + i, count, err);
        if (result == 0 && !bad)
            result = first_bad(&batch, false, err);
        if (result == 0)
            n_bad += tell_bad(&batch, i, bad);
    }
    batch_free(&batch);
    arena_free(arena);
    if (result == 0 && n_bad > 0) {
        result = error_set(err, "%d of %d images could not be read", n_bad, n);
        if (err)
            err->kind = ERROR_PARTLY;
    }
    return result;
}
