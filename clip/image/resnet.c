/* resnet.c: the modified ResNet (resnet.h), forward only.
 *
 *     stem: three 3x3 convolutions (the first with stride 2), average pool of 2
 *     bottleneck: relu(x' + conv3(pool(relu(conv2(relu(conv1(x)))))))
 *         with x' = x or downsample(pool(x)), pools only where the stride is 2
 *     attention pool: tokens [mean; pixels] + positions, one query from the first token, c_proj of the result
 *
 * Batch norms are in the convolutions already. Sizes, with W = width: the stem's last map, (S/2)^2 W, is the
 * largest; layer i + 1 leaves (S / 2^(i+2))^2 x 4 W 2^i.
 *
 * The attention pool has one query per head, so keys and values are never formed. With q_h (D), rows h of
 * W_k, W_v (D, C) and tokens x (T, C):
 *
 *     q_h (W_k x_t + b_k) = (q_h W_k) x_t + a constant, which the softmax drops
 *     sum_t p_t (W_v x_t + b_v) = W_v (sum_t p_t x_t) + b_v, as the p_t sum to 1
 *
 * Each thread takes images of its own; where there are fewer of them than threads, or weights are made as
 * they are needed, all threads work on the same layer of the same images.
 */
#include "clip/image/resnet.h"

#include "clip/base/arena.h"
#include "clip/base/minimum.h"
#include "clip/math/conv.h"
#include "clip/math/conv_bf16.h"
#include "clip/math/gemm.h"
#include "clip/math/ops.h"
#include "clip/math/packed_conv.h"
#include "clip/math/tile_ops.h"

#include <math.h>
#include <string.h>

/* The most images that the later layers take together, and the most floats that their maps may have. */
enum { MAX_GROUP = 8, MAX_MAPS = 8 << 20 };

/* Feature maps of some images, (n, side, side, channels) each. */
typedef struct {
    float *x, *y; /* the map between two layers, and its successor */
    float *t, *u; /* inside a bottleneck */
} Maps;

/* One per worker. */
typedef struct {
    Maps one;           /* up to layer2: x, y (S/2)^2 W, t, u (S/2)^2 W/2 */
    Maps group;         /* from layer3 on: G times x (S/2)^2 W/2, y, t, u half of that */
    Pool *pool;         /* works on each layer; NULL: one thread does */
    float *columns;     /* conv_forward's scratch */
    const float *zeros; /* packed_conv_forward's */
    float *panels;      /* those that are made anew for each convolution */
    float **rows;       /* (threads of the pool): (D, C), of a matrix that is not read yet */
    float *tokens;      /* (G, T, C) of the attention pool */
    float *q, *pooled;  /* (G, C) */
    float *mixed;  /* (G, H, C): queries seen through W_k; then the tokens' mean under each head's weights */
    float *scores; /* (H, T) */
} ResnetScratch;

typedef struct {
    const ResnetWeights *resnet;
    const ResnetScratch *scratch; /* (workers) */
    const float *pixels;          /* (n, 3, S, S) */
    float *features;              /* (n, E) */
    int n, n_tiles;               /* images, and the tiles that they go in */
} ResnetJob;

/* Floats of a map between layer2 and layer3: (S/8)^2 8W. */
static size_t middle_size(const ResnetWeights *resnet) {
    const size_t S = (size_t)resnet->image_size;
    return S / 8 * (S / 8) * 8 * (size_t)resnet->width;
}

/* Floats of the largest convolution's panels. */
static size_t most_panels(const ResnetWeights *resnet) {
    size_t most = 0;
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < resnet->n_blocks[i]; j++) {
            const BottleneckWeights *block = &resnet->layers[i][j];
            const ConvWeights *convs[] = {&block->conv1, &block->conv2, &block->conv3, &block->downsample};
            for (int c = 0; c < 3 + block->has_downsample; c++)
                most = max_size(most, packed_conv_size(convs[c]->n_in, convs[c]->n_out, convs[c]->kernel));
        }
    for (int i = 0; i < 3; i++)
        most = max_size(most, packed_conv_size(resnet->stem[i].n_in, resnet->stem[i].n_out, 3));
    return most;
}

static float **rows_create(const ResnetWeights *resnet, int n_threads, Arena *arena) {
    const size_t C = (size_t)resnet->attn_width;
    const bool read =
        resnet->q_proj.read || resnet->k_proj.read || resnet->v_proj.read || resnet->c_proj.read;
    float **rows = ARENA_NEW(arena, float *, n_threads);
    for (int i = 0; i < n_threads && rows && read; i++)
        rows[i] = arena_floats(arena, C / (size_t)resnet->n_heads, C);
    return rows;
}

/* pool: of the threads that share each layer, or NULL. */
static ResnetScratch scratch_create(const ResnetWeights *resnet, int group, Pool *pool, Arena *arena) {
    const size_t S = (size_t)resnet->image_size, W = (size_t)resnet->width, G = (size_t)group;
    const size_t T = (size_t)resnet->n_tokens, C = (size_t)resnet->attn_width, H = (size_t)resnet->n_heads;
    const size_t largest = W < 12 ? 12 : W; /* the pixels themselves, S^2 x 3, pass through y */
    const size_t middle = middle_size(resnet);
    const ConvWeights *stem = resnet->stem;
    const bool packed = stem->panels || stem->halves || stem->make_panel;
    ResnetScratch s = {.pool = pool, .rows = rows_create(resnet, pool_threads(pool), arena)};
    s.panels = stem->make_panel ? arena_floats(arena, most_panels(resnet), 1) : NULL;
    s.one.x = arena_floats(arena, S / 2 * (S / 2), largest);
    s.one.y = arena_floats(arena, S / 2 * (S / 2), largest);
    s.one.t = arena_floats(arena, S / 2 * (S / 2), W / 2);
    s.one.u = arena_floats(arena, S / 2 * (S / 2), W / 2);
    s.group.x = arena_floats(arena, G, middle);
    s.group.y = arena_floats(arena, G, middle / 2);
    s.group.t = arena_floats(arena, G, middle / 2);
    s.group.u = arena_floats(arena, G, middle / 2);
    s.columns = packed ? NULL : arena_floats(arena, conv_scratch_size(8 * resnet->width), 1);
    s.zeros = arena_floats(arena, 8 * W, 1);
    s.tokens = arena_floats(arena, G * T, C);
    s.q = arena_floats(arena, G, C);
    s.pooled = arena_floats(arena, G, C);
    s.mixed = arena_floats(arena, G * H, C);
    s.scores = arena_floats(arena, H, T);
    return s;
}

/* conv_forward for n images, by whichever kernel the weights are packed for. */
static void convolve(const ResnetScratch *s, float *out, const float *in, const ConvWeights *conv, int n,
                     int H, int stride, bool accumulate, bool relu) {
    const size_t in_size = (size_t)H * H * conv->n_in,
                 out_size = (size_t)(H / stride) * (H / stride) * conv->n_out;
    if (conv->halves)
        conv_bf16_forward(out, in, conv, n, H, H, stride, accumulate, relu);
    else if (conv->panels || conv->make_panel)
        packed_conv_forward_shared(s->pool, out, in, conv, n, H, H, stride, accumulate, relu, s->zeros,
                                   s->panels);
    else
        for (int i = 0; i < n; i++)
            conv_forward(out + i * out_size, in + i * in_size, conv, H, H, stride, accumulate, relu,
                         s->columns);
}

/* --- what is not a product, in bands of rows --- */

enum { BAND = 8 /* rows of the output */ };

typedef struct {
    float *out;
    const float *in;
    int rows, W, C; /* of the output; of the input */
} Bands;

static void pool_band(void *context, int band, int worker) {
    (void)worker;
    const Bands *b = context;
    const size_t row = (size_t)band * BAND, W = (size_t)b->W, C = (size_t)b->C;
    avg_pool_forward(b->out + row * (W / 2) * C, b->in + 2 * row * W * C,
                     2 * min_int(BAND, b->rows - (int)row), b->W, b->C);
}

static void average(const ResnetScratch *s, float *out, const float *in, int H, int W, int C) {
    Bands bands = {out, in, H / 2, W, C};
    pool_run(s->pool, ceil_div(H / 2, BAND), pool_band, &bands);
}

/* From (3, S, S) to (S, S, 3). */
static void pixel_band(void *context, int band, int worker) {
    (void)worker;
    const Bands *b = context;
    const size_t area = (size_t)b->rows * (size_t)b->W, first = (size_t)band * BAND * (size_t)b->W;
    const size_t end = min_size(first + BAND * (size_t)b->W, area);
    for (size_t i = first; i < end; i++)
        for (size_t c = 0; c < 3; c++)
            b->out[3 * i + c] = b->in[c * area + i];
}

/* maps->x (S/4, S/4, W) from one image (3, S, S). */
static void stem_forward(const ResnetWeights *resnet, const ResnetScratch *s, Maps *maps,
                         const float *pixels) {
    const int S = resnet->image_size, half = S / 2;
    Bands bands = {maps->y, pixels, S, S, 3};
    pool_run(s->pool, ceil_div(S, BAND), pixel_band, &bands);
    convolve(s, maps->t, maps->y, &resnet->stem[0], 1, S, 2, false, true);
    convolve(s, maps->u, maps->t, &resnet->stem[1], 1, half, 1, false, true);
    convolve(s, maps->y, maps->u, &resnet->stem[2], 1, half, 1, false, true);
    average(s, maps->x, maps->y, half, half, resnet->width);
}

/* One bottleneck from maps->x (n, side, side, n_in) to maps->x; returns the side of the result. Sides are
 * even where there is a pool, so it takes n maps as one of n times the height. */
static int bottleneck_forward(const BottleneckWeights *block, const ResnetScratch *s, Maps *maps, int n,
                              int side) {
    const int inner = block->conv1.n_out, n_in = block->conv1.n_in, out_side = side / block->stride;
    float *t = maps->t, *u = maps->u;
    convolve(s, t, maps->x, &block->conv1, n, side, 1, false, true);
    convolve(s, u, t, &block->conv2, n, side, 1, false, true);
    if (block->stride == 2) {
        average(s, t, u, n * side, side, inner);
        u = t;
        t = maps->u;
    }
    /* u holds the branch, t is free, and the sum grows where the shortcut is: in x, or in y */
    if (block->has_downsample) {
        const float *shortcut = maps->x;
        if (block->stride == 2) {
            average(s, t, maps->x, n * side, side, n_in);
            shortcut = t;
        }
        convolve(s, maps->y, shortcut, &block->downsample, n, out_side, 1, false, false);
        float *swap = maps->x;
        maps->x = maps->y;
        maps->y = swap;
    }
    convolve(s, maps->x, u, &block->conv3, n, out_side, 1, true, true);
    return out_side;
}

static int layer_forward(const ResnetWeights *resnet, int layer, const ResnetScratch *s, Maps *maps, int n,
                         int side) {
    for (int j = 0; j < resnet->n_blocks[layer]; j++)
        side = bottleneck_forward(&resnet->layers[layer][j], s, maps, n, side);
    return side;
}

/* tokens (T, C) = [mean of the map; map] + positions, from a map (T-1, C) */
static void tokens_forward(const ResnetWeights *resnet, float *tokens, const float *map) {
    const int T = resnet->n_tokens, C = resnet->attn_width;
    memset(tokens, 0, (size_t)C * sizeof *tokens);
    memcpy(tokens + C, map, (size_t)(T - 1) * (size_t)C * sizeof *map);
    for (int t = 0; t < T - 1; t++)
        axpy(tokens, 1.0f / (float)(T - 1), map + (size_t)t * C, C);
    add_rows(tokens, resnet->positional_embedding, (size_t)T * (size_t)C);
}

/* mixed (H, C) from the queries seen through W_k: each head's mean of the tokens (T, C), by its softmax */
static void mix_forward(const ResnetWeights *resnet, float *mixed, const float *tokens, float *scores) {
    const int T = resnet->n_tokens, C = resnet->attn_width, H = resnet->n_heads, D = C / H;
    gemm(false, true, H, T, C, 1.0f / sqrtf((float)D), mixed, C, tokens, C, 0.0f, scores, T);
    for (int h = 0; h < H; h++)
        softmax_row(scores + (size_t)h * T, T);
    gemm(false, false, H, C, T, 1.0f, scores, T, tokens, C, 0.0f, mixed, C);
}

typedef struct {
    const ResnetWeights *resnet;
    const ResnetScratch *scratch;
    float *features; /* (n, E) */
    int n;           /* images */
} AttentionJob;

/* (D, C): the rows of a head, or of as many features; fewer at the end of the matrix. */
static const float *rows_of(const AttentionJob *job, const RowMatrix *matrix, int first, int count,
                            int worker) {
    const int C = job->resnet->attn_width;
    if (matrix->w)
        return matrix->w + (size_t)first * (size_t)C;
    matrix->read(matrix->context, job->scratch->rows[worker], first, count, 0, C);
    return job->scratch->rows[worker];
}

/* out (n, count) = in (n, C) rows^T + bias, where rows (count, C) are a part of a matrix and out lies in rows
 * of out_step, in in those of in_step. Each row of the matrix is fetched once for all images. */
static void multiply_rows(const AttentionJob *job, float *out, size_t out_step, const float *in,
                          size_t in_step, const float *rows, const float *bias, int count) {
    const int C = job->resnet->attn_width;
    for (int r = 0; r < count; r++)
        for (int i = 0; i < job->n; i++)
            out[(size_t)i * out_step + (size_t)r] =
                dot(in + (size_t)i * in_step, rows + (size_t)r * (size_t)C, C) + bias[r];
}

/* A head's query of each image, seen through W_k. */
static void query_head(void *context, int head, int worker) {
    const AttentionJob *job = context;
    const ResnetWeights *resnet = job->resnet;
    const ResnetScratch *s = job->scratch;
    const int C = resnet->attn_width, D = C / resnet->n_heads;
    const size_t width = (size_t)C, heads = (size_t)resnet->n_heads * width, first = (size_t)head * (size_t)D;
    const float *rows = rows_of(job, &resnet->q_proj, head * D, D, worker);
    multiply_rows(job, s->q + first, width, s->pooled, width, rows, resnet->q_proj_b + first, D);
    rows = rows_of(job, &resnet->k_proj, head * D, D, worker);
    for (int i = 0; i < job->n; i++)
        memset(s->mixed + (size_t)i * heads + (size_t)head * width, 0, width * sizeof *s->mixed);
    for (int r = 0; r < D; r++)
        for (int i = 0; i < job->n; i++)
            axpy(s->mixed + (size_t)i * heads + (size_t)head * width,
                 s->q[(size_t)i * width + first + (size_t)r], rows + (size_t)r * width, C);
}

/* pooled = W_v of a head's mean of the tokens + b_v */
static void value_head(void *context, int head, int worker) {
    const AttentionJob *job = context;
    const ResnetWeights *resnet = job->resnet;
    const ResnetScratch *s = job->scratch;
    const int C = resnet->attn_width, D = C / resnet->n_heads;
    const size_t width = (size_t)C, heads = (size_t)resnet->n_heads * width, first = (size_t)head * (size_t)D;
    const float *rows = rows_of(job, &resnet->v_proj, head * D, D, worker);
    multiply_rows(job, s->pooled + first, width, s->mixed + (size_t)head * width, heads, rows,
                  resnet->v_proj_b + first, D);
}

/* As many features as a head has rows. */
static void project_tile(void *context, int tile, int worker) {
    const AttentionJob *job = context;
    const ResnetWeights *resnet = job->resnet;
    const int C = resnet->attn_width, E = resnet->embed_dim, D = C / resnet->n_heads, first = tile * D;
    const int count = min_int(D, E - first);
    const float *rows = rows_of(job, &resnet->c_proj, first, count, worker);
    multiply_rows(job, job->features + first, (size_t)E, job->scratch->pooled, (size_t)C, rows,
                  resnet->c_proj_b + first, count);
}

/* features (n, E), from maps (n, T-1, C) */
static void attention_pool_forward(const ResnetWeights *resnet, const ResnetScratch *s, const float *maps,
                                   int n, float *features) {
    const int C = resnet->attn_width, H = resnet->n_heads, E = resnet->embed_dim;
    const size_t width = (size_t)C, map = (size_t)(resnet->n_tokens - 1) * width, heads = (size_t)H * width;
    AttentionJob job = {.resnet = resnet, .scratch = s, .features = features, .n = n};
    for (int i = 0; i < n; i++) {
        float *tokens = s->tokens + (size_t)i * (map + width);
        tokens_forward(resnet, tokens, maps + (size_t)i * map);
        memcpy(s->pooled + (size_t)i * width, tokens, width * sizeof *tokens);
    }
    pool_run(s->pool, H, query_head, &job);
    for (int i = 0; i < n; i++)
        mix_forward(resnet, s->mixed + (size_t)i * heads, s->tokens + (size_t)i * (map + width), s->scores);
    pool_run(s->pool, H, value_head, &job);
    if (resnet->c_proj_b)
        pool_run(s->pool, ceil_div(E, C / H), project_tile, &job);
    else
        memcpy(features, s->pooled, (size_t)n * width * sizeof *features);
}

/* Up to layer2, maps are large and weights small: one image after the other. After that it is the reverse,
 * and the images of a tile share each reading of the weights. */
static void tile_forward(void *context, int tile, int worker) {
    const ResnetJob *job = context;
    const ResnetWeights *resnet = job->resnet;
    const ResnetScratch *s = &job->scratch[worker];
    const size_t image = 3 * (size_t)resnet->image_size * (size_t)resnet->image_size;
    const size_t middle = middle_size(resnet), first = (size_t)tile_first(job->n, job->n_tiles, tile);
    const int n = tile_first(job->n, job->n_tiles, tile + 1) - (int)first;
    Maps maps = s->group;
    int side = 0;
    for (size_t i = 0; i < (size_t)n; i++) {
        Maps one = s->one;
        stem_forward(resnet, s, &one, job->pixels + (first + i) * image);
        side = layer_forward(resnet, 0, s, &one, 1, resnet->image_size / 4);
        side = layer_forward(resnet, 1, s, &one, 1, side);
        memcpy(maps.x + i * middle, one.x, middle * sizeof *one.x);
    }
    side = layer_forward(resnet, 2, s, &maps, n, side);
    layer_forward(resnet, 3, s, &maps, n, side);
    attention_pool_forward(resnet, s, maps.x, n, job->features + first * (size_t)resnet->embed_dim);
}

int resnet_forward(const ResnetWeights *resnet, Pool *pool, const float *pixels, int n, float *features,
                   Error *err) {
    int result = -1;
    const bool together = n < pool_threads(pool) || resnet->stem[0].make_panel;
    const int workers = together ? 1 : pool_threads(pool);
    const size_t fit = MAX_MAPS / middle_size(resnet);
    const int tiles = tile_count(n, fit < 1 ? 1 : fit < MAX_GROUP ? (int)fit : MAX_GROUP, workers);
    Arena *arena = arena_create();
    ResnetScratch *scratch = ARENA_NEW(arena, ResnetScratch, workers);
    if (scratch)
        for (int i = 0; i < workers; i++)
            scratch[i] = scratch_create(resnet, ceil_div(n, tiles), together ? pool : NULL, arena);
    if (arena_failed(arena)) {
        error_memory(err);
        goto out;
    }
    ResnetJob job = {.resnet = resnet,
                     .scratch = scratch,
                     .pixels = pixels,
                     .features = features,
                     .n = n,
                     .n_tiles = tiles};
    pool_run(together ? NULL : pool, tiles, tile_forward, &job);
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
    /* One query: q and c_proj; and for each head two products with the weights and two with the tokens. */
    double C = resnet->attn_width, T = resnet->n_tokens, H = resnet->n_heads;
    return flops + 2 * C * C + 2 * C * resnet->embed_dim + 2 * 2 * C * C + 2 * 2 * H * T * C;
}
