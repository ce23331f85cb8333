/* image_crops.c: see image_crops.h. Pixels are the features of a tower that does nothing. */
#include "coop/image_crops.h"

#include <stdlib.h>
#include <string.h>

/* A batch that is decoded beside the step before. */
struct CropsAhead {
    const ImageCrops *crops;
    Pool *pool;
    Task *task; /* NULL: nothing is decoded */
    float *images;
    int *items; /* (B) */
    int B, epoch, capacity;
    int result;
};

int image_crops_size(const ImageCrops *crops) {
    const int S = crops->model->clip->image_size;
    return 3 * S * S;
}

static int copy(void *context, const float *pixels, int n, float *features, Error *err) {
    (void)err;
    memcpy(features, pixels, (size_t)n * (size_t) * (const int *)context * sizeof *pixels);
    return 0;
}

static int decode(const ImageCrops *crops, Pool *pool, float *images, const int *items, int B, int epoch,
                  Error *err) {
    int size = image_crops_size(crops);
    FeatureSource source = loaded_model_source(crops->model);
    source.encode = copy;
    source.context = &size;
    source.embed_dim = size;
    source.max_batch = 0;
    FeatureCache *cache = features_open(NULL, &source, pool, err);
    Arena *arena = arena_create();
    ItemList list = {.items = ARENA_NEW(arena, Item, B), .n = B};
    const FeatureView view = {
        .random = crops->random, .seed = crops->seed, .view = (uint32_t)(epoch > 0 ? epoch - 1 : 0)};
    int result = -1;
    if (cache && !list.items)
        error_memory(err);
    else if (cache) {
        for (int i = 0; i < B; i++)
            list.items[i] = crops->items->items[items[i]];
        result = features_get(cache, images, crops->root, &list, view, NULL, NULL, err);
    }
    arena_free(arena);
    features_close(cache);
    return result;
}

/* --- ahead --- */

static void decode_ahead(void *context) {
    CropsAhead *ahead = context;
    Error ignored = {0}; /* it will come again where it is asked for */
    ahead->result =
        decode(ahead->crops, ahead->pool, ahead->images, ahead->items, ahead->B, ahead->epoch, &ignored);
}

static void ahead_wait(CropsAhead *ahead) {
    task_wait(ahead->task);
    ahead->task = NULL;
}

static void ahead_free(CropsAhead *ahead) {
    if (!ahead)
        return;
    ahead_wait(ahead);
    pool_free(ahead->pool);
    free(ahead->images);
    free(ahead->items);
    free(ahead);
}

/* With room for B images; NULL without memory or threads. */
static CropsAhead *ahead_create(const ImageCrops *crops, int B) {
    CropsAhead *ahead = calloc(1, sizeof *ahead);
    if (!ahead)
        return NULL;
    ahead->capacity = B;
    ahead->pool = pool_create(pool_threads(crops->model->pool));
    ahead->images = calloc((size_t)B * (size_t)image_crops_size(crops), sizeof *ahead->images);
    ahead->items = calloc((size_t)B, sizeof *ahead->items);
    if (ahead->pool && ahead->images && ahead->items)
        return ahead;
    ahead_free(ahead);
    return NULL;
}

void image_crops_prepare(ImageCrops *crops, const int *items, int B, int epoch) {
    if (crops->ahead && crops->ahead->capacity < B) {
        ahead_free(crops->ahead);
        crops->ahead = NULL;
    }
    if (!crops->ahead)
        crops->ahead = ahead_create(crops, B);
    CropsAhead *ahead = crops->ahead;
    if (!ahead)
        return;
    ahead_wait(ahead);
    ahead->crops = crops;
    ahead->B = B;
    ahead->epoch = epoch;
    memcpy(ahead->items, items, (size_t)B * sizeof *items);
    ahead->task = task_start(decode_ahead, ahead);
}

/* Whether it was decoded ahead. */
static bool take_ahead(CropsAhead *ahead, float *images, const int *items, int B, int epoch) {
    if (!ahead || !ahead->task)
        return false;
    ahead_wait(ahead);
    if (ahead->result < 0 || ahead->B != B || ahead->epoch != epoch ||
        memcmp(ahead->items, items, (size_t)B * sizeof *items) != 0)
        return false;
    memcpy(images, ahead->images, (size_t)B * (size_t)image_crops_size(ahead->crops) * sizeof *images);
    return true;
}

int image_crops_load(ImageCrops *crops, float *images, const int *items, int B, int epoch, Error *err) {
    return take_ahead(crops->ahead, images, items, B, epoch)
               ? 0
               : decode(crops, crops->model->pool, images, items, B, epoch, err);
}

void image_crops_close(ImageCrops *crops) {
    ahead_free(crops->ahead);
    crops->ahead = NULL;
}
