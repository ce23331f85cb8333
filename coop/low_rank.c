/* low_rank.c: see low_rank.h. x = dropout(h); u = s x A^T; q += u B^T. Backward, from d_q:
 *     d_B += d_q^T u      d_u = s d_q B      d_A += d_u^T x      d_h += dropout'(d_u A)
 */
#include "coop/low_rank.h"

#include "clip/math/product.h"

#include <math.h>

double low_rank_scale(const LowRankConfig *config) {
    return config->alpha / (config->by_root ? sqrt(config->rank) : config->rank);
}

static int n_trained(const LowRankConfig *config) {
    return config->q + config->k + config->v;
}

static size_t pair_count(const LowRankConfig *config, int width) {
    return 2 * (size_t)config->rank * (size_t)width;
}

size_t low_rank_count(const LowRankConfig *config, int width) {
    return (size_t)(config->end - config->first) * (size_t)n_trained(config) * pair_count(config, width);
}

static bool is_trained(const LowRankConfig *config, int layer, int which) {
    const bool trained[] = {config->q, config->k, config->v};
    return layer >= config->first && layer < config->end && trained[which];
}

/* Where the matrices of one projection begin. */
static size_t pair_at(const LowRankConfig *config, int width, int layer, int which) {
    const int before[] = {0, config->q, config->q + config->k};
    const int pairs = (layer - config->first) * n_trained(config) + before[which];
    return (size_t)pairs * pair_count(config, width);
}

bool low_rank_matrices(const LowRank *low_rank, int layer, int which, float **A, float **B) {
    const LowRankConfig *config = &low_rank->config;
    if (!is_trained(config, layer, which))
        return false;
    float *pair = low_rank->values + pair_at(config, low_rank->width, layer, which);
    if (A)
        *A = pair;
    if (B)
        *B = pair + pair_count(config, low_rank->width) / 2;
    return true;
}

void low_rank_draw(LowRank *low_rank, Rng *rng) {
    const LowRankConfig *config = &low_rank->config;
    const size_t half = pair_count(config, low_rank->width) / 2;
    const size_t n = low_rank_count(config, low_rank->width);
    const double bound = 1 / sqrt(low_rank->width);
    for (size_t i = 0; i < n; i++)
        low_rank->values[i] = i / half % 2 ? 0 : (float)rng_uniform(rng, -bound, bound);
}

void low_rank_merge(float *w, const float *A, const float *B, int width, int rank, double scale) {
    for (int i = 0; i < width; i++)
        for (int j = 0; j < width; j++) {
            double sum = 0;
            for (int r = 0; r < rank; r++)
                sum += (double)B[(size_t)i * (size_t)rank + (size_t)r] *
                       (double)A[(size_t)r * (size_t)width + (size_t)j];
            w[(size_t)i * (size_t)width + (size_t)j] += (float)(scale * sum);
        }
}

/* --- masks --- */

/* The finaliser of splitmix64: every bit of x changes half of those that come out. */
static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t mix_in(uint64_t key, uint64_t x) {
    return mix(key + 0x9e3779b97f4a7c15u * (x + 1));
}

uint64_t low_rank_key(uint32_t seed, long step, bool is_image) {
    return mix_in(mix_in(mix_in(0, seed), (uint64_t)step), is_image);
}

enum { ROWS = 64, LANES = 4, RANGE = 1 << 16 }; /* of a tile; columns whose masks one number holds */

typedef struct {
    const LowRank *low_rank;
    uint64_t key;
    const float *in; /* (n, C) */
    float *out;      /* (n, C) */
    int n;
    bool add;
} Masking;

/* out = in masked, or += */
static void mask_row(const Masking *job, int row) {
    const size_t C = (size_t)job->low_rank->width, at = (size_t)row * C;
    const double p = job->low_rank->config.dropout;
    const uint32_t threshold = (uint32_t)lround(p * RANGE);
    const float keep = (float)(1 / (1 - p));
    const uint64_t key = mix_in(job->key, (uint64_t)row);
    for (size_t c = 0; c < C; c += LANES) {
        const uint64_t bits = mix_in(key, c);
        for (size_t i = 0; i < LANES && c + i < C; i++) {
            const bool kept = (bits >> (16 * i) & (RANGE - 1)) >= threshold;
            const float x = kept ? job->in[at + c + i] * keep : 0;
            job->out[at + c + i] = job->add ? job->out[at + c + i] + x : x;
        }
    }
}

static void mask_tile(void *context, int tile, int worker) {
    (void)worker;
    const Masking *job = context;
    for (int row = tile * ROWS; row < job->n && row < (tile + 1) * ROWS; row++)
        mask_row(job, row);
}

static bool drops(const LowRank *l) {
    return l->dropping && l->config.dropout > 0;
}

static void mask(const LowRank *l, int layer, int which, float *out, const float *in, int n, bool add) {
    Masking job = {l, mix_in(mix_in(l->key, (uint64_t)layer), (uint64_t)which), in, out, n, add};
    pool_run(l->pool, (n + ROWS - 1) / ROWS, mask_tile, &job);
}

/* --- passes --- */

/* One projection of a block: its input, and what it gives or the gradient of that. */
typedef struct {
    const float *h; /* (n, C) */
    float *d_h;     /* (n, C) or NULL */
    float *out;     /* (n, stride) */
    int n, stride, which;
    const float *A, *B;
    float *d_A, *d_B;
} Projection;

static Projection projection_of(const LowRank *l, const QkvRows *rows, int which) {
    const size_t at = pair_at(&l->config, l->width, rows->layer, which);
    const size_t half = pair_count(&l->config, l->width) / 2;
    const bool is_q = which == 0;
    return (Projection){.h = is_q ? rows->h_q : rows->h,
                        .d_h = is_q ? rows->d_h_q : rows->d_h,
                        .out = is_q ? rows->q : rows->kv + (which == 2 ? rows->width : 0),
                        .n = is_q ? rows->n_queries : rows->n_rows,
                        .stride = is_q ? rows->q_stride : rows->kv_stride,
                        .which = which,
                        .A = l->values + at,
                        .B = l->values + at + half,
                        .d_A = l->gradients + at,
                        .d_B = l->gradients + at + half};
}

static void scale_rows(const LowRank *l, float *u, int n) {
    const float scale = (float)low_rank_scale(&l->config);
    for (size_t i = 0; i < (size_t)n * (size_t)l->config.rank; i++)
        u[i] *= scale;
}

/* Fills in u = s x A^T; returns x. */
static const float *narrow(const LowRank *l, const Projection *p, int layer) {
    const int r = l->config.rank;
    const float *x = p->h;
    if (drops(l)) {
        mask(l, layer, p->which, l->x, p->h, p->n, false);
        x = l->x;
    }
    product_linear(l->pool, l->u, x, p->A, NULL, NULL, p->n, l->width, r, PRECISION_FLOAT32);
    scale_rows(l, l->u, p->n);
    return x;
}

static void project_forward(const LowRank *l, const Projection *p, int layer) {
    const int C = l->width, r = l->config.rank;
    narrow(l, p, layer);
    const Product widen = {.m = p->n,
                           .n = C,
                           .k = r,
                           .a = l->u,
                           .lda = r,
                           .b = p->B,
                           .ldb = r,
                           .trans_b = true,
                           .start = p->out,
                           .c = p->out,
                           .ldc = p->stride};
    product_run(l->pool, &widen, PRECISION_FLOAT32);
}

static void project_backward(const LowRank *l, const Projection *p, int layer) {
    const int C = l->width, r = l->config.rank;
    const float *x = narrow(l, p, layer);
    const Product d_B = {.m = C,
                         .n = r,
                         .k = p->n,
                         .a = p->out,
                         .lda = p->stride,
                         .trans_a = true,
                         .b = l->u,
                         .ldb = r,
                         .start = p->d_B,
                         .c = p->d_B,
                         .ldc = r};
    product_run(l->pool, &d_B, PRECISION_FLOAT32);
    const Product d_u = {
        .m = p->n, .n = r, .k = C, .a = p->out, .lda = p->stride, .b = p->B, .ldb = r, .c = l->d_u, .ldc = r};
    product_run(l->pool, &d_u, PRECISION_FLOAT32);
    scale_rows(l, l->d_u, p->n);
    product_linear_weight(l->pool, p->d_A, l->d_u, x, p->n, C, r, PRECISION_FLOAT32);
    if (!p->d_h)
        return;
    if (!drops(l)) {
        product_linear_input(l->pool, p->d_h, l->d_u, p->A, p->d_h, p->n, C, r, PRECISION_FLOAT32);
        return;
    }
    product_linear_input(l->pool, l->x, l->d_u, p->A, NULL, p->n, C, r, PRECISION_FLOAT32);
    mask(l, layer, p->which, p->d_h, l->x, p->n, true);
}

static void add_forward(void *context, const QkvRows *rows) {
    const LowRank *l = context;
    for (int which = 0; which < 3; which++)
        if (is_trained(&l->config, rows->layer, which)) {
            const Projection p = projection_of(l, rows, which);
            project_forward(l, &p, rows->layer);
        }
}

static void add_backward(void *context, const QkvRows *rows) {
    const LowRank *l = context;
    for (int which = 0; which < 3; which++)
        if (is_trained(&l->config, rows->layer, which)) {
            const Projection p = projection_of(l, rows, which);
            project_backward(l, &p, rows->layer);
        }
}

LowRank *low_rank_create(const LowRankConfig *config, int width, int n_rows, Pool *pool, Arena *arena,
                         Error *err) {
    LowRank *l = ARENA_NEW(arena, LowRank, 1);
    float *x = arena_floats(arena, (size_t)n_rows, (size_t)width);
    float *u = arena_floats(arena, (size_t)n_rows, 2 * (size_t)config->rank);
    if (arena_failed(arena)) {
        error_memory(err);
        return NULL;
    }
    *l = (LowRank){.config = *config,
                   .width = width,
                   .additions = {l, add_forward, add_backward, config->first},
                   .n_rows = n_rows,
                   .x = x,
                   .u = u,
                   .d_u = u + (size_t)n_rows * (size_t)config->rank,
                   .pool = pool};
    return l;
}
