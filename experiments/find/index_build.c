/* index_build.c: see index_build.h */
#include "experiments/find/index_build.h"

#include "clip/base/clock.h"
#include "clip/math/ops.h"
#include "datasets/index/index_writer.h"
#include "experiments/find/index_about.h"
#include "experiments/find/photo_source.h"
#include "experiments/terminal/interrupt.h"
#include "experiments/terminal/printable.h"
#include "experiments/terminal/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { COMMIT_ROWS = 16384, MOST_SEGMENTS = 1024, DEFAULT_BATCH = 64 };
#define COMMIT_SECONDS 60 /* a program that is killed loses so much at most */

typedef struct {
    const IndexRequest *request;
    IndexCounts *counts;
    FeatureSource source;
    PhotoSource *photos;
    IndexWriter *writer;
    ImageStream *stream;
    Progress progress;
    Arena *arena;
    int batch;
    const StreamImage **images, **good; /* (batch) */
    float *pixels;                      /* (batch, 3, S, S) */
    float *features;                    /* (batch, E) */
    double committed;
} Build;

/* --- one image --- */

static void tell_bad(Build *b, const StreamImage *image) {
    const size_t n = strlen(image->path);
    const char *text = image->err.text;
    b->counts->bad++;
    if (image->note.text && strncmp(text, image->path, n) == 0)
        progress_print(&b->progress, "%s: %s%s", printable(image->path, b->arena),
                       printable(image->note.text, b->arena), printable(text + n, b->arena));
    else
        progress_print(&b->progress, "%s", printable(text, b->arena));
}

static IndexEntry entry_of(const StreamImage *image) {
    return (IndexEntry){.path = image->path,
                        .member = image->note.text,
                        .digest = image->digest,
                        .size = image->note.numbers[PHOTO_SIZE],
                        .changed_ns = (int64_t)image->note.numbers[PHOTO_CHANGED_NS],
                        .orientation = image->orientation};
}

/* What its photo was so far is no more. */
static int forget_old(Build *b, const StreamImage *image, Error *err) {
    const uint64_t old = image->note.numbers[PHOTO_OLD];
    return old ? index_writer_remove(b->writer, old - 1, err) : 0;
}

/* The same content as a photo of the index has: moved, copied, or touched. */
static int add_known(Build *b, const StreamImage *image, Error *err) {
    const IndexEntry entry = entry_of(image);
    b->counts->reused++;
    return forget_old(b, image, err) < 0
               ? -1
               : index_writer_add_as(b->writer, &entry, photo_source_entry_of(b->photos, &image->digest),
                                     err);
}

static void pass_over(Build *b, const StreamImage *image) {
    if (b->counts->passed++ == 0 && !image->note.text)
        snprintf(b->counts->first_passed, sizeof b->counts->first_passed, "%s", image->path);
}

/* --- a batch --- */

static void normalize_tile(void *context, int tile, int worker) {
    const Build *b = context;
    const int S = b->source.transform.size;
    (void)worker;
    transform_normalize(b->pixels + (size_t)tile * 3 * (size_t)S * (size_t)S, b->good[tile]->rgb, S,
                        b->source.mean, b->source.std);
}

static int encode_good(Build *b, int n, Error *err) {
    const int E = b->source.embed_dim;
    pool_run(b->request->model->pool, n, normalize_tile, b);
    if (b->source.encode(b->source.context, b->pixels, n, b->features, err) < 0)
        return -1;
    unit_rows_forward(b->features, NULL, b->features, n, E);
    for (int i = 0; i < n; i++) {
        const IndexEntry entry = entry_of(b->good[i]);
        if (forget_old(b, b->good[i], err) < 0 ||
            index_writer_add(b->writer, &entry, b->features + (size_t)i * (size_t)E, err) < 0)
            return -1;
        *(b->good[i]->note.numbers[PHOTO_OLD] ? &b->counts->changed : &b->counts->added) += 1;
    }
    return 0;
}

static int take_batch(Build *b, int n, Error *err) {
    int n_good = 0, result = 0;
    for (int i = 0; i < n && result == 0; i++) {
        const StreamImage *image = b->images[i];
        const size_t mark = arena_mark(b->arena);
        if (image->rgb)
            b->good[n_good++] = image;
        else if (image->is_known)
            result = add_known(b, image, err);
        else if ((result = forget_old(b, image, err)) == 0 && image->err.kind != ERROR_NONE)
            tell_bad(b, image);
        else if (result == 0)
            pass_over(b, image);
        arena_reset(b->arena, mark);
    }
    return result < 0 ? -1 : n_good > 0 ? encode_good(b, n_good, err) : 0;
}

static int commit(Build *b, Error *err) {
    b->committed = clock_seconds();
    return index_writer_commit(b->writer, err);
}

/* --- all --- */

static int open_build(Build *b, Error *err) {
    const int n_threads = pool_threads(b->request->model->pool);
    const size_t n = (size_t)b->batch, S = (size_t)b->source.transform.size;
    const IndexKind kind = {b->request->numbers, b->source.embed_dim, b->request->about};
    const StreamOptions ahead = {
        .n_threads = n_threads, .n_ahead = 2 * b->batch + n_threads, .known = photo_source_known};
    b->images = ARENA_NEW(b->arena, const StreamImage *, n);
    b->good = ARENA_NEW(b->arena, const StreamImage *, n);
    b->pixels = arena_floats(b->arena, n, 3 * S * S);
    b->features = arena_floats(b->arena, n, (size_t)b->source.embed_dim);
    if (arena_failed(b->arena))
        return error_memory(err);
    b->writer = index_writer_open(b->request->out, &kind, err);
    if (!b->writer)
        return -1;
    const PhotoIndex *index = index_writer_index(b->writer);
    b->counts->cut = index_writer_cut(b->writer);
    if (index_about_compare(index, b->request->about, err) < 0 ||
        photo_index_check(index, interrupt_check, err) < 0 ||
        !(b->photos = photo_source_open(index, b->request->next, b->request->inputs, err)))
        return -1;
    b->stream = image_stream_open(&b->source, &ahead, photo_source_next, b->photos, err);
    return b->stream ? 0 : -1;
}

static int run_stream(Build *b, Error *err) {
    int n, result = 0;
    long done = 0;
    while (result == 0 &&
           (n = image_stream_take(b->stream, b->images, b->batch, interrupt_check, err)) != 0) {
        result = n < 0 ? -1 : take_batch(b, n, err);
        done += n > 0 ? n : 0;
        progress_update(&b->progress, done);
        progress_note(&b->progress, "%ld as before", photo_source_same(b->photos));
        if (result == 0 && (index_writer_pending(b->writer) >= COMMIT_ROWS ||
                            clock_seconds() - b->committed >= COMMIT_SECONDS))
            result = commit(b, err);
    }
    return result;
}

/* Where a disk is not mounted its photos are not deleted. */
static int forget_gone(Build *b, Error *err) {
    const IndexRequest *r = b->request;
    const PhotoIndex *index = index_writer_index(b->writer);
    for (uint64_t i = 0; i < index->n; i++) {
        if (!photo_source_is_gone(b->photos, i, r->folders, r->n_folders))
            continue;
        if (photo_source_files(b->photos) == 0)
            return error_set(err,
                             "%s: no file is left of those in the index: is a disk not mounted? Nothing was "
                             "changed; where all were deleted, delete %s",
                             r->folders[0], r->out);
        if (index_writer_remove(b->writer, i, err) < 0)
            return -1;
        b->counts->deleted++;
    }
    return 0;
}

/* How much is dead, and in how many pieces it lies, once all is committed. */
static int tidy(Build *b, Error *err) {
    PhotoIndex *index = photo_index_open(b->request->out, err);
    if (!index)
        return -1;
    const bool is_needed = index->n_dead > index->n / 2 || index->n_segments > MOST_SEGMENTS;
    b->counts->total = index->n - index->n_dead;
    photo_index_close(index);
    b->counts->compacted = is_needed;
    return is_needed ? index_writer_compact(b->writer, err) : 0;
}

static void close_build(Build *b) {
    if (b->photos)
        b->request->stop_inputs(b->request->inputs);
    image_stream_close(b->stream);
    photo_source_close(b->photos);
    index_writer_close(b->writer);
    arena_free(b->arena);
}

int index_build(IndexCounts *counts, const IndexRequest *request, Error *err) {
    Error first = {0};
    Build b = {.request = request,
               .counts = counts,
               .source = loaded_model_source(request->model),
               .arena = arena_create(),
               .committed = clock_seconds()};
    *counts = (IndexCounts){0};
    if (!b.arena)
        return error_memory(err);
    b.batch = b.source.max_batch > 0 ? b.source.max_batch : DEFAULT_BATCH;
    int result = open_build(&b, err);
    if (result == 0) {
        progress_start(&b.progress, stderr, request->quiet, "indexing photos", 0);
        result = run_stream(&b, &first);
        if (result == 0)
            result = forget_gone(&b, &first);
        counts->same = photo_source_same(b.photos);
        progress_erase(&b.progress);
        /* what is encoded is kept, whatever happened */
        if (commit(&b, result == 0 ? &first : NULL) < 0)
            result = -1;
        if (result == 0)
            result = tidy(&b, &first);
        if (result < 0)
            *err = first;
    }
    close_build(&b);
    return result;
}
