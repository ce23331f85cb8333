/* centres.c: see centres.h */
#include "experiments/near/centres.h"

#include "clip/base/simd.h"
#include "clip/math/packed.h"

#include <stdlib.h>

enum { PART = 256 };

/* --- many vectors --- */

typedef struct {
    PackedMatrix packed;
    const float *vectors; /* (n, E) */
    int n, K, E;
    float *products; /* of each worker (PART, K) */
    int64_t *nearest;
    float *scores;
    Pool *pool;
} Work;

static void nearest_part(void *context, int tile, int worker) {
    const Work *work = context;
    const int start = tile * PART, n = work->n - start < PART ? work->n - start : PART;
    float *products = work->products + (size_t)worker * PART * (size_t)work->K;
    if (pool_stopped(work->pool, NULL) < 0)
        return;
    packed_product(NULL, products, work->vectors + (size_t)start * (size_t)work->E, &work->packed, NULL, NULL,
                   n);
    for (int i = 0; i < n; i++) {
        const float *row = products + (size_t)i * (size_t)work->K;
        int best = 0;
        for (int k = 1; k < work->K; k++)
            if (row[k] > row[best])
                best = k;
        work->nearest[start + i] = best;
        work->scores[start + i] = row[best];
    }
}

int centres_nearest(int64_t *nearest, float *scores, const float *vectors, int n, const float *centres, int K,
                    int E, Pool *pool, Error *err) {
    Arena *arena = arena_create();
    Work work = {.vectors = vectors,
                 .n = n,
                 .K = K,
                 .E = E,
                 .products = arena_floats(arena, (size_t)pool_threads(pool) * PART, (size_t)K),
                 .nearest = nearest,
                 .scores = scores,
                 .pool = pool};
    packed_create(&work.packed, centres, E, K, true, PRECISION_FLOAT32, arena);
    int result = arena_failed(arena) ? error_memory(err) : 0;
    if (result == 0) {
        pool_run(pool, (n + PART - 1) / PART, nearest_part, &work);
        result = pool_stopped(pool, err);
    }
    arena_free(arena);
    return result;
}

/* --- one --- */

typedef struct {
    float score;
    int centre;
} Scored;

static int compare(const void *a, const void *b) {
    const Scored *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->centre > y->centre) - (x->centre < y->centre);
}

VECTOR_CLONES static float product(const float *a, const float *b, int E) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int k = 0; k < E; k++)
        sum += a[k] * b[k];
    return sum;
}

int centres_of(int *nearest, int most, const float *vector, const float *centres, int K, int E, Error *err) {
    Scored *all = malloc((size_t)K * sizeof *all);
    if (!all)
        return error_memory(err);
    for (int k = 0; k < K; k++)
        all[k] = (Scored){product(vector, centres + (size_t)k * (size_t)E, E), k};
    qsort(all, (size_t)K, sizeof *all, compare);
    for (int i = 0; i < most; i++)
        nearest[i] = all[i].centre;
    free(all);
    return 0;
}
