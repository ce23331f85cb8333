/* vit.c: the vision transformer (vit.h), forward only, as images have nothing to learn.
 *
 *     x = [class token; patches W] + positions; x = ln_pre(x)
 *     L times: x += attn(ln_1(x)); x += mlp(ln_2(x))
 *     feature = ln_post(x_0) proj
 * Only the class token is read at the end, so the last block has queries for that one alone.
 *
 * An image has few tokens (50 with patches of 32), so a tile takes G images through each layer together: the
 * weights are fetched once for all of them, and the bits of a row do not depend on its neighbours
 * (clip/math/packed.h). A single tile has its products shared out among all threads.
 */
#include "clip/image/vit.h"

#include "clip/base/arena.h"
#include "clip/checkpoint/packed_blocks.h"
#include "clip/math/ops.h"
#include "clip/math/tile_ops.h"

#include <string.h>

/* About how many tokens a tile has. */
enum { TILE_TOKENS = 1024 };

/* Activations of the images of a tile; one per worker. */
typedef struct {
    float *x;      /* (G, T, C): the residual stream; in the last block (G, C) */
    float *y;      /* (G, T, C): after a layer norm, and what attention gives */
    float *qkv;    /* (G, T, 3C) */
    float *hidden; /* (G, T, F) of the MLP; before the blocks (T-1, 3 P P), the patches of one image */
    float *scores; /* (T, T) of one head */
    Pool *pool;    /* for its products; NULL where other workers have tiles of their own */
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
    VitScratch s = {0};
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
    layer_norm_forward(x, NULL, NULL, x, vit->ln_pre_w, vit->ln_pre_b, vit->norm_eps, T, C);
}

/* x (n, T, C) += attention, in all blocks but the last */
static void attention_forward(const VitWeights *vit, int layer, const VitScratch *s, int n) {
    const BlockWeights *block = &vit->blocks[layer];
    const PackedBlock *packed = &vit->forward[layer];
    const int T = vit->n_tokens, C = vit->width;
    const size_t image = (size_t)T * (size_t)C;
    packed_product(s->pool, s->qkv, s->y, &packed->in_proj, block->in_proj_b, NULL, n * T);
    for (int i = 0; i < n; i++) {
        const float *qkv = s->qkv + (size_t)i * 3 * image;
        tile_attention_forward(s->y + (size_t)i * image, qkv, 3 * C, qkv + C, 3 * C, s->scores, T, T, C,
                               vit->n_heads);
    }
    packed_product(s->pool, s->x, s->y, &packed->out_proj, block->out_proj_b, s->x, n * T);
}

/* The same in the last block, where only class tokens have queries and go on: x comes as (n, T, C) and
 * leaves as (n, C). */
static void class_attention_forward(const VitWeights *vit, const VitScratch *s, int n) {
    const BlockWeights *block = &vit->blocks[vit->n_layers - 1];
    const PackedBlock *packed = &vit->forward[vit->n_layers - 1];
    const int T = vit->n_tokens, C = vit->width;
    const size_t width = (size_t)C, image = (size_t)T * width;
    float *q = s->hidden, *kv = s->qkv; /* (n, C), (n, T, 2C) */
    packed_product(s->pool, kv, s->y, &packed->kv_proj, block->in_proj_b + C, NULL, n * T);
    for (int i = 0; i < n; i++) {
        memmove(s->x + (size_t)i * width, s->x + (size_t)i * image, width * sizeof *s->x);
        memmove(s->y + (size_t)i * width, s->y + (size_t)i * image, width * sizeof *s->y);
    }
    packed_product(s->pool, q, s->y, &packed->q_proj, block->in_proj_b, NULL, n);
    for (int i = 0; i < n; i++)
        tile_attention_forward(s->y + (size_t)i * width, q + (size_t)i * width, C, kv + (size_t)i * 2 * image,
                               2 * C, s->scores, 1, T, C, vit->n_heads);
    packed_product(s->pool, s->x, s->y, &packed->out_proj, block->out_proj_b, s->x, n);
}

/* One block for n images, (n, T, C) to (n, Q, C): Q = T, or 1 in the last block. */
static void block_forward(const VitWeights *vit, int layer, const VitScratch *s, int n, int Q) {
    const BlockWeights *block = &vit->blocks[layer];
    const PackedBlock *packed = &vit->forward[layer];
    const int C = vit->width;
    ActivationPiece activation = {
        .y = s->hidden, .x = s->hidden, .width = vit->mlp_width, .activation = vit->activation};
    layer_norm_forward(s->y, NULL, NULL, s->x, block->ln_1_w, block->ln_1_b, vit->norm_eps, n * vit->n_tokens,
                       C);
    if (layer < vit->n_layers - 1)
        attention_forward(vit, layer, s, n);
    else
        class_attention_forward(vit, s, n);
    layer_norm_forward(s->y, NULL, NULL, s->x, block->ln_2_w, block->ln_2_b, vit->norm_eps, n * Q, C);
    packed_product_then(s->pool, s->hidden, s->y, &packed->c_fc, block->c_fc_b, NULL, n * Q,
                        (PackedThen){activation_piece, &activation});
    packed_product(s->pool, s->x, s->hidden, &packed->c_proj, block->c_proj_b, s->x, n * Q);
}

/* features (n, E) = y (n, C) proj; each row of proj is fetched once for all images. */
static void project_forward(float *features, const float *y, const float *proj, int n, int C, int E) {
    memset(features, 0, (size_t)n * (size_t)E * sizeof *features);
    for (int c = 0; c < C; c++)
        for (int i = 0; i < n; i++)
            axpy(features + (size_t)i * E, y[(size_t)i * C + c], proj + (size_t)c * E, E);
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
        block_forward(vit, l, s, n, T);
    block_forward(vit, vit->n_layers - 1, s, n, 1);
    layer_norm_forward(s->y, NULL, NULL, s->x, vit->ln_post_w, vit->ln_post_b, vit->norm_eps, n, C);
    if (vit->proj)
        project_forward(job->features + (size_t)first * E, s->y, vit->proj, n, C, E);
    else
        memcpy(job->features + (size_t)first * E, s->y, (size_t)n * (size_t)C * sizeof *s->y);
}

static bool is_packed(const VitWeights *vit) {
    for (int l = 0; l < vit->n_layers; l++)
        if (vit->forward[l].out_proj.panel == 0)
            return false;
    return true;
}

/* Where weights are not packed, features would depend on the group, so each image goes alone; where every
 * tile packs them anew, all images go together if they fit. */
static int group_size(const VitWeights *vit, int n, int workers) {
    const int fit = is_packed(vit) ? TILE_TOKENS / vit->n_tokens : 1;
    const bool deferred = vit->forward[0].out_proj.read;
    return deferred && n > 1 && n <= fit ? n : tile_images(n, fit > 1 ? fit : 1, workers);
}

int vit_forward(const VitWeights *vit, Pool *pool, const float *pixels, int n, float *features, Error *err) {
    int result = -1;
    const int workers = pool_threads(pool), group = group_size(vit, n, workers);
    Arena *arena = arena_create();
    VitScratch *scratch = ARENA_NEW(arena, VitScratch, workers);
    if (scratch)
        for (int i = 0; i < workers; i++)
            scratch[i] = scratch_create(vit, group, arena);
    if (arena_failed(arena)) {
        error_memory(err);
        goto out;
    }
    VitJob job = {
        .vit = vit, .scratch = scratch, .pixels = pixels, .features = features, .n = n, .group = group};
    if (n > group) {
        pool_run(pool, (n + group - 1) / group, tile_forward, &job);
    } else {
        scratch->pool = pool;
        tile_forward(&job, 0, 0);
    }
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
