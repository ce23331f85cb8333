/* prolip.c: see prolip.h */
#include "coop/heads/prolip.h"

#include "clip/math/product.h"

#include <string.h>

struct Prolip {
    ProlipConfig config;
    ImageLoss loss;
    float *w;       /* (E, C): the parameters */
    float *g, *d_g; /* (max_batch, E) */
    Rng generator;
    Trainee trainee;
};

/* lambda |W - W0|^2, whose gradient is added. */
static double distance(const Prolip *prolip, float *d_w) {
    const float lambda = (float)prolip->config.lambda;
    double square = 0;
    for (size_t i = 0; i < prolip->trainee.n_parameters; i++) {
        const float apart = prolip->w[i] - prolip->config.w0[i];
        square += (double)apart * (double)apart;
        d_w[i] += 2 * lambda * apart;
    }
    return prolip->config.lambda * square;
}

static double loss(void *model, const float *images, const int *labels, int B, float *logits, float *gradient,
                   int *n_correct) {
    Prolip *prolip = model;
    prolip_features(prolip, prolip->g, images, B);
    const double mean = image_loss(&prolip->loss, prolip->g, labels, B, logits, prolip->d_g, n_correct);
    memset(gradient, 0, prolip->trainee.n_parameters * sizeof *gradient);
    product_linear_weight(prolip->config.loss.pool, gradient, prolip->d_g, images, B, prolip->config.width,
                          prolip->config.loss.embed_dim, PRECISION_FLOAT32);
    return mean + distance(prolip, gradient);
}

Prolip *prolip_create(const ProlipConfig *config, Arena *arena) {
    const size_t B = (size_t)config->loss.max_batch, E = (size_t)config->loss.embed_dim;
    const size_t n = E * (size_t)config->width;
    Prolip *prolip = ARENA_NEW(arena, Prolip, 1);
    const Prolip made = {.config = *config,
                         .loss = image_loss_create(&config->loss, arena),
                         .w = arena_floats(arena, E, (size_t)config->width),
                         .g = arena_floats(arena, B, E),
                         .d_g = arena_floats(arena, B, E)};
    if (arena_failed(arena))
        return NULL;
    *prolip = made;
    memcpy(prolip->w, config->w0, n * sizeof *prolip->w);
    prolip->trainee = (Trainee){.name = "projection",
                                .parameters = prolip->w,
                                .n_parameters = n,
                                .n_classes = config->loss.n_classes,
                                .pool = config->loss.pool,
                                .generator = &prolip->generator,
                                .loss = loss,
                                .model = prolip};
    rng_torch_seed(&prolip->generator, config->seed);
    return prolip;
}

const Trainee *prolip_trainee(Prolip *prolip) {
    return &prolip->trainee;
}

void prolip_features(const Prolip *prolip, float *g, const float *x, int n) {
    const ProlipConfig *c = &prolip->config;
    product_linear(c->loss.pool, g, x, prolip->w, c->bias, NULL, n, c->width, c->loss.embed_dim,
                   PRECISION_FLOAT32);
}
