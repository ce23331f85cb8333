/* near_build.c: see near_build.h */
#include "experiments/near/near_build.h"

#include "clip/math/half.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PART = 1024, LEARNED = 40, MOST_LISTS = 1 << 16 };

/* --- centres --- */

/* Vectors (n, E) of living entries, evenly taken. */
static int take_sample(float *vectors, int n, const PhotoIndex *index, Error *err) {
    const uint64_t living = index->n - index->n_dead;
    uint64_t seen = 0;
    int taken = 0;
    for (uint64_t i = 0; i < index->n && taken < n; i++) {
        if (photo_index_is_dead(index, i))
            continue;
        if (seen++ * (uint64_t)n < (uint64_t)taken * living)
            continue;
        if (photo_index_feature(index, i, vectors + (size_t)taken++ * (size_t)index->E, err) < 0)
            return -1;
    }
    return 0;
}

static int learn(NearLists *lists, const PhotoIndex *index, Pool *pool, Error *err) {
    const uint64_t living = index->n - index->n_dead, wanted = (uint64_t)lists->K * LEARNED;
    const int n = (int)(wanted < living ? wanted : living);
    Arena *arena = arena_create();
    float *centres = arena_floats(lists->arena, (size_t)lists->K, (size_t)lists->E);
    float *vectors = arena_floats(arena, (size_t)n, (size_t)lists->E);
    int result = centres && vectors ? 0 : error_memory(err);
    if (result == 0)
        result = take_sample(vectors, n, index, err);
    if (result == 0)
        result = clusters_learn(centres, lists->K, vectors, n, lists->E, pool, err);
    lists->centres = centres;
    arena_free(arena);
    return result;
}

/* --- which entry lies in which list --- */

typedef struct {
    const PhotoIndex *index;
    const NearLists *lists;
    float *rows;      /* of each worker (PART, E) */
    int64_t *nearest; /* of each worker (PART) */
    uint32_t *list;   /* (n) of each entry */
    Error *errors;    /* of each worker */
    Pool *pool;
} Assignment;

static void assign_part(void *context, int tile, int worker) {
    const Assignment *work = context;
    const PhotoIndex *index = work->index;
    const size_t E = (size_t)index->E;
    const uint64_t start = (uint64_t)tile * PART;
    const int n = (int)(index->n - start < PART ? index->n - start : PART);
    float *rows = work->rows + (size_t)worker * PART * E;
    int64_t *nearest = work->nearest + (size_t)worker * PART;
    if (work->errors[worker].kind != ERROR_NONE || pool_stopped(work->pool, NULL) < 0)
        return;
    for (int i = 0; i < n; i++) {
        const unsigned char *row = photo_index_row(index, start + (uint64_t)i);
        if (index->numbers == INDEX_FLOAT32)
            memcpy(rows + (size_t)i * E, row, E * sizeof *rows);
        else
            bfloat16_to_float(rows + (size_t)i * E, row, E);
    }
    if (clusters_nearest(nearest, work->lists->clusters, rows, n, 1, &work->errors[worker]) < 0)
        return;
    for (int i = 0; i < n; i++) /* a damaged one lies somewhere; a search that comes across it names it */
        work->list[start + (uint64_t)i] = nearest[i] >= 0 ? (uint32_t)nearest[i] : 0;
}

/* Counting sort: the entries of a list are in ascending order. */
static int sort_lists(NearLists *lists, const PhotoIndex *index, const uint32_t *list, Error *err) {
    uint32_t *starts = ARENA_NEW(lists->arena, uint32_t, (size_t)lists->K + 1);
    uint32_t *numbers = ARENA_NEW(lists->arena, uint32_t, index->n - index->n_dead);
    if (!starts || !numbers)
        return error_memory(err);
    memset(starts, 0, ((size_t)lists->K + 1) * sizeof *starts);
    for (uint64_t i = 0; i < index->n; i++)
        if (!photo_index_is_dead(index, i))
            starts[list[i] + 1]++;
    for (int k = 0; k < lists->K; k++)
        starts[k + 1] += starts[k];
    for (uint64_t i = 0; i < index->n; i++) /* starts[k] goes on to where list k ends */
        if (!photo_index_is_dead(index, i))
            numbers[starts[list[i]]++] = (uint32_t)i;
    memmove(starts + 1, starts, (size_t)lists->K * sizeof *starts);
    starts[0] = 0;
    lists->starts = starts;
    lists->numbers = numbers;
    return 0;
}

static int assign(NearLists *lists, const PhotoIndex *index, Pool *pool, Error *err) {
    const size_t workers = (size_t)pool_threads(pool);
    Arena *arena = arena_create();
    Assignment work = {.index = index,
                       .lists = lists,
                       .rows = arena_floats(arena, workers * PART, (size_t)index->E),
                       .nearest = ARENA_NEW(arena, int64_t, workers * PART),
                       .list = ARENA_NEW(arena, uint32_t, index->n),
                       .errors = ARENA_NEW(arena, Error, workers),
                       .pool = pool};
    int result = arena_failed(arena) ? error_memory(err) : 0;
    if (result == 0) {
        memset(work.errors, 0, workers * sizeof *work.errors);
        pool_run(pool, (int)((index->n + PART - 1) / PART), assign_part, &work);
        result = pool_stopped(pool, err);
    }
    for (size_t w = 0; w < workers && result == 0; w++)
        if (work.errors[w].kind != ERROR_NONE) {
            *err = work.errors[w];
            result = -1;
        }
    if (result == 0)
        result = sort_lists(lists, index, work.list, err);
    arena_free(arena);
    return result;
}

NearLists *near_build(const PhotoIndex *index, Pool *pool, Error *err) {
    const uint64_t living = index->n - index->n_dead;
    const double wanted = round(4 * sqrt((double)living));
    Arena *arena = arena_create();
    NearLists *lists = ARENA_NEW(arena, NearLists, 1);
    if (!lists) {
        error_memory(err);
        arena_free(arena);
        return NULL;
    }
    *lists = (NearLists){.E = index->E,
                         .K = (int)fmin(fmin(wanted, MOST_LISTS), (double)living),
                         .n = index->n,
                         .segments = (uint32_t)index->n_segments,
                         .sum = near_lists_sum(index, index->n_segments),
                         .arena = arena};
    if (index->n > INT32_MAX)
        error_run(err, "%s: more entries than --approximate knows", index->path);
    else if (learn(lists, index, pool, err) == 0 &&
             (lists->clusters = clusters_open(lists->centres, lists->K, lists->E, err)) &&
             assign(lists, index, pool, err) == 0)
        return lists;
    near_lists_close(lists);
    return NULL;
}
