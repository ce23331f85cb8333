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
#include "clip/base/minimum.h"
#include "clip/checkpoint/packed_blocks.h"
#include "clip/math/activation_pair.h"
#include "clip/math/attention_bf16.h"
#include "clip/math/ops.h"
#include "clip/math/tile_ops.h"

#include <string.h>

/* About how many tokens a tile has: more leave the cache. */
enum { TILE_TOKENS = 400 };

/* Activations of the images of a tile; one per worker. */
typedef struct {
    float *x;      /* (G, T, C): the residual stream; in the last block (G, C) */
    float *y;      /* (G, T, C): after a layer norm, and what attention gives */
    float *qkv;    /* (G, T, 3C) */
    float *hidden; /* (G, T, F) of the MLP; before the blocks (T, 3 P P) the patches of one image, in bfloat16
                    * (G, T, 3 P P) those of all */
    float *scores; /* (T, T) of one head, of this worker; those of the others follow */
    AttentionScratch *heads; /* the same in bfloat16, instead */
    Pool *pool;              /* for its products; NULL where other workers have tiles of their own */
} VitScratch;

typedef struct {
    const VitWeights *vit;
    const VitScratch *scratch; /* (workers) */
    const float *pixels;       /* (n, 3, S, S) */
    float *features;           /* (n, E) */
    int n, n_tiles;            /* images, and the tiles that they go in */
} VitJob;

/* Only a tower in bfloat16 has this packed, so that it shows the precision. */
static Bf16Kernel bf16_kernel(const VitWeights *vit) {
    return vit->conv1.bf16;
}

static VitScratch scratch_create(const VitWeights *vit, int group, Arena *arena) {
    const size_t T = (size_t)vit->n_tokens, C = (size_t)vit->width, rows = (size_t)group * T;
    const size_t patch = 3 * (size_t)vit->patch_size * (size_t)vit->patch_size, F = (size_t)vit->mlp_width;
    VitScratch s = {0};
    s.x = arena_floats(arena, rows, C);
    s.y = arena_floats(arena, rows, C);
    s.qkv = arena_floats(arena, rows, 3 * C);
    s.hidden = arena_floats(arena, rows, F > patch ? F : patch);
    return s;
}

/* One for each worker; NULL, with the arena failed, when there is no room. */
static VitScratch *scratches_create(const VitWeights *vit, int group, int workers, Arena *arena) {
    VitScratch *scratch = ARENA_NEW(arena, VitScratch, workers);
    AttentionScratch *heads = ARENA_NEW(arena, AttentionScratch, workers);
    const size_t head = (size_t)vit->n_tokens * (size_t)vit->n_tokens;
    float *scores = arena_floats(arena, (size_t)workers, bf16_kernel(vit) != BF16_NONE ? 0 : head);
    for (int i = 0; i < workers && scratch && heads && scores; i++) {
        scratch[i] = scratch_create(vit, group, arena);
        scratch[i].scores = scores + (size_t)i * head;
        scratch[i].heads = &heads[i];
        if (bf16_kernel(vit) != BF16_NONE)
            heads[i] = attention_scratch(vit->n_tokens, vit->width / vit->n_heads, arena);
    }
    return scratch;
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

/* x (n, T, C) = patches conv1^T, with room for class tokens. In bfloat16 these have patches of zeros, so that
 * one product gives x as it lies. */
static void patches_forward(const VitWeights *vit, const VitScratch *s, const float *pixels, int n) {
    const int T = vit->n_tokens, C = vit->width, S = vit->image_size, P = vit->patch_size;
    const size_t image = 3 * (size_t)S * (size_t)S, patch = 3 * (size_t)P * (size_t)P;
    const bool together = bf16_kernel(vit) != BF16_NONE;
    for (int i = 0; i < n; i++) {
        float *patches = s->hidden + (together ? (size_t)i * (size_t)T * patch : 0);
        if (together)
            memset(patches, 0, patch * sizeof *patches);
        cut_patches(patches + patch, pixels + (size_t)i * image, S, P);
        if (!together)
            tile_linear_forward(s->pool, s->x + ((size_t)i * T + 1) * C, patches + patch, vit->conv1_w, T - 1,
                                (int)patch, C);
    }
    if (together)
        packed_product(s->pool, s->x, s->hidden, &vit->conv1, NULL, NULL, n * T);
}

/* x (n, T, C) = ln_pre([class; patches conv1^T] + positions) */
static void embed_forward(const VitWeights *vit, const VitScratch *s, const float *pixels, int n) {
    const int T = vit->n_tokens, C = vit->width;
    patches_forward(vit, s, pixels, n);
    for (int i = 0; i < n; i++) {
        float *x = s->x + (size_t)i * T * C;
        memcpy(x, vit->class_embedding, (size_t)C * sizeof *x);
        add_rows(x, vit->positional_embedding, (size_t)T * C);
        layer_norm_forward(x, NULL, NULL, x, vit->ln_pre_w, vit->ln_pre_b, vit->norm_eps, T, C);
    }
}

/* What the heads of some images attend to. */
typedef struct {
    const VitWeights *vit;
    const VitScratch *scratch;
    float *out;              /* (n, Q, C) */
    const float *q, *kv;     /* (n, Q, q_stride), C of each row used; (n, T, kv_stride), 2C: keys, values */
    int q_stride, kv_stride; /* from one row to the next */
    int Q;
} VitAttention;

/* One head of one image. */
static void head_forward(void *context, int tile, int worker) {
    const VitAttention *a = context;
    const VitWeights *vit = a->vit;
    const int D = vit->width / vit->n_heads, image = tile / vit->n_heads, column = tile % vit->n_heads * D;
    const size_t row = (size_t)image * (size_t)a->Q;
    const float *k = a->kv + (size_t)image * (size_t)vit->n_tokens * (size_t)a->kv_stride + (size_t)column;
    const AttentionHead head = {.out = a->out + row * (size_t)vit->width + (size_t)column,
                                .q = a->q + row * (size_t)a->q_stride + (size_t)column,
                                .k = k,
                                .v = k + vit->width,
                                .out_stride = vit->width,
                                .q_stride = a->q_stride,
                                .kv_stride = a->kv_stride,
                                .Q = a->Q,
                                .T = vit->n_tokens,
                                .D = D};
    if (bf16_kernel(vit) != BF16_NONE)
        attention_bf16_head(bf16_kernel(vit), &head, &a->scratch->heads[worker]);
    else
        tile_attention_head(&head, a->scratch->scores +
                                       (size_t)worker * (size_t)vit->n_tokens * (size_t)vit->n_tokens);
}

static void heads_forward(VitAttention *a, int n) {
    pool_run(a->scratch->pool, n * a->vit->n_heads, head_forward, a);
}

/* x (n, T, C) += attention, in all blocks but the last */
static void attention_forward(const VitWeights *vit, int layer, const VitScratch *s, int n) {
    const BlockWeights *block = &vit->blocks[layer];
    const PackedBlock *packed = &vit->forward[layer];
    const int T = vit->n_tokens, C = vit->width;
    packed_product(s->pool, s->qkv, s->y, &packed->in_proj, block->in_proj_b, NULL, n * T);
    VitAttention attention = {.vit = vit,
                              .scratch = s,
                              .out = s->y,
                              .q = s->qkv,
                              .kv = s->qkv + C,
                              .q_stride = 3 * C,
                              .kv_stride = 3 * C,
                              .Q = T};
    heads_forward(&attention, n);
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
    VitAttention attention = {
        .vit = vit, .scratch = s, .out = s->y, .q = q, .kv = kv, .q_stride = C, .kv_stride = 2 * C, .Q = 1};
    heads_forward(&attention, n);
    packed_product(s->pool, s->x, s->y, &packed->out_proj, block->out_proj_b, s->x, n);
}

/* hidden = act(y c_fc). In bfloat16, where libm's erf would take as long as all products, GELU comes by a
 * polynomial, whose error is far below a rounding. */
static void hidden_forward(const VitWeights *vit, int layer, const VitScratch *s, int rows) {
    ActivationPiece plain = {
        .y = s->hidden, .x = s->hidden, .width = vit->mlp_width, .activation = vit->activation};
    ActivationPair fast = {.y = plain.y, .x = plain.x, .width = plain.width, .activation = plain.activation};
    const PackedThen then = bf16_kernel(vit) != BF16_NONE ? (PackedThen){activation_pair_piece, &fast}
                                                          : (PackedThen){activation_piece, &plain};
    packed_product_then(s->pool, s->hidden, s->y, &vit->forward[layer].c_fc, vit->blocks[layer].c_fc_b, NULL,
                        rows, then);
}

/* One block for n images, (n, T, C) to (n, Q, C): Q = T, or 1 in the last block. */
static void block_forward(const VitWeights *vit, int layer, const VitScratch *s, int n, int Q) {
    const BlockWeights *block = &vit->blocks[layer];
    const PackedBlock *packed = &vit->forward[layer];
    const int C = vit->width;
    layer_norm_forward(s->y, NULL, NULL, s->x, block->ln_1_w, block->ln_1_b, vit->norm_eps, n * vit->n_tokens,
                       C);
    if (layer < vit->n_layers - 1)
        attention_forward(vit, layer, s, n);
    else
        class_attention_forward(vit, s, n);
    layer_norm_forward(s->y, NULL, NULL, s->x, block->ln_2_w, block->ln_2_b, vit->norm_eps, n * Q, C);
    hidden_forward(vit, layer, s, n * Q);
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
    const int C = vit->width, E = vit->embed_dim, first = tile_first(job->n, job->n_tiles, tile);
    const int n = tile_first(job->n, job->n_tiles, tile + 1) - first;
    const size_t image = 3 * (size_t)vit->image_size * (size_t)vit->image_size;

    embed_forward(vit, s, job->pixels + (size_t)first * image, n);
    for (int l = 0; l + 1 < vit->n_layers; l++)
        block_forward(vit, l, s, n, vit->n_tokens);
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
static int count_tiles(const VitWeights *vit, int n, int workers) {
    const int fit = is_packed(vit) ? TILE_TOKENS / vit->n_tokens : 1;
    const bool deferred = vit->forward[0].out_proj.read;
    return deferred && n > 1 && n <= fit ? 1 : tile_count(n, fit > 1 ? fit : 1, workers);
}

int vit_forward(const VitWeights *vit, Pool *pool, const float *pixels, int n, float *features, Error *err) {
    int result = -1;
    const int workers = pool_threads(pool), tiles = count_tiles(vit, n, workers);
    Arena *arena = arena_create();
    VitScratch *scratch = scratches_create(vit, ceil_div(n, tiles), workers, arena);
    if (arena_failed(arena)) {
        error_memory(err);
        goto out;
    }
    VitJob job = {
        .vit = vit, .scratch = scratch, .pixels = pixels, .features = features, .n = n, .n_tiles = tiles};
    if (tiles > 1) {
        pool_run(pool, tiles, tile_forward, &job);
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
