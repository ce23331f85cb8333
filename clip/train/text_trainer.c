/* text_trainer.c: see text_trainer.h
 *
 *     x = token + position;  L blocks over all nodes of the tree;  feature = ln_final(x at EOS) P
 *
 * The frozen tower (clip/text/text_encoder.h) goes through a tree segment by segment. Here every product
 * packs its weight anew, so all nodes go through each layer together, as one segment.
 */
#include "clip/train/text_trainer.h"

#include "clip/base/minimum.h"
#include "clip/base/place.h"
#include "clip/math/ops.h"
#include "clip/train/tower_head.h"
#include "clip/train/transformer.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

enum { COLUMNS = 64 }; /* of an embedding's gradient in one tile */

struct TextTrainer {
    Arena *arena;
    Arena *room;  /* holds memory, which grows with the largest tree */
    Arena *lists; /* what is said of the last tree */
    Pool *pool;
    int width, embed_dim;
    Parameter *tokens, *positions; /* (V, C), (T, C) */
    Transformer transformer;
    TowerHead head;
    size_t allowed; /* floats of activations */
    float *memory;  /* (capacity) */
    size_t capacity;

    /* Of the last pass. */
    TokenTree tree; /* the caller's, without segments */
    bool backward;
    int n_leaves;         /* U: distinct EOS nodes */
    int *leaves;          /* (U) ascending */
    int *leaf_of_prompt;  /* (P) */
    float *leaf_features; /* (U, E); in the backward pass their gradient */
};

/* --- creation --- */

static bool embedding_trained(const TextTrainer *t) {
    return t->tokens->gradient || t->positions->gradient;
}

static bool needs_blocks(const TextTrainer *t) {
    return t->transformer.lowest < t->transformer.n_layers;
}

static int open_trainer(TextTrainer *t, const TrainableClip *clip, Error *err) {
    const Parameters *all = &clip->parameters;
    t->width = clip->text.width;
    t->embed_dim = clip->embed_dim;
    t->tokens = parameters_find(all, "token_embedding.weight");
    t->positions = parameters_find(all, "positional_embedding");
    if (!t->tokens || !t->positions)
        return error_run(err, "token_embedding.weight or positional_embedding: no such parameter");
    if (tower_head_open(&t->head, all, "ln_final", "text_projection", &clip->text, clip->precision, t->pool,
                        err) < 0 ||
        transformer_open(&t->transformer, all, "", &clip->text, clip->precision, embedding_trained(t),
                         t->pool, t->arena, err) < 0)
        return -1;
    transformer_add(&t->transformer, clip->add_text);
    return 0;
}

TextTrainer *text_trainer_create(TrainableClip *clip, Pool *pool, size_t memory_budget, Error *err) {
    Arena *arena = arena_create();
    TextTrainer *t = ARENA_NEW(arena, TextTrainer, 1);
    if (!t) {
        error_memory(err);
        arena_free(arena);
        return NULL;
    }
    *t = (TextTrainer){.arena = arena,
                       .room = arena_create(),
                       .lists = arena_create(),
                       .pool = pool,
                       .allowed = memory_budget ? memory_budget / sizeof(float) : SIZE_MAX};
    if (!t->room || !t->lists)
        error_memory(err);
    else if (open_trainer(t, clip, err) == 0)
        return t;
    text_trainer_free(t);
    return NULL;
}

void text_trainer_free(TextTrainer *trainer) {
    if (!trainer)
        return;
    arena_free(trainer->room);
    arena_free(trainer->lists);
    arena_free(trainer->arena);
}

size_t text_trainer_bytes(const TextTrainer *trainer) {
    return trainer->capacity * sizeof(float);
}

/* --- memory --- */

/* Places what a pass over the tree needs; see transformer_place. */
static size_t place(TextTrainer *t, size_t allowed, float *memory) {
    const BlockRows rows = {
        .n = t->tree.n_nodes, .tree = &t->tree, .queries = t->leaves, .n_queries = t->n_leaves};
    size_t used = tower_head_place(&t->head, t->n_leaves, memory);
    t->leaf_features = place_floats(memory, &used, (size_t)t->n_leaves * (size_t)t->embed_dim);
    return used + transformer_place(&t->transformer, &rows, t->backward, allowed > used ? allowed - used : 0,
                                    memory ? memory + used : NULL);
}

/* Memory grows by a little more than is needed, so that the next larger tree seldom makes it grow again. */
static int take_memory(TextTrainer *t, Error *err) {
    const size_t MiB = 1 << 20, least = place(t, 0, NULL), wanted = place(t, t->allowed, NULL);
    if (least > t->allowed)
        return error_set(err, "memory_budget: %zu MiB, but activations of %d texts take %zu MiB at least",
                         t->allowed * sizeof(float) / MiB, t->tree.n_prompts,
                         least * sizeof(float) / MiB + 1);
    if (wanted > t->capacity) {
        arena_reset(t->room, 0);
        t->capacity = min_size(wanted + wanted / 8, t->allowed);
        t->memory = arena_floats(t->room, t->capacity, 1);
    }
    if (arena_failed(t->room)) {
        t->capacity = 0;
        return error_memory(err);
    }
    place(t, t->allowed, t->memory);
    return 0;
}

/* The tree as one segment: nothing of it is frozen, and no keys and values lie elsewhere. */
static int take_tree(TextTrainer *t, const TokenTree *tree, Error *err) {
    assert(tree->max_depth < t->positions->shape[0]);
    t->tree = *tree;
    t->tree.n_frozen = t->tree.n_shared = 0;
    arena_reset(t->lists, 0);
    t->leaves = ARENA_NEW(t->lists, int, tree->n_prompts);
    t->leaf_of_prompt = ARENA_NEW(t->lists, int, tree->n_prompts);
    if (arena_failed(t->lists))
        return error_memory(err);
    t->n_leaves = token_tree_leaves(tree, t->leaves, t->leaf_of_prompt);
    return take_memory(t, err);
}

/* --- forward --- */

static void embed_node(void *context, int node, int worker) {
    (void)worker;
    const TextTrainer *t = context;
    const size_t C = (size_t)t->width;
    const int token = t->tree.symbol[node];
    float *x = t->transformer.x + (size_t)node * C;
    assert(token >= 0 && token < t->tokens->shape[0]);
    memcpy(x, t->tokens->value + (size_t)token * C, C * sizeof *x);
    add_rows(x, t->positions->value + (size_t)t->tree.depth[node] * C, C);
}

int text_trainer_forward(TextTrainer *trainer, float *features, const TokenTree *tree, Pass pass,
                         Error *err) {
    TextTrainer *t = trainer;
    const size_t E = (size_t)t->embed_dim;
    t->backward = pass == PASS_TRAIN;
    if (take_tree(t, tree, err) < 0)
        return -1;
    if (tree->n_prompts == 0)
        return 0;
    pool_run(t->pool, tree->n_nodes, embed_node, t);
    transformer_forward(&t->transformer, t->head.x);
    tower_head_forward(&t->head, t->leaf_features);
    for (int i = 0; i < tree->n_prompts; i++)
        memcpy(features + (size_t)i * E, t->leaf_features + (size_t)t->leaf_of_prompt[i] * E,
               E * sizeof *features);
    return 0;
}

/* --- backward --- */

/* x = token + position: some columns of both gradients, from all nodes in order. */
static void embed_backward_tile(void *context, int tile, int worker) {
    (void)worker;
    const TextTrainer *t = context;
    const size_t C = (size_t)t->width, column = (size_t)tile * COLUMNS, n = min_size(COLUMNS, C - column);
    for (int node = 0; node < t->tree.n_nodes; node++) {
        const float *d_x = t->transformer.d_x + (size_t)node * C + column;
        if (t->tokens->gradient)
            add_rows(t->tokens->gradient + (size_t)t->tree.symbol[node] * C + column, d_x, n);
        if (t->positions->gradient)
            add_rows(t->positions->gradient + (size_t)t->tree.depth[node] * C + column, d_x, n);
    }
}

void text_trainer_backward(TextTrainer *trainer, const float *d_features) {
    TextTrainer *t = trainer;
    const size_t E = (size_t)t->embed_dim;
    assert(t->backward);
    t->backward = false; /* the pass is used up: some of its buffers are written over */
    if (t->tree.n_prompts == 0)
        return;
    memset(t->leaf_features, 0, (size_t)t->n_leaves * E * sizeof *t->leaf_features);
    for (int i = 0; i < t->tree.n_prompts; i++)
        add_rows(t->leaf_features + (size_t)t->leaf_of_prompt[i] * E, d_features + (size_t)i * E, E);
    tower_head_backward(&t->head, t->leaf_features, needs_blocks(t));
    transformer_backward(&t->transformer, t->head.d_x);
    if (embedding_trained(t))
        pool_run(t->pool, (t->width + COLUMNS - 1) / COLUMNS, embed_backward_tile, t);
}

/* --- counting --- */

double text_trainer_flops(const TrainableClip *clip, const TokenTree *tree, bool backward) {
    TextTrainer *t = text_trainer_create((TrainableClip *)clip, NULL, 0, NULL);
    int *leaves = t ? ARENA_NEW(t->lists, int, 2 * (size_t)tree->n_prompts) : NULL;
    double pairs = (double)tree->path_start[tree->n_nodes], leaf_pairs = 0, flops = 0;
    if (leaves) {
        const int n = token_tree_leaves(tree, leaves, leaves + tree->n_prompts);
        for (int i = 0; i < n; i++)
            leaf_pairs += tree->depth[leaves[i]] + 1;
        flops = transformer_flops(&t->transformer, tree->n_nodes, n, pairs, leaf_pairs, backward) +
                tower_head_flops(&t->head, n, backward, needs_blocks(t));
    }
    text_trainer_free(t);
    return flops;
}
