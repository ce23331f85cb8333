/* attention_pool.c: see attention_pool.h */
#include "clip/train/attention_pool.h"

#include "clip/math/ops.h"
#include "clip/math/product.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* A linear layer; gradients may be NULL. */
typedef struct {
    const float *w, *b;
    float *d_w, *d_b;
} Linear;

struct AttentionPool {
    Pool *pool;
    int T, C, H, D, E, max_images;
    const float *positions; /* (T, C) */
    float *d_positions;
    Linear q, k, v, c;
    /* kept, for n images */
    float *tokens;  /* (n, T, C) */
    float *first;   /* (n, C): the tokens of the means */
    float *queries; /* (n, C), divided by sqrt(D) */
    float *seen;    /* (n, H, C): u */
    float *weights; /* (n, H, T): p */
    float *mixed;   /* (n, H, C): m */
    float *pooled;  /* (n, C) */
    /* backward */
    float *d_tokens, *d_first, *d_queries, *d_mixed, *d_weights, *d_pooled;
};

static Linear linear_of(const TrainableClip *clip, const char *name) {
    const Parameter *w = parameters_find(&clip->parameters, "visual.attnpool.%s.weight", name);
    const Parameter *b = parameters_find(&clip->parameters, "visual.attnpool.%s.bias", name);
    assert(w && b);
    return (Linear){w->value, b->value, w->gradient, b->gradient};
}

AttentionPool *attention_pool_create(const TrainableClip *clip, Pool *pool, int max_images, Arena *arena) {
    const Parameter *positions = parameters_find(&clip->parameters, "visual.attnpool.positional_embedding");
    const int side = clip->image.image_size / 32;
    AttentionPool *a = ARENA_NEW(arena, AttentionPool, 1);
    if (!a)
        return NULL;
    assert(positions && positions->shape[0] == side * side + 1);
    *a = (AttentionPool){.pool = pool,
                         .T = side * side + 1,
                         .C = 32 * clip->image.width,
                         .H = clip->image.n_heads,
                         .E = clip->embed_dim,
                         .max_images = max_images,
                         .positions = positions->value,
                         .d_positions = positions->gradient,
                         .q = linear_of(clip, "q_proj"),
                         .k = linear_of(clip, "k_proj"),
                         .v = linear_of(clip, "v_proj"),
                         .c = linear_of(clip, "c_proj")};
    a->D = a->C / a->H;
    const size_t n = (size_t)max_images, T = (size_t)a->T, C = (size_t)a->C, H = (size_t)a->H;
    a->tokens = arena_floats(arena, n * T, C);
    a->d_tokens = arena_floats(arena, n * T, C);
    a->seen = arena_floats(arena, n * H, C);
    a->mixed = arena_floats(arena, n * H, C);
    a->d_mixed = arena_floats(arena, n * H, C);
    a->weights = arena_floats(arena, n * H, T);
    a->d_weights = arena_floats(arena, n * H, T);
    float **rows[] = {&a->first, &a->queries, &a->pooled, &a->d_first, &a->d_queries, &a->d_pooled};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i] = arena_floats(arena, n, C);
    return arena_failed(arena) ? NULL : a;
}

typedef struct {
    AttentionPool *a;
    const float *map;
    float *d_map;
    int n;
} Job;

/* c (m, n) = start + bias + op(a) op(b) within a tile */
static void multiply(Product product) {
    product_run(NULL, &product, PRECISION_FLOAT32);
}

/* --- forward --- */

static void tokens_tile(void *context, int image, int worker) {
    (void)worker;
    const Job *job = context;
    const AttentionPool *a = job->a;
    const size_t C = (size_t)a->C, T = (size_t)a->T;
    float *tokens = a->tokens + (size_t)image * T * C;
    const float *map = job->map + (size_t)image * (T - 1) * C;
    memset(tokens, 0, C * sizeof *tokens);
    memcpy(tokens + C, map, (T - 1) * C * sizeof *map);
    for (size_t t = 0; t + 1 < T; t++)
        axpy(tokens, 1.0f / (float)(T - 1), map + t * C, a->C);
    add_rows(tokens, a->positions, T * C);
    memcpy(a->first + (size_t)image * C, tokens, C * sizeof *tokens);
}

/* Rows of a head are D of (n, C), and C of (n, H, C), H C apart. */
static void seen_tile(void *context, int head, int worker) {
    (void)worker;
    const Job *job = context;
    const AttentionPool *a = job->a;
    const size_t at = (size_t)head * (size_t)a->D;
    multiply((Product){.m = job->n,
                       .n = a->C,
                       .k = a->D,
                       .a = a->queries + at,
                       .lda = a->C,
                       .b = a->k.w + at * (size_t)a->C,
                       .ldb = a->C,
                       .c = a->seen + (size_t)head * (size_t)a->C,
                       .ldc = a->H * a->C});
}

static void mix_tile(void *context, int image, int worker) {
    (void)worker;
    const Job *job = context;
    const AttentionPool *a = job->a;
    const size_t i = (size_t)image, T = (size_t)a->T, C = (size_t)a->C, H = (size_t)a->H;
    const float *tokens = a->tokens + i * T * C;
    float *weights = a->weights + i * H * T;
    multiply((Product){.m = a->H,
                       .n = a->T,
                       .k = a->C,
                       .a = a->seen + i * H * C,
                       .lda = a->C,
                       .b = tokens,
                       .ldb = a->C,
                       .trans_b = true,
                       .c = weights,
                       .ldc = a->T});
    for (size_t h = 0; h < H; h++)
        softmax_row(weights + h * T, a->T);
    multiply((Product){.m = a->H,
                       .n = a->C,
                       .k = a->T,
                       .a = weights,
                       .lda = a->T,
                       .b = tokens,
                       .ldb = a->C,
                       .c = a->mixed + i * H * C,
                       .ldc = a->C});
}

static void values_tile(void *context, int head, int worker) {
    (void)worker;
    const Job *job = context;
    const AttentionPool *a = job->a;
    const size_t at = (size_t)head * (size_t)a->D;
    multiply((Product){.m = job->n,
                       .n = a->D,
                       .k = a->C,
                       .a = a->mixed + (size_t)head * (size_t)a->C,
                       .lda = a->H * a->C,
                       .b = a->v.w + at * (size_t)a->C,
                       .ldb = a->C,
                       .trans_b = true,
                       .bias = a->v.b + at,
                       .c = a->pooled + at,
                       .ldc = a->C});
}

static void scale_rows(float *x, const AttentionPool *a, int n) {
    const float scale = 1.0f / sqrtf((float)a->D);
    for (size_t i = 0; i < (size_t)n * (size_t)a->C; i++)
        x[i] *= scale;
}

void attention_pool_forward(AttentionPool *a, float *features, const float *map, int n) {
    Job job = {.a = a, .map = map, .n = n};
    assert(n <= a->max_images);
    pool_run(a->pool, n, tokens_tile, &job);
    product_linear(a->pool, a->queries, a->first, a->q.w, a->q.b, NULL, n, a->C, a->C, PRECISION_FLOAT32);
    scale_rows(a->queries, a, n);
    pool_run(a->pool, a->H, seen_tile, &job);
    pool_run(a->pool, n, mix_tile, &job);
    pool_run(a->pool, a->H, values_tile, &job);
    product_linear(a->pool, features, a->pooled, a->c.w, a->c.b, NULL, n, a->C, a->E, PRECISION_FLOAT32);
}

/* --- backward --- */

/* d_b (C) += the sum of rows (n, C) */
static void bias_backward(float *d_b, const float *rows, int n, int C) {
    for (int i = 0; d_b && i < n; i++)
        add_rows(d_b, rows + (size_t)i * (size_t)C, (size_t)C);
}

/* Of out (n, n_out) = in (n, n_in) w^T + b. */
static void weights_backward(const AttentionPool *a, const Linear *layer, const float *d_out, const float *in,
                             int n, int n_in, int n_out) {
    bias_backward(layer->d_b, d_out, n, n_out);
    if (layer->d_w)
        product_linear_weight(a->pool, layer->d_w, d_out, in, n, n_in, n_out, PRECISION_FLOAT32);
}

/* d_w (D, C) += rows^T (D, n) in (n, C), for the rows of one head */
static void head_weights_backward(const Job *job, float *d_w, const float *rows, const float *in, int head) {
    const AttentionPool *a = job->a;
    const size_t at = (size_t)head * (size_t)a->D;
    if (!d_w)
        return;
    float *to = d_w + at * (size_t)a->C;
    multiply((Product){.m = a->D,
                       .n = a->C,
                       .k = job->n,
                       .a = rows + at,
                       .lda = a->C,
                       .trans_a = true,
                       .b = in + (size_t)head * (size_t)a->C,
                       .ldb = a->H * a->C,
                       .start = to,
                       .c = to,
                       .ldc = a->C});
}

/* v_h = W_v m_h + b_v gives d_W_v = d_v_h m_h^T, d_m_h = W_v^T d_v_h */
static void values_backward(void *context, int head, int worker) {
    (void)worker;
    const Job *job = context;
    const AttentionPool *a = job->a;
    const size_t at = (size_t)head * (size_t)a->D;
    head_weights_backward(job, a->v.d_w, a->d_pooled, a->mixed, head);
    multiply((Product){.m = job->n,
                       .n = a->C,
                       .k = a->D,
                       .a = a->d_pooled + at,
                       .lda = a->C,
                       .b = a->v.w + at * (size_t)a->C,
                       .ldb = a->C,
                       .c = a->d_mixed + (size_t)head * (size_t)a->C,
                       .ldc = a->H * a->C});
}

/* p = softmax(s) gives d_s = p (d_p - sum of p d_p) */
static void softmax_backward(float *d, const float *p, int n) {
    const float mean = dot(d, p, n);
    for (int t = 0; t < n; t++)
        d[t] = p[t] * (d[t] - mean);
}

/* d_tokens (T, C) = start + weights^T (T, H) rows (H, C) */
static void add_tokens(const AttentionPool *a, float *d_tokens, const float *start, const float *weights,
                       const float *rows) {
    multiply((Product){.m = a->T,
                       .n = a->C,
                       .k = a->H,
                       .a = weights,
                       .lda = a->T,
                       .trans_a = true,
                       .b = rows,
                       .ldb = a->C,
                       .start = start,
                       .c = d_tokens,
                       .ldc = a->C});
}

/* m_h = sum_t p_t x_t, s_t = u_h x_t  give  d_p_t = d_m_h x_t, d_u_h = sum_t d_s_t x_t and
 * d_x_t = sum_h p_t d_m_h + d_s_t u_h. d_u takes the place of d_m. */
static void mix_backward(void *context, int image, int worker) {
    (void)worker;
    const Job *job = context;
    const AttentionPool *a = job->a;
    const size_t i = (size_t)image, T = (size_t)a->T, C = (size_t)a->C, H = (size_t)a->H;
    const float *tokens = a->tokens + i * T * C, *weights = a->weights + i * H * T;
    float *d_mixed = a->d_mixed + i * H * C, *d_weights = a->d_weights + i * H * T;
    float *d_tokens = a->d_tokens + i * T * C;
    multiply((Product){.m = a->H,
                       .n = a->T,
                       .k = a->C,
                       .a = d_mixed,
                       .lda = a->C,
                       .b = tokens,
                       .ldb = a->C,
                       .trans_b = true,
                       .c = d_weights,
                       .ldc = a->T});
    for (size_t h = 0; h < H; h++)
        softmax_backward(d_weights + h * T, weights + h * T, a->T);
    add_tokens(a, d_tokens, NULL, weights, d_mixed);
    add_tokens(a, d_tokens, d_tokens, d_weights, a->seen + i * H * C);
    multiply((Product){.m = a->H,
                       .n = a->C,
                       .k = a->T,
                       .a = d_weights,
                       .lda = a->T,
                       .b = tokens,
                       .ldb = a->C,
                       .c = d_mixed,
                       .ldc = a->C});
}

/* u_h = q_h W_k gives d_W_k = q_h^T d_u_h, d_q_h = d_u_h W_k^T */
static void seen_backward(void *context, int head, int worker) {
    (void)worker;
    const Job *job = context;
    const AttentionPool *a = job->a;
    const size_t at = (size_t)head * (size_t)a->D;
    head_weights_backward(job, a->k.d_w, a->queries, a->d_mixed, head);
    multiply((Product){.m = job->n,
                       .n = a->D,
                       .k = a->C,
                       .a = a->d_mixed + (size_t)head * (size_t)a->C,
                       .lda = a->H * a->C,
                       .b = a->k.w + at * (size_t)a->C,
                       .ldb = a->C,
                       .trans_b = true,
                       .c = a->d_queries + at,
                       .ldc = a->C});
}

/* Of one token: its position's gradient, and the map's, which has a share in the mean token too. */
static void tokens_backward(void *context, int t, int worker) {
    (void)worker;
    const Job *job = context;
    const AttentionPool *a = job->a;
    const size_t C = (size_t)a->C, T = (size_t)a->T;
    for (size_t i = 0; i < (size_t)job->n; i++) {
        const float *d = a->d_tokens + (i * T + (size_t)t) * C, *d_mean = a->d_first + i * C;
        if (a->d_positions)
            add_rows(a->d_positions + (size_t)t * C, t == 0 ? d_mean : d, C);
        if (!job->d_map || t == 0)
            continue;
        float *d_map = job->d_map + (i * (T - 1) + (size_t)t - 1) * C;
        memcpy(d_map, d, C * sizeof *d_map);
        axpy(d_map, 1.0f / (float)(T - 1), d_mean, a->C);
    }
}

void attention_pool_backward(AttentionPool *a, float *d_map, const float *d_features, int n) {
    Job job = {.a = a, .d_map = d_map, .n = n};
    const size_t C = (size_t)a->C, T = (size_t)a->T;
    weights_backward(a, &a->c, d_features, a->pooled, n, a->C, a->E);
    product_linear_input(a->pool, a->d_pooled, d_features, a->c.w, NULL, n, a->C, a->E, PRECISION_FLOAT32);
    bias_backward(a->v.d_b, a->d_pooled, n, a->C);
    pool_run(a->pool, a->H, values_backward, &job);
    pool_run(a->pool, n, mix_backward, &job);
    pool_run(a->pool, a->H, seen_backward, &job);
    scale_rows(a->d_queries, a, n);
    weights_backward(a, &a->q, a->d_queries, a->first, n, a->C, a->C);
    for (size_t i = 0; i < (size_t)n; i++) /* the mean token is a token, too */
        memcpy(a->d_first + i * C, a->d_tokens + i * T * C, C * sizeof *a->d_first);
    product_linear_input(a->pool, a->d_first, a->d_queries, a->q.w, a->d_first, n, a->C, a->C,
                         PRECISION_FLOAT32);
    pool_run(a->pool, a->T, tokens_backward, &job);
}

double attention_pool_flops(const TrainableClip *clip, bool backward) {
    const double C = 32.0 * clip->image.width, H = clip->image.n_heads, E = clip->embed_dim;
    const double side = clip->image.image_size / 32, T = side * side + 1;
    const double forward = 2 * C * C + 2 * C * E + 2 * 2 * C * C + 2 * 2 * H * T * C;
    return backward ? 3 * forward : forward;
}
