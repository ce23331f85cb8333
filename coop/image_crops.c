/* image_crops.c: see image_crops.h. Pixels are the features of a tower that does nothing. */
#include "coop/image_crops.h"

#include <string.h>

int image_crops_size(const ImageCrops *crops) {
    const int S = crops->model->clip->image_size;
    return 3 * S * S;
}

static int copy(void *context, const float *pixels, int n, float *features, Error *err) {
    (void)err;
    memcpy(features, pixels, (size_t)n * (size_t) * (const int *)context * sizeof *pixels);
    return 0;
}

int image_crops_load(const ImageCrops *crops, float *images, const int *items, int B, int epoch, Error *err) {
    int size = image_crops_size(crops);
    FeatureSource source = loaded_model_source(crops->model);
    source.encode = copy;
    source.context = &size;
    source.embed_dim = size;
    source.max_batch = 0;
    FeatureCache *cache = features_open(NULL, &source, crops->model->pool, err);
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
