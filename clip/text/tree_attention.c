/* tree_attention.c: forward in tiles of queries, backward in tiles of heads (a shared ancestor collects
 * gradients from many queries, and the columns of one head belong to one tile alone).
 *
 * Rows of keys and values are far apart, and a head needs 256 bytes of each. So loops go head by head, which
 * keeps ancestors that neighbours share in the first-level cache, and fetch the rows of the next query.
 */
#include "clip/text/tree_attention.h"

#include "clip/base/simd.h"
#include "clip/math/ops.h"

#include <math.h>
#include <string.h>

#define QUERIES_PER_TILE 8
#define LANES 16
#define QUARTERS 4
#define BLOCK (QUARTERS * LANES) /* columns of a CLIP head; what is left of a wider one goes one by one */

typedef struct {
    const TreeAttention *a;
    float *out;         /* forward */
    const float *d_out; /* backward */
    float *d_q, *d_kv, *d_shared_kv;
} Job;

/* 16 floats at any address; on narrower processors the compiler makes several vectors of them. */
typedef float Lanes __attribute__((vector_size(64), aligned(4), may_alias));

static inline int query_node(const TreeAttention *a, int i) {
    return a->query ? a->query[i] : a->first + i;
}

static inline float *probs_of(const TreeAttention *a, int node) {
    return a->probs + (size_t)a->n_heads * (a->tree->path_start[node] - a->tree->path_start[a->first]);
}

/* rows (depth + 1): where each node of the path to `node` has its row in a table. Nodes before `from` have
 * none (NULL), local ones are in `local`, others in `shared`, whose first row is that of node `from`. */
static void path_rows(const float **rows, const TreeAttention *a, int node, const float *local,
                      const float *shared, int from) {
    const int *path = a->tree->path + a->tree->path_start[node];
    const int n = a->tree->depth[node] + 1;
    const size_t stride = 2 * (size_t)a->width, local_stride = (size_t)a->kv_stride;
    int j = 0;
    for (; j < n && path[j] < from; j++)
        rows[j] = NULL;
    for (; j < n && path[j] < a->first; j++)
        rows[j] = shared + (size_t)(path[j] - from) * stride;
    for (; j < n; j++)
        rows[j] = local + (size_t)(path[j] - a->first) * local_stride;
}

static inline const Lanes *lanes(const float *x) {
    return (const Lanes *)x;
}

/* Sum of a b: lanes, then halves of lanes. */
static inline __attribute__((always_inline)) float dot_rows(const float *a, const float *b, int D) {
    Lanes sum = {0};
    int d = 0;
    for (; d + BLOCK <= D; d += BLOCK) {
        const Lanes *x = lanes(a + d), *y = lanes(b + d);
        sum += (x[0] * y[0] + x[1] * y[1]) + (x[2] * y[2] + x[3] * y[3]);
    }
    sum += __builtin_shufflevector(sum, sum, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    sum += __builtin_shufflevector(sum, sum, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
    sum += __builtin_shufflevector(sum, sum, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    sum += __builtin_shufflevector(sum, sum, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
    float total = sum[0];
    for (; d < D; d++)
        total += a[d] * b[d];
    return total;
}

/* out (D) = sum of weights (n) rows (n, D), each row from its column `offset` on. */
static inline __attribute__((always_inline)) void
weigh_rows(float *out, const float *weights, const float *const *rows, int n, size_t offset, int D) {
    int d = 0;
    for (; d + BLOCK <= D; d += BLOCK) {
        Lanes sum[QUARTERS] = {0};
        for (int j = 0; j < n; j++)
#pragma GCC unroll 4
            for (int i = 0; i < QUARTERS; i++)
                sum[i] += weights[j] * lanes(rows[j] + offset + d)[i];
        memcpy(out + d, sum, sizeof sum);
    }
    for (; d < D; d++) {
        out[d] = 0;
        for (int j = 0; j < n; j++)
            out[d] += weights[j] * rows[j][offset + (size_t)d];
    }
}

static inline __attribute__((always_inline)) void add_scaled(float *y, float alpha, const float *x, int D) {
    int d = 0;
    for (; d + BLOCK <= D; d += BLOCK)
#pragma GCC unroll 4
        for (int i = 0; i < QUARTERS; i++)
            ((Lanes *)(y + d))[i] += alpha * lanes(x + d)[i];
    for (; d < D; d++)
        y[d] += alpha * x[d];
}

/* --- forward --- */

/* One query, one head: p (n) = softmax of the scores, o (D) = sum of p v. */
VECTOR_CLONES static void head_forward(float *o, float *p, const float *q, const float *const *keys, int n,
                                       int offset, int C, int D) {
    float scale = 1.0f / sqrtf((float)D), scores[TREE_MAX_DEPTH + LANES];
    int padded = (n + LANES - 1) / LANES * LANES;
    for (int j = 0; j < n; j++)
        scores[j] = scale * dot_rows(q, keys[j] + offset, D);
    for (int j = n; j < padded; j++)
        scores[j] = -INFINITY;
    softmax_row(scores, padded); /* padded: e^x is vectorised, and single floats would take it a slower way */
    memcpy(p, scores, (size_t)n * sizeof *p);
    weigh_rows(o, p, keys, n, (size_t)(C + offset), D);
}

static void forward_tile(void *context, int tile, int worker) {
    (void)worker;
    const Job *job = context;
    const TreeAttention *a = job->a;
    int C = a->width, H = a->n_heads, D = C / H, begin = tile * QUERIES_PER_TILE;
    int end = begin + QUERIES_PER_TILE < a->n_query ? begin + QUERIES_PER_TILE : a->n_query;
    const float *keys[QUERIES_PER_TILE][TREE_MAX_DEPTH];
    for (int i = begin; i < end; i++)
        path_rows(keys[i - begin], a, query_node(a, i), a->kv, a->shared_kv, 0);
    for (int h = 0; h < H; h++)
        for (int i = begin; i < end; i++) {
            int node = query_node(a, i), n = a->tree->depth[node] + 1;
            head_forward(job->out + (size_t)i * C + h * D, probs_of(a, node) + (size_t)h * n,
                         a->q + (size_t)i * a->q_stride + h * D, keys[i - begin], n, h * D, C, D);
        }
}

void tree_attention_forward(Pool *pool, float *out, const TreeAttention *attention) {
    Job job = {.a = attention, .out = out};
    pool_run(pool, (attention->n_query + QUERIES_PER_TILE - 1) / QUERIES_PER_TILE, forward_tile, &job);
}

/* --- backward --- */

/* The trunk nodes on the path to a node: path[*from .. *end - 1]. */
static void trunk_of(const TokenTree *tree, int node, int *from, int *end) {
    const int *path = tree->path + tree->path_start[node], n = tree->depth[node] + 1;
    for (*from = 0; *from < n && path[*from] < tree->n_frozen; ++*from)
        ;
    for (*end = *from; *end < n && path[*end] < tree->n_shared; ++*end)
        ;
}

static float *late_weights(const TreeAttention *a, int i, int h) {
    return a->late->weights + ((size_t)i * (size_t)a->n_heads + (size_t)h) * 2 * (size_t)a->late->n_trunk;
}

/* One query, one head: what head_backward has not added to the trunk. */
static void keep_late(const Job *job, int i, int h, const float *d_s, const float *p) {
    const TreeAttention *a = job->a;
    const int D = a->width / a->n_heads;
    const size_t row = (size_t)i * (size_t)a->width + (size_t)(h * D);
    float *weights = late_weights(a, i, h);
    int from, end;
    trunk_of(a->tree, query_node(a, i), &from, &end);
    memcpy(weights, d_s + from, (size_t)(end - from) * sizeof *weights);
    memcpy(weights + a->late->n_trunk, p + from, (size_t)(end - from) * sizeof *weights);
    memcpy(a->late->q + row, a->q + (size_t)i * (size_t)a->q_stride + (size_t)(h * D),
           (size_t)D * sizeof(float));
    memcpy(a->late->d_o + row, job->d_out + row, (size_t)D * sizeof(float));
}

/* s = scale q k, p = softmax(s), o = sum p v:
 *   d_p = d_o v,  d_s = p (d_p - sum p d_p),  d_q = scale sum d_s k,  d_k += scale d_s q,  d_v += p d_o */
VECTOR_CLONES static void head_backward(float *d_q, float *d_s, float *const *d_keys, const float *d_o,
                                        const float *p, const float *q, const float *const *keys, int n,
                                        int offset, int C, int D) {
    float scale = 1.0f / sqrtf((float)D), mean = 0;
    for (int j = 0; j < n; j++) {
        d_s[j] = dot_rows(d_o, keys[j] + C + offset, D);
        mean += p[j] * d_s[j];
    }
    for (int j = 0; j < n; j++)
        d_s[j] = scale * p[j] * (d_s[j] - mean);
    weigh_rows(d_q, d_s, keys, n, (size_t)offset, D);
    for (int j = 0; j < n; j++)
        if (d_keys[j]) {
            add_scaled(d_keys[j] + offset, d_s[j], q, D);
            add_scaled(d_keys[j] + C + offset, p[j], d_o, D);
        }
}

/* What the gradients of one node's key and value start from, in the columns of one head: what descendants
 * in other segments have left. */
static void start_gradient(const Job *job, int node, int h) {
    const TreeAttention *a = job->a;
    const int D = a->width / a->n_heads;
    float *row = job->d_kv + (size_t)(node - a->first) * (size_t)a->kv_stride + h * D;
    for (int half = 0; half < 2; half++, row += a->width)
        if (node < a->tree->n_shared)
            memcpy(row,
                   job->d_shared_kv + (size_t)(2 * (node - a->tree->n_frozen) + half) * (size_t)a->width +
                       h * D,
                   (size_t)D * sizeof *row);
        else
            memset(row, 0, (size_t)D * sizeof *row);
}

/* Fetches the rows of one head of a query that is coming soon into the cache. */
static void fetch_query(const Job *job, int i, int h) {
    const TreeAttention *a = job->a;
    if (i >= a->n_query)
        return;
    const size_t column = (size_t)h * (size_t)(a->width / a->n_heads);
    const size_t row = (size_t)(query_node(a, i) - a->first) * (size_t)a->kv_stride + column;
    const float *key = a->kv + row, *d_key = job->d_kv + row;
    const float *q = a->q + (size_t)i * (size_t)a->q_stride + column;
    const float *d_out = job->d_out + (size_t)i * (size_t)a->width + column;
    for (int at = 0; at < BLOCK; at += 16) {
        __builtin_prefetch(q + at);
        __builtin_prefetch(d_out + at);
        __builtin_prefetch(key + at);
        __builtin_prefetch(key + a->width + at);
        __builtin_prefetch(d_key + at, 1);
        __builtin_prefetch(d_key + a->width + at, 1);
    }
}

static void backward_tile(void *context, int h, int worker) {
    (void)worker;
    const Job *job = context;
    const TreeAttention *a = job->a;
    const TokenTree *tree = a->tree;
    int C = a->width, D = C / a->n_heads, started = a->first;
    for (int i = 0; i < a->n_query; i++) {
        int node = query_node(a, i), n = tree->depth[node] + 1;
        const float *keys[TREE_MAX_DEPTH], *d_keys[TREE_MAX_DEPTH];
        const float *p = probs_of(a, node) + (size_t)h * (size_t)n;
        float d_s[TREE_MAX_DEPTH];
        fetch_query(job, i + 2, h);
        for (; started <= node; started++)
            start_gradient(job, started, h);
        path_rows(keys, a, node, a->kv, a->shared_kv, 0);
        path_rows(d_keys, a, node, job->d_kv, job->d_shared_kv, a->late ? tree->n_shared : tree->n_frozen);
        head_backward(job->d_q + (size_t)i * a->q_stride + h * D, d_s, (float *const *)d_keys,
                      job->d_out + (size_t)i * C + h * D, p, a->q + (size_t)i * a->q_stride + h * D, keys, n,
                      h * D, C, D);
        if (a->late)
            keep_late(job, i, h, d_s, p);
    }
    for (; started < a->first + a->n_rows; started++)
        start_gradient(job, started, h);
}

void tree_attention_backward(Pool *pool, float *d_q, float *d_kv, float *d_shared_kv, const float *d_out,
                             const TreeAttention *attention) {
    Job job = {.a = attention, .d_out = d_out, .d_q = d_q, .d_kv = d_kv, .d_shared_kv = d_shared_kv};
    pool_run(pool, attention->n_heads, backward_tile, &job);
}

/* --- late --- */

size_t late_keys_alloc(LateKeys *late, const TokenTree *tree, int first, int n_rows, int n_query, int n_heads,
                       int width, Arena *arena) {
    const size_t Q = (size_t)n_query, C = (size_t)width, H = (size_t)n_heads;
    int most = 0;
    for (int node = first; node < first + n_rows; node++) {
        int from, end;
        trunk_of(tree, node, &from, &end);
        most = end - from > most ? end - from : most;
    }
    const size_t T = (size_t)most;
    if (late)
        *late = (LateKeys){.n_trunk = most,
                           .q = arena_floats(arena, Q, C),
                           .d_o = arena_floats(arena, Q, C),
                           .weights = arena_floats(arena, Q * H, 2 * T)};
    return Q * (2 * C + H * 2 * T);
}

VECTOR_CLONES static void add_head(float *key, float *value, float key_weight, float value_weight,
                                   const float *q, const float *d_o, int D) {
    add_scaled(key, key_weight, q, D);
    add_scaled(value, value_weight, d_o, D);
}

static void late_tile(void *context, int h, int worker) {
    (void)worker;
    const Job *job = context;
    const TreeAttention *a = job->a;
    const TokenTree *tree = a->tree;
    const int C = a->width, D = C / a->n_heads;
    for (int i = 0; i < a->n_query; i++) {
        const int node = query_node(a, i), *path = tree->path + tree->path_start[node];
        const size_t row = (size_t)i * (size_t)C + (size_t)(h * D);
        const float *weights = late_weights(a, i, h);
        int from, end;
        trunk_of(tree, node, &from, &end);
        for (int j = from; j < end; j++) {
            float *key =
                job->d_shared_kv + (size_t)(path[j] - tree->n_frozen) * 2 * (size_t)C + (size_t)(h * D);
            add_head(key, key + C, weights[j - from], weights[a->late->n_trunk + j - from], a->late->q + row,
                     a->late->d_o + row, D);
        }
    }
}

void tree_attention_add_late(Pool *pool, float *d_shared_kv, const TreeAttention *attention) {
    Job job = {.a = attention, .d_shared_kv = d_shared_kv};
    pool_run(pool, attention->n_heads, late_tile, &job);
}
