/* text_parts.c: rank 0's side of text_parts.h; text_part.c is the others'. */
#include "coop/steps/text_parts.h"

#include "clip/math/packed.h"
#include "clip/text/text_encoder.h"
#include "clip/text/tree_part.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What rank 0 knows of another rank, or of itself. */
typedef struct {
    int first_leaf, n_leaves;
    int n_contexts;
    const int *contexts; /* (n_contexts) rows of the whole's table, where classes have their own */
} Other;

struct TextParts {
    const Clip *clip;
    Pool *pool;
    PartLink link;
    int count; /* ranks that have a part */
    bool own;  /* contexts of each class */
    float *contexts;
    int n_contexts;
    int n_leaves, *leaf_nodes, *leaf_of_prompt;
    Other *others; /* (count) */
    TreePart part; /* of this rank, with the whole's table of contexts */
    TextEncoder *encoder;
    TextHead head;             /* of all leaves */
    PartBlock *sends, *blocks; /* (4 count) room */
    float **packed;            /* (count) rows on their way, where classes have their own */
    Spread spread;
    Arena *arena;
};

int text_parts_most(const TokenTree *tree, bool own_contexts) {
    if (!packed_is_supported() || (own_contexts && tree->n_shared > tree->n_frozen))
        return 1;
    return tree_parts(tree);
}

size_t text_parts_step_bytes(const TokenTree *tree, int n_contexts, bool own_contexts, int count, int width,
                             int n_layers) {
    const size_t C = (size_t)width, others = (size_t)count - 1;
    const size_t trunk = (size_t)(tree->n_shared - tree->n_frozen) * 2 * C * (size_t)n_layers;
    const size_t table = (size_t)n_contexts * C;
    size_t n_leaves = 0;
    TreePart part;
    Arena *arena = arena_create();
    for (int i = 1; i < count; i++)
        if (tree_part(&part, tree, i, count, n_contexts, own_contexts, arena, NULL) == 0)
            n_leaves += (size_t)part.tree.n_prompts;
    arena_free(arena);
    return sizeof(float) *
           (2 * n_leaves * C +
            (own_contexts || others == 0 ? 0 : others * table + (others + 1) * (trunk + table)));
}

/* --- orders --- */

static PartOrder *order_of(TextParts *parts, PartOrder *order, PartOperation operation, int *n) {
    *order = (PartOrder){.operation = operation};
    for (*n = 0; *n < parts->count - 1; ++*n)
        parts->sends[*n] = (PartBlock){1 + *n, order, sizeof *order};
    return order;
}

static void exchange(const TextParts *parts, int n_sends, int n_receives) {
    parts->link.exchange(parts->link.context, parts->sends, n_sends, parts->blocks, n_receives);
}

static size_t leaf_bytes(const TextParts *parts, const Other *other) {
    return (size_t)other->n_leaves * (size_t)parts->clip->text.width * sizeof(float);
}

static float *leaf_rows(const TextParts *parts, float *matrix, const Other *other) {
    return matrix + (size_t)other->first_leaf * (size_t)parts->clip->text.width;
}

/* --- a step --- */

void text_parts_forward(TextParts *parts, float *features) {
    const Other *own = &parts->others[0];
    const size_t table = (size_t)parts->n_contexts * (size_t)parts->clip->text.width * sizeof(float);
    PartOrder order;
    int n;
    order_of(parts, &order, PART_FORWARD, &n);
    for (int i = 1; i < parts->count && !parts->own; i++)
        parts->sends[n++] = (PartBlock){i, parts->contexts, table};
    exchange(parts, n, 0);
    text_encoder_forward_leaves(parts->encoder, parts->contexts);
    memcpy(leaf_rows(parts, parts->head.x, own), text_encoder_head(parts->encoder)->x,
           leaf_bytes(parts, own));
    for (int i = 1; i < parts->count; i++) {
        const Other *other = &parts->others[i];
        parts->blocks[i - 1] =
            (PartBlock){i, leaf_rows(parts, parts->head.x, other), leaf_bytes(parts, other)};
    }
    exchange(parts, 0, parts->count - 1);
    text_head_forward(&parts->head, parts->pool, features);
}

/* The sums at trunk and contexts go round. */
static void send_round(TextParts *parts, float *d_contexts) {
    const size_t table = (size_t)parts->n_contexts * (size_t)parts->clip->text.width * sizeof(float);
    size_t n;
    float *trunk = text_encoder_trunk(parts->encoder, &n);
    parts->sends[0] = (PartBlock){1, trunk, n * sizeof *trunk};
    parts->sends[1] = (PartBlock){1, d_contexts, table};
    exchange(parts, 2, 0);
    parts->blocks[0] = (PartBlock){parts->count - 1, trunk, n * sizeof *trunk};
    parts->blocks[1] = (PartBlock){parts->count - 1, d_contexts, table};
    exchange(parts, 0, 2);
}

void text_parts_backward(TextParts *parts, float *d_contexts, const float *d_features) {
    const Other *own = &parts->others[0];
    PartOrder order;
    int n;
    text_head_backward(&parts->head, parts->pool, d_features);
    order_of(parts, &order, PART_BACKWARD, &n);
    for (int i = 1; i < parts->count; i++) {
        const Other *other = &parts->others[i];
        parts->sends[n++] =
            (PartBlock){i, leaf_rows(parts, parts->head.d_x, other), leaf_bytes(parts, other)};
    }
    exchange(parts, n, 0);
    memcpy(text_encoder_head(parts->encoder)->d_x, leaf_rows(parts, parts->head.d_x, own),
           leaf_bytes(parts, own));
    text_encoder_backward_units(parts->encoder, d_contexts);
    if (!parts->own)
        send_round(parts, d_contexts);
    text_encoder_backward_trunk(parts->encoder, d_contexts);
}

/* --- contexts of each class --- */

static size_t own_bytes(const TextParts *parts, const Other *other) {
    return (size_t)other->n_contexts * (size_t)parts->clip->text.width * sizeof(float);
}

/* Rows of a table, one after the other, or back. */
static void move_rows(const TextParts *parts, const Other *other, float *packed, float *table, bool back) {
    const size_t C = (size_t)parts->clip->text.width;
    for (int i = 0; i < other->n_contexts; i++) {
        float *row = table + (size_t)other->contexts[i] * C;
        memcpy(back ? row : packed + (size_t)i * C, back ? packed + (size_t)i * C : row, C * sizeof(float));
    }
}

/* Gives the others their rows of a table, or takes them. */
static void move_table(TextParts *parts, float *table, bool back) {
    const int n = parts->count - 1;
    for (int i = 1; i < parts->count; i++) {
        const Other *other = &parts->others[i];
        if (!back)
            move_rows(parts, other, parts->packed[i], table, false);
        (back ? parts->blocks : parts->sends)[i - 1] =
            (PartBlock){i, parts->packed[i], own_bytes(parts, other)};
    }
    exchange(parts, back ? 0 : n, back ? n : 0);
    for (int i = 1; back && i < parts->count; i++)
        move_rows(parts, &parts->others[i], parts->packed[i], table, true);
}

static void move_all(TextParts *parts, const Optimizer *optimizer, bool back) {
    move_table(parts, parts->contexts, back);
    for (int b = 0; b < optimizer->n_buffers; b++)
        move_table(parts, optimizer->buffers[b].values, back);
}

static void begin(void *context, const Optimizer *optimizer) {
    TextParts *parts = context;
    PartOrder order;
    int n;
    order_of(parts, &order, PART_BEGIN, &n)->optimizer = *optimizer;
    exchange(parts, n, 0);
    move_all(parts, optimizer, false);
}

static void gather(void *context, const Optimizer *optimizer) {
    TextParts *parts = context;
    PartOrder order;
    int n;
    order_of(parts, &order, PART_GATHER, &n);
    exchange(parts, n, 0);
    move_all(parts, optimizer, true);
}

/* The rows that are here, run by run. */
static void step(void *context, const Optimizer *optimizer, const float *gradient, double lr, long t) {
    TextParts *parts = context;
    const Other *own = &parts->others[0];
    const size_t C = (size_t)parts->clip->text.width;
    PartOrder order;
    int n;
    order_of(parts, &order, PART_STEP, &n);
    order.lr = lr;
    order.t = t;
    exchange(parts, n, 0);
    for (int i = 0, end; i < own->n_contexts; i = end) {
        for (end = i + 1; end < own->n_contexts && own->contexts[end] == own->contexts[end - 1] + 1; end++)
            ;
        const size_t at = (size_t)own->contexts[i] * C;
        Optimizer run = *optimizer;
        run.n = (size_t)(end - i) * C;
        for (int b = 0; b < run.n_buffers; b++)
            run.buffers[b].values += at;
        optimizer_step(&run, parts->contexts + at, gradient + at, lr, t, NULL);
    }
}

static bool others_finite(void *context) {
    TextParts *parts = context;
    PartOrder order;
    int n, all = 1, *finite = calloc((size_t)parts->count, sizeof *finite);
    if (!finite) /* the next loss shows it */
        return true;
    order_of(parts, &order, PART_IS_FINITE, &n);
    for (int i = 1; i < parts->count; i++)
        parts->blocks[i - 1] = (PartBlock){i, &finite[i], sizeof *finite};
    exchange(parts, n, parts->count - 1);
    for (int i = 1; i < parts->count; i++)
        all &= finite[i];
    free(finite);
    return all;
}

const Spread *text_parts_spread(const TextParts *parts) {
    return parts->own ? &parts->spread : NULL;
}

/* --- life --- */

/* Who has what. */
static int fill_others(TextParts *parts, const TokenTree *tree, Error *err) {
    Arena *arena = parts->arena, *scratch = arena_create();
    int status = scratch ? 0 : error_memory(err);
    for (int i = 0; i < parts->count && status == 0; i++) {
        TreePart part;
        const size_t mark = arena_mark(scratch);
        status = tree_part(&part, tree, i, parts->count, parts->n_contexts, parts->own, scratch, err);
        if (status < 0)
            break;
        parts->others[i] = (Other){.first_leaf = part.first_leaf,
                                   .n_leaves = part.tree.n_prompts,
                                   .n_contexts = parts->own ? part.n_contexts : 0};
        int *contexts = ARENA_NEW(arena, int, parts->others[i].n_contexts);
        parts->packed[i] = arena_floats(arena, i > 0 ? (size_t)parts->others[i].n_contexts : 0,
                                        (size_t)parts->clip->text.width);
        if (arena_failed(arena)) {
            status = error_memory(err);
            break;
        }
        memcpy(contexts, part.contexts, (size_t)parts->others[i].n_contexts * sizeof *contexts);
        parts->others[i].contexts = contexts;
        arena_reset(scratch, mark);
    }
    arena_free(scratch);
    return status;
}

/* Tells the others the prompts. */
static int send_tree(TextParts *parts, const TokenTree *tree, Error *err) {
    PartTree head = {.n_prompts = tree->n_prompts,
                     .n_contexts = parts->n_contexts,
                     .own = parts->own,
                     .count = parts->count};
    int n = 0;
    for (int i = 0; i < tree->n_prompts; i++)
        head.n_symbols += tree->depth[tree->leaf[i]] + 1;
    int *lengths = ARENA_NEW(parts->arena, int, tree->n_prompts);
    int *symbols = ARENA_NEW(parts->arena, int, head.n_symbols), *next = symbols;
    if (arena_failed(parts->arena))
        return error_memory(err);
    for (int i = 0; i < tree->n_prompts; i++) {
        const int *path = tree->path + tree->path_start[tree->leaf[i]];
        lengths[i] = tree->depth[tree->leaf[i]] + 1;
        for (int j = 0; j < lengths[i]; j++)
            *next++ = tree->symbol[path[j]];
    }
    for (int i = 1; i < parts->count; i++) {
        parts->sends[n++] = (PartBlock){i, &head, sizeof head};
        parts->sends[n++] = (PartBlock){i, lengths, (size_t)tree->n_prompts * sizeof *lengths};
        parts->sends[n++] = (PartBlock){i, symbols, (size_t)head.n_symbols * sizeof *symbols};
    }
    parts->link.start(parts->link.context, parts->count - 1);
    exchange(parts, n, 0);
    return 0;
}

static int open_parts(TextParts *parts, const TokenTree *tree, size_t memory_budget, Error *err) {
    Arena *arena = parts->arena;
    const TextWeights *w = &parts->clip->text;
    const size_t count = (size_t)parts->count;
    parts->others = ARENA_NEW(arena, Other, count);
    parts->sends = ARENA_NEW(arena, PartBlock, 4 * count);
    parts->blocks = ARENA_NEW(arena, PartBlock, 4 * count);
    parts->packed = ARENA_NEW(arena, float *, count);
    parts->leaf_nodes = ARENA_NEW(arena, int, tree->n_prompts);
    parts->leaf_of_prompt = ARENA_NEW(arena, int, tree->n_prompts);
    if (arena_failed(arena))
        return error_memory(err);
    parts->n_leaves = token_tree_leaves(tree, parts->leaf_nodes, parts->leaf_of_prompt);
    parts->head = text_head(w, parts->n_leaves, tree->n_prompts, parts->leaf_of_prompt, true, arena);
    if (arena_failed(arena))
        return error_memory(err);
    if (fill_others(parts, tree, err) < 0 ||
        tree_part(&parts->part, tree, 0, parts->count, parts->n_contexts, false, arena, err) < 0)
        return -1;
    parts->encoder = text_encoder_create(w, &parts->part.tree, parts->pool, true, memory_budget, err);
    return parts->encoder ? send_tree(parts, tree, err) : -1;
}

TextParts *text_parts_create(const Clip *clip, const TokenTree *tree, float *contexts, int n_contexts,
                             bool own_contexts, Pool *pool, const PartLink *link, size_t memory_budget,
                             Error *err) {
    const int most = text_parts_most(tree, own_contexts);
    Arena *arena = arena_create();
    TextParts *parts = ARENA_NEW(arena, TextParts, 1);
    assert(most > 1 && link->count > 1);
    if (!parts) {
        arena_free(arena);
        error_memory(err);
        return NULL;
    }
    *parts = (TextParts){.clip = clip,
                         .pool = pool,
                         .link = *link,
                         .count = most < link->count ? most : link->count,
                         .own = own_contexts,
                         .contexts = contexts,
                         .n_contexts = n_contexts,
                         .arena = arena};
    parts->spread = (Spread){begin, step, gather, others_finite, parts};
    if (open_parts(parts, tree, memory_budget, err) == 0)
        return parts;
    text_encoder_free(parts->encoder); /* nobody was told of anything */
    arena_free(arena);
    return NULL;
}

void text_parts_free(TextParts *parts) {
    PartOrder order;
    int n;
    if (!parts)
        return;
    order_of(parts, &order, PART_END, &n);
    exchange(parts, n, 0);
    text_encoder_free(parts->encoder);
    arena_free(parts->arena);
}

int text_parts_count(const TextParts *parts) {
    return parts->count;
}
