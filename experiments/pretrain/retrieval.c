/* retrieval.c: see retrieval.h */
#include "experiments/pretrain/retrieval.h"

#include "clip/base/arena.h"
#include "clip/math/gemm.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 64 }; /* queries at a time */

/* How many items come before the match, from 0. */
static int rank_of(const float *scores, int match, int n) {
    int rank = 0;
    for (int i = 0; i < n; i++)
        rank += scores[i] > scores[match] || (i < match && scores[i] == scores[match]);
    return rank;
}

static int compare_ranks(const void *a, const void *b) {
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static Ranks summarize(int *ranks, int n) {
    static const int most[] = {1, 5, 10};
    Ranks all = {0};
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += ranks[i];
        for (int k = 0; k < 3; k++)
            all.recall[k] += ranks[i] < most[k];
    }
    for (int k = 0; k < 3; k++)
        all.recall[k] /= n;
    all.mean_rank = sum / n + 1;
    qsort(ranks, (size_t)n, sizeof *ranks, compare_ranks);
    all.median_rank = floor(((double)ranks[(n - 1) / 2] + ranks[n / 2]) / 2) + 1;
    return all;
}

int retrieval_ranks(Ranks *out, const float *queries, const float *items, int n, int E, Pool *pool,
                    Error *err) {
    Arena *arena = arena_create();
    float *scores = arena_floats(arena, ROWS, (size_t)n);
    int *ranks = ARENA_NEW(arena, int, n);
    int status = arena_failed(arena) ? error_memory(err) : 0;
    for (int first = 0; first < n && status == 0; first += ROWS) {
        const int rows = n - first < ROWS ? n - first : ROWS;
        linear_forward(pool, scores, queries + (size_t)first * (size_t)E, items, NULL, rows, E, n, false);
        for (int i = 0; i < rows; i++)
            ranks[first + i] = rank_of(scores + (size_t)i * (size_t)n, first + i, n);
        status = pool_stopped(pool, err);
    }
    if (status == 0)
        *out = summarize(ranks, n);
    arena_free(arena);
    return status;
}
