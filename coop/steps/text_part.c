/* text_part.c: see text_part.h. */
#include "coop/steps/text_part.h"

#include "clip/text/text_encoder.h"
#include "clip/text/tree_part.h"

#include <assert.h>
#include <math.h>
#include <string.h>

typedef struct {
    const PartLink *link;
    int index;
    PartTree head;
    TokenTree tree; /* the whole */
    TreePart part;
    const Clip *clip;
    Pool *pool;
    TextEncoder *encoder;
    float *contexts, *gradient; /* (part.n_contexts, C) */
    size_t n;                   /* numbers of these */
    Optimizer optimizer;
    Arena *arena;
} Part;

static void receive(const Part *part, int from, void *data, size_t size) {
    const PartBlock block = {from, data, size};
    part->link->exchange(part->link->context, NULL, 0, &block, 1);
}

static void reply(const Part *part, int to, void *data, size_t size) {
    const PartBlock block = {to, data, size};
    part->link->exchange(part->link->context, &block, 1, NULL, 0);
}

/* --- a step --- */

static size_t leaf_bytes(const Part *part) {
    return (size_t)part->part.tree.n_prompts * (size_t)part->clip->text.width * sizeof(float);
}

static void forward(Part *part) {
    if (!part->head.own)
        receive(part, 0, part->contexts, part->n * sizeof(float));
    text_encoder_forward_leaves(part->encoder, part->contexts);
    reply(part, 0, text_encoder_head(part->encoder)->x, leaf_bytes(part));
}

/* Adds to the sums of the rank before, and hands them on. */
static void add_late(Part *part) {
    const int next = (part->index + 1) % part->head.count;
    size_t n;
    float *trunk = text_encoder_trunk(part->encoder, &n);
    receive(part, part->index - 1, trunk, n * sizeof *trunk);
    receive(part, part->index - 1, part->gradient, part->n * sizeof(float));
    text_encoder_add_late(part->encoder, part->gradient);
    reply(part, next, trunk, n * sizeof *trunk);
    reply(part, next, part->gradient, part->n * sizeof(float));
}

static void backward(Part *part) {
    receive(part, 0, text_encoder_head(part->encoder)->d_x, leaf_bytes(part));
    memset(part->gradient, 0, part->n * sizeof(float));
    text_encoder_backward_units(part->encoder, part->head.own ? part->gradient : NULL);
    if (!part->head.own)
        add_late(part);
}

/* --- contexts of each class --- */

static void begin(Part *part, const Optimizer *optimizer) {
    Optimizer *own = &part->optimizer;
    float *const first = own->buffers[0].values, *const second = own->buffers[1].values;
    *own = *optimizer;
    own->n = part->n;
    own->buffers[0].values = first;
    own->buffers[1].values = second;
    receive(part, 0, part->contexts, part->n * sizeof(float));
    for (int b = 0; b < own->n_buffers; b++)
        receive(part, 0, own->buffers[b].values, part->n * sizeof(float));
}

static void gather(Part *part) {
    reply(part, 0, part->contexts, part->n * sizeof(float));
    for (int b = 0; b < part->optimizer.n_buffers; b++)
        reply(part, 0, part->optimizer.buffers[b].values, part->n * sizeof(float));
}

static void is_finite(const Part *part) {
    int finite = 1;
    for (size_t i = 0; i < part->n && finite; i++)
        finite = isfinite(part->contexts[i]) != 0;
    reply(part, 0, &finite, sizeof finite);
}

/* --- until the end --- */

static int read_tree(Part *part, Error *err) {
    Arena *arena = part->arena;
    receive(part, 0, &part->head, sizeof part->head);
    const int n = part->head.n_prompts;
    int *lengths = ARENA_NEW(arena, int, n), *symbols = ARENA_NEW(arena, int, part->head.n_symbols);
    const int **prompts = ARENA_NEW(arena, const int *, n);
    if (arena_failed(arena))
        return error_memory(err);
    receive(part, 0, lengths, (size_t)n * sizeof *lengths);
    receive(part, 0, symbols, (size_t)part->head.n_symbols * sizeof *symbols);
    for (int i = 0; i < n; i++) {
        prompts[i] = symbols;
        symbols += lengths[i];
    }
    return token_tree_build(&part->tree, prompts, lengths, n, arena, err);
}

static int open_part(Part *part, size_t memory_budget, Error *err) {
    const TextWeights *w = &part->clip->text;
    TreePart *own = &part->part;
    if (read_tree(part, err) < 0 || tree_part(own, &part->tree, part->index, part->head.count,
                                              part->head.n_contexts, part->head.own, part->arena, err) < 0)
        return -1;
    part->n = (size_t)own->n_contexts * (size_t)w->width;
    part->contexts = arena_floats(part->arena, part->n, 1);
    part->gradient = arena_floats(part->arena, part->n, 1);
    for (int b = 0; b < OPTIMIZER_MAX_BUFFERS && part->head.own; b++)
        part->optimizer.buffers[b].values = arena_floats(part->arena, part->n, 1);
    if (arena_failed(part->arena))
        return error_memory(err);
    const size_t late = part->head.own ? 0 : text_encoder_late_bytes(w, &own->tree);
    const size_t budget = memory_budget == 0 ? 0 : memory_budget > late ? memory_budget - late : 1;
    part->encoder = text_encoder_create(w, &own->tree, part->pool, true, budget, err);
    if (!part->encoder)
        return -1;
    return part->head.own ? 0 : text_encoder_keep_late(part->encoder, err);
}

static void serve(Part *part) {
    PartOrder order = {.operation = PART_FORWARD};
    while (order.operation != PART_END) {
        receive(part, 0, &order, sizeof order);
        switch (order.operation) {
        case PART_FORWARD:
            forward(part);
            break;
        case PART_BACKWARD:
            backward(part);
            break;
        case PART_BEGIN:
            begin(part, &order.optimizer);
            break;
        case PART_STEP:
            optimizer_step(&part->optimizer, part->contexts, part->gradient, order.lr, order.t, part->pool);
            break;
        case PART_GATHER:
            gather(part);
            break;
        case PART_IS_FINITE:
            is_finite(part);
            break;
        case PART_END:
            break;
        }
    }
}

int text_part_serve(const PartLink *link, int index, Clip *clip, Pool *pool, size_t memory_budget,
                    Error *err) {
    Arena *arena = arena_create();
    if (!arena)
        return error_memory(err);
    Part part = {.link = link, .index = index, .clip = clip, .pool = pool, .arena = arena};
    int status = clip_prepare_training(clip, err);
    if (status == 0)
        status = open_part(&part, memory_budget, err);
    if (status == 0)
        serve(&part);
    text_encoder_free(part.encoder);
    arena_free(arena);
    return status;
}
