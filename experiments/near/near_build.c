/* near_build.c: see near_build.h */
#include "experiments/near/near_build.h"

#include "clip/math/half.h"
#include "experiments/near/centres.h"
#include "experiments/near/clusters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PART = 8192, LEARNED = 40, MOST_LISTS = 1 << 16 };

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

/* list (n) of each entry; a damaged one lies somewhere, and a search that comes across it names it. */
static int find_lists(uint32_t *list, const NearLists *lists, const PhotoIndex *index, Pool *pool,
                      Arena *arena, Error *err) {
    const size_t E = (size_t)index->E;
    float *rows = arena_floats(arena, PART, E), *scores = arena_floats(arena, PART, 1);
    int64_t *nearest = ARENA_NEW(arena, int64_t, PART);
    if (arena_failed(arena))
        return error_memory(err);
    for (uint64_t start = 0; start < index->n; start += PART) {
        const int n = (int)(index->n - start < PART ? index->n - start : PART);
        for (int i = 0; i < n; i++) {
            const unsigned char *row = photo_index_row(index, start + (uint64_t)i);
            if (index->numbers == INDEX_FLOAT32)
                memcpy(rows + (size_t)i * E, row, E * sizeof *rows);
            else
                bfloat16_to_float(rows + (size_t)i * E, row, E);
        }
        if (centres_nearest(nearest, scores, rows, n, lists->centres, lists->K, lists->E, pool, err) < 0)
            return -1;
        for (int i = 0; i < n; i++)
            list[start + (uint64_t)i] = (uint32_t)nearest[i];
    }
    return 0;
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
    Arena *arena = arena_create();
    uint32_t *list = ARENA_NEW(arena, uint32_t, index->n);
    int result = list ? find_lists(list, lists, index, pool, arena, err) : error_memory(err);
    if (result == 0)
        result = sort_lists(lists, index, list, err);
    arena_free(arena);
    return result;
}

NearLists *near_build(const PhotoIndex *index, Pool *pool, Error *err) {
    const uint64_t living = index->n - index->n_dead;
    const double wanted = round(4 * sqrt((double)living));
    NearLists *lists = near_lists_create(err);
    if (!lists)
        return NULL;
    lists->E = index->E;
    lists->K = (int)fmin(fmin(wanted, MOST_LISTS), (double)living);
    lists->n = index->n;
    lists->segments = (uint32_t)index->n_segments;
    lists->sum = near_lists_sum(index, index->n_segments);
    if (index->n > INT32_MAX)
        error_run(err, "%s: more entries than --approximate knows", index->path);
    else if (learn(lists, index, pool, err) == 0 && assign(lists, index, pool, err) == 0)
        return lists;
    near_lists_close(lists);
    return NULL;
}
