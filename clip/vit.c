/* vit.c: the vision transformer (vit.h), forward only: the backbone is frozen and images are no prompts.
 *
 *     x = [class token; patches W] + positions; x = ln_pre(x)
 *     L times: x += attn(ln_1(x)); x += mlp(ln_2(x))
 *     feature = ln_post(x_0) proj
 * The class token alone is read at the end, so the last block attends from, and goes on with, that one only.
 *
 * An image has few tokens (50 of them at patches of 32), and a GEMM of so few rows spends half its time on
 * fetching the weights. So a tile takes G images through each layer together; their products stay apart
 * (tile_ops.h).
 */
#include "clip/vit.h"

#include "clip/base/arena.h"
#include "clip/base/gemm.h"
#include "clip/ops.h"
#include "clip/tile_ops.h"

#include <string.h>

/* Tokens of one tile, about. */
enum { TILE_TOKENS = 512 };

/* Activations of the images of a tile; one per worker. */
typedef struct {
    float *x;      /* (G, T, C): the residual stream; in the last block (G, C) */
    float *y;      /* (G, T, C): after a layer norm, and what attention gives */
    float *qkv;    /* (G, T, 3C) */
    float *hidden; /* (G, T, F) of the MLP; before the blocks (T-1, 3 P P), the patches of one image */
    float *scores; /* (T, T) of one head */
} VitScratch;

typedef struct {
    const VitWeights *vit;
    const VitScratch *scratch; /* (workers) */
    const float *pixels;       /* (n, 3, S, S) */
    float *features;           /* (n, E) */
    int n, group;              /* images: all; of one tile, G */
} VitJob;

static VitScratch scratch_create(const VitWeights *vit, int group, Arena *arena) {
    const size_t T = (size_t)vit->n_tokens, C = (size_t)vit->width, rows = (size_t)group * T;
    const size_t patch = 3 * (size_t)vit->patch_size * (size_t)vit->patch_size, F = (size_t)vit->mlp_width;
    VitScratch s;
    s.x = arena_floats(arena, rows, C);
    s.y = arena_floats(arena, rows, C);
    s.qkv = arena_floats(arena, rows, 3 * C);
    s.hidden = arena_floats(arena, rows, F > patch ? F : patch);
    s.scores = arena_floats(arena, T, T);
    return s;
}

/* patches (S/P S/P, 3 P P) of an image (3, S, S): each row in the order of conv1's weight. */
static void cut_patches(float *patches, const float *pixels, int S, int P) {
    const int grid = S / P;
    for (int py = 0; py < grid; py++)
        for (int px = 0; px < grid; px++)
            for (int c = 0; c < 3; c++)
                for (int y = 0; y < P; y++, patches += P)
                    memcpy(patches, pixels + ((size_t)c * S + (size_t)py * P + y) * S + (size_t)px * P,
                           (size_t)P * sizeof *patches);
}

/* x (T, C) = ln_pre([class; patches conv1^T] + positions), for one image */
static void embed_forward(float *x, const VitWeights *vit, float *patches, const float *pixels) {
    const int T = vit->n_tokens, C = vit->width, P = vit->patch_size;
    cut_patches(patches, pixels, vit->image_size, P);
    memcpy(x, vit->class_embedding, (size_t)C * sizeof *x);
    tile_linear_forward(x + C, patches, vit->conv1_w, NULL, 1, T - 1, 3 * P * P, C, false);
    add_rows(x, vit->positional_embedding, (size_t)T * C);
    layer_norm_forward(x, NULL, NULL, x, vit->ln_pre_w, vit->ln_pre_b, T, C);
}

/* x (n, Q, C) += attention of all tokens' keys and values for the first Q; x comes as (n, T, C). */
static void attention_forward(const VitWeights *vit, const BlockWeights *block, const VitScratch *s, int n,
                              int Q) {
    const int T = vit->n_tokens, C = vit->width;
    const size_t image = (size_t)T * C, part = (size_t)Q * C;
    layer_norm_forward(s->y, NULL, NULL, s->x, block->ln_1_w, block->ln_1_b, n * T, C);
    tile_linear_forward(s->qkv, s->y, block->in_proj_w, block->in_proj_b, n, T, C, 3 * C, false);
    for (int i = 0; i < n; i++) {
        tile_attention_forward(s->y + i * part, s->qkv + i * 3 * image, s->scores, Q, T, C, vit->n_heads);
        if (Q < T)
            memmove(s->x + i * part, s->x + i * image, part * sizeof *s->x);
    }
    tile_linear_forward(s->x, s->y, block->out_proj_w, block->out_proj_b, n, Q, C, C, true);
}

/* One block for n images, (n, T, C) to (n, Q, C): Q = T, or 1 in the last block. */
static void block_forward(const VitWeights *vit, const BlockWeights *block, const VitScratch *s, int n,
                          int Q) {
    const int C = vit->width, F = vit->mlp_width;
    attention_forward(vit, block, s, n, Q);
    layer_norm_forward(s->y, NULL, NULL, s->x, block->ln_2_w, block->ln_2_b, n * Q, C);
    tile_linear_forward(s->hidden, s->y, block->c_fc_w, block->c_fc_b, n, Q, C, F, false);
    activation_forward(s->hidden, s->hidden, (size_t)n * Q * F, vit->activation);
    tile_linear_forward(s->x, s->hidden, block->c_proj_w, block->c_proj_b, n, Q, F, C, true);
}

static void tile_forward(void *context, int tile, int worker) {
    const VitJob *job = context;
    const VitWeights *vit = job->vit;
    const VitScratch *s = &job->scratch[worker];
    const int T = vit->n_tokens, C = vit->width, E = vit->embed_dim, first = tile * job->group;
    const int n = job->n - first < job->group ? job->n - first : job->group;
    const size_t image = 3 * (size_t)vit->image_size * (size_t)vit->image_size;

    for (int i = 0; i < n; i++)
        embed_forward(s->x + (size_t)i * T * C, vit, s->hidden, job->pixels + (size_t)(first + i) * image);
    for (int l = 0; l + 1 < vit->n_layers; l++)
        block_forward(vit, &vit->blocks[l], s, n, T);
    block_forward(vit, &vit->blocks[vit->n_layers - 1], s, n, 1);
    layer_norm_forward(s->y, NULL, NULL, s->x, vit->ln_post_w, vit->ln_post_b, n, C);
    for (int i = 0; i < n; i++)
        gemm(false, false, 1, E, C, 1.0f, s->y + (size_t)i * C, C, vit->proj, E, 0.0f,
             job->features + (size_t)(first + i) * E, E);
}

/* Enough images for TILE_TOKENS, but no more than keeps all threads busy. No bit of a feature depends on it.
 */
static int group_size(const VitWeights *vit, int n, int workers) {
    const int most = TILE_TOKENS / vit->n_tokens, share = (n + workers - 1) / workers;
    const int group = most < share ? most : share;
    return group > 1 ? group : 1;
}

int vit_forward(const VitWeights *vit, Pool *pool, const float *pixels, int n, float *features, Error *err) {
    int result = -1;
    const int workers = pool_threads(pool), group = group_size(vit, n, workers);
    Arena *arena = arena_create();
    VitScratch *scratch = arena ? ARENA_NEW(arena, VitScratch, workers) : NULL;
    for (int i = 0; i < workers && scratch; i++)
        scratch[i] = scratch_create(vit, group, arena);
    if (!scratch || arena_failed(arena)) {
        error_memory(err);
        goto out;
    }
    VitJob job = {
        .vit = vit, .scratch = scratch, .pixels = pixels, .features = features, .n = n, .group = group};
    pool_run(pool, (n + group - 1) / group, tile_forward, &job);
    result = 0;
out:
    arena_free(arena);
    return result;
}

double vit_flops(const VitWeights *vit) {
    double C = vit->width, F = vit->mlp_width, T = vit->n_tokens, P = vit->patch_size, L = vit->n_layers;
    double per_query = 2 * (2 * C * C + 2 * C * F) + 4 * T * C; /* q, out, MLP, attention */
    double per_token = 2 * 2 * C * C;                           /* k, v */
    double patches = (T - 1) * 2 * 3 * P * P * C;
    return patches + L * T * per_token + ((L - 1) * T + 1) * per_query + 2 * C * vit->embed_dim;
}
