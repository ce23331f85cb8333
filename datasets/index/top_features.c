/* top_features.c: see top_features.h
 *
 * Rows are cut into tiles of TILE rows of one segment. A worker keeps for each query those rows whose rough
 * score is above a bar: the top-th highest rough score that it has seen, less 2 * off. `off` bounds what
 * separates a rough score from the exact one: a sum of E products in float, in whatever order, is off by at
 * most E eps / (1 - E eps) times the sum of the products' sizes, which is at most 1 for unit vectors (Higham,
 * Accuracy and Stability of Numerical Algorithms, section 3.1); rows of bfloat16 are converted exactly. The
 * top-th best of all is rough at least its exact score - off, and so is what bars it: no row of the result is
 * ever barred, whoever looks at it. In the end the rows that are left are scored exactly and sorted.
 */
#include "datasets/index/top_features.h"

#include "clip/base/minimum.h"
#include "clip/base/simd.h"
#include "clip/math/half.h"
#include "clip/math/packed.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TILE = 2048,   /* rows of one piece of work */
    BLOCK = 128,   /* rows that are multiplied at once, and stay in the cache meanwhile */
    STREAMED = 12, /* most queries that are not worth packing */
    ROOM = 64      /* candidates beside 2 * top before they are sifted */
};

#define ROW_SLACK 0.02f /* how much longer than 1 a row of bfloat16 may be */

#define BFLOAT16_UNIT 0x1p-8f /* how far, in parts of it, a number is from its bfloat16, and more */

typedef struct {
    float score;
    uint64_t number;
} Rough;

/* What one worker has seen of one query. */
typedef struct {
    Rough *rows; /* (capacity), malloc'd */
    size_t n, capacity;
} Candidates;

typedef struct {
    Candidates *candidates; /* (n_queries) */
    float *bars;            /* (n_queries), which a rough score must reach */
    unsigned char *bytes;   /* (BLOCK) rows as the file has them, where they are read */
    float *rows;            /* (BLOCK, E), of bfloat16 */
    float *scores;          /* (BLOCK, n_queries) */
    float *picked;          /* scratch of sift */
    size_t n_picked;
    uint64_t damaged; /* the lowest number of a row that is not of unit length; UINT64_MAX: none */
    bool failed;      /* memory ran out */
    bool was_cut;     /* the file ends before its rows do, or cannot be read */
} Worker;

typedef struct {
    const PhotoIndex *index;
    const float *queries;            /* (n_queries, E) */
    const SomeEntries *some;         /* that are looked at; NULL: all */
    PackedMatrix packed;             /* of them */
    int n_queries, top, *first_tile; /* (n_segments + 1) */
    bool is_packed;
    float off;
    Worker *workers;
    Pool *pool;
} Search;

/* --- candidates --- */

static int compare_floats(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return x > y ? -1 : x < y;
}

/* The k-th largest (from 0) of values (n), which are rearranged: Hoare's selection. */
static float select_largest(float *values, size_t n, size_t k) {
    size_t low = 0, high = n - 1;
    while (high - low > 16) {
        const float pivot = values[low + (high - low) / 2];
        size_t i = low, j = high;
        while (i <= j) {
            while (values[i] > pivot)
                i++;
            while (values[j] < pivot)
                j--;
            if (i <= j) {
                const float swapped = values[i];
                values[i++] = values[j];
                values[j] = swapped;
                if (j == 0)
                    break;
                j--;
            }
        }
        if (k <= j)
            high = j;
        else if (k >= i)
            low = i;
        else
            return values[k];
    }
    qsort(values + low, high - low + 1, sizeof *values, compare_floats);
    return values[k];
}

/* Raises the bar of a query to what it has seen, and drops those below. */
static void sift(const Search *search, Worker *worker, int query) {
    Candidates *candidates = &worker->candidates[query];
    const size_t n = candidates->n, top = (size_t)search->top;
    if (n <= top)
        return;
    if (worker->n_picked < n) {
        float *picked = realloc(worker->picked, n * sizeof *picked);
        if (!picked) {
            worker->failed = true;
            return;
        }
        worker->picked = picked;
        worker->n_picked = n;
    }
    for (size_t i = 0; i < n; i++)
        worker->picked[i] = candidates->rows[i].score;
    const float bar = select_largest(worker->picked, n, top - 1) - 2 * search->off;
    if (bar <= worker->bars[query])
        return;
    worker->bars[query] = bar;
    candidates->n = 0;
    for (size_t i = 0; i < n; i++)
        if (candidates->rows[i].score >= bar)
            candidates->rows[candidates->n++] = candidates->rows[i];
}

static void keep(const Search *search, Worker *worker, int query, float score, uint64_t number) {
    Candidates *candidates = &worker->candidates[query];
    const bool is_full = candidates->n == candidates->capacity;
    if (is_full && candidates->n > 0) {
        sift(search, worker, query);
        if (score < worker->bars[query])
            return;
    }
    /* where many are alike, sifting must not become all there is to do */
    if (is_full && candidates->n >= candidates->capacity / 4 * 3) {
        const size_t capacity = 2 * (candidates->capacity + (size_t)search->top) + ROOM;
        Rough *rows = realloc(candidates->rows, capacity * sizeof *rows);
        if (!rows) {
            worker->failed = true;
            candidates->n = 0;
            return;
        }
        candidates->rows = rows;
        candidates->capacity = capacity;
    }
    candidates->rows[candidates->n++] = (Rough){score, number};
}

/* --- rough scores --- */

/* scores (rows, stride) of one query; four rows at a time, so that the query is read once for them. */
VECTOR_CLONES static void stream_rows(float *scores, size_t stride, const float *rows, const float *query,
                                      int n, int E) {
    int i = 0;
    for (; i + 4 <= n; i += 4) {
        const float *a = rows + (size_t)i * (size_t)E, *b = a + E, *c = b + E, *d = c + E;
        float w = 0, x = 0, y = 0, z = 0;
#pragma omp simd reduction(+ : w, x, y, z)
        for (int k = 0; k < E; k++) {
            w += a[k] * query[k];
            x += b[k] * query[k];
            y += c[k] * query[k];
            z += d[k] * query[k];
        }
        float *out = scores + (size_t)i * stride;
        out[0] = w;
        out[stride] = x;
        out[2 * stride] = y;
        out[3 * stride] = z;
    }
    for (; i < n; i++) {
        const float *a = rows + (size_t)i * (size_t)E;
        float w = 0;
#pragma omp simd reduction(+ : w)
        for (int k = 0; k < E; k++)
            w += a[k] * query[k];
        scores[(size_t)i * stride] = w;
    }
}

/* Whether any of the scores (n) reaches its bar, or is none that unit vectors have. */
VECTOR_CLONES static bool any_above(const float *scores, const float *bars, int n, float most) {
    int above = 0;
#pragma omp simd reduction(| : above)
    for (int q = 0; q < n; q++)
        above |= !(scores[q] < bars[q]) | !(scores[q] >= -most);
    return above != 0;
}

/* One row's scores (n_queries). */
static void look(const Search *search, Worker *worker, const float *scores, uint64_t number) {
    const float most = 1 + ROW_SLACK + search->off;
    if (!any_above(scores, worker->bars, search->n_queries, most) ||
        photo_index_is_dead(search->index, number))
        return;
    for (int q = 0; q < search->n_queries; q++)
        if (!(fabsf(scores[q]) <= most))
            worker->damaged = number < worker->damaged ? number : worker->damaged;
        else if (scores[q] >= worker->bars[q])
            keep(search, worker, q, scores[q], number);
}

static bool read_rows(unsigned char *bytes, size_t size, const PhotoIndex *index, size_t offset) {
    for (size_t done = 0; done < size;) {
        const ssize_t got = pread(index->rows_file, bytes + done, size - done, (off_t)(offset + done));
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* n rows in float: as they are, or of the worker. NULL when they cannot be read. */
static const float *block_rows(const PhotoIndex *index, Worker *worker, const unsigned char *at, int n) {
    const size_t numbers = (size_t)n * (size_t)index->E;
    if (index->rows_file >= 0) {
        if (!read_rows(worker->bytes, numbers * index_number_size(index->numbers), index,
                       (size_t)(at - index->map.data)))
            return NULL;
        at = worker->bytes;
    }
    if (index->numbers == INDEX_FLOAT32)
        return (const float *)(const void *)at;
    bfloat16_to_float(worker->rows, at, numbers);
    return worker->rows;
}

/* n rows that lie anywhere, from the `first` of some on: put together, they are multiplied as others are. */
static void search_picked(const Search *search, Worker *worker, size_t first, int n) {
    const PhotoIndex *index = search->index;
    const SomeEntries *some = search->some;
    const size_t E = (size_t)index->E;
    for (int i = 0; i < n; i++) {
        const size_t at = first + (size_t)i;
        float *out = worker->rows + (size_t)i * E;
        const unsigned char *row =
            some->copies ? some->copies[at] : photo_index_row(index, some->numbers[at]);
        if (some->copies || index->numbers == INDEX_BFLOAT16)
            bfloat16_to_float(out, row, E);
        else
            memcpy(out, row, E * sizeof *out);
    }
    stream_rows(worker->scores, 1, worker->rows, search->queries, n, index->E);
    for (int i = 0; i < n; i++)
        look(search, worker, worker->scores + i, some->numbers[first + (size_t)i]);
}

static void search_block(const Search *search, Worker *worker, const IndexSegment *segment, uint64_t first,
                         int n) {
    const int E = search->index->E, Q = search->n_queries;
    const size_t row_size = (size_t)E * index_number_size(search->index->numbers);
    const float *rows = block_rows(search->index, worker, segment->features + first * row_size, n);
    if (!rows) {
        worker->was_cut = true;
        return;
    }
    if (search->is_packed)
        packed_product(NULL, worker->scores, rows, &search->packed, NULL, NULL, n);
    else
        for (int q = 0; q < Q; q++)
            stream_rows(worker->scores + q, (size_t)Q, rows, search->queries + (size_t)q * (size_t)E, n, E);
    for (int i = 0; i < n; i++)
        look(search, worker, worker->scores + (size_t)i * (size_t)Q, segment->first + first + (uint64_t)i);
}

static void search_picked_tile(void *context, int tile, int number) {
    const Search *search = context;
    Worker *worker = &search->workers[number];
    const size_t start = (size_t)tile * TILE, end = min_size(start + TILE, search->some->n);
    if (worker->failed || pool_stopped(search->pool, NULL) < 0)
        return;
    for (size_t at = start; at < end; at += BLOCK)
        search_picked(search, worker, at, (int)min_size(end - at, BLOCK));
}

static void search_tile(void *context, int tile, int number) {
    const Search *search = context;
    Worker *worker = &search->workers[number];
    int low = 0, high = search->index->n_segments;
    if (worker->failed || worker->was_cut || pool_stopped(search->pool, NULL) < 0)
        return;
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        if (search->first_tile[middle] <= tile)
            low = middle;
        else
            high = middle;
    }
    const IndexSegment *segment = &search->index->segments[low];
    const uint64_t start = (uint64_t)(tile - search->first_tile[low]) * TILE;
    const uint64_t end = start + TILE < segment->n ? start + TILE : segment->n;
    for (uint64_t at = start; at < end; at += BLOCK)
        search_block(search, worker, segment, at, (int)(end - at < BLOCK ? end - at : BLOCK));
}

/* --- exact scores --- */

double feature_score(const PhotoIndex *index, uint64_t number, const float *query) {
    const unsigned char *row = photo_index_row(index, number);
    const size_t size = index_number_size(index->numbers);
    double sum = 0;
    for (int k = 0; k < index->E; k++) {
        float value;
        if (index->numbers == INDEX_FLOAT32)
            memcpy(&value, row + (size_t)k * size, sizeof value);
        else
            bfloat16_to_float(&value, row + (size_t)k * size, 1);
        sum += (double)value * (double)query[k];
    }
    return sum;
}

static int compare_found(const void *a, const void *b) {
    const Found *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* Puts what all workers have kept of a query together, in the first one. */
static void gather(const Search *search, int n_workers, int query) {
    Worker *first = &search->workers[0];
    for (int w = 1; w < n_workers; w++) {
        const Candidates *others = &search->workers[w].candidates[query];
        for (size_t i = 0; i < others->n; i++)
            if (others->rows[i].score >= first->bars[query])
                keep(search, first, query, others->rows[i].score, others->rows[i].number);
    }
    sift(search, first, query);
}

typedef struct {
    const Search *search;
    Found *found, *scratch; /* scratch: (all candidates) */
    int *n_found;
    const size_t *offsets; /* (n_queries) into scratch */
} Ranking;

static void rank_query(void *context, int query, int worker) {
    const Ranking *ranking = context;
    const Search *search = ranking->search;
    const Candidates *candidates = &search->workers[0].candidates[query];
    Found *all = ranking->scratch + ranking->offsets[query];
    const int n = (int)min_size(candidates->n, (size_t)search->top);
    (void)worker;
    for (size_t i = 0; i < candidates->n; i++)
        all[i] = (Found){feature_score(search->index, candidates->rows[i].number,
                                       search->queries + (size_t)query * (size_t)search->index->E),
                         candidates->rows[i].number};
    qsort(all, candidates->n, sizeof *all, compare_found);
    ranking->n_found[query] = n;
    if (n > 0)
        memcpy(ranking->found + (size_t)query * (size_t)search->top, all, (size_t)n * sizeof *all);
}

static int rank_all(const Search *search, Found *found, int *n_found, Error *err) {
    const int Q = search->n_queries, n_workers = pool_threads(search->pool);
    size_t total = 0, *offsets = calloc((size_t)Q, sizeof *offsets);
    for (int q = 0; offsets && q < Q; q++) {
        gather(search, n_workers, q);
        offsets[q] = total;
        total += search->workers[0].candidates[q].n;
    }
    Found *scratch = offsets ? malloc((total + 1) * sizeof *scratch) : NULL;
    const bool good = scratch && !search->workers[0].failed;
    Ranking ranking = {search, found, scratch, n_found, offsets};
    if (good)
        pool_run(search->pool, Q, rank_query, &ranking);
    free(scratch);
    free(offsets);
    return good ? 0 : error_memory(err);
}

/* --- all --- */

static bool make_workers(Search *search, int n, Arena *arena) {
    const size_t Q = (size_t)search->n_queries, E = (size_t)search->index->E;
    search->workers = ARENA_NEW(arena, Worker, n);
    const size_t read = search->index->rows_file >= 0 ? E * index_number_size(search->index->numbers) : 0;
    for (int i = 0; search->workers && i < n; i++) {
        search->workers[i] =
            (Worker){.candidates = ARENA_NEW(arena, Candidates, Q),
                     .bytes = arena_alloc(arena, BLOCK, read),
                     .bars = arena_floats(arena, Q, 1),
                     .rows = arena_floats(
                         arena, search->some || search->index->numbers == INDEX_BFLOAT16 ? BLOCK : 0, E),
                     .scores = arena_floats(arena, BLOCK, Q),
                     .damaged = UINT64_MAX};
        for (size_t q = 0; search->workers[i].bars && q < Q; q++)
            search->workers[i].bars[q] = -INFINITY;
    }
    return !arena_failed(arena);
}

/* How many tiles there are; -1: more than an int. */
static int count_tiles(Search *search, Arena *arena) {
    uint64_t n = 0;
    search->first_tile = ARENA_NEW(arena, int, search->index->n_segments + 1);
    for (int s = 0; search->first_tile && s < search->index->n_segments; s++) {
        search->first_tile[s] = (int)n;
        n += (search->index->segments[s].n + TILE - 1) / TILE;
        if (n > INT32_MAX)
            return -1;
    }
    return (int)n;
}

static int check_workers(const Search *search, int n, Error *err) {
    uint64_t damaged = UINT64_MAX;
    for (int i = 0; i < n; i++) {
        if (search->workers[i].failed)
            return error_memory(err);
        if (search->workers[i].was_cut)
            return error_set(err, "%s: was cut while being read", search->index->path);
        damaged = search->workers[i].damaged < damaged ? search->workers[i].damaged : damaged;
    }
    if (pool_stopped(search->pool, err) < 0)
        return -1;
    if (damaged == UINT64_MAX)
        return 0;
    float *feature = malloc((size_t)search->index->E * sizeof *feature);
    if (!feature)
        return error_memory(err);
    const int result = photo_index_feature(search->index, damaged, feature, err);
    free(feature);
    return result < 0 ? -1
                      : error_set(err, "%s: the feature of entry %" PRIu64 " is not of unit length",
                                  search->index->path, damaged);
}

static int search_all(Search *search, Found *found, int *n_found, Error *err) {
    const int n_workers = pool_threads(search->pool);
    const float unit = (float)search->index->E * FLT_EPSILON / 2;
    Arena *arena = arena_create();
    int result = -1;
    search->off = (1 + ROW_SLACK) * (1 + ROW_SLACK) * unit / (1 - unit);
    if (search->some && search->some->copies && search->index->numbers == INDEX_FLOAT32)
        search->off += (1 + ROW_SLACK) * (1 + ROW_SLACK) * BFLOAT16_UNIT;
    const int n_tiles =
        search->some ? (int)((search->some->n + TILE - 1) / TILE) : count_tiles(search, arena);
    if (search->is_packed)
        packed_create(&search->packed, search->queries, search->index->E, search->n_queries, true,
                      PRECISION_FLOAT32, arena);
    if (n_tiles < 0)
        error_run(err, "%s: more entries than can be searched", search->index->path);
    else if (!make_workers(search, n_workers, arena))
        error_memory(err);
    else {
        pool_run(search->pool, n_tiles, search->some ? search_picked_tile : search_tile, search);
        result = check_workers(search, n_workers, err);
        if (result == 0)
            result = rank_all(search, found, n_found, err);
    }
    for (int i = 0; search->workers && i < n_workers; i++) {
        for (int q = 0; search->workers[i].candidates && q < search->n_queries; q++)
            free(search->workers[i].candidates[q].rows);
        free(search->workers[i].picked);
    }
    arena_free(arena);
    return result;
}

int top_features(Found *found, int *n_found, const PhotoIndex *index, const float *queries, int n_queries,
                 int top, Pool *pool, Error *err) {
    Search search = {.index = index,
                     .queries = queries,
                     .n_queries = n_queries,
                     .top = top,
                     .is_packed = n_queries > STREAMED,
                     .pool = pool};
    return search_all(&search, found, n_found, err);
}

int top_features_of(Found *found, int *n_found, const PhotoIndex *index, const SomeEntries *some,
                    const float *query, int top, Pool *pool, Error *err) {
    Search search = {
        .index = index, .queries = query, .some = some, .n_queries = 1, .top = top, .pool = pool};
    return search_all(&search, found, n_found, err);
}
