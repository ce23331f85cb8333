/* vit_trainer.c: see vit_trainer.h
 *
 *     e = [class; patches conv1^T] + positions;  x = ln_pre(e);  L blocks;  feature = ln_post(x_class) proj
 *
 * All images go through each layer together, as rows (n T, C). Patches are gathered as rows of conv1's
 * product, with a row of zeros for the class token, so that the product gives e as it lies.
 */
#include "clip/train/vit_trainer.h"

#include "clip/base/place.h"
#include "clip/math/column_sums.h"
#include "clip/math/norm_rows.h"
#include "clip/math/ops.h"
#include "clip/math/product.h"
#include "clip/train/tower_head.h"
#include "clip/train/transformer.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

struct VitTrainer {
    Arena *arena;
    Pool *pool;
    TowerConfig config;
    Precision precision;
    int n_tokens, patch;  /* T; 3 P P */
    Parameter *conv1;     /* (C, 3, P, P) */
    Parameter *class_row; /* (C) */
    Parameter *positions; /* (T, C) */
    Parameter *norm_w, *norm_b;
    Transformer transformer;
    TowerHead head;
    int *class_rows; /* (max_images) where each image has its class token */
    float *memory;   /* (floats) of all activations */
    size_t floats;
    int max_images;

    /* Of the last pass. */
    int n;
    bool backward;
    const float *pixels;
    float *e, *mean, *rstd; /* (R, C), (R): before ln_pre; e is the transformer's x if no gradient needs it */
};

/* --- creation --- */

static bool trained(const Parameter *p) {
    return p->gradient;
}

static bool embedding_trained(const VitTrainer *t) {
    return trained(t->conv1) || trained(t->class_row) || trained(t->positions);
}

static bool below_trained(const VitTrainer *t) {
    return embedding_trained(t) || trained(t->norm_w) || trained(t->norm_b);
}

static bool needs_blocks(const VitTrainer *t) {
    return t->transformer.lowest < t->transformer.n_layers;
}

static int find_parameters(VitTrainer *t, const Parameters *parameters, Error *err) {
    t->conv1 = parameters_find(parameters, "visual.conv1.weight");
    t->class_row = parameters_find(parameters, "visual.class_embedding");
    t->positions = parameters_find(parameters, "visual.positional_embedding");
    t->norm_w = parameters_find(parameters, "visual.ln_pre.weight");
    t->norm_b = parameters_find(parameters, "visual.ln_pre.bias");
    if (!t->conv1 || !t->class_row || !t->positions || !t->norm_w || !t->norm_b)
        return error_run(err, "visual.conv1, visual.ln_pre or an embedding: no such parameter");
    t->n_tokens = (int)t->positions->shape[0];
    t->patch = (int)(t->conv1->count / (size_t)t->conv1->shape[0]);
    return 0;
}

/* Places what a pass over n images needs; see transformer_place. */
static size_t place(VitTrainer *t, int n, bool backward, size_t allowed, float *memory) {
    const BlockRows rows = {
        .n = n * t->n_tokens, .n_tokens = t->n_tokens, .queries = t->class_rows, .n_queries = n};
    const size_t R = (size_t)rows.n;
    size_t used = tower_head_place(&t->head, n, memory);
    const bool keep = backward && below_trained(t);
    float *e = keep ? place_floats(memory, &used, R * (size_t)t->config.width) : NULL;
    t->mean = keep ? place_floats(memory, &used, R) : NULL;
    t->rstd = keep ? place_floats(memory, &used, R) : NULL;
    used += transformer_place(&t->transformer, &rows, backward, allowed > used ? allowed - used : 0,
                              memory ? memory + used : NULL);
    t->e = keep ? e : t->transformer.x;
    return used;
}

static int take_memory(VitTrainer *t, size_t memory_budget, Error *err) {
    const size_t MiB = 1 << 20, allowed = memory_budget ? memory_budget / sizeof(float) : SIZE_MAX;
    const bool backward = needs_blocks(t) || tower_head_trained(&t->head);
    const size_t least = place(t, t->max_images, backward, 0, NULL);
    if (least > allowed)
        return error_set(err, "memory_budget: %zu MiB, but activations of %d images take %zu MiB at least",
                         memory_budget / MiB, t->max_images, least * sizeof(float) / MiB + 1);
    t->floats = place(t, t->max_images, backward, allowed, NULL);
    t->memory = arena_floats(t->arena, t->floats, 1);
    return arena_failed(t->arena) ? error_memory(err) : 0;
}

static int open_trainer(VitTrainer *t, const TrainableClip *clip, int max_images, Error *err) {
    t->config = clip->image;
    t->precision = clip->precision;
    t->max_images = max_images;
    t->class_rows = ARENA_NEW(t->arena, int, max_images);
    if (arena_failed(t->arena))
        return error_memory(err);
    if (find_parameters(t, &clip->parameters, err) < 0 ||
        tower_head_open(&t->head, &clip->parameters, "visual.ln_post", "visual.proj", &t->config,
                        t->precision, t->pool, err) < 0 ||
        transformer_open(&t->transformer, &clip->parameters, "visual.", &t->config, t->precision,
                         below_trained(t), t->pool, t->arena, err) < 0)
        return -1;
    transformer_add(&t->transformer, clip->add_image);
    if (t->transformer.wide < t->patch)
        t->transformer.wide = t->patch;
    for (int i = 0; i < max_images; i++)
        t->class_rows[i] = i * t->n_tokens;
    return 0;
}

/* Without memory for activations. */
static VitTrainer *trainer_create(const TrainableClip *clip, Pool *pool, int max_images, Error *err) {
    Arena *arena = arena_create();
    VitTrainer *t = ARENA_NEW(arena, VitTrainer, 1);
    if (!t) {
        error_memory(err);
        arena_free(arena);
        return NULL;
    }
    *t = (VitTrainer){.arena = arena, .pool = pool};
    if (open_trainer(t, clip, max_images, err) == 0)
        return t;
    arena_free(arena);
    return NULL;
}

VitTrainer *vit_trainer_create(TrainableClip *clip, Pool *pool, int max_images, size_t memory_budget,
                               Error *err) {
    VitTrainer *t = trainer_create(clip, pool, max_images, err);
    if (t && take_memory(t, memory_budget, err) == 0)
        return t;
    vit_trainer_free(t);
    return NULL;
}

void vit_trainer_free(VitTrainer *trainer) {
    if (trainer)
        arena_free(trainer->arena);
}

size_t vit_trainer_bytes(const VitTrainer *trainer) {
    return trainer->floats * sizeof(float);
}

/* --- patches and embeddings: tiles of one image --- */

typedef struct {
    const VitTrainer *t;
    float *to;
} ImageJob;

/* to (T, 3 P P) of each image: a row of zeros, then patches in the order of conv1's weight. */
static void patches_tile(void *context, int image, int worker) {
    (void)worker;
    const ImageJob *job = context;
    const VitTrainer *t = job->t;
    const size_t S = (size_t)t->config.image_size, P = (size_t)t->config.patch_size, grid = S / P;
    const size_t patch = (size_t)t->patch;
    const float *pixels = t->pixels + (size_t)image * 3 * S * S;
    float *to = job->to + (size_t)image * (size_t)t->n_tokens * patch;
    memset(to, 0, patch * sizeof *to);
    to += patch;
    for (size_t py = 0; py < grid; py++)
        for (size_t px = 0; px < grid; px++)
            for (size_t c = 0; c < 3; c++)
                for (size_t y = 0; y < P; y++, to += P)
                    memcpy(to, pixels + (c * S + py * P + y) * S + px * P, P * sizeof *to);
}

/* (R, 3 P P), in the transformer's scratch */
static const float *gather_patches(const VitTrainer *t) {
    ImageJob job = {t, t->transformer.scratch.wide};
    pool_run(t->pool, t->n, patches_tile, &job);
    return job.to;
}

static void embed_tile(void *context, int image, int worker) {
    (void)worker;
    const ImageJob *job = context;
    const VitTrainer *t = job->t;
    const size_t C = (size_t)t->config.width, size = (size_t)t->n_tokens * C;
    float *e = job->to + (size_t)image * size;
    memcpy(e, t->class_row->value, C * sizeof *e);
    add_rows(e, t->positions->value, size);
}

static void embed_forward(VitTrainer *t) {
    const int R = t->n * t->n_tokens, C = t->config.width;
    product_linear(t->pool, t->e, gather_patches(t), t->conv1->value, NULL, NULL, R, t->patch, C,
                   t->precision);
    ImageJob job = {t, t->e};
    pool_run(t->pool, t->n, embed_tile, &job);
    norm_rows_forward(t->pool, t->transformer.x, t->mean, t->rstd, t->e, t->norm_w->value, t->norm_b->value,
                      t->head.eps, R, C);
}

/* The gradients of the row of one token, from all images in order. */
static void token_tile(void *context, int token, int worker) {
    (void)worker;
    const ImageJob *job = context;
    const VitTrainer *t = job->t;
    const size_t C = (size_t)t->config.width, size = (size_t)t->n_tokens * C;
    for (int i = 0; i < t->n; i++) {
        const float *d_e = job->to + (size_t)i * size + (size_t)token * C;
        if (t->positions->gradient)
            add_rows(t->positions->gradient + (size_t)token * C, d_e, C);
        if (t->class_row->gradient && token == 0)
            add_rows(t->class_row->gradient, d_e, C);
    }
}

static void embed_backward(VitTrainer *t) {
    const int R = t->n * t->n_tokens, C = t->config.width;
    const float *d_x = t->transformer.d_x;
    float *d_e = t->transformer.scratch.h;
    norm_gradients(t->pool, t->norm_w->gradient, t->norm_b->gradient, d_x, t->e, t->mean, t->rstd, R, C);
    if (!embedding_trained(t))
        return;
    norm_rows_backward(t->pool, d_e, NULL, d_x, t->e, t->mean, t->rstd, t->norm_w->value, R, C);
    if (t->conv1->gradient)
        product_linear_weight(t->pool, t->conv1->gradient, d_e, gather_patches(t), R, t->patch, C,
                              t->precision);
    ImageJob job = {t, d_e};
    pool_run(t->pool, t->n_tokens, token_tile, &job);
}

/* --- passes --- */

void vit_trainer_forward(VitTrainer *trainer, float *features, const float *pixels, int n, Pass pass) {
    VitTrainer *t = trainer;
    assert(n <= t->max_images);
    t->n = n;
    t->pixels = pixels;
    t->backward = pass == PASS_TRAIN;
    place(t, n, t->backward, t->floats, t->memory);
    if (n == 0)
        return;
    embed_forward(t);
    transformer_forward(&t->transformer, t->head.x);
    tower_head_forward(&t->head, features);
}

void vit_trainer_backward(VitTrainer *trainer, const float *d_features) {
    VitTrainer *t = trainer;
    assert(t->backward);
    t->backward = false; /* the pass is used up: some of its buffers are written over */
    if (t->n == 0)
        return;
    tower_head_backward(&t->head, d_features, needs_blocks(t));
    transformer_backward(&t->transformer, t->head.d_x);
    if (below_trained(t))
        embed_backward(t);
}

double vit_trainer_flops(const TrainableClip *clip, bool backward) {
    VitTrainer *t = trainer_create(clip, NULL, 1, NULL);
    if (!t)
        return 0;
    const double T = t->n_tokens, conv1 = 2 * (T - 1) * (double)t->conv1->count;
    const double flops = conv1 * (backward && t->conv1->gradient ? 2 : 1) +
                         transformer_flops(&t->transformer, T, 1, T * T, T, backward) +
                         tower_head_flops(&t->head, 1, backward, needs_blocks(t));
    vit_trainer_free(t);
    return flops;
}
