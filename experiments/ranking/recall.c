/* recall.c: see recall.h */
#include "experiments/ranking/recall.h"

#include "clip/base/arena.h"
#include "clip/math/gemm.h"
#include "experiments/ranking/topk.h"

#include <math.h>
#include <stdlib.h>

const int RECALL_AT[N_RECALLS] = {1, 5, 10};

enum { ROWS = 64 }; /* queries at a time */

/* What came of one query. */
typedef struct {
    int rank; /* from 0; -1: nothing answers it */
    bool tied, bad;
    bool hit[N_RECALLS];
} Outcome;

typedef struct {
    const Ranking *ranking;
    const float *scores; /* (ROWS, n_items) */
    Outcome *outcomes;   /* (n_queries) */
    Scored *scratch;     /* (threads, n_items) */
    int first;           /* query of the first row */
} Block;

/* The item with the best score that answers the query; of equal ones the first. -1: there is none. */
static int best_answer(const float *scores, const int *groups, int group, int n) {
    int best = -1;
    for (int i = 0; i < n; i++)
        if (groups[i] == group && (best < 0 || scores[i] > scores[best]))
            best = i;
    return best;
}

/* Whether an answer is among the k that are taken. */
static bool is_taken(const float *scores, const int *groups, int group, int n, int k, Scored *scratch) {
    if (k >= n)
        return true;
    for (int i = 0; i < n; i++)
        scratch[i] = (Scored){scores[i], i};
    topk_select(scratch, n, k);
    for (int i = 0; i < k; i++)
        if (groups[scratch[i].item] == group)
            return true;
    return false;
}

static Outcome query_outcome(const float *scores, const int *groups, int group, int n, Scored *scratch) {
    Outcome out = {.rank = -1};
    const int best = best_answer(scores, groups, group, n);
    int above = 0, earlier = 0, equal = 0;
    for (int i = 0; i < n; i++)
        out.bad |= !isfinite(scores[i]);
    if (best < 0 || out.bad)
        return out;
    const float score = scores[best];
    for (int i = 0; i < n; i++) {
        above += scores[i] > score;
        equal += scores[i] == score && groups[i] != group;
    }
    for (int i = 0; i < best; i++)
        earlier += scores[i] == score;
    out.rank = above + earlier;
    out.tied = equal > 0;
    for (int k = 0; k < N_RECALLS; k++) /* ties matter only across the border */
        out.hit[k] = above < RECALL_AT[k] && (above + equal < RECALL_AT[k] ||
                                              is_taken(scores, groups, group, n, RECALL_AT[k], scratch));
    return out;
}

static void measure_row(void *context, int tile, int worker) {
    Block *block = context;
    const Ranking *r = block->ranking;
    const int query = block->first + tile;
    const size_t n = (size_t)r->n_items;
    block->outcomes[query] =
        query_outcome(block->scores + (size_t)tile * n, r->item_groups, r->query_groups[query], r->n_items,
                      block->scratch + (size_t)worker * n);
}

static int compare_ranks(const void *a, const void *b) {
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static int summarize(Recall *recall, const Outcome *outcomes, int n, int *ranks, Error *err) {
    int n_ranks = 0, hits[N_RECALLS] = {0}, within[N_RECALLS] = {0};
    double sum = 0;
    *recall = (Recall){.n = n, .mean_rank = NAN, .median_rank = NAN};
    for (int i = 0; i < n; i++) {
        if (outcomes[i].bad)
            return error_run(err, "the features are not finite");
        recall->n_without += outcomes[i].rank < 0;
        recall->n_tied += outcomes[i].tied;
        for (int k = 0; k < N_RECALLS; k++)
            hits[k] += outcomes[i].hit[k];
        for (int k = 0; k < N_RECALLS; k++)
            within[k] += outcomes[i].rank >= 0 && outcomes[i].rank < RECALL_AT[k];
        if (outcomes[i].rank < 0)
            continue;
        ranks[n_ranks++] = outcomes[i].rank;
        sum += outcomes[i].rank;
    }
    for (int k = 0; k < N_RECALLS; k++) {
        recall->recall[k] = (double)hits[k] / n;
        recall->within[k] = (double)within[k] / n;
    }
    if (n_ranks == 0)
        return 0;
    qsort(ranks, (size_t)n_ranks, sizeof *ranks, compare_ranks);
    recall->mean_rank = sum / n_ranks + 1;
    recall->median_rank = floor(((double)ranks[(n_ranks - 1) / 2] + ranks[n_ranks / 2]) / 2) + 1;
    return 0;
}

int recall_measure(Recall *recall, const Ranking *ranking, Pool *pool, Error *err) {
    const int n = ranking->n_queries, n_items = ranking->n_items, E = ranking->E;
    Arena *arena = arena_create();
    float *scores = arena_floats(arena, ROWS, (size_t)n_items);
    int *ranks = ARENA_NEW(arena, int, n);
    Block block = {.ranking = ranking,
                   .scores = scores,
                   .outcomes = ARENA_NEW(arena, Outcome, n),
                   .scratch = ARENA_NEW(arena, Scored, (size_t)pool_threads(pool) * (size_t)n_items)};
    int status = arena_failed(arena) ? error_memory(err) : 0;
    for (; block.first < n && status == 0; block.first += ROWS) {
        const int rows = n - block.first < ROWS ? n - block.first : ROWS;
        linear_forward(pool, scores, ranking->queries + (size_t)block.first * (size_t)E, ranking->items, NULL,
                       rows, E, n_items, false);
        pool_run(pool, rows, measure_row, &block);
        status = pool_stopped(pool, err);
    }
    if (status == 0)
        status = summarize(recall, block.outcomes, n, ranks, err);
    arena_free(arena);
    return status;
}
