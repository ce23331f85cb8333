/* tree_attention.c: forward in tiles of some queries and a head, backward in tiles of heads (a shared
 * ancestor collects gradients from many queries, and the columns of one head belong to one tile alone).
 *
 * A head needs 256 bytes of each row, and rows begin a multiple of 2 KiB apart: few lines of the first-level
 * cache can hold them. So each worker copies what a head has of the path to a query into slots side by side:
 *
 *     root       ...        query
 *     [k v dk dv | k v dk dv | k v dk dv | ... ]
 *
 * Queries come in depth-first order, so the next one keeps most of them: gradients of the others are written
 * back to their rows, and the new nodes are copied.
 */
#include "clip/text/tree_attention.h"

#include "clip/base/minimum.h"
#include "clip/base/simd.h"
#include "clip/math/ops.h"
#include "clip/text/slot_sums.h"

#include <math.h>
#include <string.h>

#define QUERIES_PER_TILE 32
#define AHEAD 2 /* how many queries ahead rows are fetched */
#define LINE 16 /* floats of a cache line */

typedef struct {
    const TreeAttention *a;
    float *out;         /* forward */
    const float *d_out; /* backward */
    float *d_q, *d_kv, *d_shared_kv;
} Job;

static inline int query_node(const TreeAttention *a, int i) {
    return a->query ? a->query[i] : a->first + i;
}

static inline float *probs_of(const TreeAttention *a, int node) {
    return a->probs + (size_t)a->n_heads * (a->tree->path_start[node] - a->tree->path_start[a->first]);
}

/* --- the path in slots --- */

/* What one head has of the path to a query. */
typedef struct {
    const Job *job;
    float *slots;  /* (depth + 1, PARTS, D) */
    size_t column; /* of the head in a row */
    int D;
    const int *path; /* in the slots: n nodes */
    int n;
    int from;    /* backward: nodes from this one on have a gradient */
    int started; /* backward: of nodes before this one the gradient has been begun */
} Window;

static size_t slots_size(const TokenTree *tree, int D) {
    return (size_t)ceil_div(tree->max_depth + 1, GROUP) * GROUP * PARTS * (size_t)D;
}

size_t tree_attention_scratch_size(const TokenTree *tree, int n_heads, int width, int n_threads) {
    return (size_t)n_threads * slots_size(tree, width / n_heads);
}

static INLINE Window window_open(const Job *job, int h, int worker, int D) {
    const TreeAttention *a = job->a;
    return (Window){.job = job,
                    .slots = a->scratch + (size_t)worker * slots_size(a->tree, D),
                    .column = (size_t)h * (size_t)D,
                    .D = D,
                    .from = a->late ? a->tree->n_shared : a->tree->n_frozen,
                    .started = a->first};
}

static INLINE float *slot_of(const Window *w, int j) {
    return w->slots + (size_t)j * PARTS * (size_t)w->D;
}

/* Of its key; that of its value follows. */
static INLINE float *slot_gradient(const Window *w, int j) {
    return slot_of(w, j) + 2 * w->D;
}

/* Two parts of a row, to where they lie to_step apart. */
static INLINE void copy_parts(float *to, size_t to_step, const float *from, size_t from_step, int D) {
    memcpy(to, from, (size_t)D * sizeof *to);
    memcpy(to + to_step, from + from_step, (size_t)D * sizeof *to);
}

/* The gradients of a trunk node's key and value, which many segments add to. */
static INLINE float *trunk_row(const Window *w, int node) {
    const TreeAttention *a = w->job->a;
    return w->job->d_shared_kv + (size_t)(node - a->tree->n_frozen) * 2 * (size_t)a->width + w->column;
}

static INLINE float *gradient_row(const Window *w, int node) {
    const TreeAttention *a = w->job->a;
    return node < a->first ? trunk_row(w, node)
                           : w->job->d_kv + (size_t)(node - a->first) * (size_t)a->kv_stride + w->column;
}

/* gradient (2, step): what a node of this segment starts from, which is what descendants in other segments
 * have left. */
static INLINE void start_gradient(const Window *w, float *gradient, size_t step, int node) {
    const TreeAttention *a = w->job->a;
    if (node < a->tree->n_shared) {
        copy_parts(gradient, step, trunk_row(w, node), (size_t)a->width, w->D);
        return;
    }
    memset(gradient, 0, (size_t)w->D * sizeof *gradient);
    memset(gradient + step, 0, (size_t)w->D * sizeof *gradient);
}

/* Nodes of the segment before `node` that are on no path to a query. */
static INLINE void start_rows(Window *w, int node) {
    for (; w->started < node; w->started++)
        start_gradient(w, gradient_row(w, w->started), (size_t)w->job->a->width, w->started);
}

static INLINE void read_node(const Window *w, int j, int node) {
    const TreeAttention *a = w->job->a;
    const float *row = node < a->first ? a->shared_kv + (size_t)node * 2 * (size_t)a->width
                                       : a->kv + (size_t)(node - a->first) * (size_t)a->kv_stride;
    copy_parts(slot_of(w, j), (size_t)w->D, row + w->column, (size_t)a->width, w->D);
}

static INLINE void read_gradient(Window *w, int j, int node) {
    float *gradient = slot_gradient(w, j);
    if (node >= w->job->a->first) {
        start_rows(w, node);
        start_gradient(w, gradient, (size_t)w->D, node);
        w->started = node + 1;
    } else if (node >= w->from) {
        copy_parts(gradient, (size_t)w->D, trunk_row(w, node), (size_t)w->job->a->width, w->D);
    }
}

/* Writes the gradients of slots from j on back. */
static INLINE void write_gradients(const Window *w, int j) {
    for (; j < w->n; j++)
        if (w->path[j] >= w->from)
            copy_parts(gradient_row(w, w->path[j]), (size_t)w->job->a->width, slot_gradient(w, j),
                       (size_t)w->D, w->D);
}

/* With how many same nodes two paths begin; at most n, which both have. */
static INLINE int count_common(const int *path, const int *other, int n) {
    while (n > 0 && path[n - 1] != other[n - 1]) /* a node has one path to it */
        n--;
    return n;
}

/* Moves on to the path to a node; backward with gradients. */
static INLINE void window_move(Window *w, int node, bool backward) {
    const TokenTree *tree = w->job->a->tree;
    const int *path = tree->path + tree->path_start[node], n = tree->depth[node] + 1;
    const int same = count_common(path, w->path, min_int(n, w->n));
    if (backward)
        write_gradients(w, same);
    for (int j = same; j < n; j++) {
        read_node(w, j, path[j]);
        if (backward)
            read_gradient(w, j, path[j]);
    }
    w->path = path;
    w->n = n;
}

/* Behind the last query. */
static INLINE void window_close(Window *w) {
    write_gradients(w, 0);
    start_rows(w, w->job->a->first + w->job->a->n_rows);
}

/* --- forward --- */

/* One query, one head: p (n) = softmax of the scores, o (D) = sum of p v. */
static INLINE void head_forward(float *o, float *p, const float *q, const float *slots, int n, int D) {
    float scale = 1.0f / sqrtf((float)D), scores[TREE_MAX_DEPTH + LANES];
    int padded = (n + LANES - 1) / LANES * LANES;
    dot_slots(scores, q, slots, n, D);
    for (int j = 0; j < n; j++)
        scores[j] *= scale;
    for (int j = n; j < padded; j++)
        scores[j] = -INFINITY;
    softmax_row(scores, padded); /* padded: e^x is vectorised, and single floats would take it a slower way */
    memcpy(p, scores, (size_t)n * sizeof *p);
    weigh_slots(o, p, slots + D, n, D);
}

static INLINE void forward_head(const Job *job, int h, int begin, int end, int worker, int D) {
    const TreeAttention *a = job->a;
    Window w = window_open(job, h, worker, D);
    for (int i = begin; i < end; i++) {
        const int node = query_node(a, i);
        window_move(&w, node, false);
        head_forward(job->out + (size_t)i * (size_t)a->width + w.column,
                     probs_of(a, node) + (size_t)h * (size_t)w.n,
                     a->q + (size_t)i * (size_t)a->q_stride + w.column, w.slots, w.n, D);
    }
}

/* Adjacent tiles are heads of the same queries. */
VECTOR_CLONES static void forward_tile(void *context, int tile, int worker) {
    const Job *job = context;
    const int H = job->a->n_heads, D = job->a->width / H, begin = tile / H * QUERIES_PER_TILE;
    const int end = min_int(begin + QUERIES_PER_TILE, job->a->n_query);
    if (D == BLOCK) /* a constant: loops without an end to look for */
        forward_head(job, tile % H, begin, end, worker, BLOCK);
    else
        forward_head(job, tile % H, begin, end, worker, D);
}

void tree_attention_forward(Pool *pool, float *out, const TreeAttention *attention) {
    Job job = {.a = attention, .out = out};
    pool_run(pool, ceil_div(attention->n_query, QUERIES_PER_TILE) * attention->n_heads, forward_tile, &job);
}

/* --- backward --- */

/* How many of the n nodes of a path, which ascend, come before `node`. */
static INLINE int count_before(const int *path, int n, int node) {
    int j = 0;
    while (j < n && path[j] < node)
        j++;
    return j;
}

/* The trunk nodes on the path to a node: path[*from .. *end - 1]. */
static void trunk_of(const TokenTree *tree, int node, int *from, int *end) {
    const int *path = tree->path + tree->path_start[node], n = tree->depth[node] + 1;
    *from = count_before(path, n, tree->n_frozen);
    *end = count_before(path, n, tree->n_shared);
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

/* One query of a group, one head. */
typedef struct {
    const float *q, *d_o, *p;
    float d_s[TREE_MAX_DEPTH + GROUP];
} Query;

/* s = scale q k, p = softmax(s), o = sum p v:
 *   d_p = d_o v,  d_s = p (d_p - sum p d_p),  d_q = scale sum d_s k */
static INLINE void query_backward(Query *query, float *d_q, const float *slots, int n, int D) {
    const float *p = query->p;
    float scale = 1.0f / sqrtf((float)D), mean = 0, *d_s = query->d_s;
    dot_slots(d_s, query->d_o, slots + D, n, D);
    for (int j = 0; j < n; j++) {
        __asm__ volatile(""); /* not vectorised: products are added one by one, fused where there is FMA */
        mean += p[j] * d_s[j];
    }
    for (int j = 0; j < n; j++)
        d_s[j] = scale * p[j] * (d_s[j] - mean);
    weigh_slots(d_q, d_s, slots, n, D);
}

/* d_k += scale d_s q,  d_v += p d_o, of slots [from, end) */
static INLINE void add_query(const Window *w, const Query *query, int from, int end) {
    for (int j = from; j < end; j++) {
        float *gradient = slot_gradient(w, j);
        add_scaled(gradient, query->d_s[j], query->q, w->D);
        add_scaled(gradient + w->D, query->p[j], query->d_o, w->D);
    }
}

/* The same for a group. */
static INLINE void add_queries(const Window *w, const Query *group, int from, int end) {
    const float *q[GROUP], *d_o[GROUP];
    for (int r = 0; r < GROUP; r++) {
        q[r] = group[r].q;
        d_o[r] = group[r].d_o;
    }
    for (int j = from; j < end; j++) {
        float *gradient = slot_gradient(w, j), d_s[GROUP], p[GROUP];
        for (int r = 0; r < GROUP; r++) {
            d_s[r] = group[r].d_s[j];
            p[r] = group[r].p[j];
        }
        add_group(gradient, d_s, q, w->D);
        add_group(gradient + w->D, p, d_o, w->D);
    }
}

/* Fetches what one head has of a query that is coming soon into the cache: rows lie kilobytes apart. */
static INLINE void fetch_query(const Job *job, int i, int h) {
    const TreeAttention *a = job->a;
    if (i >= a->n_query)
        return;
    const int node = query_node(a, i), n = a->tree->depth[node] + 1;
    const size_t column = (size_t)h * (size_t)(a->width / a->n_heads);
    const size_t row = (size_t)(node - a->first) * (size_t)a->kv_stride + column;
    const float *key = a->kv + row, *d_key = job->d_kv + row;
    const float *q = a->q + (size_t)i * (size_t)a->q_stride + column;
    const float *d_out = job->d_out + (size_t)i * (size_t)a->width + column;
    const float *p = probs_of(a, node) + (size_t)h * (size_t)n;
    for (int at = 0; at < BLOCK; at += LINE) {
        __builtin_prefetch(q + at);
        __builtin_prefetch(d_out + at);
        __builtin_prefetch(key + at);
        __builtin_prefetch(key + a->width + at);
        __builtin_prefetch(d_key + at, 1);
        __builtin_prefetch(d_key + a->width + at, 1);
    }
    for (int at = 0; at < n; at += LINE)
        __builtin_prefetch(p + at);
}

/* With how many same nodes the paths to a whole group of queries begin. */
static INLINE int group_common(const TreeAttention *a, int i) {
    const TokenTree *tree = a->tree;
    if (i + GROUP > a->n_query)
        return 0;
    const int first = query_node(a, i), *path = tree->path + tree->path_start[first];
    int n = tree->depth[first] + 1;
    for (int r = 1; r < GROUP; r++) {
        const int node = query_node(a, i + r);
        n = count_common(path, tree->path + tree->path_start[node], min_int(n, tree->depth[node] + 1));
    }
    return n;
}

/* Nodes that are on all paths of a group stay in their slots meanwhile: what its queries add to them is added
 * together, in the same order. */
static INLINE void backward_head(const Job *job, int h, int worker, int D) {
    const TreeAttention *a = job->a;
    Window w = window_open(job, h, worker, D);
    for (int i = 0; i < a->n_query; i += GROUP) {
        const int n = min_int(GROUP, a->n_query - i), common = group_common(a, i);
        Query group[GROUP];
        int from = 0;
        for (int r = 0; r < n; r++) {
            const int node = query_node(a, i + r);
            const size_t q_at = (size_t)(i + r) * (size_t)a->q_stride + w.column;
            fetch_query(job, i + r + AHEAD, h);
            window_move(&w, node, true);
            group[r].q = a->q + q_at;
            group[r].d_o = job->d_out + (size_t)(i + r) * (size_t)a->width + w.column;
            group[r].p = probs_of(a, node) + (size_t)h * (size_t)w.n;
            query_backward(&group[r], job->d_q + q_at, w.slots, w.n, D);
            from = count_before(w.path, w.n, w.from);
            add_query(&w, &group[r], max_int(from, common), w.n);
            if (a->late)
                keep_late(job, i + r, h, group[r].d_s, group[r].p);
        }
        if (from < common) /* a whole group */
            add_queries(&w, group, from, common);
    }
    window_close(&w);
}

VECTOR_CLONES static void backward_tile(void *context, int h, int worker) {
    const Job *job = context;
    const int D = job->a->width / job->a->n_heads;
    if (D == BLOCK)
        backward_head(job, h, worker, BLOCK);
    else
        backward_head(job, h, worker, D);
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
