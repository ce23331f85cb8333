/* bench_find.c: photos indexed beside the bare tower, tiny ones by the hundred thousand, and searches of a
 * million features.
 *
 * The index is made by the program itself, from JPEG files and a checkpoint of random weights, as a user
 * makes it: decoding, digests, commits and opening the checkpoint included.
 */
#include "clip/base/clock.h"
#include "clip/base/files.h"
#include "datasets/index/index_writer.h"
#include "datasets/index/top_features.h"
#include "experiments/bench/bench_checkpoint.h"
#include "experiments/bench/bench_child.h"
#include "experiments/bench/bench_folder.h"
#include "experiments/bench/bench_loops.h"
#include "experiments/bench/bench_photo.h"
#include "experiments/bench/bench_towers.h"
#include "experiments/terminal/interrupt.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INDEX_SPACE 1e9 /* bytes on disk, ample */
#define SEARCH_SPACE 4e9

enum {
    PHOTOS = 512,
    DRAWN = 16,
    TINY = 100000,
    TINY_SIDE = 8,
    IN_A_FOLDER = 1000,
    ROWS = 1000000,
    SIZE = 512,
    QUERIES = 1000,
    TOP = 10,
    COMMIT = 16384
};

/* --- indexing --- */

static int write_photos(const char *folder, Arena *arena, Error *err);
static int write_tiny(const char *folder, Arena *arena, Error *err);

static const Architecture TINY_VIT = {"tiny ViT", {64, 1, 16, 0}, 0, 32, 64, 64};

typedef struct {
    const char *loop, *architecture; /* NULL: TINY_VIT */
    int n;
    int (*write)(const char *folder, Arena *arena, Error *err);
} IndexShape;

static const IndexShape INDEXED[] = {{"index, 512 photos, ViT-B/32", "ViT-B/32", PHOTOS, write_photos},
                                     {"index, 100,000 tiny pictures", NULL, TINY, write_tiny}};

typedef struct {
    const IndexShape *shape;
    const char *checkpoint, *photos, *index; /* paths */
    Pool *pool;
    double memory;
} Indexing;

/* BMP files of noise, all different, a thousand in a folder. */
static int write_tiny(const char *folder, Arena *arena, Error *err) {
    static const unsigned char head[54] = {
        'B', 'M', 54 + 192, 0, 0,         0, 0, 0, 0,         0, 54, 0, 0, 0, /* bytes, where pixels begin */
        40,  0,   0,        0, TINY_SIDE, 0, 0, 0, TINY_SIDE, 0, 0,  0, 1, 0, 24, 0};
    unsigned char bytes[sizeof head + TINY_SIDE * TINY_SIDE * 3];
    uint32_t noise = 1;
    memcpy(bytes, head, sizeof head);
    for (int i = 0; i < TINY; i++) {
        const size_t mark = arena_mark(arena);
        const char *inner = arena_printf(arena, "%s/%03d", folder, i / IN_A_FOLDER);
        const char *path = arena_printf(arena, "%s/%03d.bmp", inner, i % IN_A_FOLDER);
        if (arena_failed(arena))
            return error_memory(err);
        if (i % IN_A_FOLDER == 0 && (make_folders(inner, err) < 0 || interrupt_check(err) < 0))
            return -1;
        for (size_t b = sizeof head; b < sizeof bytes; b++)
            bytes[b] = (unsigned char)((noise = noise * 1664525 + 1013904223) >> 24);
        FILE *file = fopen(path, "wb"); /* file_write would wait for the disk each time */
        if (!file || fwrite(bytes, sizeof bytes, 1, file) != 1 || fclose(file) != 0)
            return error_run(err, "%s: cannot write: %s", path, strerror(errno));
        arena_reset(arena, mark);
    }
    return 0;
}

/* A few pictures, each many times with another comment behind it, so that no two files are the same. */
static int write_photos(const char *folder, Arena *arena, Error *err) {
    if (make_folders(folder, err) < 0)
        return -1;
    for (int i = 0; i < PHOTOS; i++) {
        const size_t mark = arena_mark(arena);
        const unsigned char *jpeg;
        size_t size;
        const char *path = arena_printf(arena, "%s/%04d.jpg", folder, i);
        if (!path)
            return error_memory(err);
        if (photo_draw(&jpeg, &size, i % DRAWN, arena, err) < 0)
            return -1;
        unsigned char *bytes = arena_alloc(arena, size + sizeof i, 1);
        if (!bytes)
            return error_memory(err);
        memcpy(bytes, jpeg, size);
        memcpy(bytes + size, &i, sizeof i);
        if (file_write(path, bytes, size + sizeof i, err) < 0)
            return -1;
        arena_reset(arena, mark);
    }
    return 0;
}

static int update_loop(void *context, Error *err) {
    Indexing *files = context;
    char threads[16];
    snprintf(threads, sizeof threads, "%d", pool_threads(files->pool));
    return bench_child(&files->memory,
                       (const char *const[]){"index", files->photos, "--model", files->checkpoint, "--out",
                                             files->index, "--quiet", "--activation", "quick_gelu",
                                             "--threads", threads, NULL},
                       err);
}

static int index_loop(void *context, Error *err) {
    const Indexing *files = context;
    unlink(files->index);
    return update_loop(context, err);
}

static int measure_photos(const Bench *bench, void *context, Pool *pool, Sample *sample, Error *err) {
    Indexing *files = context;
    Sample before, after;
    files->pool = pool;
    files->memory = 0;
    /* the tower before and after, so that a clock that changes spoils less */
    if (bench_tower(bench, files->shape->architecture, 32, pool, &before, err) < 0 ||
        bench_median(&sample->seconds, index_loop, files, err) < 0 ||
        bench_tower(bench, files->shape->architecture, 32, pool, &after, err) < 0)
        return -1;
    const double rate = PHOTOS / sample->seconds, tower = 64 / (before.seconds + after.seconds);
    sample->flops = before.flops * PHOTOS / 32;
    sample->memory = files->memory;
    snprintf(sample->note, sizeof sample->note, "%.1f images/s, %.0f %% of the tower's %.1f", rate,
             100 * rate / tower, tower);
    return 0;
}

/* Once: what is measured is everything but the tower. */
static int measure_tiny(const Bench *bench, void *context, Pool *pool, Sample *sample, Error *err) {
    Indexing *files = context;
    (void)bench;
    files->pool = pool;
    files->memory = 0;
    const double start = clock_seconds();
    if (index_loop(files, err) < 0)
        return -1;
    const double made = clock_seconds();
    if (update_loop(files, err) < 0)
        return -1;
    sample->seconds = made - start;
    sample->memory = files->memory;
    snprintf(sample->note, sizeof sample->note, "%.0f images/s; %.2f s to see that nothing has changed",
             TINY / sample->seconds, clock_seconds() - made);
    return 0;
}

static int index_in(Bench *bench, const IndexShape *shape, const char *folder, Arena *arena, Error *err) {
    char digest[65];
    Indexing files = {.shape = shape,
                      .checkpoint = path_join(arena, folder, "model.safetensors"),
                      .photos = path_join(arena, folder, "photos"),
                      .index = path_join(arena, folder, "photos.index")};
    const Architecture *architecture =
        shape->architecture ? architecture_find(shape->architecture) : &TINY_VIT;
    if (arena_failed(arena))
        return error_memory(err);
    return bench_checkpoint_write(files.checkpoint, digest, architecture, DTYPE_F16, err) < 0 ||
                   shape->write(files.photos, arena, err) < 0 || interrupt_check(err) < 0
               ? -1
               : bench_row(bench, shape->loop, shape->architecture ? measure_photos : measure_tiny, &files,
                           err);
}

static int bench_indexing(Bench *bench, Error *err) {
    int result = 0;
    for (int i = 0; i < 2 && result == 0; i++) {
        char folder[BENCH_PATH];
        const bool asked = bench_asked(bench, INDEXED[i].loop);
        if (bench->linear || !bench_wanted(bench, INDEXED[i].loop) ||
            (!asked && (i > 0 || !bench_folder_room(INDEX_SPACE))))
            continue;
        Arena *arena = arena_create();
        result = arena ? bench_folder_make(folder, err) : error_memory(err);
        if (result == 0) {
            result = index_in(bench, &INDEXED[i], folder, arena, err);
            bench_folder_remove(folder);
        }
        arena_free(arena);
    }
    return result;
}

/* --- searching --- */

typedef struct {
    const char *path;
    const PhotoIndex *index;
    float *queries; /* (QUERIES, SIZE) */
    Found *found;   /* (QUERIES, TOP) */
    int n;          /* queries at once */
    Pool *pool;
} Searching;

static void fill_units(float *rows, int n) {
    bench_fill(rows, (size_t)n * SIZE, 1);
    for (int i = 0; i < n; i++) {
        float *row = rows + (size_t)i * SIZE;
        double sum = 0;
        for (int k = 0; k < SIZE; k++)
            sum += (double)row[k] * (double)row[k];
        for (int k = 0; k < SIZE; k++)
            row[k] = (float)(row[k] / sqrt(sum));
    }
}

/* The rows of one commit, again and again: what they are makes no difference to the time. */
static int write_index(const char *path, Arena *arena, Error *err) {
    const IndexKind kind = {INDEX_FLOAT32, SIZE, "{}"};
    float *rows = arena_floats(arena, COMMIT, SIZE);
    if (!rows)
        return error_memory(err);
    IndexWriter *writer = index_writer_open(path, &kind, err);
    int result = writer ? 0 : -1;
    fill_units(rows, COMMIT);
    for (int i = 0; i < ROWS && result == 0; i++) {
        char name[32];
        snprintf(name, sizeof name, "/%d.jpg", i);
        const IndexEntry entry = {.path = name, .orientation = 1};
        result = index_writer_add(writer, &entry, rows + (size_t)(i % COMMIT) * SIZE, err);
        if (result == 0 && (i % COMMIT == COMMIT - 1 || i == ROWS - 1))
            result = interrupt_check(err) < 0 ? -1 : index_writer_commit(writer, err);
    }
    index_writer_close(writer);
    return result;
}

static int search_loop(void *context, Error *err) {
    const Searching *s = context;
    int n_found[QUERIES];
    return top_features(s->found, n_found, s->index, s->queries, s->n, TOP, s->pool, err);
}

/* As a command that searches once does. */
static int first_search(void *context, Error *err) {
    Searching s = *(Searching *)context;
    PhotoIndex *index = photo_index_open(s.path, err);
    if (!index)
        return -1;
    photo_index_read_rows(index);
    s.index = index;
    s.n = 1;
    const int result = search_loop(&s, err);
    photo_index_close(index);
    return result;
}

static int measure_searching(const Bench *bench, void *context, Pool *pool, Sample *sample, Error *err) {
    Searching *s = context;
    double first;
    (void)bench;
    s->pool = pool;
    if (bench_median(&sample->seconds, search_loop, s, err) < 0)
        return -1;
    sample->flops = 2.0 * s->n * ROWS * SIZE;
    if (s->n > 1)
        return 0;
    if (bench_median(&first, first_search, s, err) < 0)
        return -1;
    snprintf(sample->note, sizeof sample->note, "%.1f GB/s; opened, searched once and closed %.3f s",
             4e-9 * ROWS * SIZE / sample->seconds, first);
    return 0;
}

static int bench_searching(Bench *bench, Error *err) {
    static const char *const loops[] = {"search, 1,000,000 of 512, 1 query",
                                        "search, 1,000,000 of 512, 1,000 queries"};
    char folder[BENCH_PATH];
    if (bench->linear || (!bench_asked(bench, loops[0]) && !bench_asked(bench, loops[1])))
        return 0;
    if (!bench_folder_room(SEARCH_SPACE))
        return error_run(err, "%s: no room for an index of 2 GB and its copy ($TMPDIR says where)", loops[0]);
    Arena *arena = arena_create();
    int result = arena ? bench_folder_make(folder, err) : error_memory(err);
    if (result == 0) {
        Searching s = {.path = path_join(arena, folder, "photos.index"),
                       .queries = arena_floats(arena, QUERIES, SIZE),
                       .found = ARENA_NEW(arena, Found, QUERIES * TOP)};
        PhotoIndex *index = NULL;
        result = arena_failed(arena) ? error_memory(err) : write_index(s.path, arena, err);
        if (result == 0 && !(index = photo_index_open(s.path, err)))
            result = -1;
        s.index = index;
        fill_units(s.queries, QUERIES);
        for (int i = 0; i < 2 && result == 0; i++) {
            s.n = i ? QUERIES : 1;
            result = bench_row(bench, loops[i], measure_searching, &s, err);
        }
        photo_index_close(index);
        bench_folder_remove(folder);
    }
    arena_free(arena);
    return result;
}

int bench_find(Bench *bench, Error *err) {
    return bench_indexing(bench, err) < 0 ? -1 : bench_searching(bench, err);
}
