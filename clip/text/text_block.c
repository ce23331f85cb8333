/* text_block.c: the block as a sequence of products (packed.h) and row-wise stages in tiles. */
#include "clip/text/text_block.h"

#include "clip/base/place.h"
#include "clip/checkpoint/packed_blocks.h"
#include "clip/math/norm_rows.h"
#include "clip/math/ops.h"

#include <assert.h>
#include <string.h>

/* --- memory --- */

size_t block_cache_place(BlockCache *cache, const TextWeights *w, const TokenTree *tree,
                         const Segment *segment, bool last, float *memory) {
    size_t R = (size_t)segment->rows, C = (size_t)w->width, F = (size_t)w->mlp_width, used = 0;
    size_t Q = last ? (size_t)segment->n_leaves : R;
    size_t paths = tree->path_start[segment->first + segment->rows] - tree->path_start[segment->first];
    BlockCache c = {.x = cache ? cache->x : NULL, .late = cache ? cache->late : NULL};
    c.mean_1 = place_floats(memory, &used, R);
    c.rstd_1 = place_floats(memory, &used, R);
    c.q = place_floats(memory, &used, last ? Q * C : R * 3 * C);
    c.q_stride = (int)(last ? C : 3 * C);
    c.kv = last ? place_floats(memory, &used, R * 2 * C) : memory ? c.q + C : NULL;
    c.kv_stride = (int)(last ? 2 * C : 3 * C);
    c.probs = place_floats(memory, &used, paths * (size_t)w->n_heads);
    c.x2 = place_floats(memory, &used, Q * C);
    c.mean_2 = place_floats(memory, &used, Q);
    c.rstd_2 = place_floats(memory, &used, Q);
    c.fc = place_floats(memory, &used, Q * F);
    if (memory)
        *cache = c;
    return used;
}

void block_scratch_alloc(BlockScratch *scratch, const TextWeights *w, const TokenTree *tree, int n_threads,
                         int max_rows, bool backward, Arena *arena) {
    size_t R = (size_t)max_rows, C = (size_t)w->width;
    *scratch =
        (BlockScratch){.h = arena_floats(arena, R, C),
                       .att = arena_floats(arena, R, C),
                       .g = arena_floats(arena, R, (size_t)w->mlp_width),
                       .attention = arena_floats(
                           arena, tree_attention_scratch_size(tree, w->n_heads, w->width, n_threads), 1)};
    if (!backward)
        return;
    scratch->d_x2 = arena_floats(arena, R, C);
    scratch->d_h = arena_floats(arena, R, C);
    scratch->d_qkv = arena_floats(arena, R, 3 * C);
}

/* --- forward --- */

static TreeAttention attention_of(const BlockContext *context, const Segment *segment,
                                  const BlockCache *cache, const float *shared_kv, bool last) {
    return (TreeAttention){.tree = context->tree,
                           .first = segment->first,
                           .n_rows = segment->rows,
                           .query = last ? segment->leaves : NULL,
                           .n_query = last ? segment->n_leaves : segment->rows,
                           .n_heads = context->w->n_heads,
                           .width = context->w->width,
                           .q = cache->q,
                           .q_stride = cache->q_stride,
                           .kv = cache->kv,
                           .kv_stride = cache->kv_stride,
                           .shared_kv = shared_kv,
                           .probs = cache->probs,
                           .late = cache->late,
                           .scratch = context->scratch->attention};
}

/* Rows of the leaves, from a matrix over the segment to one over the leaves. */
static void gather_leaves(float *out, const float *in, const Segment *segment, int C) {
    for (int i = 0; i < segment->n_leaves; i++)
        memcpy(out + (size_t)i * C, in + (size_t)(segment->leaves[i] - segment->first) * C,
               (size_t)C * sizeof *out);
}

static void store_shared(float *shared_kv, const Segment *segment, const BlockCache *cache, int C) {
    for (int i = 0; i < segment->rows; i++)
        memcpy(shared_kv + (size_t)(segment->first + i) * 2 * (size_t)C,
               cache->kv + (size_t)i * cache->kv_stride, 2 * (size_t)C * sizeof(float));
}

/* Queries, keys and values from h = ln_1(x); in the last block x2 takes the x of the leaves. */
static void project_in(const BlockContext *context, int layer, const Segment *segment, BlockCache *cache,
                       bool last) {
    const BlockWeights *b = &context->w->blocks[layer];
    const PackedBlock *p = &context->w->forward[layer];
    int R = segment->rows, C = context->w->width;
    BlockScratch *s = context->scratch;
    if (!last) {
        packed_product(context->pool, cache->q, s->h, &p->in_proj, b->in_proj_b, NULL, R);
        return;
    }
    packed_product(context->pool, cache->kv, s->h, &p->kv_proj, b->in_proj_b + C, NULL, R);
    gather_leaves(s->att, s->h, segment, C);
    packed_product(context->pool, cache->q, s->att, &p->q_proj, b->in_proj_b, NULL, segment->n_leaves);
    gather_leaves(cache->x2, cache->x, segment, C);
}

void block_forward(const BlockContext *context, int layer, const Segment *segment, BlockCache *cache,
                   float *y, float *shared_kv) {
    const TextWeights *w = context->w;
    const BlockWeights *b = &w->blocks[layer];
    const PackedBlock *p = &w->forward[layer];
    BlockScratch *s = context->scratch;
    Pool *pool = context->pool;
    bool last = layer == w->n_layers - 1;
    int R = segment->rows, C = w->width, F = w->mlp_width, Q = last ? segment->n_leaves : R;

    norm_rows_forward(pool, s->h, cache->mean_1, cache->rstd_1, cache->x, b->ln_1_w, b->ln_1_b, w->norm_eps,
                      R, C);
    project_in(context, layer, segment, cache, last);
    if (segment->first < context->tree->n_shared)
        store_shared(shared_kv, segment, cache, C);
    if (Q == 0)
        return;
    TreeAttention attention = attention_of(context, segment, cache, shared_kv, last);
    tree_attention_forward(pool, s->att, &attention);
    packed_product(pool, cache->x2, s->att, &p->out_proj, b->out_proj_b, last ? cache->x2 : cache->x, Q);

    norm_rows_forward(pool, s->h, cache->mean_2, cache->rstd_2, cache->x2, b->ln_2_w, b->ln_2_b, w->norm_eps,
                      Q, C);
    ActivationPiece activation = {.y = s->g, .x = cache->fc, .width = F, .activation = w->activation};
    packed_product_then(pool, cache->fc, s->h, &p->c_fc, b->c_fc_b, NULL, Q,
                        (PackedThen){y ? activation_piece : NULL, &activation});
    if (y)
        packed_product(pool, y, s->g, &p->c_proj, b->c_proj_b, cache->x2, Q);
}

/* --- backward --- */

/* x2 = x + out_proj(att), att from q, k, v = in_proj(h): fills scratch->d_h from scratch->d_x2. In the last
 * block d_x (R, C) takes d_x2 of the leaves, and zero elsewhere. */
static void attention_half_backward(const BlockContext *context, int layer, const Segment *segment,
                                    const BlockCache *cache, float *d_x, const float *shared_kv,
                                    float *d_shared_kv) {
    const TextWeights *w = context->w;
    const PackedBlock *p = &w->backward[layer];
    BlockScratch *s = context->scratch;
    Pool *pool = context->pool;
    bool last = layer == w->n_layers - 1;
    int R = segment->rows, C = w->width, Q = last ? segment->n_leaves : R;

    float *d_q = s->d_qkv, *d_kv = last ? s->d_qkv + (size_t)Q * C : s->d_qkv + C;
    packed_product(pool, s->att, s->d_x2, &p->out_proj, NULL, NULL, Q);
    TreeAttention attention = attention_of(context, segment, cache, shared_kv, last);
    tree_attention_backward(pool, d_q, d_kv, d_shared_kv, s->att, &attention);
    if (!last) {
        packed_product(pool, s->d_h, s->d_qkv, &p->in_proj, NULL, NULL, R);
        return;
    }
    packed_product(pool, s->d_h, d_kv, &p->kv_proj, NULL, NULL, R);
    packed_product(pool, s->att, d_q, &p->q_proj, NULL, NULL, Q);
    memset(d_x, 0, (size_t)R * (size_t)C * sizeof *d_x);
    for (int i = 0; i < Q; i++) {
        size_t row = (size_t)(segment->leaves[i] - segment->first) * (size_t)C;
        add_rows(s->d_h + row, s->att + (size_t)i * C, (size_t)C);
        memcpy(d_x + row, s->d_x2 + (size_t)i * C, (size_t)C * sizeof *d_x);
    }
}

void block_backward(const BlockContext *context, int layer, const Segment *segment, const BlockCache *cache,
                    float *d_x, const float *d_y, const float *shared_kv, float *d_shared_kv) {
    const TextWeights *w = context->w;
    const BlockWeights *b = &w->blocks[layer];
    const PackedBlock *p = &w->backward[layer];
    BlockScratch *s = context->scratch;
    Pool *pool = context->pool;
    bool last = layer == w->n_layers - 1;
    int R = segment->rows, C = w->width, F = w->mlp_width, Q = last ? segment->n_leaves : R;

    /* y = x2 + c_proj(act(fc)), fc = c_fc(ln_2(x2)) */
    if (Q > 0) {
        ActivationPiece activation = {
            .y = s->g, .d_y = s->g, .x = cache->fc, .width = F, .activation = w->activation};
        packed_product_then(pool, s->g, d_y, &p->c_proj, NULL, NULL, Q,
                            (PackedThen){activation_piece, &activation});
        packed_product(pool, s->d_h, s->g, &p->c_fc, NULL, NULL, Q);
        norm_rows_backward(pool, s->d_x2, d_y, s->d_h, cache->x2, cache->mean_2, cache->rstd_2, b->ln_2_w, Q,
                           C);
    }
    attention_half_backward(context, layer, segment, cache, d_x, shared_kv, d_shared_kv);
    norm_rows_backward(pool, d_x, last ? d_x : s->d_x2, s->d_h, cache->x, cache->mean_1, cache->rstd_1,
                       b->ln_1_w, R, C);
}

void block_add_late(const BlockContext *context, int layer, const Segment *segment, const BlockCache *cache,
                    float *d_shared_kv) {
    const bool last = layer == context->w->n_layers - 1;
    const TreeAttention attention = attention_of(context, segment, cache, NULL, last);
    tree_attention_add_late(context->pool, d_shared_kv, &attention);
}
