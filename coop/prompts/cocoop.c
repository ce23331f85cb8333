/* cocoop.c: see cocoop.h. */
#include "coop/prompts/cocoop.h"

#include "clip/math/ops.h"
#include "clip/text/text_encoder.h"
#include "coop/prompts/meta_net.h"

#include <assert.h>
#include <string.h>

enum {
    ROWS_TOGETHER = 4 * TREE_SEGMENT_ROWS, /* of the trees of images that are tested together */
    NET_ROWS = 4096,                       /* images whose vectors are made together */
    REDUCTION = 16
};

struct Cocoop {
    Arena *arena;
    Clip *clip;
    const Tokenizer *tokenizer;
    Pool *pool;
    const char **class_names;
    int n_classes; /* K */
    LearnerConfig config;
    PromptLearner *batch; /* the prompts of a batch; of one image where nothing is trained */
    MetaNet net;
    float *parameters, *d_shifted; /* (M C + those of the net), (B M, C) */
    float *vectors, *d_vectors;    /* (B, C) */
    Rng generator;
    Trainee trainee;
};

/* --- creation --- */

static double trainee_loss(void *model, const float *images, const int *labels, int B, float *logits,
                           float *gradient, int *n_correct) {
    return cocoop_loss(model, images, labels, B, logits, gradient, n_correct);
}

static size_t n_ctx_values(const Cocoop *cocoop) {
    return (size_t)learner_n_ctx(cocoop->batch) * (size_t)cocoop->clip->text.width;
}

/* Parameters, their start, and room for a batch. */
static int allocate(Cocoop *cocoop, int batch, Error *err) {
    const int E = cocoop->clip->embed_dim, C = cocoop->clip->text.width;
    const size_t n_ctx = n_ctx_values(cocoop), B = (size_t)batch;
    cocoop->net = meta_net(E, E / REDUCTION, C, META_RELU, cocoop->pool, batch > NET_ROWS ? batch : NET_ROWS,
                           cocoop->arena);
    const size_t n = n_ctx + meta_net_size(&cocoop->net);
    cocoop->parameters = arena_floats(cocoop->arena, n, 1);
    cocoop->d_shifted = arena_floats(cocoop->arena, B, n_ctx);
    cocoop->vectors = arena_floats(cocoop->arena, B, (size_t)C);
    cocoop->d_vectors = arena_floats(cocoop->arena, B, (size_t)C);
    if (arena_failed(cocoop->arena))
        return error_memory(err);
    const Trainee *prompts = learner_trainee(cocoop->batch);
    memcpy(cocoop->parameters, prompts->parameters, n_ctx * sizeof(float));
    cocoop->generator = *prompts->generator;
    meta_net_start(&cocoop->net, cocoop->parameters + n_ctx, &cocoop->generator);
    cocoop->trainee = (Trainee){.name = "ctx and meta_net",
                                .parameters = cocoop->parameters,
                                .n_parameters = n,
                                .n_classes = cocoop->n_classes,
                                .generator = &cocoop->generator,
                                .loss = trainee_loss,
                                .model = cocoop};
    return 0;
}

static Cocoop *create(Clip *clip, const Tokenizer *tokenizer, Pool *pool, const char **class_names,
                      int n_classes, const LearnerConfig *config, int batch, bool training,
                      size_t memory_budget, Error *err) {
    Arena *arena = arena_create();
    Cocoop *cocoop = ARENA_NEW(arena, Cocoop, 1);
    if (!cocoop) {
        arena_free(arena);
        error_memory(err);
        return NULL;
    }
    *cocoop = (Cocoop){.arena = arena,
                       .clip = clip,
                       .tokenizer = tokenizer,
                       .pool = pool,
                       .class_names = class_names,
                       .n_classes = n_classes,
                       .config = *config};
    cocoop->config.n_sets = batch;
    cocoop->batch = training ? learner_create(clip, tokenizer, pool, class_names, n_classes, &cocoop->config,
                                              memory_budget, err)
                             : learner_create_prompts(clip, tokenizer, pool, class_names, n_classes,
                                                      &cocoop->config, err);
    if (cocoop->batch && allocate(cocoop, batch, err) == 0)
        return cocoop;
    cocoop_free(cocoop);
    return NULL;
}

Cocoop *cocoop_create(Clip *clip, const Tokenizer *tokenizer, Pool *pool, const char **class_names,
                      int n_classes, const LearnerConfig *config, int batch, size_t memory_budget,
                      Error *err) {
    return create(clip, tokenizer, pool, class_names, n_classes, config, batch, true, memory_budget, err);
}

Cocoop *cocoop_create_untrained(Clip *clip, const Tokenizer *tokenizer, Pool *pool, const char **class_names,
                                int n_classes, const LearnerConfig *config, Error *err) {
    return create(clip, tokenizer, pool, class_names, n_classes, config, 1, false, 0, err);
}

void cocoop_free(Cocoop *cocoop) {
    if (!cocoop)
        return;
    learner_free(cocoop->batch);
    arena_free(cocoop->arena);
}

int cocoop_n_ctx(const Cocoop *cocoop) {
    return learner_n_ctx(cocoop->batch);
}

int cocoop_width(const Cocoop *cocoop) {
    return cocoop->net.n_out;
}

int cocoop_embed_dim(const Cocoop *cocoop) {
    return cocoop->net.n_in;
}

int cocoop_hidden(const Cocoop *cocoop) {
    return cocoop->net.n_hidden;
}

const TokenTree *cocoop_tree(const Cocoop *cocoop) {
    return learner_tree(cocoop->batch);
}

const Trainee *cocoop_trainee(Cocoop *cocoop) {
    return &cocoop->trainee;
}

/* --- contexts of images --- */

/* contexts (n, M, C) = ctx + vectors (n, C) */
static void shift(const Cocoop *cocoop, float *contexts, const float *vectors, int n) {
    const size_t M = (size_t)learner_n_ctx(cocoop->batch), C = (size_t)cocoop->clip->text.width;
    for (size_t i = 0; i < (size_t)n; i++) {
        memcpy(contexts + i * M * C, cocoop->parameters, M * C * sizeof *contexts);
        for (size_t m = 0; m < M; m++)
            add_rows(contexts + (i * M + m) * C, vectors + i * C, C);
    }
}

/* gradient of ctx, and d_vectors (n, C), from d_contexts (n, M, C). */
static void shift_backward(const Cocoop *cocoop, float *d_ctx, float *d_vectors, const float *d_contexts,
                           int n) {
    const size_t M = (size_t)learner_n_ctx(cocoop->batch), C = (size_t)cocoop->clip->text.width;
    memset(d_ctx, 0, M * C * sizeof *d_ctx);
    memset(d_vectors, 0, (size_t)n * C * sizeof *d_vectors);
    for (size_t i = 0; i < (size_t)n; i++) {
        add_rows(d_ctx, d_contexts + i * M * C, M * C);
        for (size_t m = 0; m < M; m++)
            add_rows(d_vectors + i * C, d_contexts + (i * M + m) * C, C);
    }
}

/* --- loss --- */

/* logits (n, K) = scale unit (n, K, E) . images (n, E), each image with features of its own. */
static void own_logits(const CosineClassifier *c, float *logits, const float *images, int n, int K) {
    const size_t E = (size_t)c->embed_dim;
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t k = 0; k < (size_t)K; k++)
            logits[i * (size_t)K + k] =
                c->scale * dot(c->unit + (i * (size_t)K + k) * E, images + i * E, c->embed_dim);
}

/* d_unit = scale d_logits images */
static void own_logits_backward(CosineClassifier *c, const float *d_logits, const float *images, int n,
                                int K) {
    const size_t E = (size_t)c->embed_dim;
    memset(c->d_unit, 0, (size_t)n * (size_t)K * E * sizeof(float));
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t k = 0; k < (size_t)K; k++)
            axpy(c->d_unit + (i * (size_t)K + k) * E, c->scale * d_logits[i * (size_t)K + k], images + i * E,
                 c->embed_dim);
}

double cocoop_loss(Cocoop *cocoop, const float *images, const int *labels, int B, float *logits,
                   float *gradient, int *n_correct) {
    const int K = cocoop->n_classes;
    const size_t n_ctx = n_ctx_values(cocoop);
    const float *net = cocoop->parameters + n_ctx;
    CosineClassifier *c = learner_classifier(cocoop->batch);
    assert(B == cocoop->config.n_sets);
    meta_net_forward(&cocoop->net, cocoop->vectors, images, net, B);
    shift(cocoop, learner_ctx(cocoop->batch), cocoop->vectors, B);
    learner_forward(cocoop->batch);
    cosine_classifier_normalise(c);
    own_logits(c, logits, images, B, K);
    double loss = cross_entropy(logits, labels, B, K, n_correct);
    if (!gradient)
        return loss;
    own_logits_backward(c, logits, images, B, K);
    cosine_classifier_finish(c);
    learner_backward(cocoop->batch, cocoop->d_shifted);
    shift_backward(cocoop, gradient, cocoop->d_vectors, cocoop->d_shifted, B);
    meta_net_backward(&cocoop->net, gradient + n_ctx, cocoop->d_vectors, images, net, B);
    return loss;
}

/* --- many images --- */

/* Images whose prompts go through the tower together: few images of many classes fill a segment by
 * themselves. The number follows from the prompts alone, and so do the bits; what is kept for so many rows is
 * some MiB. */
static int images_together(const TokenTree *one) {
    const int rows = one->n_nodes - one->n_frozen;
    return rows < ROWS_TOGETHER ? ROWS_TOGETHER / rows : 1;
}

/* The prompts of some images, to be encoded only. */
typedef struct {
    int n;
    PromptLearner *prompts;
    TextEncoder *encoder;
} Group;

static void close_group(Group *group) {
    text_encoder_free(group->encoder);
    learner_free(group->prompts);
    *group = (Group){0};
}

static int open_group(Cocoop *cocoop, Group *group, int n, Error *err) {
    LearnerConfig config = cocoop->config;
    close_group(group);
    group->n = config.n_sets = n;
    group->prompts = learner_create_prompts(cocoop->clip, cocoop->tokenizer, cocoop->pool,
                                            cocoop->class_names, cocoop->n_classes, &config, err);
    if (group->prompts)
        group->encoder = text_encoder_create(&cocoop->clip->text, learner_tree(group->prompts), cocoop->pool,
                                             false, 0, err);
    return group->encoder ? 0 : -1;
}

static int group_logits(Cocoop *cocoop, Group *group, float *logits, const float *images,
                        const float *vectors, Error *err) {
    CosineClassifier *c = learner_classifier(group->prompts);
    float *contexts = learner_ctx(group->prompts);
    shift(cocoop, contexts, vectors, group->n);
    if (text_encoder_forward(group->encoder, c->features, contexts) < 0)
        return pool_stopped(cocoop->pool, err);
    cosine_classifier_normalise(c);
    own_logits(c, logits, images, group->n, cocoop->n_classes);
    return 0;
}

/* Those of at most NET_ROWS images. */
static int some_logits(Cocoop *cocoop, Group *group, int together, float *logits, const float *images,
                       float *vectors, int n, Error *err) {
    const size_t K = (size_t)cocoop->n_classes, E = (size_t)cocoop->clip->embed_dim,
                 C = (size_t)cocoop->clip->text.width;
    meta_net_forward(&cocoop->net, vectors, images, cocoop->parameters + n_ctx_values(cocoop), n);
    for (int i = 0; i < n; i += together) {
        const int here = n - i < together ? n - i : together;
        if ((here != group->n && open_group(cocoop, group, here, err) < 0) ||
            group_logits(cocoop, group, logits + (size_t)i * K, images + (size_t)i * E,
                         vectors + (size_t)i * C, err) < 0)
            return -1;
    }
    return 0;
}

int cocoop_logits(Cocoop *cocoop, float *logits, const float *images, int n, bool alone, Error *err) {
    const int rows = alone ? 1 : NET_ROWS;
    const size_t K = (size_t)cocoop->n_classes, E = (size_t)cocoop->clip->embed_dim;
    Arena *arena = arena_create();
    float *vectors = arena_floats(arena, NET_ROWS, (size_t)cocoop->clip->text.width);
    Group group = {0};
    int status = vectors ? open_group(cocoop, &group, 1, err) : error_memory(err);
    const int together = status == 0 && !alone ? images_together(learner_tree(group.prompts)) : 1;
    for (int i = 0; i < n && status == 0; i += rows)
        status = some_logits(cocoop, &group, together, logits + (size_t)i * K, images + (size_t)i * E,
                             vectors, n - i < rows ? n - i : rows, err);
    close_group(&group);
    arena_free(arena);
    return status;
}
