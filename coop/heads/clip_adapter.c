/* clip_adapter.c: see clip_adapter.h */
#include "coop/heads/clip_adapter.h"

#include "clip/math/product.h"

#include <math.h>
#include <string.h>

struct ClipAdapter {
    ClipAdapterConfig config;
    ImageLoss loss;
    int hidden;             /* H = E / reduction */
    float *w1, *w2;         /* (H, E), (E, H): the parameters */
    float *a, *b, *g;       /* (max_batch, H), (max_batch, E), (max_batch, E) */
    float *d_a, *d_b, *d_g; /* as these */
    Rng generator;
    Trainee trainee;
};

static void relu(float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] > 0 ? x[i] : 0;
}

/* a = relu(f W1^T);  b = relu(a W2^T);  g = ratio b + (1 - ratio) f */
static void forward(const ClipAdapter *adapter, float *a, float *b, float *g, const float *f, int n) {
    Pool *pool = adapter->config.loss.pool;
    const int E = adapter->config.loss.embed_dim, H = adapter->hidden;
    const float ratio = (float)adapter->config.ratio, rest = (float)(1 - adapter->config.ratio);
    product_linear(pool, a, f, adapter->w1, NULL, NULL, n, E, H, PRECISION_FLOAT32);
    relu(a, (size_t)n * (size_t)H);
    product_linear(pool, b, a, adapter->w2, NULL, NULL, n, H, E, PRECISION_FLOAT32);
    relu(b, (size_t)n * (size_t)E);
    for (size_t i = 0; i < (size_t)n * (size_t)E; i++)
        g[i] = ratio * b[i] + rest * f[i];
}

static double loss(void *model, const float *images, const int *labels, int B, float *logits, float *gradient,
                   int *n_correct) {
    ClipAdapter *t = model;
    Pool *pool = t->config.loss.pool;
    const int E = t->config.loss.embed_dim, H = t->hidden;
    const size_t wide = (size_t)B * (size_t)E, narrow = (size_t)B * (size_t)H;
    forward(t, t->a, t->b, t->g, images, B);
    const double mean = image_loss(&t->loss, t->g, labels, B, logits, t->d_g, n_correct);
    /* d_b = ratio d_g where b > 0;  d_W2 = d_b^T a;  d_a = d_b W2 where a > 0;  d_W1 = d_a^T f */
    for (size_t i = 0; i < wide; i++)
        t->d_b[i] = t->b[i] > 0 ? (float)t->config.ratio * t->d_g[i] : 0;
    memset(gradient, 0, 2 * (size_t)H * (size_t)E * sizeof *gradient);
    product_linear_weight(pool, gradient + (size_t)H * (size_t)E, t->d_b, t->a, B, H, E, PRECISION_FLOAT32);
    product_linear_input(pool, t->d_a, t->d_b, t->w2, NULL, B, H, E, PRECISION_FLOAT32);
    for (size_t i = 0; i < narrow; i++)
        t->d_a[i] = t->a[i] > 0 ? t->d_a[i] : 0;
    product_linear_weight(pool, gradient, t->d_a, images, B, E, H, PRECISION_FLOAT32);
    return mean;
}

/* torch.nn.Linear's: uniform within 1 / root of the inputs. */
static void start(ClipAdapter *adapter) {
    const int E = adapter->config.loss.embed_dim, H = adapter->hidden;
    const size_t n = (size_t)H * (size_t)E;
    const float bound1 = (float)(1 / sqrt((double)E)), bound2 = (float)(1 / sqrt((double)H));
    rng_torch_seed(&adapter->generator, adapter->config.seed);
    rng_torch_uniform(&adapter->generator, adapter->w1, n, -bound1, bound1);
    rng_torch_uniform(&adapter->generator, adapter->w2, n, -bound2, bound2);
}

int clip_adapter_hidden(const ClipAdapterConfig *config) {
    const int hidden = config->loss.embed_dim / config->reduction;
    return hidden > 0 ? hidden : 1;
}

ClipAdapter *clip_adapter_create(const ClipAdapterConfig *config, Arena *arena) {
    const int hidden = clip_adapter_hidden(config);
    const size_t B = (size_t)config->loss.max_batch, E = (size_t)config->loss.embed_dim, H = (size_t)hidden;
    ClipAdapter *adapter = ARENA_NEW(arena, ClipAdapter, 1);
    float *parameters = arena_floats(arena, 2 * H, E);
    const ClipAdapter made = {.config = *config,
                              .loss = image_loss_create(&config->loss, arena),
                              .hidden = hidden,
                              .a = arena_floats(arena, B, H),
                              .b = arena_floats(arena, B, E),
                              .g = arena_floats(arena, B, E),
                              .d_a = arena_floats(arena, B, H),
                              .d_b = arena_floats(arena, B, E),
                              .d_g = arena_floats(arena, B, E)};
    if (arena_failed(arena))
        return NULL;
    *adapter = made;
    adapter->w1 = parameters;
    adapter->w2 = parameters + H * E;
    adapter->trainee = (Trainee){.name = "adapter",
                                 .parameters = parameters,
                                 .n_parameters = 2 * H * E,
                                 .n_classes = config->loss.n_classes,
                                 .pool = config->loss.pool,
                                 .generator = &adapter->generator,
                                 .loss = loss,
                                 .model = adapter};
    start(adapter);
    return adapter;
}

const Trainee *clip_adapter_trainee(ClipAdapter *adapter) {
    return &adapter->trainee;
}

int clip_adapter_features(const ClipAdapter *adapter, float *g, const float *f, int n, Error *err) {
    Arena *arena = arena_create();
    float *a = arena_floats(arena, (size_t)n, (size_t)adapter->hidden);
    float *b = arena_floats(arena, (size_t)n, (size_t)adapter->config.loss.embed_dim);
    const int status = arena_failed(arena) ? error_memory(err) : 0;
    if (status == 0)
        forward(adapter, a, b, g, f, n);
    arena_free(arena);
    return status;
}
