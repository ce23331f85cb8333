/* transformer.c: see transformer.h */
#include "clip/train/transformer.h"

#include "clip/base/minimum.h"
#include "clip/base/place.h"
#include "clip/math/ops.h"

#include <assert.h>

static bool is_last(const Transformer *t, int layer) {
    return layer == t->n_layers - 1;
}

int transformer_open(Transformer *t, const Parameters *parameters, const char *prefix,
                     const TowerConfig *config, Precision precision, bool below, Pool *pool, Arena *arena,
                     Error *err) {
    const int L = config->n_layers;
    *t = (Transformer){.n_layers = L, .below = below};
    t->blocks = ARENA_NEW(arena, BlockParameters, L);
    t->activations = ARENA_NEW(arena, BlockActivations, L);
    t->kept = ARENA_NEW(arena, bool, L);
    if (arena_failed(arena))
        return error_memory(err);
    for (int l = 0; l < L; l++)
        if (block_parameters_find(&t->blocks[l], parameters, prefix, l, err) < 0)
            return -1;
    while (!below && t->lowest < L && !block_parameters_trained(&t->blocks[t->lowest]))
        t->lowest++;
    t->context = (BlockContext){.width = config->width,
                                .n_heads = config->n_heads,
                                .mlp_width = (int)t->blocks[0].c_fc_w->shape[0],
                                .activation = config->activation,
                                .norm_eps = config->norm_eps > 0 ? config->norm_eps : LAYER_NORM_EPS,
                                .precision = precision,
                                .pool = pool};
    t->wide = transformer_block_wide(&t->context);
    return 0;
}

void transformer_add(Transformer *t, const QkvAdditions *additions) {
    t->context.additions = additions;
    if (additions && additions->lowest < t->lowest)
        t->lowest = additions->lowest;
}

/* --- memory --- */

static BlockContext context_of(const Transformer *t) {
    BlockContext context = t->context;
    context.rows = &t->rows;
    context.scratch = &t->scratch;
    return context;
}

static size_t place_block(Transformer *t, int layer, float *memory) {
    const BlockContext context = context_of(t);
    return transformer_block_place(memory ? &t->activations[layer] : NULL, &context, &t->blocks[layer],
                                   is_last(t, layer), memory);
}

/* Floats of the largest block that is not kept. */
static size_t slot_floats(Transformer *t) {
    size_t floats = 0;
    for (int l = 0; l < t->n_layers; l++)
        if (!t->kept[l])
            floats = max_size(floats, place_block(t, l, NULL));
    return floats;
}

/* Keeps as many blocks as fit into what `fixed` leaves, those that the backward pass comes to first before
 * others; all of them need no slot. */
static void choose_kept(Transformer *t, size_t fixed, size_t allowed) {
    size_t all = fixed, used = fixed;
    for (int l = 0; l < t->n_layers; l++)
        t->kept[l] = false;
    if (!t->backward)
        return;
    used += slot_floats(t);
    for (int l = t->n_layers - 1; l >= t->lowest; l--)
        t->kept[l] = true;
    all += slot_floats(t);
    for (int l = t->lowest; l < t->n_layers; l++)
        all += place_block(t, l, NULL);
    for (int l = t->n_layers - 1; all > allowed && l >= t->lowest; l--) {
        used += place_block(t, l, NULL);
        t->kept[l] = used <= allowed;
    }
}

/* The inputs of the blocks: of those with a backward pass each its own; the others change one in place. */
static void place_inputs(Transformer *t, float *memory, size_t *used) {
    const size_t floats = (size_t)t->rows.n * (size_t)t->context.width;
    float *x = NULL;
    for (int l = 0; l < t->n_layers; l++) {
        if (l == 0 || (t->backward && l > t->lowest))
            x = place_floats(memory, used, floats);
        t->activations[l].x = x;
    }
    t->x = t->activations[0].x;
    t->d_x = t->backward ? place_floats(memory, used, floats) : NULL;
}

size_t transformer_place(Transformer *t, const BlockRows *rows, bool backward, size_t allowed,
                         float *memory) {
    size_t used = 0;
    t->rows = *rows;
    t->backward = backward && t->lowest < t->n_layers;
    const BlockContext context = context_of(t);
    place_inputs(t, memory, &used);
    used +=
        transformer_scratch_place(&t->scratch, &context, t->wide, t->backward, memory ? memory + used : NULL);
    choose_kept(t, used, allowed);
    float *slot = place_floats(memory, &used, slot_floats(t));
    for (int l = 0; l < t->n_layers; l++)
        if (t->kept[l])
            used += place_block(t, l, memory ? memory + used : NULL);
        else if (memory)
            place_block(t, l, slot);
    return used;
}

/* --- passes --- */

void transformer_forward(Transformer *t, float *y) {
    const BlockContext context = context_of(t);
    for (int l = 0; l < t->n_layers; l++)
        transformer_block_forward(&context, &t->blocks[l], l, is_last(t, l), &t->activations[l],
                                  is_last(t, l) ? y : t->activations[l + 1].x);
}

void transformer_backward(Transformer *t, const float *d_y) {
    const BlockContext context = context_of(t);
    assert(t->backward || t->lowest == t->n_layers);
    for (int l = t->n_layers - 1; l >= t->lowest; l--) {
        if (!t->kept[l])
            transformer_block_forward(&context, &t->blocks[l], l, is_last(t, l), &t->activations[l], NULL);
        transformer_block_backward(&context, &t->blocks[l], l, is_last(t, l), &t->activations[l], t->d_x,
                                   is_last(t, l) ? d_y : t->d_x, l > t->lowest || t->below);
    }
}

/* --- counting --- */

double transformer_flops(const Transformer *t, double R, double Q, double pairs, double last_pairs,
                         bool backward) {
    double sum = 0;
    for (int l = 0; l < t->n_layers; l++) {
        const bool last = is_last(t, l);
        sum +=
            transformer_block_flops(&t->context, &t->blocks[l], l, R, last ? Q : R, last ? last_pairs : pairs,
                                    backward && l >= t->lowest, l > t->lowest || t->below);
    }
    return sum;
}
