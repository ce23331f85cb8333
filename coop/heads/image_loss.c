/* image_loss.c: see image_loss.h */
#include "coop/heads/image_loss.h"

#include "clip/math/ops.h"
#include "clip/math/product.h"
#include "coop/heads/softmax_loss.h"
#include "coop/zeroshot.h"

#include <assert.h>
#include <math.h>
#include <string.h>

ImageLoss image_loss_create(const ImageLossConfig *config, Arena *arena) {
    const size_t B = (size_t)config->max_batch, E = (size_t)config->embed_dim;
    return (ImageLoss){.config = *config,
                       .scale = expf(config->logit_scale),
                       .unit = arena_floats(arena, B, E),
                       .d_unit = arena_floats(arena, B, E),
                       .norm = arena_floats(arena, B, 1)};
}

double image_loss(ImageLoss *loss, const float *g, const int *labels, int B, float *logits, float *d_g,
                  int *n_correct) {
    const ImageLossConfig *c = &loss->config;
    const size_t E = (size_t)c->embed_dim;
    assert(B <= c->max_batch);
    unit_rows_forward(loss->unit, loss->norm, g, B, c->embed_dim);
    product_linear(c->pool, logits, loss->unit, c->text, NULL, NULL, B, c->embed_dim, c->n_classes,
                   PRECISION_FLOAT32);
    const double mean = softmax_loss(c->pool, logits, labels, B, c->n_classes, loss->scale, n_correct);
    product_linear_input(c->pool, loss->d_unit, logits, c->text, NULL, B, c->embed_dim, c->n_classes,
                         PRECISION_FLOAT32);
    memset(d_g, 0, (size_t)B * E * sizeof *d_g);
    unit_rows_backward(d_g, loss->d_unit, loss->unit, loss->norm, B, c->embed_dim);
    return mean;
}

void image_logits(const ImageLossConfig *c, float *logits, float *g, int n) {
    unit_rows_forward(g, NULL, g, n, c->embed_dim);
    cosine_logits(c->pool, logits, g, c->text, n, c->n_classes, c->embed_dim, c->logit_scale);
}
