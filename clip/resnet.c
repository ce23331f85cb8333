/* resnet.c: the modified ResNet (resnet.h), forward only.
 *
 *     stem: three 3x3 convolutions (the first with stride 2), average pool of 2
 *     bottleneck: relu(x' + conv3(pool(relu(conv2(relu(conv1(x))))))), x' = x or downsample(pool(x)); pool
 * only where the stride is 2 attention pool: tokens [mean; pixels] + positions, one query from the first
 * token, c_proj of the result Batch norms are in the convolutions already.
 *
 * Sizes, with W = width: the stem's last map, (S/2)^2 W, is the largest; layer i + 1 leaves (S / 2^(i+2))^2 x
 * 4 W 2^i.
 *
 * The attention pool has one query per head, so keys and values are never formed. With q_h (D), rows h of
 * W_k, W_v (D, C) and tokens x (T, C): q_h (W_k x_t + b_k) = (q_h W_k) x_t + a constant, which the softmax
 * drops sum_t p_t (W_v x_t + b_v) = W_v (sum_t p_t x_t) + b_v, as the p_t sum to 1
 */
#include "clip/resnet.h"

#include "clip/base/arena.h"
#include "clip/base/gemm.h"
#include "clip/conv.h"
#include "clip/ops.h"
#include "clip/tile_ops.h"

#include <math.h>
#include <string.h>

/* Activations of one image; one per worker. */
typedef struct {
    float *x, *y;      /* the map between two layers and its successor: at most (S/2)^2 W */
    float *t, *u;      /* maps inside a bottleneck: at most (S/2)^2 W/2 */
    float *columns;    /* conv_forward's scratch */
    float *tokens;     /* (T, C) of the attention pool */
    float *q, *pooled; /* (C) */
    float *mixed;      /* (H, C): queries seen through W_k; then the tokens' mean under each head's weights */
    float *scores;     /* (H, T) */
} ResnetScratch;

typedef struct {
    const ResnetWeights *resnet;
    ResnetScratch *scratch; /* (workers) */
    const float *pixels;    /* (n, 3, S, S) */
    float *features;        /* (n, E) */
} ResnetJob;

static ResnetScratch scratch_create(const ResnetWeights *resnet, Arena *arena) {
    const size_t S = (size_t)resnet->image_size, W = (size_t)resnet->width;
    const size_t T = (size_t)resnet->n_tokens, C = (size_t)resnet->attn_width, H = (size_t)resnet->n_heads;
    const size_t largest = W < 12 ? 12 : W; /* the pixels themselves, S^2 x 3, pass through y */
    ResnetScratch s;
    s.x = arena_floats(arena, S / 2 * (S / 2), largest);
    s.y = arena_floats(arena, S / 2 * (S / 2), largest);
    s.t = arena_floats(arena, S / 2 * (S / 2), W / 2);
    s.u = arena_floats(arena, S / 2 * (S / 2), W / 2);
    s.columns = arena_floats(arena, conv_scratch_size(8 * resnet->width), 1);
    s.tokens = arena_floats(arena, T, C);
    s.q = arena_floats(arena, C, 1);
    s.pooled = arena_floats(arena, C, 1);
    s.mixed = arena_floats(arena, H, C);
    s.scores = arena_floats(arena, H, T);
    return s;
}

/* s->x (S/4, S/4, W) from one image (3, S, S). */
static void stem_forward(const ResnetWeights *resnet, ResnetScratch *s, const float *pixels) {
    const int S = resnet->image_size, half = S / 2;
    const size_t area = (size_t)S * (size_t)S;
    for (size_t i = 0; i < area; i++)
        for (size_t c = 0; c < 3; c++)
            s->y[3 * i + c] = pixels[c * area + i];
    conv_forward(s->t, s->y, &resnet->stem[0], S, S, 2, false, true, s->columns);
    conv_forward(s->u, s->t, &resnet->stem[1], half, half, 1, false, true, s->columns);
    conv_forward(s->y, s->u, &resnet->stem[2], half, half, 1, false, true, s->columns);
    avg_pool_forward(s->x, s->y, half, half, resnet->width);
}

/* One bottleneck from s->x (side, side, n_in) to s->x; returns the side of the result. */
static int bottleneck_forward(const BottleneckWeights *block, ResnetScratch *s, int side) {
    const int inner = block->conv1.n_out, n_in = block->conv1.n_in, out_side = side / block->stride;
    float *t = s->t, *u = s->u;
    conv_forward(t, s->x, &block->conv1, side, side, 1, false, true, s->columns);
    conv_forward(u, t, &block->conv2, side, side, 1, false, true, s->columns);
    if (block->stride == 2) {
        avg_pool_forward(t, u, side, side, inner);
        u = t;
        t = s->u;
    }
    /* u holds the branch, t is free, and the sum grows where the shortcut is: in x, or in y */
    if (block->has_downsample) {
        const float *shortcut = s->x;
        if (block->stride == 2) {
            avg_pool_forward(t, s->x, side, side, n_in);
            shortcut = t;
        }
        conv_forward(s->y, shortcut, &block->downsample, out_side, out_side, 1, false, false, s->columns);
        float *swap = s->x;
        s->x = s->y;
        s->y = swap;
    }
    conv_forward(s->x, u, &block->conv3, out_side, out_side, 1, true, true, s->columns);
    return out_side;
}

/* tokens (T, C) = [mean of the map; map] + positions, from s->x (T-1, C) */
static void tokens_forward(const ResnetWeights *resnet, ResnetScratch *s) {
    const int T = resnet->n_tokens, C = resnet->attn_width;
    memset(s->tokens, 0, (size_t)C * sizeof *s->tokens);
    memcpy(s->tokens + C, s->x, (size_t)(T - 1) * (size_t)C * sizeof *s->x);
    for (int t = 0; t < T - 1; t++)
        axpy(s->tokens, 1.0f / (float)(T - 1), s->x + (size_t)t * C, C);
    add_rows(s->tokens, resnet->positional_embedding, (size_t)T * (size_t)C);
}

/* feature (E), from s->x (T-1, C) */
static void attention_pool_forward(const ResnetWeights *resnet, ResnetScratch *s, float *feature) {
    const int T = resnet->n_tokens, C = resnet->attn_width, H = resnet->n_heads, D = C / H;
    tokens_forward(resnet, s);
    tile_linear_forward(s->q, s->tokens, resnet->q_proj_w, resnet->q_proj_b, 1, 1, C, C, false);
    memset(s->mixed, 0, (size_t)H * C * sizeof *s->mixed);
    for (int i = 0; i < C; i++) /* head i / D; i is a row of W_k */
        axpy(s->mixed + (size_t)(i / D) * C, s->q[i], resnet->k_proj_w + (size_t)i * C, C);
    gemm(false, true, H, T, C, 1.0f / sqrtf((float)D), s->mixed, C, s->tokens, C, 0.0f, s->scores, T);
    for (int h = 0; h < H; h++)
        softmax_row(s->scores + (size_t)h * T, T);
    gemm(false, false, H, C, T, 1.0f, s->scores, T, s->tokens, C, 0.0f, s->mixed, C);
    for (int h = 0; h < H; h++) {
        const size_t at = (size_t)h * D;
        tile_linear_forward(s->pooled + at, s->mixed + (size_t)h * C, resnet->v_proj_w + at * C,
                            resnet->v_proj_b + at, 1, 1, C, D, false);
    }
    tile_linear_forward(feature, s->pooled, resnet->c_proj_w, resnet->c_proj_b, 1, 1, C, resnet->embed_dim,
                        false);
}

static void image_forward(void *context, int tile, int worker) {
    const ResnetJob *job = context;
    const ResnetWeights *resnet = job->resnet;
    ResnetScratch *s = &job->scratch[worker];
    const size_t image = 3 * (size_t)resnet->image_size * (size_t)resnet->image_size;

    stem_forward(resnet, s, job->pixels + (size_t)tile * image);
    int side = resnet->image_size / 4;
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < resnet->n_blocks[i]; j++)
            side = bottleneck_forward(&resnet->layers[i][j], s, side);
    attention_pool_forward(resnet, s, job->features + (size_t)tile * (size_t)resnet->embed_dim);
}

int resnet_forward(const ResnetWeights *resnet, Pool *pool, const float *pixels, int n, float *features,
                   Error *err) {
    int result = -1;
    const int workers = pool_threads(pool);
    Arena *arena = arena_create();
    ResnetScratch *scratch = arena ? ARENA_NEW(arena, ResnetScratch, workers) : NULL;
    for (int i = 0; i < workers && scratch; i++)
        scratch[i] = scratch_create(resnet, arena);
    if (!scratch || arena_failed(arena)) {
        error_memory(err);
        goto out;
    }
    ResnetJob job = {.resnet = resnet, .scratch = scratch, .pixels = pixels, .features = features};
    pool_run(pool, n, image_forward, &job);
    result = 0;
out:
    arena_free(arena);
    return result;
}

static double conv_flops(const ConvWeights *conv, double pixels) {
    return 2.0 * conv->n_in * conv->n_out * conv->kernel * conv->kernel * pixels;
}

double resnet_flops(const ResnetWeights *resnet) {
    double pixels = (double)resnet->image_size * resnet->image_size / 4, flops = 0;
    for (int i = 0; i < 3; i++)
        flops += conv_flops(&resnet->stem[i], pixels);
    pixels /= 4;
    for (int layer = 0; layer < 4; layer++) {
        for (int i = 0; i < resnet->n_blocks[layer]; i++) {
            const BottleneckWeights *block = &resnet->layers[layer][i];
            flops += conv_flops(&block->conv1, pixels) + conv_flops(&block->conv2, pixels);
            pixels /= block->stride * block->stride;
            flops += conv_flops(&block->conv3, pixels);
            if (block->has_downsample)
                flops += conv_flops(&block->downsample, pixels);
        }
    }
    /* One query: q, c_proj, and per head two products with the weights and two with the tokens (resnet.c). */
    double C = resnet->attn_width, T = resnet->n_tokens, H = resnet->n_heads;
    return flops + 2 * C * C + 2 * C * resnet->embed_dim + 2 * 2 * C * C + 2 * 2 * H * T * C;
}
