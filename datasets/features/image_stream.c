/* image_stream.c: decoding ahead, in order, without an end in sight.
 *
 *     input      p0 p1 p2 p3 p4 p5 p6 p7 ...
 *                   |        |     |
 *                 head     next  head + n_slots
 *
 * Image p lies in slot p % n_slots. A thread asks for the next input, one at a time, and decodes it while the
 * others ask. image_stream_take gives the slots from `head` on that are done; they are free again at the next
 * call.
 *
 * It waits for a full batch, but not for input that does not come: who feeds a pipe slowly wants each label
 * at once.
 */
#define _GNU_SOURCE /* pthread_condattr_setclock */
#include "datasets/features/image_stream.h"

#include "clip/base/clock.h"
#include "clip/base/parallel.h"
#include "datasets/features/file_digests.h"
#include "datasets/images/image.h"
#include "datasets/images/orientation.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAITED_FOR 0.02 /* seconds after which the next input is one that is waited for */
#define ASK_STOP 0.1

typedef struct {
    StreamImage image;
    char *path;
    unsigned char *pixels; /* (S, S, 3) */
    bool done;
} Slot;

struct ImageStream {
    const FeatureSource *source;
    StreamNextFn next_input;
    StreamKnownFn known;
    void *context;
    Arena *arena; /* of the slots */
    Slot *slots;  /* (n_slots) */
    int n_slots, n_lent;
    Task **tasks; /* (n_tasks) */
    int n_tasks;

    /* Behind the mutex: */
    pthread_mutex_t mutex;
    pthread_cond_t work, done; /* there may be something to ask for; something is done */
    long head, next;
    int n_busy;
    bool asking, ended, closing;
    Error err; /* why it has ended */
    double asking_since;
};

/* --- the threads --- */

static int decode_file(const ImageStream *stream, Slot *slot, const StreamInput *input, Arena *arena,
                       Error *err) {
    const FeatureSource *source = stream->source;
    size_t size = input->size;
    Image image;
    const unsigned char *data = input->bytes ? input->bytes : image_file_read(slot->path, &size, arena, err);
    if (!data)
        return -1;
    if (input->is_found && size > 0 && !image_is_known(data, size))
        return 0;
    if (stream->known) {
        slot->image.digest = digest_of(data, size);
        slot->image.is_known = stream->known(stream->context, &slot->image.digest);
    }
    slot->image.orientation = image_orientation(data, size);
    if (slot->image.is_known)
        return 0;
    int result = source->upright ? image_decode_upright(&image, data, size, slot->path, arena, err)
                                 : image_decode(&image, data, size, slot->path, arena, err);
    if (result < 0)
        return -1;
    if (transform_fit(slot->pixels, &image, &source->transform, arena, err) < 0)
        return error_prefix(err, "%s", slot->path);
    slot->image.rgb = slot->pixels;
    return 0;
}

static void fill_slot(const ImageStream *stream, Slot *slot, const StreamInput *input, Arena *arena) {
    slot->path = input->path;
    slot->image =
        (StreamImage){.path = input->path, .err = input->err, .orientation = 1, .note = input->note};
    if (input->err.kind != ERROR_NONE)
        return;
    const size_t mark = arena_mark(arena);
    decode_file(stream, slot, input, arena, &slot->image.err);
    arena_reset(arena, mark);
}

/* With the mutex; returns without it. False when there is no more. */
static bool ask(ImageStream *stream, StreamInput *input) {
    *input = (StreamInput){0};
    stream->asking = true;
    stream->asking_since = clock_seconds();
    pthread_mutex_unlock(&stream->mutex);
    stream->next_input(stream->context, input);
    pthread_mutex_lock(&stream->mutex);
    stream->asking = false;
    stream->ended = !input->path;
    if (stream->ended)
        stream->err = input->err;
    pthread_cond_broadcast(&stream->work);
    if (stream->ended)
        pthread_cond_broadcast(&stream->done);
    return !stream->ended;
}

static void decode_images(void *context) {
    ImageStream *stream = context;
    Arena *arena = arena_create();
    pthread_mutex_lock(&stream->mutex);
    while (!stream->closing && !stream->ended) {
        StreamInput input;
        if (stream->asking || stream->next - stream->head >= stream->n_slots) {
            pthread_cond_wait(&stream->work, &stream->mutex);
            continue;
        }
        if (!ask(stream, &input))
            break;
        Slot *slot = &stream->slots[stream->next++ % stream->n_slots];
        stream->n_busy++;
        pthread_mutex_unlock(&stream->mutex);
        if (!arena && input.err.kind == ERROR_NONE)
            error_memory(&input.err);
        fill_slot(stream, slot, &input, arena);
        pthread_mutex_lock(&stream->mutex);
        slot->done = true;
        stream->n_busy--;
        pthread_cond_signal(&stream->done);
    }
    pthread_mutex_unlock(&stream->mutex);
    arena_free(arena);
}

/* --- the other side --- */

static void make_locks(ImageStream *stream) {
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&stream->mutex, NULL);
    pthread_cond_init(&stream->work, NULL);
    pthread_cond_init(&stream->done, &clock);
    pthread_condattr_destroy(&clock);
}

static int start_threads(ImageStream *stream, int n, Error *err) {
    stream->tasks = ARENA_NEW(stream->arena, Task *, n);
    if (!stream->tasks)
        return error_memory(err);
    while (stream->n_tasks < n && (stream->tasks[stream->n_tasks] = task_start(decode_images, stream)))
        stream->n_tasks++;
    return stream->n_tasks > 0
               ? 0
               : error_run(err,
                           "no thread can be started to decode images: out of memory, or too many threads");
}

ImageStream *image_stream_open(const FeatureSource *source, const StreamOptions *options, StreamNextFn next,
                               void *context, Error *err) {
    const size_t S = (size_t)source->transform.size;
    assert(options->n_threads >= 1 && options->n_ahead >= 1);
    Arena *arena = arena_create();
    ImageStream *stream = ARENA_NEW(arena, ImageStream, 1);
    if (!stream) {
        arena_free(arena);
        error_memory(err);
        return NULL;
    }
    *stream = (ImageStream){.source = source,
                            .next_input = next,
                            .known = options->known,
                            .context = context,
                            .arena = arena,
                            .slots = ARENA_NEW(arena, Slot, options->n_ahead),
                            .n_slots = options->n_ahead};
    for (int i = 0; stream->slots && i < stream->n_slots; i++)
        stream->slots[i].pixels = arena_alloc(arena, S * S, 3);
    make_locks(stream);
    if (arena_failed(arena) ? error_memory(err) < 0 : start_threads(stream, options->n_threads, err) < 0) {
        image_stream_close(stream);
        return NULL;
    }
    return stream;
}

/* With the mutex. */
static void release_lent(ImageStream *stream) {
    for (; stream->n_lent > 0; stream->n_lent--) {
        Slot *slot = &stream->slots[stream->head++ % stream->n_slots];
        free(slot->path);
        slot->path = NULL;
        slot->done = false;
    }
    pthread_cond_broadcast(&stream->work);
}

void image_stream_close(ImageStream *stream) {
    if (!stream)
        return;
    pthread_mutex_lock(&stream->mutex);
    stream->closing = true;
    pthread_cond_broadcast(&stream->work);
    pthread_mutex_unlock(&stream->mutex);
    for (int i = 0; i < stream->n_tasks; i++)
        task_wait(stream->tasks[i]);
    for (int i = 0; stream->slots && i < stream->n_slots; i++)
        free(stream->slots[i].path);
    pthread_cond_destroy(&stream->work);
    pthread_cond_destroy(&stream->done);
    pthread_mutex_destroy(&stream->mutex);
    arena_free(stream->arena);
}

/* With the mutex: how many slots from head on are done. */
static int count_done(const ImageStream *stream, int max) {
    int n = 0;
    while (n < max && stream->head + n < stream->next &&
           stream->slots[(stream->head + n) % stream->n_slots].done)
        n++;
    return n;
}

/* With the mutex: whether nothing more will be done soon. */
static bool is_idle(const ImageStream *stream) {
    return stream->n_busy == 0 &&
           (stream->ended || (stream->asking && clock_seconds() - stream->asking_since >= WAITED_FOR));
}

/* With the mutex, which it gives back meanwhile. */
static void wait_a_moment(ImageStream *stream, double moment) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(moment * 1e9);
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&stream->done, &stream->mutex, &until);
}

int image_stream_take(ImageStream *stream, const StreamImage **images, int max, int (*stop)(Error *err),
                      Error *err) {
    int n, result = 0;
    max = max < stream->n_slots ? max : stream->n_slots;
    pthread_mutex_lock(&stream->mutex);
    release_lent(stream);
    while ((n = count_done(stream, max)) < max && !(n > 0 && is_idle(stream))) {
        if (stream->ended && stream->head == stream->next) {
            result = stream->err.kind == ERROR_NONE ? 0 : -1;
            if (result < 0 && err)
                *err = stream->err;
            break;
        }
        if (stop && (result = stop(err)) < 0)
            break;
        wait_a_moment(stream, n > 0 ? WAITED_FOR : ASK_STOP);
    }
    for (int i = 0; i < n; i++)
        images[i] = &stream->slots[(stream->head + i) % stream->n_slots].image;
    stream->n_lent = n;
    pthread_mutex_unlock(&stream->mutex);
    return result < 0 ? -1 : n;
}
