/* text_encoder.c: takes the segments of the tree, one after the other, through all blocks.
 *
 * A segment needs keys and values of its own rows and of shared rows (frozen and trunk), which come before
 * it. So the forward pass runs frozen segments (once), trunk segments, then the others; the backward pass
 * runs the others, which leave gradients at the keys and values of the trunk, then the trunk from its end to
 * its beginning.
 */
#include "clip/text/text_encoder.h"

#include "clip/base/minimum.h"
#include "clip/math/ops.h"
#include "clip/text/text_block.h"
#include "clip/text/text_head.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

/* The activations of one segment. Those that are not kept are in a slot, which the next segment
 * overwrites. */
typedef struct {
    BlockCache *blocks;  /* (L) */
    bool inputs, inside; /* kept for the backward pass: the input of every block, the rest of its cache */
} Kept;

struct TextEncoder {
    const TextWeights *w;
    const TokenTree *tree;
    Pool *pool;
    Arena *arena;
    int first, end;        /* blocks [first, end) */
    bool training;         /* a backward pass will follow */
    bool recompute;        /* the caches did not fit into the budget */
    const float *contexts; /* of the last forward call */

    Segment *segments; /* (n_segments) */
    Kept *kept;        /* (n_segments) */
    BlockScratch scratch;

    float **shared_kv;   /* (L) of (n_shared, 2C) */
    float **d_shared_kv; /* (L) of (n_shared - n_frozen, 2C), one behind the other */
    bool late;           /* what segments behind the trunk leave at it, and at contexts, is kept */
    float *late_rows;    /* (n_late, C): gradients at their context nodes, in order */
    float *d_x;          /* (max rows, C) */

    float *rows; /* (N, C) of every node behind block end - 1, where that is not the last one */
    const float *d_rows;

    int n_leaves;        /* U: distinct EOS nodes */
    int *leaf_nodes;     /* (U) ascending */
    int *leaf_of_prompt; /* (P) index into leaf_nodes */
    TextHead head;       /* behind the last block */
};

/* --- creation --- */

/* Returns the rows of the largest segment. */
static int lay_segments(TextEncoder *e) {
    const TokenTree *tree = e->tree;
    int max_rows = 0, leaf = 0;
    for (int i = 0; i < tree->n_segments; i++) {
        int first = tree->segment[i], end = tree->segment[i + 1], start = leaf;
        while (leaf < e->n_leaves && e->leaf_nodes[leaf] < end)
            leaf++;
        e->segments[i] = (Segment){
            .first = first, .rows = end - first, .leaves = e->leaf_nodes + start, .n_leaves = leaf - start};
        max_rows = end - first > max_rows ? end - first : max_rows;
    }
    return max_rows;
}

/* Floats of one block's input. */
static size_t input_floats(const TextEncoder *e, const Segment *segment) {
    return (size_t)segment->rows * (size_t)e->w->width;
}

/* Places what is inside the blocks in memory: one after the other (keep), or all in the same place. Returns
 * how many floats that takes; with blocks NULL it only counts them. */
static size_t place_inside(const TextEncoder *e, const Segment *segment, BlockCache *blocks, float *memory,
                           bool keep) {
    size_t used = 0, largest = 0;
    for (int l = e->first; l < e->end; l++) {
        bool last = l == e->w->n_layers - 1;
        size_t floats = block_cache_place(blocks ? &blocks[l] : NULL, e->w, e->tree, segment, last,
                                          memory ? memory + (keep ? used : 0) : NULL);
        used += floats;
        largest = floats > largest ? floats : largest;
    }
    return keep ? used : largest;
}

static bool fits(size_t floats, size_t *left) {
    if (floats > *left)
        return false;
    *left -= floats;
    return true;
}

/* Chooses what is kept: everything of the trunk; of the other segments the inputs of as many as fit, from
 * the first on, and of these the rest of as many as fit. Frozen segments have no backward pass. */
static void choose_kept(TextEncoder *e, size_t budget) {
    const TokenTree *tree = e->tree;
    const int first = tree->n_frozen_segments, L = e->end - e->first;
    size_t all = 0, trunk = 0, slots = 0, left = 0;
    for (int i = first; i < tree->n_segments; i++) {
        const Segment *segment = &e->segments[i];
        size_t inputs = (size_t)L * input_floats(e, segment);
        all += inputs + place_inside(e, segment, NULL, NULL, true);
        slots = max_size(slots, inputs + place_inside(e, segment, NULL, NULL, false));
        trunk = i < tree->n_shared_segments ? all : trunk;
        e->kept[i].inputs = e->kept[i].inside = true;
    }
    e->recompute = all > budget && tree->n_segments - tree->n_shared_segments > 1;
    if (!e->recompute)
        return;
    left = budget > slots + trunk ? budget - slots - trunk : 0;
    for (int i = tree->n_shared_segments; i < tree->n_segments; i++)
        e->kept[i].inputs = fits((size_t)L * input_floats(e, &e->segments[i]), &left);
    for (int i = tree->n_shared_segments; i < tree->n_segments; i++)
        e->kept[i].inside =
            e->kept[i].inputs && fits(place_inside(e, &e->segments[i], NULL, NULL, true), &left);
}

/* Gives all segments their own memory or that of the slots. A segment without a backward pass has one
 * input, which every block overwrites with its output. */
static void allocate_caches(TextEncoder *e) {
    const int n = e->tree->n_segments, L = e->end - e->first;
    size_t slot_inputs = 0, slot_inside = 0;
    for (int i = 0; i < n; i++) {
        const bool backward = e->training && i >= e->tree->n_frozen_segments;
        const size_t input = input_floats(e, &e->segments[i]);
        if (!e->kept[i].inputs)
            slot_inputs = max_size(slot_inputs, input * (size_t)(backward ? L : 1));
        if (!e->kept[i].inside)
            slot_inside = max_size(slot_inside, place_inside(e, &e->segments[i], NULL, NULL, false));
    }
    float *inputs_slot = arena_floats(e->arena, slot_inputs, 1),
          *inside_slot = arena_floats(e->arena, slot_inside, 1);
    for (int i = 0; i < n; i++) {
        const Segment *segment = &e->segments[i];
        Kept *kept = &e->kept[i];
        const bool backward = e->training && i >= e->tree->n_frozen_segments;
        const size_t input = input_floats(e, segment);
        float *inputs = kept->inputs ? arena_floats(e->arena, input, (size_t)L) : inputs_slot,
              *inside = inside_slot;
        if (kept->inside)
            inside = arena_floats(e->arena, place_inside(e, segment, NULL, NULL, true), 1);
        kept->blocks = ARENA_NEW(e->arena, BlockCache, e->end);
        if (arena_failed(e->arena))
            return;
        place_inside(e, segment, kept->blocks, inside, kept->inside);
        for (int l = 0; l < L; l++)
            kept->blocks[e->first + l].x = inputs + (backward ? input * (size_t)l : 0);
    }
}

static void allocate(TextEncoder *e, size_t memory_budget) {
    const TextWeights *w = e->w;
    const TokenTree *tree = e->tree;
    Arena *arena = e->arena;
    size_t C = (size_t)w->width, P = (size_t)tree->n_prompts;
    e->segments = ARENA_NEW(arena, Segment, tree->n_segments);
    e->kept = ARENA_NEW(arena, Kept, tree->n_segments);
    e->leaf_nodes = ARENA_NEW(arena, int, P);
    e->leaf_of_prompt = ARENA_NEW(arena, int, P);
    if (arena_failed(arena))
        return;
    e->n_leaves = token_tree_leaves(tree, e->leaf_nodes, e->leaf_of_prompt);
    int max_rows = lay_segments(e);
    if (e->training)
        choose_kept(e, memory_budget > 0 ? memory_budget / sizeof(float) : SIZE_MAX);
    allocate_caches(e);
    block_scratch_alloc(&e->scratch, w, tree, pool_threads(e->pool), max_rows, e->training, arena);
    e->shared_kv = ARENA_NEW(arena, float *, e->end);
    e->d_shared_kv = ARENA_NEW(arena, float *, e->end);
    if (e->end == w->n_layers)
        e->head = text_head(w, e->n_leaves, tree->n_prompts, e->leaf_of_prompt, e->training, arena);
    else
        e->rows = arena_floats(arena, (size_t)tree->n_nodes, C);
    const size_t trunk = e->training ? (size_t)(tree->n_shared - tree->n_frozen) * 2 * C : 0;
    float *d_shared = arena_floats(arena, trunk, (size_t)(e->end - e->first));
    for (int l = e->first; l < e->end && !arena_failed(arena); l++) {
        e->shared_kv[l] = arena_floats(arena, (size_t)tree->n_shared, 2 * C);
        e->d_shared_kv[l] = d_shared + (size_t)(l - e->first) * trunk;
    }
    if (e->training)
        e->d_x = arena_floats(arena, (size_t)max_rows, C);
}

static void segment_forward(TextEncoder *e, int i);

TextEncoder *text_encoder_create(const TextWeights *weights, const TokenTree *tree, Pool *pool, bool training,
                                 size_t memory_budget, Error *err) {
    return text_encoder_create_part(weights, tree, pool, training, 0, weights->n_layers, memory_budget, err);
}

TextEncoder *text_encoder_create_part(const TextWeights *weights, const TokenTree *tree, Pool *pool,
                                      bool training, int first, int end, size_t memory_budget, Error *err) {
    assert(!training || weights->backward);
    assert(0 <= first && first < end && end <= weights->n_layers && (first == 0 || tree->n_frozen == 0));
    assert(tree->max_depth < weights->n_positions && tree->max_depth < TREE_MAX_DEPTH);
    Arena *arena = arena_create();
    TextEncoder *e = ARENA_NEW(arena, TextEncoder, 1);
    if (!arena || !e) {
        arena_free(arena);
        error_memory(err);
        return NULL;
    }
    *e = (TextEncoder){.w = weights,
                       .tree = tree,
                       .pool = pool,
                       .arena = arena,
                       .first = first,
                       .end = end,
                       .training = training};
    allocate(e, memory_budget);
    if (arena_failed(arena)) {
        arena_free(arena);
        error_memory(err);
        return NULL;
    }
    for (int i = 0; i < tree->n_frozen_segments; i++)
        segment_forward(e, i);
    return e;
}

void text_encoder_free(TextEncoder *encoder) {
    if (encoder)
        arena_free(encoder->arena);
}

bool text_encoder_recomputes(const TextEncoder *encoder) {
    return encoder->recompute;
}

/* --- forward --- */

/* x = token or context + position; behind the first block, x is given */
static void embed_rows(const TextEncoder *e, const Segment *segment, float *x) {
    size_t C = (size_t)e->w->width;
    for (int i = 0; i < segment->rows; i++) {
        int node = segment->first + i, symbol = e->tree->symbol[node];
        const float *row = SYMBOL_IS_CONTEXT(symbol) ? e->contexts + (size_t)SYMBOL_ROW(symbol) * C
                                                     : e->w->token_embedding + (size_t)symbol * C;
        memcpy(x + (size_t)i * C, row, C * sizeof *x);
        if (e->first == 0)
            add_rows(x + (size_t)i * C, e->w->positional_embedding + (size_t)e->tree->depth[node] * C, C);
    }
}

static BlockContext block_context(TextEncoder *e) {
    return (BlockContext){.w = e->w, .tree = e->tree, .pool = e->pool, .scratch = &e->scratch};
}

/* The rows of head.x or head.d_x that belong to a segment. */
static float *leaf_rows(const TextEncoder *e, float *matrix, const Segment *segment) {
    return matrix + (size_t)(segment->leaves - e->leaf_nodes) * (size_t)e->w->width;
}

/* Half a training step would be of no use, but encoding many texts may take minutes. */
static bool is_stopped(const TextEncoder *e) {
    return !e->training && pool_stopped(e->pool, NULL) < 0;
}

/* Segment i through all blocks. */
static void segment_forward(TextEncoder *e, int i) {
    const Segment *segment = &e->segments[i];
    BlockCache *blocks = e->kept[i].blocks;
    BlockContext context = block_context(e);
    embed_rows(e, segment, blocks[e->first].x);
    for (int l = e->first; l < e->end && !is_stopped(e); l++) {
        float *y = l + 1 < e->end ? blocks[l + 1].x
                   : e->rows      ? e->rows + (size_t)segment->first * (size_t)e->w->width
                                  : leaf_rows(e, e->head.x, segment);
        block_forward(&context, l, segment, &blocks[l], y, e->shared_kv[l]);
    }
}

int text_encoder_forward_leaves(TextEncoder *encoder, const float *contexts) {
    encoder->contexts = contexts;
    for (int i = encoder->tree->n_frozen_segments; i < encoder->tree->n_segments; i++)
        segment_forward(encoder, i);
    return is_stopped(encoder) ? -1 : 0;
}

int text_encoder_forward(TextEncoder *encoder, float *features, const float *contexts) {
    TextEncoder *e = encoder;
    if (text_encoder_forward_leaves(e, contexts) < 0)
        return -1;
    if (e->rows)
        memcpy(features, e->rows, (size_t)e->tree->n_nodes * (size_t)e->w->width * sizeof *features);
    else
        text_head_forward(&e->head, e->pool, features);
    return 0;
}

/* --- backward --- */

/* The context nodes behind the trunk that come before segment i. */
static size_t late_before(const TextEncoder *e, int i) {
    const TokenTree *tree = e->tree;
    size_t n = 0;
    for (int node = tree->n_shared; e->late && node < tree->segment[i]; node++)
        n += SYMBOL_IS_CONTEXT(tree->symbol[node]);
    return n;
}

static void segment_backward(TextEncoder *e, int i, float *d_contexts) {
    const Segment *segment = &e->segments[i];
    const Kept *kept = &e->kept[i];
    BlockContext context = block_context(e);
    size_t C = (size_t)e->w->width;
    if (!kept->inputs)
        segment_forward(e, i);
    for (int l = e->end - 1; l >= e->first; l--) {
        const float *d_y = l + 1 < e->end ? e->d_x
                           : e->rows      ? e->d_rows + (size_t)segment->first * C
                                          : leaf_rows(e, e->head.d_x, segment);
        if (!kept->inside)
            block_forward(&context, l, segment, &kept->blocks[l], NULL, e->shared_kv[l]);
        block_backward(&context, l, segment, &kept->blocks[l], e->d_x, d_y, e->shared_kv[l],
                       e->d_shared_kv[l]);
    }
    float *late = d_contexts ? NULL : e->late_rows + late_before(e, i) * C;
    for (int r = 0; r < segment->rows; r++) { /* x = context + position */
        int symbol = e->tree->symbol[segment->first + r];
        if (!SYMBOL_IS_CONTEXT(symbol))
            continue;
        if (d_contexts) {
            add_rows(d_contexts + (size_t)SYMBOL_ROW(symbol) * C, e->d_x + (size_t)r * C, C);
        } else {
            memcpy(late, e->d_x + (size_t)r * C, C * sizeof *late);
            late += C;
        }
    }
}

float *text_encoder_trunk(TextEncoder *encoder, size_t *n) {
    const TextEncoder *e = encoder;
    const size_t rows = (size_t)(e->tree->n_shared - e->tree->n_frozen);
    *n = rows * 2 * (size_t)e->w->width * (size_t)(e->end - e->first);
    return e->d_shared_kv[e->first];
}

void text_encoder_backward_units(TextEncoder *encoder, float *d_contexts) {
    const TextEncoder *e = encoder;
    size_t n;
    assert(e->training && (d_contexts == NULL) == e->late);
    float *trunk = text_encoder_trunk(encoder, &n);
    memset(trunk, 0, n * sizeof *trunk);
    for (int i = e->tree->n_shared_segments; i < e->tree->n_segments; i++)
        segment_backward(encoder, i, d_contexts);
}

void text_encoder_backward_trunk(TextEncoder *encoder, float *d_contexts) {
    for (int i = encoder->tree->n_shared_segments - 1; i >= encoder->tree->n_frozen_segments; i--)
        segment_backward(encoder, i, d_contexts);
}

void text_encoder_backward(TextEncoder *encoder, float *d_contexts, const float *d_features) {
    if (encoder->rows)
        encoder->d_rows = d_features;
    else
        text_head_backward(&encoder->head, encoder->pool, d_features);
    text_encoder_backward_units(encoder, d_contexts);
    text_encoder_backward_trunk(encoder, d_contexts);
}

/* --- late --- */

size_t text_encoder_late_bytes(const TextWeights *w, const TokenTree *tree) {
    const size_t C = (size_t)w->width, L = (size_t)w->n_layers;
    size_t floats = 0;
    for (int i = tree->n_shared; i < tree->n_nodes; i++)
        floats += SYMBOL_IS_CONTEXT(tree->symbol[i]) ? C : 0;
    for (int i = tree->n_shared_segments; i < tree->n_segments && tree->n_shared > tree->n_frozen; i++) {
        const int first = tree->segment[i], rows = tree->segment[i + 1] - first;
        floats += L * late_keys_alloc(NULL, tree, first, rows, rows, w->n_heads, w->width, NULL);
    }
    return floats * sizeof(float);
}

int text_encoder_keep_late(TextEncoder *encoder, Error *err) {
    TextEncoder *e = encoder;
    const TokenTree *tree = e->tree;
    e->late = true;
    e->late_rows = arena_floats(e->arena, late_before(e, tree->n_segments), (size_t)e->w->width);
    for (int i = tree->n_shared_segments; i < tree->n_segments && tree->n_shared > tree->n_frozen; i++)
        for (int l = e->first; l < e->end; l++) {
            const Segment *segment = &e->segments[i];
            const int n_query = l == e->w->n_layers - 1 ? segment->n_leaves : segment->rows;
            LateKeys *late = e->kept[i].blocks[l].late = ARENA_NEW(e->arena, LateKeys, 1);
            if (!late)
                return error_memory(err);
            late_keys_alloc(late, tree, segment->first, segment->rows, n_query, e->w->n_heads, e->w->width,
                            e->arena);
        }
    return arena_failed(e->arena) ? error_memory(err) : 0;
}

void text_encoder_add_late(TextEncoder *encoder, float *d_contexts) {
    TextEncoder *e = encoder;
    const TokenTree *tree = e->tree;
    const size_t C = (size_t)e->w->width;
    const BlockContext context = block_context(e);
    const float *late = e->late_rows;
    for (int i = tree->n_shared_segments; i < tree->n_segments && tree->n_shared > tree->n_frozen; i++)
        for (int l = e->first; l < e->end; l++)
            block_add_late(&context, l, &e->segments[i], &e->kept[i].blocks[l], e->d_shared_kv[l]);
    for (int i = tree->n_shared; i < tree->n_nodes; i++)
        if (SYMBOL_IS_CONTEXT(tree->symbol[i])) {
            add_rows(d_contexts + (size_t)SYMBOL_ROW(tree->symbol[i]) * C, late, C);
            late += C;
        }
}

TextHead *text_encoder_head(TextEncoder *encoder) {
    return &encoder->head;
}

/* --- counting --- */

size_t text_encoder_bytes(const TextWeights *w, const TokenTree *tree) {
    size_t floats = 0;
    for (int i = tree->n_frozen_segments; i < tree->n_segments; i++) {
        const int first = tree->segment[i], rows = tree->segment[i + 1] - first;
        const Segment segment = {.first = first, .rows = rows, .n_leaves = rows};
        floats += (size_t)w->n_layers *
                  ((size_t)rows * (size_t)w->width + block_cache_place(NULL, w, tree, &segment, false, NULL));
    }
    return floats * sizeof(float);
}

double text_encoder_flops(const TextWeights *weights, const TokenTree *tree, bool backward) {
    double C = weights->width, F = weights->mlp_width, L = weights->n_layers, P = tree->n_prompts;
    double rows = tree->n_nodes - tree->n_frozen, paths = 0, leaf_paths = 0;
    for (int i = tree->n_frozen; i < tree->n_nodes; i++)
        paths += tree->depth[i] + 1;
    for (int i = 0; i < tree->n_prompts; i++)
        leaf_paths += tree->depth[tree->leaf[i]] + 1;
    double row = 2 * (3 * C * C + C * C + 2 * C * F), last_row = 2 * 2 * C * C,
           leaf = 2 * (2 * C * C + 2 * C * F);
    double forward = (L - 1) * (rows * row + paths * 4 * C) + rows * last_row + P * leaf +
                     leaf_paths * 4 * C + P * 2 * C * weights->embed_dim;
    double attention_again =
        ((L - 1) * paths + leaf_paths) * 4 * C; /* the backward pass has twice the products there */
    return backward ? 2 * forward + attention_again : forward;
}
