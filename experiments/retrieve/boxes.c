/* boxes.c: see boxes.h */
#include "experiments/retrieve/boxes.h"

#include "clip/base/files.h"
#include "clip/math/ops.h"
#include "datasets/features/file_digests.h"
#include "datasets/images/image.h"
#include "experiments/terminal/progress.h"

#include <string.h>

enum { MOST = 64 }; /* pictures of a batch */

typedef struct {
    const ImageFolder *folder;
    FeatureSource source;
    const Item *items;     /* of the batch */
    const MatchBox *boxes; /* of the batch */
    float *pixels;         /* (MOST, 3, S, S) */
    Error errors[MOST];
} Batch;

static int cut(Image *out, const Image *in, MatchBox box, const char *name, Arena *arena, Error *err) {
    if (image_allocate(out, (uint32_t)box.width, (uint32_t)box.height, name, arena, err) < 0)
        return -1;
    memset(out->rgb, 0, (size_t)box.width * (size_t)box.height * 3);
    const int right = box.x + box.width < in->width ? box.x + box.width : in->width;
    for (int y = 0; y < box.height && box.y + y < in->height && right > box.x; y++)
        memcpy(out->rgb + (size_t)y * (size_t)box.width * 3,
               in->rgb + ((size_t)(box.y + y) * (size_t)in->width + (size_t)box.x) * 3,
               (size_t)(right - box.x) * 3);
    return 0;
}

static int prepare(Batch *batch, int i, Arena *arena, Error *err) {
    const int S = batch->source.transform.size;
    const size_t size = 3 * (size_t)S * (size_t)S;
    const char *path = path_join(arena, batch->folder->root, batch->items[i].path);
    unsigned char *fitted = ARENA_NEW(arena, unsigned char, size);
    Image whole = {0}, part = {0};
    if (!path || !fitted)
        return error_memory(err);
    size_t n_bytes;
    unsigned char *bytes = image_file_read(path, &n_bytes, arena, err);
    if (!bytes || (batch->folder->upright ? image_decode_upright : image_decode)(&whole, bytes, n_bytes, path,
                                                                                 arena, err) < 0)
        return -1;
    const bool boxed = batch->boxes[i].width > 0;
    if (boxed && cut(&part, &whole, batch->boxes[i], path, arena, err) < 0)
        return -1;
    if (transform_fit(fitted, boxed ? &part : &whole, &batch->source.transform, arena, err) < 0)
        return err->is_memory ? -1 : error_prefix(err, "%s", path);
    transform_normalize(batch->pixels + (size_t)i * size, fitted, S, batch->source.mean, batch->source.std);
    return 0;
}

static void prepare_tile(void *context, int tile, int worker) {
    (void)worker;
    Batch *batch = context;
    Arena *arena = arena_create();
    if (!arena)
        error_memory(&batch->errors[tile]);
    else
        prepare(batch, tile, arena, &batch->errors[tile]);
    arena_free(arena);
}

static int encode_batch(Batch *batch, float *features, int n, Pool *pool, Error *err) {
    memset(batch->errors, 0, sizeof batch->errors);
    pool_run(pool, n, prepare_tile, batch);
    for (int i = 0; i < n; i++)
        if (batch->errors[i].kind != ERROR_NONE) {
            *err = batch->errors[i];
            return -1;
        }
    return batch->source.encode(batch->source.context, batch->pixels, n, features, err);
}

int evaluation_boxes(float *features, LoadedModel *model, const ImageFolder *folder, const ItemList *images,
                     const MatchBox *boxes, Error *err) {
    const size_t E = (size_t)model->clip->embed_dim;
    Batch batch = {.folder = folder, .source = loaded_model_source(model)};
    const size_t size = 3 * (size_t)batch.source.transform.size * (size_t)batch.source.transform.size;
    const int most = batch.source.max_batch < MOST ? batch.source.max_batch : MOST;
    Arena *arena = arena_create();
    Progress progress;
    batch.pixels = arena_floats(arena, (size_t)most, size);
    int status = batch.pixels ? 0 : error_memory(err);
    progress_start(&progress, stderr, folder->quiet, "encoding images", images->n);
    for (int first = 0; first < images->n && status == 0; first += most) {
        const int n = images->n - first < most ? images->n - first : most;
        batch.items = images->items + first;
        batch.boxes = boxes + first;
        status = encode_batch(&batch, features + (size_t)first * E, n, model->pool, err);
        progress_update(&progress, first + n);
        if (status == 0)
            status = pool_stopped(model->pool, err);
    }
    progress_erase(&progress);
    if (status == 0)
        unit_rows_forward(features, NULL, features, images->n, (int)E);
    arena_free(arena);
    return status;
}
