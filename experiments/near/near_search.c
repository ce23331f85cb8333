/* near_search.c: see near_search.h */
#define _GNU_SOURCE /* madvise */
#include "experiments/near/near_search.h"

#include "clip/base/checksum.h"
#include "experiments/near/centres.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TEN = 10 };
#define ENOUGH 0.95f
#define NEARLY_ALL 0.995f

/* --- a search --- */

/* What is looked at: entries, and the lists that they are from. */
typedef struct {
    const NearLists *lists;
    const int *probes; /* (n_probes) */
    int n_probes;
    uint32_t *numbers; /* (n) */
    const unsigned char **copies;
    size_t n;
    atomic_int damaged; /* a list whose rows are; -1: none */
} Picked;

static void check_list(void *context, int tile, int worker) {
    Picked *picked = context;
    const NearLists *lists = picked->lists;
    const int k = picked->probes[tile];
    (void)worker;
    const size_t row = (size_t)lists->E * 2, start = lists->starts[k];
    if (checksum(0, lists->rows + start * row, (lists->starts[k + 1] - start) * row) != lists->sums[k])
        atomic_store(&picked->damaged, k);
}

/* The system reads the lists at once, while the first of them is checked. */
static int check_rows(Picked *picked, Pool *pool, Error *err) {
    const NearLists *lists = picked->lists;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), row = (size_t)lists->E * 2;
    for (int p = 0; p < picked->n_probes; p++) {
        const int k = picked->probes[p];
        const uintptr_t start = (uintptr_t)(lists->rows + lists->starts[k] * row) / page * page,
                        end = (uintptr_t)(lists->rows + lists->starts[k + 1] * row);
        madvise((void *)start, end - start, MADV_WILLNEED); /* advice alone */
    }
    picked->damaged = -1;
    pool_run(pool, picked->n_probes, check_list, picked);
    return picked->damaged < 0
               ? 0
               : error_set(err, "%s: damaged: the rows of list %d; without this file, it is made anew",
                           lists->path, picked->damaged);
}

/* The entries of those lists. In lists that were just built there are no copies. */
static int collect(Picked *picked, Error *err) {
    const NearLists *lists = picked->lists;
    size_t n = 0, at = 0;
    for (int p = 0; p < picked->n_probes; p++)
        n += lists->starts[picked->probes[p] + 1] - lists->starts[picked->probes[p]];
    picked->numbers = malloc((n + 1) * sizeof *picked->numbers);
    picked->copies = lists->rows ? malloc((n + 1) * sizeof *picked->copies) : NULL;
    if (!picked->numbers || (lists->rows && !picked->copies))
        return error_memory(err);
    for (int p = 0; p < picked->n_probes; p++) {
        for (uint32_t i = lists->starts[picked->probes[p]]; i < lists->starts[picked->probes[p] + 1]; i++) {
            if (picked->copies)
                picked->copies[at] = lists->rows + (size_t)i * (size_t)lists->E * 2;
            picked->numbers[at++] = lists->numbers[i];
        }
    }
    picked->n = n;
    return 0;
}

static int compare_found(const void *a, const void *b) {
    const Found *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* Joins what those find that came to the index later: found (top). */
static int search_later(Found *found, int *n_found, const NearLists *lists, const PhotoIndex *index,
                        const float *query, int top, Pool *pool, Error *err) {
    const size_t n = (size_t)(index->n - lists->n);
    if (n == 0)
        return 0;
    uint32_t *numbers = malloc(n * sizeof *numbers);
    Found *both = malloc(2 * (size_t)top * sizeof *both);
    int result = numbers && both ? 0 : error_memory(err), more = 0;
    for (size_t i = 0; result == 0 && i < n; i++)
        numbers[i] = (uint32_t)(lists->n + i);
    const SomeEntries later = {numbers, NULL, n};
    if (result == 0)
        result = top_features_of(both + *n_found, &more, index, &later, query, top, pool, err);
    if (result == 0) {
        memcpy(both, found, (size_t)*n_found * sizeof *both);
        more += *n_found;
        qsort(both, (size_t)more, sizeof *both, compare_found);
        *n_found = more < top ? more : top;
        memcpy(found, both, (size_t)*n_found * sizeof *both);
    }
    free(both);
    free(numbers);
    return result;
}

static int search_lists(Found *found, int *n_found, const NearLists *lists, const PhotoIndex *index,
                        const float *query, int top, int n_probes, Pool *pool, Error *err) {
    int *probes = malloc((size_t)n_probes * sizeof *probes);
    Picked picked = {.lists = lists, .probes = probes, .n_probes = n_probes};
    int result = probes ? centres_of(probes, n_probes, query, lists->centres, lists->K, lists->E, err)
                        : error_memory(err);
    if (result == 0 && lists->rows)
        result = check_rows(&picked, pool, err);
    if (result == 0)
        result = collect(&picked, err);
    const SomeEntries some = {picked.numbers, picked.copies, picked.n};
    if (result == 0)
        result = top_features_of(found, n_found, index, &some, query, top, pool, err);
    if (result == 0)
        result = search_later(found, n_found, lists, index, query, top, pool, err);
    free(picked.copies);
    free(picked.numbers);
    free(probes);
    return result;
}

int near_search(Found *found, int *n_found, const NearLists *lists, const PhotoIndex *index,
                const float *query, int top, int probes, Pool *pool, Error *err) {
    for (;; probes *= 2) {
        probes = probes < lists->K ? probes : lists->K;
        if (search_lists(found, n_found, lists, index, query, top, probes, pool, err) < 0)
            return -1;
        if (*n_found == top || probes == lists->K)
            return 0;
    }
}

/* --- recall --- */

typedef struct {
    const float *queries; /* (n, E) */
    int n, self;          /* self: 1 when each query is an entry, which finds itself */
    Found *exact;         /* (n, TEN + self) */
    int *n_exact;         /* (n) */
} Trial;

static int find_exact(Trial *trial, const PhotoIndex *index, Pool *pool, Arena *arena, Error *err) {
    const int top = TEN + trial->self;
    trial->exact = ARENA_NEW(arena, Found, (size_t)trial->n * (size_t)top + 1);
    trial->n_exact = ARENA_NEW(arena, int, (size_t)trial->n + 1);
    if (arena_failed(arena))
        return error_memory(err);
    return trial->n > 0
               ? top_features(trial->exact, trial->n_exact, index, trial->queries, trial->n, top, pool, err)
               : 0;
}

/* *recall: the part of what is exact, itself left out, that is found; entries that are equally near are
 * equally right. */
static int measure(float *recall, const Trial *trial, const NearLists *lists, const PhotoIndex *index,
                   int probes, Pool *pool, Error *err) {
    const int top = TEN + trial->self;
    Found found[TEN + 1];
    long right = 0, all = 0;
    for (int q = 0; q < trial->n; q++) {
        const Found *exact = trial->exact + (size_t)q * (size_t)top;
        const int n = trial->n_exact[q];
        int n_found;
        if (search_lists(found, &n_found, lists, index, trial->queries + (size_t)q * (size_t)index->E, top,
                         probes, pool, err) < 0)
            return -1;
        int hits = 0;
        for (int i = 0; i < n_found; i++)
            hits += n > 0 && found[i].score >= exact[n - 1].score;
        right += hits > trial->self ? hits - trial->self : 0;
        all += n - trial->self;
    }
    *recall = all > 0 ? (float)right / (float)all : -1;
    return 0;
}

/* Features (n, E) of entries that live, evenly taken; how many there are, or -1. */
static int take_photos(float *features, int n, const PhotoIndex *index, Error *err) {
    const uint64_t step = index->n / (uint64_t)(n > 0 ? n : 1) + 1;
    int taken = 0;
    for (uint64_t i = step / 2; i < index->n && taken < n; i += step) {
        if (photo_index_is_dead(index, i))
            continue;
        if (photo_index_feature(index, i, features + (size_t)taken * (size_t)index->E, err) < 0)
            return -1;
        taken++;
    }
    return taken;
}

int near_measure(NearLists *lists, const PhotoIndex *index, int n_photos, const float *texts, int n_texts,
                 Pool *pool, Error *err) {
    Arena *arena = arena_create();
    float *photos = arena_floats(arena, (size_t)n_photos + 1, (size_t)index->E);
    int result = photos ? n_photos = take_photos(photos, n_photos, index, err) : error_memory(err);
    Trial trials[] = {{.queries = photos, .n = n_photos, .self = 1}, {.queries = texts, .n = n_texts}};
    for (int t = 0; t < 2 && result >= 0; t++)
        result = find_exact(&trials[t], index, pool, arena, err);
    lists->n_recall = 0;
    for (int probes = 1; result >= 0 && lists->n_recall < NEAR_STEPS; probes *= 2) {
        NearRecall *row = &lists->recall[lists->n_recall];
        if (probes > lists->K || (probes > 1 && probes > lists->K / 4))
            break;
        *row = (NearRecall){.probes = (uint32_t)probes};
        result = measure(&row->photos, &trials[0], lists, index, probes, pool, err);
        if (result == 0)
            result = measure(&row->texts, &trials[1], lists, index, probes, pool, err);
        lists->n_recall++;
        if ((row->photos < 0 || row->photos >= NEARLY_ALL) && (row->texts < 0 || row->texts >= NEARLY_ALL))
            break;
    }
    arena_free(arena);
    return result < 0 ? -1 : 0;
}

int near_default_probes(const NearLists *lists) {
    for (int i = 0; i < lists->n_recall; i++) {
        const NearRecall *row = &lists->recall[i];
        if ((row->texts < 0 ? row->photos : row->texts) >= ENOUGH)
            return (int)row->probes;
    }
    return lists->n_recall > 0 ? (int)lists->recall[lists->n_recall - 1].probes : lists->K;
}

const NearRecall *near_recall_of(const NearLists *lists, int probes) {
    const NearRecall *best = NULL;
    for (int i = 0; i < lists->n_recall; i++)
        if (lists->recall[i].probes <= (uint32_t)probes)
            best = &lists->recall[i];
    return best;
}
