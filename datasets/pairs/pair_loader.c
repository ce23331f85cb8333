/* pair_loader.c: decoding ahead, in order.
 *
 *     order      p0 p1 p2 p3 p4 p5 p6 p7 ...     positions of an epoch
 *                   |        |     |
 *                 head     next  head + n_slots
 *
 * A ring of n_ahead * batch_size slots holds what is being decoded or waits: position p lies in slot p %
 * n_slots. Threads take the position `next` as long as its slot is free. pair_loader_next goes through the
 * slots from `head` on, in order, and copies each picture that could be read into the batch, so a broken one
 * leaves no gap and what a batch holds does not depend on who was faster. (The copy is a hundredth of what
 * decoding takes.)
 *
 * The order of an epoch is that of PyTorch's DistributedSampler: randperm of a generator seeded with
 * seed + epoch; a part of it keeps what is its own. The draws of a crop follow from (seed, epoch, index of
 * the pair).
 */
#include "datasets/pairs/pair_loader.h"

#include "clip/base/clock.h"
#include "clip/base/machine.h"
#include "clip/base/parallel.h"
#include "clip/base/random.h"
#include "datasets/images/image.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BROKEN_LINES ((int)(sizeof((LoadedBatch *)0)->broken / sizeof(const char *)))

typedef enum { SLOT_FREE, SLOT_BUSY, SLOT_GOOD, SLOT_BROKEN } SlotState;

typedef struct {
    SlotState state;
    unsigned char *image; /* (S, S, 3) */
    char *caption;        /* malloc'd */
    Error err;            /* when broken; ERROR_INPUT is the pair's own fault */
} Slot;

/* What a LoadedBatch points to. */
typedef struct Batch Batch;
struct Batch {
    unsigned char *images; /* (batch_size, S, S, 3) */
    char **captions;       /* (batch_size), malloc'd */
    char *broken[MAX_BROKEN_LINES];
    Batch *next;
};

struct PairLoader {
    const PairSource *source;
    PairLoaderOptions options;
    Arena *arena;      /* of slots and order */
    size_t image_size; /* bytes of a picture in a batch */
    int n, n_slots;    /* positions of an epoch; slots of the ring */
    int *order;        /* (n) the pair at each position */
    Slot *slots;       /* (n_slots) */
    Batch *lent, *idle;

    /* Behind the mutex: */
    pthread_mutex_t mutex;
    pthread_cond_t work, done; /* a slot became free; one is no longer busy */
    int head, next, n_busy, epoch;
    bool stop;

    int begun_at, n_batches; /* of this epoch: where it began, what it gave */
    Error first_broken;
    Task **tasks; /* (n_tasks) */
    int n_tasks;
};

/* --- the threads --- */

static int fit(const PairLoader *loader, int epoch, int index, unsigned char *out, const Image *image,
               Arena *arena, Error *err) {
    const PairLoaderOptions *options = &loader->options;
    if (!options->augment)
        return transform_fit(out, image, &options->transform, arena, err);
    Rng rng;
    rng_stream(&rng, options->seed, STREAM_CROP, (uint32_t)index, (uint32_t)epoch);
    return transform_scaled_crop(out, image, &options->transform, options->scale, &rng, arena, err);
}

static int decode(const PairLoader *loader, int epoch, int index, Slot *slot, Arena *arena) {
    Error *err = &slot->err;
    Pair pair;
    Image image;
    *err = (Error){0};
    if (pairs_get(loader->source, index, loader->options.seed, epoch, &pair, arena, err) < 0 ||
        image_decode(&image, pair.image, pair.size, pair.name, arena, err) < 0)
        return -1;
    if (fit(loader, epoch, index, slot->image, &image, arena, err) < 0)
        return error_prefix(err, "%s", pair.name);
    slot->caption = strdup(pair.caption);
    return slot->caption ? 0 : error_memory(err);
}

static bool may_take(const PairLoader *loader) {
    return loader->next < loader->n && loader->next - loader->head < loader->n_slots;
}

static void decode_pairs(void *context) {
    PairLoader *loader = context;
    Arena *arena = arena_create();
    const size_t mark = arena ? arena_mark(arena) : 0;
    pthread_mutex_lock(&loader->mutex);
    while (!loader->stop) {
        if (!may_take(loader)) {
            pthread_cond_wait(&loader->work, &loader->mutex);
            continue;
        }
        const int position = loader->next++, epoch = loader->epoch;
        Slot *slot = &loader->slots[position % loader->n_slots];
        slot->state = SLOT_BUSY;
        loader->n_busy++;
        pthread_mutex_unlock(&loader->mutex);
        int result = decode(loader, epoch, loader->order[position], slot, arena);
        if (arena)
            arena_reset(arena, mark);
        pthread_mutex_lock(&loader->mutex);
        slot->state = result < 0 ? SLOT_BROKEN : SLOT_GOOD;
        loader->n_busy--;
        pthread_cond_signal(&loader->done);
    }
    pthread_mutex_unlock(&loader->mutex);
    arena_free(arena);
}

static int start_threads(PairLoader *loader, Error *err) {
    const int n = loader->options.n_threads > 0 ? loader->options.n_threads : machine_threads("");
    free(loader->tasks); /* of an attempt before */
    loader->tasks = calloc((size_t)n, sizeof *loader->tasks);
    if (!loader->tasks)
        return error_memory(err);
    while (loader->n_tasks < n && (loader->tasks[loader->n_tasks] = task_start(decode_pairs, loader)))
        loader->n_tasks++;
    return loader->n_tasks > 0
               ? 0
               : error_run(err,
                           "no thread can be started to decode images: out of memory, or too many threads");
}

/* --- the order of an epoch --- */

static bool is_own(const PairPart *part, int position) {
    return part->n == 0 || position % part->step / (part->step / part->n) == part->number;
}

static int count_own(const PairPart *part, int n_pairs) {
    int n = 0;
    for (int i = 0; i < n_pairs; i++)
        n += is_own(part, i);
    return n;
}

static int make_order(PairLoader *loader, int epoch, Error *err) {
    const int n_pairs = pairs_count(loader->source);
    int *all = malloc((size_t)n_pairs * sizeof *all);
    if (!all)
        return error_memory(err);
    Rng rng;
    rng_torch_seed(&rng, loader->options.seed + (uint32_t)epoch);
    if (loader->options.shuffle)
        rng_torch_permutation(&rng, all, n_pairs);
    for (int i = 0, n = 0; i < n_pairs; i++)
        if (is_own(&loader->options.part, i))
            loader->order[n++] = loader->options.shuffle ? all[i] : i;
    free(all);
    return 0;
}

/* --- the other side --- */

PairLoader *pair_loader_create(const PairSource *source, const PairLoaderOptions *options, Error *err) {
    const int n = count_own(&options->part, pairs_count(source)), size = options->transform.size;
    assert(options->batch_size >= 1 && size >= 1);
    if (options->drop_last && n < options->batch_size) {
        error_set(err, "%d pairs do not fill a batch of %d", n, options->batch_size);
        return NULL;
    }
    const int n_ahead = options->n_ahead > 0 ? options->n_ahead : 1;
    Arena *arena = arena_create();
    PairLoader *loader = ARENA_NEW(arena, PairLoader, 1);
    if (!loader) {
        arena_free(arena);
        error_memory(err);
        return NULL;
    }
    *loader = (PairLoader){.source = source, .options = *options, .arena = arena, .n = n, .next = n};
    loader->image_size = (size_t)size * size * 3;
    loader->n_slots = n_ahead < n / options->batch_size ? n_ahead * options->batch_size : n;
    loader->order = ARENA_NEW(arena, int, n);
    loader->slots = ARENA_NEW(arena, Slot, loader->n_slots);
    for (int i = 0; loader->slots && i < loader->n_slots; i++)
        loader->slots[i].image = arena_alloc(arena, loader->image_size, 1);
    pthread_mutex_init(&loader->mutex, NULL);
    pthread_cond_init(&loader->work, NULL);
    pthread_cond_init(&loader->done, NULL);
    if (!arena_failed(arena))
        return loader;
    pair_loader_free(loader);
    error_memory(err);
    return NULL;
}

static void batch_clear(const PairLoader *loader, Batch *batch) {
    for (int i = 0; batch->captions && i < loader->options.batch_size; i++) {
        free(batch->captions[i]);
        batch->captions[i] = NULL;
    }
    for (int i = 0; i < MAX_BROKEN_LINES; i++) {
        free(batch->broken[i]);
        batch->broken[i] = NULL;
    }
}

static void batch_free(const PairLoader *loader, Batch *batch) {
    batch_clear(loader, batch);
    free(batch->images);
    free(batch->captions);
    free(batch);
}

static void free_batches(const PairLoader *loader, Batch *batches) {
    while (batches) {
        Batch *next = batches->next;
        batch_free(loader, batches);
        batches = next;
    }
}

void pair_loader_free(PairLoader *loader) {
    if (!loader)
        return;
    pthread_mutex_lock(&loader->mutex);
    loader->stop = true;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    for (int i = 0; i < loader->n_tasks; i++)
        task_wait(loader->tasks[i]);
    free(loader->tasks);
    for (int i = 0; loader->slots && i < loader->n_slots; i++)
        free(loader->slots[i].caption);
    free_batches(loader, loader->lent);
    free_batches(loader, loader->idle);
    pthread_cond_destroy(&loader->work);
    pthread_cond_destroy(&loader->done);
    pthread_mutex_destroy(&loader->mutex);
    arena_free(loader->arena);
}

int pair_loader_batches(const PairLoader *loader) {
    const int size = loader->options.batch_size;
    return loader->n / size + (!loader->options.drop_last && loader->n % size != 0);
}

static void slot_release(Slot *slot) {
    free(slot->caption);
    slot->caption = NULL;
    slot->state = SLOT_FREE;
}

int pair_loader_begin(PairLoader *loader, int epoch, int position, Error *err) {
    assert(epoch >= 0 && 0 <= position && position <= loader->n);
    pthread_mutex_lock(&loader->mutex);
    loader->next = loader->n; /* nothing more of the epoch before */
    while (loader->n_busy > 0)
        pthread_cond_wait(&loader->done, &loader->mutex);
    for (int i = 0; i < loader->n_slots; i++)
        slot_release(&loader->slots[i]);
    const int status = make_order(loader, epoch, err);
    loader->epoch = epoch;
    loader->head = loader->next = loader->begun_at = status < 0 ? loader->n : position;
    loader->n_batches = 0;
    loader->first_broken = (Error){0};
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    return status < 0 ? -1 : loader->n_tasks > 0 ? 0 : start_threads(loader, err);
}

/* An empty one, lent. */
static Batch *batch_lend(PairLoader *loader) {
    Batch *batch = loader->idle;
    if (batch) {
        loader->idle = batch->next;
    } else {
        const size_t n = (size_t)loader->options.batch_size;
        batch = calloc(1, sizeof *batch);
        if (!batch)
            return NULL;
        batch->images = malloc(n * loader->image_size);
        batch->captions = calloc(n, sizeof *batch->captions);
        if (!batch->images || !batch->captions) {
            batch_free(loader, batch);
            return NULL;
        }
    }
    batch->next = loader->lent;
    loader->lent = batch;
    return batch;
}

static int note_broken(PairLoader *loader, Batch *batch, LoadedBatch *loaded, const Error *why, Error *err) {
    const int i = loaded->n_broken++;
    if (!loader->first_broken.kind)
        loader->first_broken = *why;
    if (i >= MAX_BROKEN_LINES)
        return 0;
    batch->broken[i] = strdup(why->text);
    loaded->broken[i] = batch->broken[i];
    return batch->broken[i] ? 0 : error_memory(err);
}

/* Takes what lies in the slot at the head, and frees it. Only this thread touches the slot now. */
static int take_slot(PairLoader *loader, Slot *slot, Batch *batch, LoadedBatch *loaded, Error *err) {
    if (slot->state == SLOT_GOOD) {
        memcpy(batch->images + (size_t)loaded->n * loader->image_size, slot->image, loader->image_size);
        batch->captions[loaded->n++] = slot->caption;
        slot->caption = NULL;
        return 0;
    }
    if (slot->err.kind != ERROR_INPUT) { /* memory is out: that is no fault of the pair */
        if (err)
            *err = slot->err;
        return -1;
    }
    return note_broken(loader, batch, loaded, &slot->err, err);
}

/* The next position, once it is decoded. */
static int take_head(PairLoader *loader, Batch *batch, LoadedBatch *loaded, Error *err) {
    Slot *slot = &loader->slots[loader->head % loader->n_slots];
    pthread_mutex_lock(&loader->mutex);
    while (slot->state == SLOT_FREE || slot->state == SLOT_BUSY)
        pthread_cond_wait(&loader->done, &loader->mutex);
    pthread_mutex_unlock(&loader->mutex);
    int result = take_slot(loader, slot, batch, loaded, err);
    pthread_mutex_lock(&loader->mutex);
    slot_release(slot);
    loader->head++;
    pthread_cond_signal(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    return result;
}

/* An epoch that gave nothing would be followed by another one, for ever. */
static int check_epoch(const PairLoader *loader, Error *err) {
    if (loader->begun_at > 0 || loader->n_batches > 0)
        return 0;
    if (loader->options.drop_last)
        return error_set(err, "of %d pairs fewer than a batch of %d can be read; the first that cannot: %s",
                         loader->n, loader->options.batch_size, loader->first_broken.text);
    return error_set(err, "none of %d pairs can be read; the first: %s", loader->n,
                     loader->first_broken.text);
}

int pair_loader_next(PairLoader *loader, LoadedBatch *loaded, Error *err) {
    const double start = clock_seconds();
    const int size = loader->options.batch_size;
    *loaded = (LoadedBatch){0};
    assert(loader->n_tasks > 0); /* begun */
    Batch *batch = batch_lend(loader);
    if (!batch)
        return error_memory(err);
    int result = 0;
    while (result == 0 && loaded->n < size && loader->head < loader->n)
        result = take_head(loader, batch, loaded, err);
    loaded->images = batch->images;
    if (result == 0 && loader->options.drop_last && loaded->n < size)
        loaded->n = 0;
    loader->n_batches += loaded->n > 0;
    if (result == 0 && loaded->n == 0)
        result = check_epoch(loader, err);
    if (result < 0) {
        pair_loader_give_back(loader, loaded);
        return -1;
    }
    loaded->captions = (const char **)batch->captions;
    loaded->position = loader->head;
    loaded->waited = clock_seconds() - start;
    return 0;
}

void pair_loader_give_back(PairLoader *loader, LoadedBatch *loaded) {
    for (Batch **at = &loader->lent; *at; at = &(*at)->next) {
        Batch *batch = *at;
        if (batch->images != loaded->images)
            continue;
        *at = batch->next;
        batch_clear(loader, batch);
        batch->next = loader->idle;
        loader->idle = batch;
        break;
    }
    *loaded = (LoadedBatch){0};
}
