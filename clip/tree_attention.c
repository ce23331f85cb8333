/* tree_attention.c: forward in tiles of queries, backward in tiles of heads (a shared ancestor collects
 * gradients from many queries, and the columns of one head belong to one tile alone). */
#include "clip/tree_attention.h"

#include "clip/base/simd.h"
#include "clip/ops.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define QUERIES_PER_TILE 8

typedef struct {
    const TreeAttention *a;
    float *out;         /* forward */
    const float *d_out; /* backward */
    float *d_q, *d_kv, *d_shared_kv;
} Job;

static inline int query_node(const TreeAttention *a, int i) {
    return a->query ? a->query[i] : a->first + i;
}

static inline const float *key_of(const TreeAttention *a, int node) {
    if (node >= a->first && node < a->first + a->n_rows)
        return a->kv + (size_t)(node - a->first) * (size_t)a->kv_stride;
    assert(node < a->tree->n_shared);
    return a->shared_kv + (size_t)node * 2 * (size_t)a->width;
}

static inline float *probs_of(const TreeAttention *a, int node) {
    return a->probs + (size_t)a->n_heads * (a->tree->path_start[node] - a->tree->path_start[a->first]);
}

/* One query, one head: p (n) = softmax of the scores, o (D) = sum of p v. */
VECTOR_CLONES static void head_forward(float *o, float *p, const float *q, const float *const *keys, int n,
                                       int offset, int C, int D) {
    float scale = 1.0f / sqrtf((float)D);
    for (int j = 0; j < n; j++) {
        const float *k = keys[j] + offset;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int d = 0; d < D; d++)
            sum += q[d] * k[d];
        p[j] = sum * scale;
    }
    softmax_row(p, n);
    memset(o, 0, (size_t)D * sizeof *o);
    for (int j = 0; j < n; j++) {
        const float *v = keys[j] + C + offset;
        float weight = p[j];
#pragma omp simd
        for (int d = 0; d < D; d++)
            o[d] += weight * v[d];
    }
}

static void forward_tile(void *context, int tile, int worker) {
    (void)worker;
    const Job *job = context;
    const TreeAttention *a = job->a;
    const TokenTree *tree = a->tree;
    int C = a->width, H = a->n_heads, D = C / H;
    int end = (tile + 1) * QUERIES_PER_TILE < a->n_query ? (tile + 1) * QUERIES_PER_TILE : a->n_query;
    for (int i = tile * QUERIES_PER_TILE; i < end; i++) {
        int node = query_node(a, i), n = tree->depth[node] + 1;
        const int *path = tree->path + tree->path_start[node];
        const float *keys[TREE_MAX_DEPTH];
        for (int j = 0; j < n; j++)
            keys[j] = key_of(a, path[j]);
        float *probs = probs_of(a, node);
        for (int h = 0; h < H; h++)
            head_forward(job->out + (size_t)i * C + h * D, probs + (size_t)h * n,
                         a->q + (size_t)i * a->q_stride + h * D, keys, n, h * D, C, D);
    }
}

void tree_attention_forward(Pool *pool, float *out, const TreeAttention *attention) {
    Job job = {.a = attention, .out = out};
    pool_run(pool, (attention->n_query + QUERIES_PER_TILE - 1) / QUERIES_PER_TILE, forward_tile, &job);
}

/* s = scale q k, p = softmax(s), o = sum p v:
 *   d_p = d_o v,  d_s = p (d_p - sum p d_p),  d_q = scale sum d_s k,  d_k += scale d_s q,  d_v += p d_o */
VECTOR_CLONES static void head_backward(float *d_q, float *const *d_keys, const float *d_o, const float *p,
                                        const float *q, const float *const *keys, int n, int offset, int C,
                                        int D) {
    float scale = 1.0f / sqrtf((float)D), d_p[TREE_MAX_DEPTH], mean = 0;
    for (int j = 0; j < n; j++) {
        const float *v = keys[j] + C + offset;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int d = 0; d < D; d++)
            sum += d_o[d] * v[d];
        d_p[j] = sum;
        mean += p[j] * sum;
    }
    memset(d_q, 0, (size_t)D * sizeof *d_q);
    for (int j = 0; j < n; j++) {
        const float *k = keys[j] + offset;
        float d_s = scale * p[j] * (d_p[j] - mean);
#pragma omp simd
        for (int d = 0; d < D; d++)
            d_q[d] += d_s * k[d];
        if (!d_keys[j])
            continue;
        float *d_k = d_keys[j] + offset, *d_v = d_keys[j] + C + offset;
#pragma omp simd
        for (int d = 0; d < D; d++) {
            d_k[d] += d_s * q[d];
            d_v[d] += p[j] * d_o[d];
        }
    }
}

static void backward_tile(void *context, int h, int worker) {
    (void)worker;
    const Job *job = context;
    const TreeAttention *a = job->a;
    const TokenTree *tree = a->tree;
    int C = a->width, D = C / a->n_heads;
    for (int i = 0; i < a->n_query; i++) {
        int node = query_node(a, i), n = tree->depth[node] + 1;
        const int *path = tree->path + tree->path_start[node];
        const float *keys[TREE_MAX_DEPTH];
        float *d_keys[TREE_MAX_DEPTH];
        for (int j = 0; j < n; j++) {
            int other = path[j];
            keys[j] = key_of(a, other);
            if (other >= a->first && other < a->first + a->n_rows)
                d_keys[j] = job->d_kv + (size_t)(other - a->first) * (size_t)a->kv_stride;
            else if (other >= tree->n_frozen)
                d_keys[j] = job->d_shared_kv + (size_t)(other - tree->n_frozen) * 2 * (size_t)C;
            else
                d_keys[j] = NULL;
        }
        head_backward(job->d_q + (size_t)i * a->q_stride + h * D, d_keys, job->d_out + (size_t)i * C + h * D,
                      probs_of(a, node) + (size_t)h * n, a->q + (size_t)i * a->q_stride + h * D, keys, n,
                      h * D, C, D);
    }
}

void tree_attention_backward(Pool *pool, float *d_q, float *d_kv, float *d_shared_kv, const float *d_out,
                             const TreeAttention *attention) {
    Job job = {.a = attention, .d_out = d_out, .d_q = d_q, .d_kv = d_kv, .d_shared_kv = d_shared_kv};
    if (attention->n_query > 0)
        pool_run(pool, attention->n_heads, backward_tile, &job);
}
