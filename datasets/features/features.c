/* features.c: from a list of images to a matrix of features, encoding only what is not there yet.
 *
 *     1. digest every file, look at its header and end        all threads, a file per tile
 *     2. look each digest up on the shelf of the view         what is found is done
 *     3. in batches of at most BATCH images that are not there, each content once:
 *            read, digest again, decode, transform            all threads, an image per tile
 *            encode
 *            put on the shelf
 *     4. copy features to items that show the same image
 *
 * The pixels of a tile depend on the image and the view alone, so nothing about a feature depends on threads,
 * on the list, or on what was kept.
 */
#include "datasets/features/features.h"

#include "clip/base/files.h"
#include "datasets/features/feature_store.h"
#include "datasets/features/file_digests.h"
#include "datasets/images/image.h"
#include "datasets/images/transform.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 64

/* What one thread works with. */
typedef struct {
    Arena *arena;
    ImageFaults faults; /* by tile */
} Worker;

struct FeatureCache {
    FeatureSource source;
    Pool *pool;
    Arena *arena;
    FeatureStore *store;
    FileDigests *digests;
    Worker *workers; /* (n_workers) */
    int n_workers;
    ImageFaults faults; /* of the last tiles */
    const char *damage; /* that the last call has found; NULL: none */
};

/* One call. */
typedef struct {
    FeatureCache *cache;
    const char *root;
    const ItemList *items;
    FeatureView view;
    FileDigest *files; /* (n) */
    int *source_of;    /* (n): the first item with the same image: its own index unless it is a copy */
    int *todo;         /* (n_todo): items to encode, ascending */
    int n_todo;
    int start;      /* of the current batch in todo */
    Error *bad;     /* (n): what is wrong with an item, which is left out; NULL: that ends the call */
    Digest *images; /* (n): what was encoded, of a call that keeps nothing; else NULL */
    float *pixels;  /* (BATCH, 3, S, S) */
} Job;

/* --- opening --- */

FeatureCache *features_open(const char *folder, const FeatureSource *source, Pool *pool, Error *err) {
    assert(source->transform.size >= 1 && source->embed_dim >= 1 && source->model_digest != NULL);
    FeatureCache *cache = calloc(1, sizeof *cache);
    if (!cache) {
        error_memory(err);
        return NULL;
    }
    cache->source = *source;
    cache->pool = pool;
    cache->n_workers = pool_threads(pool);
    cache->arena = arena_create();
    cache->digests = file_digests_create();
    cache->workers = calloc((size_t)cache->n_workers, sizeof *cache->workers);
    int failed = !cache->arena || !cache->digests || !cache->workers;
    for (int i = 0; !failed && i < cache->n_workers; i++) {
        cache->workers[i].arena = arena_create();
        failed = cache->workers[i].arena == NULL;
    }
    if (failed)
        error_memory(err);
    else
        cache->store = feature_store_open(folder, &cache->source, err);
    if (!cache->store) {
        features_close(cache);
        return NULL;
    }
    return cache;
}

void features_close(FeatureCache *cache) {
    if (!cache)
        return;
    feature_store_close(cache->store);
    file_digests_free(cache->digests);
    for (int i = 0; cache->workers && i < cache->n_workers; i++)
        arena_free(cache->workers[i].arena);
    free(cache->workers);
    arena_free(cache->arena);
    free(cache);
}

int features_width(const FeatureCache *cache) {
    return cache->source.embed_dim;
}

void features_hold(FeatureCache *cache, double seconds) {
    feature_store_hold(cache->store, seconds);
}

int features_save(FeatureCache *cache, Error *err) {
    return feature_store_save(cache->store, err);
}

/* --- tiles that can fail --- */

/* Runs all tiles whatever fails, so that the error is that of the first failing one. */
static int run_tiles(FeatureCache *cache, int n, TileFn tile_fn, Job *job, Error *err) {
    for (int i = 0; i < cache->n_workers; i++)
        cache->workers[i].faults.n = 0;
    pool_run(cache->pool, n, tile_fn, job);
    cache->faults.n = 0;
    for (int i = 0; i < cache->n_workers; i++)
        image_faults_merge(&cache->faults, &cache->workers[i].faults);
    return image_faults_first(&cache->faults, err);
}

/* What one item fails with. Only what is wrong with an image is its own affair. */
static void item_fail(const Job *job, Worker *worker, int item, int tile, const Error *err) {
    if (job->bad && err->kind == ERROR_INPUT)
        job->bad[item] = *err;
    else
        image_faults_add(&worker->faults, tile, err);
}

static bool is_bad(const Job *job, int item) {
    return job->bad && job->bad[item].kind != ERROR_NONE;
}

/* NULL when there is no memory. */
static char *item_path(const Job *job, int item, Arena *arena) {
    return path_join(arena, job->root ? job->root : "", job->items->items[item].path);
}

/* --- 1, 2: what is there --- */

static void digest_tile(void *context, int tile, int index) {
    Job *job = context;
    Worker *worker = &job->cache->workers[index];
    Error err = {0};
    size_t mark = arena_mark(worker->arena);
    char *path = item_path(job, tile, worker->arena);
    int result = !path ? error_memory(&err)
                       : file_digests_get(&job->files[tile], job->cache->digests, path, worker->arena, &err);
    if (result != 0)
        item_fail(job, worker, tile, tile, &err);
    arena_reset(worker->arena, mark);
}

static int digest_items(Job *job, Error *err) {
    FeatureCache *cache = job->cache;
    if (run_tiles(cache, job->items->n, digest_tile, job, err) < 0)
        return -1;
    for (int i = 0; i < job->items->n; i++) {
        if (is_bad(job, i))
            continue;
        size_t mark = arena_mark(cache->arena);
        char *path = item_path(job, i, cache->arena);
        int result = path ? file_digests_keep(cache->digests, path, &job->files[i], err) : error_memory(err);
        arena_reset(cache->arena, mark);
        if (result != 0)
            return -1;
    }
    return 0;
}

/* Finds the first item of each content; fills its row, if rows are asked for, or puts it on the list. */
static int look_up(Job *job, float *features, Error *err) {
    FeatureCache *cache = job->cache;
    size_t E = (size_t)cache->source.embed_dim;
    DigestMap first = {.arena = cache->arena};
    for (int i = 0; i < job->items->n; i++) {
        job->source_of[i] = i;
        if (is_bad(job, i))
            continue;
        const Digest *image = &job->files[i].digest;
        const DigestValue *seen = digest_map_find(&first, image);
        job->source_of[i] = seen ? (int)seen->number : i;
        if (seen)
            continue;
        if (digest_map_put(&first, image, (DigestValue){.number = (size_t)i}) != 0)
            return error_memory(err);
        if (job->images ||
            !feature_store_find(cache->store, image, features ? features + (size_t)i * E : NULL))
            job->todo[job->n_todo++] = i;
    }
    return 0;
}

/* Everything up to the list of what must be encoded. features (n, E), or NULL to only make the list. */
static int begin(Job *job, float *features, Error *err) {
    FeatureCache *cache = job->cache;
    size_t n = (size_t)job->items->n;
    job->files = ARENA_NEW(cache->arena, FileDigest, n);
    job->source_of = ARENA_NEW(cache->arena, int, n);
    job->todo = ARENA_NEW(cache->arena, int, n);
    if (arena_failed(cache->arena))
        return error_memory(err);
    cache->damage = NULL;
    if (digest_items(job, err) < 0)
        return -1;
    if (!job->images) {
        if (feature_store_select(cache->store, job->view, err) < 0)
            return -1;
        cache->damage = feature_store_damage(cache->store);
    }
    return look_up(job, features, err);
}

/* --- 3: what is not --- */

static int transform_item(const Job *job, int item, float *pixels, Arena *arena, Error *err) {
    const FeatureSource *source = &job->cache->source;
    int S = source->transform.size;
    char *path = item_path(job, item, arena);
    unsigned char *rgb = arena_alloc(arena, (size_t)S * S, 3); // (S, S, 3)
    if (arena_failed(arena))
        return error_memory(err);
    size_t size;
    const unsigned char *data = image_file_read(path, &size, arena, err);
    if (!data)
        return -1;
    const Digest *expected = &job->files[item].digest;
    Digest digest = digest_of(data, size);
    if (!digest_equal(&digest, expected))
        return error_set(err, "%s: content: the file changed while it was read", path);
    Image image;
    int result = source->upright ? image_decode_upright(&image, data, size, path, arena, err)
                                 : image_decode(&image, data, size, path, arena, err);
    if (result < 0)
        return -1;
    if (job->view.random) {
        const unsigned char *b = expected->bytes;
        uint32_t key = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
        Rng rng;
        rng_stream(&rng, job->view.seed, STREAM_AUGMENT, key, job->view.view);
        Transform crop = source->transform;
        crop.least = job->view.random == VIEW_LARGE_CROP ? 0.5 : 0;
        result = transform_random_crop(rgb, &image, &crop, &rng, arena, err);
    } else {
        result = transform_fit(rgb, &image, &source->transform, arena, err);
    }
    if (result != 0)
        return error_prefix(err, "%s", path);
    transform_normalize(pixels, rgb, S, source->mean, source->std);
    return 0;
}

static void transform_tile(void *context, int tile, int index) {
    Job *job = context;
    Worker *worker = &job->cache->workers[index];
    Error err = {0};
    size_t mark = arena_mark(worker->arena), S = (size_t)job->cache->source.transform.size;
    float *pixels = job->pixels + (size_t)tile * 3 * S * S;
    int item = job->todo[job->start + tile];
    if (transform_item(job, item, pixels, worker->arena, &err) < 0)
        item_fail(job, worker, item, tile, &err);
    arena_reset(worker->arena, mark);
}

/* Moves the pixels of the good ones of n images together; good (n) gets their items. Returns how many. */
static int gather(const Job *job, int n, int *good) {
    size_t S = (size_t)job->cache->source.transform.size, size = 3 * S * S;
    int n_good = 0;
    for (int i = 0; i < n; i++) {
        int item = job->todo[job->start + i];
        if (is_bad(job, item))
            continue;
        if (n_good < i)
            memcpy(job->pixels + (size_t)n_good * size, job->pixels + (size_t)i * size, size * sizeof(float));
        good[n_good++] = item;
    }
    return n_good;
}

/* n images of the list from job->start on, into rows of features and onto the shelf. batch (BATCH, E). */
static int encode_batch(Job *job, int n, float *features, float *batch, Error *err) {
    FeatureCache *cache = job->cache;
    size_t E = (size_t)cache->source.embed_dim;
    int good[BATCH];
    if (run_tiles(cache, n, transform_tile, job, err) < 0)
        return -1;
    n = gather(job, n, good);
    if (n > 0 && cache->source.encode(cache->source.context, job->pixels, n, batch, err) < 0)
        return -1;
    Digest images[BATCH];
    for (int i = 0; i < n; i++) {
        int item = good[i];
        images[i] = job->files[item].digest;
        memcpy(features + (size_t)item * E, batch + (size_t)i * E, E * sizeof *features);
    }
    return job->images ? 0 : feature_store_add(cache->store, images, batch, n, err);
}

static int report(ProgressFn progress, void *context, int done, int total, Error *err) {
    if (!progress || total == 0 || progress(context, done, total) == 0)
        return 0;
    error_run(err, "stopped after %d of %d images", done, total);
    if (err)
        err->kind = ERROR_SIGNAL;
    return -1;
}

/* Items that show the same image as an earlier one. */
static void copy_features(const Job *job, float *features) {
    size_t E = (size_t)job->cache->source.embed_dim;
    for (int i = 0; i < job->items->n; i++) {
        int from = job->source_of[i];
        if (from != i && is_bad(job, from))
            error_set(&job->bad[i], "%s: the same file as %s", job->items->items[i].path,
                      job->bad[from].text);
        else if (from != i)
            memcpy(features + (size_t)i * E, features + (size_t)from * E, E * sizeof *features);
    }
}

static int get(Job *job, float *features, ProgressFn progress, void *progress_context, Error *err) {
    FeatureCache *cache = job->cache;
    size_t mark = arena_mark(cache->arena);
    size_t E = (size_t)cache->source.embed_dim, S = (size_t)cache->source.transform.size;
    int result = -1;
    if (begin(job, features, err) < 0)
        goto out;
    int max_batch = cache->source.max_batch;
    max_batch = max_batch > 0 && max_batch < BATCH ? max_batch : BATCH;
    int batch_size = job->n_todo < max_batch ? job->n_todo : max_batch;
    float *batch = arena_floats(cache->arena, (size_t)batch_size, E);
    job->pixels = arena_floats(cache->arena, (size_t)batch_size, 3 * S * S);
    if (arena_failed(cache->arena)) {
        error_memory(err);
        goto out;
    }
    while (job->start < job->n_todo) {
        int left = job->n_todo - job->start, n = left < batch_size ? left : batch_size;
        if (report(progress, progress_context, job->start, job->n_todo, err) < 0 ||
            encode_batch(job, n, features, batch, err) < 0)
            goto out;
        job->start += n;
    }
    if (report(progress, progress_context, job->n_todo, job->n_todo, err) < 0)
        goto out;
    copy_features(job, features);
    for (int i = 0; job->images && i < job->items->n; i++)
        job->images[i] = job->files[i].digest;
    result = 0;
out:
    arena_reset(cache->arena, mark);
    return result;
}

int features_get(FeatureCache *cache, float *features, const char *root, const ItemList *items,
                 FeatureView view, ProgressFn progress, void *progress_context, Error *err) {
    Job job = {.cache = cache, .root = root, .items = items, .view = view};
    return get(&job, features, progress, progress_context, err);
}

int features_get_good(FeatureCache *cache, float *features, Error *bad, const char *root,
                      const ItemList *items, FeatureView view, ProgressFn progress, void *progress_context,
                      Error *err) {
    Job job = {.cache = cache, .root = root, .items = items, .view = view, .bad = bad};
    return get(&job, features, progress, progress_context, err);
}

int features_encode(FeatureCache *cache, float *features, Digest *images, const char *root,
                    const ItemList *items, FeatureView view, ProgressFn progress, void *progress_context,
                    Error *err) {
    Job job = {.cache = cache, .root = root, .items = items, .view = view, .images = images};
    return get(&job, features, progress, progress_context, err);
}

int features_put(FeatureCache *cache, const float *features, const Digest *images, int n, FeatureView view,
                 Error *err) {
    return feature_store_select(cache->store, view, err) < 0
               ? -1
               : feature_store_add(cache->store, images, features, n, err);
}

const char *features_damage(FeatureCache *cache) {
    return cache->damage;
}

int features_missing(FeatureCache *cache, int *missing, int *places, const char *root, const ItemList *items,
                     FeatureView view, Error *err) {
    Job job = {.cache = cache, .root = root, .items = items, .view = view};
    size_t mark = arena_mark(cache->arena);
    int result = begin(&job, NULL, err);
    *missing = job.n_todo;
    for (int i = 0; places && i < job.n_todo; i++)
        places[i] = job.todo[i];
    arena_reset(cache->arena, mark);
    return result;
}

int features_check(FeatureCache *cache, const char *root, const ItemList *items, Error *err) {
    size_t mark = arena_mark(cache->arena);
    Job job = {
        .cache = cache, .root = root, .items = items, .files = ARENA_NEW(cache->arena, FileDigest, items->n)};
    int result = job.files ? digest_items(&job, err) : error_memory(err);
    arena_reset(cache->arena, mark);
    return result;
}

const ImageFaults *features_faults(const FeatureCache *cache) {
    return &cache->faults;
}
