/* tcp.c: see tcp.h.
 *
 * The rows that enter the upper blocks are one table, and the symbols of the upper tree are its rows:
 *
 *     [ a row of each node of the lower tree | four vectors of each class ]
 */
#include "coop/prompts/tcp.h"

#include "clip/text/text_encoder.h"
#include "coop/prompts/kgcoop.h"
#include "coop/prompts/meta_net.h"

#include <string.h>

struct Tcp {
    Arena *arena;
    PromptLearner *prompts;
    CosineClassifier *classifier;
    const float *texts; /* (K, E) */
    double weight;
    MetaNet net;
    TokenTree upper_tree;
    TextEncoder *lower, *upper;
    float *rows, *d_rows; /* (nodes of the lower tree + 4 K, C) */
    float *parameters;    /* (M C + those of the net) */
    Rng generator;
    Trainee trainee;
};

/* --- creation --- */

/* Symbol j of the path to a leaf of the lower tree, as a row of the table. */
static int upper_symbol(const TokenTree *lower, int k, int j) {
    const int node = lower->path[lower->path_start[lower->leaf[k]] + (size_t)j];
    const bool is_replaced = j >= 1 && j <= TCP_VECTORS;
    return SYMBOL_CONTEXT(is_replaced ? lower->n_nodes + k * TCP_VECTORS + j - 1 : node);
}

static int build_upper_tree(Tcp *tcp, const TokenTree *lower, Error *err) {
    const int K = lower->n_prompts;
    const int **prompts = ARENA_NEW(tcp->arena, const int *, K);
    int *lengths = ARENA_NEW(tcp->arena, int, K);
    for (int k = 0; k < K && !arena_failed(tcp->arena); k++) {
        lengths[k] = lower->depth[lower->leaf[k]] + 1;
        int *prompt = ARENA_NEW(tcp->arena, int, lengths[k]);
        for (int j = 0; prompt && j < lengths[k]; j++)
            prompt[j] = upper_symbol(lower, k, j);
        prompts[k] = prompt;
    }
    if (arena_failed(tcp->arena))
        return error_memory(err);
    return token_tree_build(&tcp->upper_tree, prompts, lengths, K, tcp->arena, err);
}

static double trainee_loss(void *model, const float *images, const int *labels, int B, float *logits,
                           float *gradient, int *n_correct) {
    return tcp_loss(model, images, labels, B, logits, gradient, n_correct);
}

/* The table, the parameters and where they start. */
static int allocate(Tcp *tcp, const Clip *clip, Pool *pool, const TokenTree *lower, Error *err) {
    const int E = clip->embed_dim, C = clip->text.width, K = lower->n_prompts;
    const size_t n_ctx = learner_ctx_size(tcp->prompts);
    const size_t n_rows = (size_t)lower->n_nodes + (size_t)K * TCP_VECTORS;
    tcp->net = meta_net(E, E / 4, TCP_VECTORS * C, META_QUICK_GELU, pool, K, tcp->arena);
    tcp->rows = arena_floats(tcp->arena, n_rows, (size_t)C);
    tcp->d_rows = arena_floats(tcp->arena, n_rows, (size_t)C);
    tcp->parameters = arena_floats(tcp->arena, n_ctx + meta_net_size(&tcp->net), 1);
    if (arena_failed(tcp->arena))
        return error_memory(err);
    const Trainee *prompts = learner_trainee(tcp->prompts);
    memcpy(tcp->parameters, prompts->parameters, n_ctx * sizeof(float));
    tcp->generator = *prompts->generator;
    meta_net_start(&tcp->net, tcp->parameters + n_ctx, &tcp->generator);
    tcp->trainee = (Trainee){.name = "ctx and meta_net",
                             .parameters = tcp->parameters,
                             .n_parameters = n_ctx + meta_net_size(&tcp->net),
                             .n_classes = K,
                             .pool = pool,
                             .generator = &tcp->generator,
                             .loss = trainee_loss,
                             .model = tcp};
    return 0;
}

static int create_encoders(Tcp *tcp, Clip *clip, Pool *pool, const TokenTree *lower, int layer, size_t budget,
                           Error *err) {
    const int L = clip->text.n_layers;
    const double below = (double)lower->n_nodes * layer,
                 above = (double)tcp->upper_tree.n_nodes * (L - layer);
    const size_t share = (size_t)((double)budget * (below / (below + above)));
    if (clip_prepare_training(clip, err) < 0)
        return -1;
    tcp->lower = text_encoder_create_part(&clip->text, lower, pool, true, 0, layer,
                                          budget > 0 && share == 0 ? 1 : share, err);
    if (tcp->lower)
        tcp->upper = text_encoder_create_part(&clip->text, &tcp->upper_tree, pool, true, layer, L,
                                              budget > 0 && budget == share ? 1 : budget - share, err);
    return tcp->upper ? 0 : -1;
}

Tcp *tcp_create(Clip *clip, const Tokenizer *tokenizer, Pool *pool, const char **class_names, int n_classes,
                const TcpConfig *config, const float *texts, size_t memory_budget, Error *err) {
    Arena *arena = arena_create();
    Tcp *tcp = ARENA_NEW(arena, Tcp, 1);
    if (!tcp) {
        arena_free(arena);
        error_memory(err);
        return NULL;
    }
    *tcp = (Tcp){.arena = arena, .texts = texts, .weight = config->weight};
    tcp->prompts =
        learner_create_prompts(clip, tokenizer, pool, class_names, n_classes, &config->prompts, err);
    const TokenTree *lower = tcp->prompts ? learner_tree(tcp->prompts) : NULL;
    if (lower && build_upper_tree(tcp, lower, err) == 0 && allocate(tcp, clip, pool, lower, err) == 0 &&
        create_encoders(tcp, clip, pool, lower, config->layer, memory_budget, err) == 0) {
        tcp->classifier = learner_classifier(tcp->prompts);
        return tcp;
    }
    tcp_free(tcp);
    return NULL;
}

void tcp_free(Tcp *tcp) {
    if (!tcp)
        return;
    text_encoder_free(tcp->upper);
    text_encoder_free(tcp->lower);
    learner_free(tcp->prompts);
    arena_free(tcp->arena);
}

int tcp_check(const Clip *clip, const Tokenizer *tokenizer, const char **class_names, int n_classes,
              const TcpConfig *config, Error *err) {
    if (config->layer < 1 || config->layer >= clip->text.n_layers)
        return error_set(
            err, "layer: %d where the text tower has blocks 0 to %d, and vectors enter behind the first",
            config->layer, clip->text.n_layers - 1);
    return learner_check(clip, tokenizer, class_names, n_classes, &config->prompts, err);
}

int tcp_step_flops(double *flops, const Clip *clip, const Tokenizer *tokenizer, const char **class_names,
                   int n_classes, const TcpConfig *config, Error *err) {
    const TextWeights *w = &clip->text;
    Tcp tcp = {.arena = arena_create()};
    if (!tcp.arena)
        return error_memory(err);
    tcp.prompts =
        learner_create_prompts(clip, tokenizer, NULL, class_names, n_classes, &config->prompts, err);
    int status = tcp.prompts ? build_upper_tree(&tcp, learner_tree(tcp.prompts), err) : -1;
    if (status == 0) {
        const double below = text_encoder_flops(w, learner_tree(tcp.prompts), true),
                     above = text_encoder_flops(w, &tcp.upper_tree, true);
        *flops = (below * config->layer + above * (w->n_layers - config->layer)) / w->n_layers;
    }
    learner_free(tcp.prompts);
    arena_free(tcp.arena);
    return status;
}

int tcp_n_ctx(const Tcp *tcp) {
    return learner_n_ctx(tcp->prompts);
}

const TokenTree *tcp_tree(const Tcp *tcp, bool upper) {
    return upper ? &tcp->upper_tree : learner_tree(tcp->prompts);
}

/* --- loss --- */

static size_t n_ctx_values(const Tcp *tcp) {
    return learner_ctx_size(tcp->prompts);
}

/* Where the vectors of the classes are in a table of rows. */
static float *class_rows(const Tcp *tcp, float *rows) {
    return rows + (size_t)learner_tree(tcp->prompts)->n_nodes * (size_t)tcp->net.n_out / TCP_VECTORS;
}

static void forward(Tcp *tcp) {
    meta_net_forward(&tcp->net, class_rows(tcp, tcp->rows), tcp->texts, tcp->parameters + n_ctx_values(tcp),
                     tcp->classifier->n_classes);
    text_encoder_forward(tcp->lower, tcp->rows, tcp->parameters);
    text_encoder_forward(tcp->upper, tcp->classifier->features, tcp->rows);
}

void tcp_text_features(Tcp *tcp, float *features) {
    const CosineClassifier *c = tcp->classifier;
    forward(tcp);
    cosine_classifier_normalise(tcp->classifier);
    memcpy(features, c->unit, (size_t)c->n_classes * (size_t)c->embed_dim * sizeof *features);
}

static void backward(Tcp *tcp, float *gradient) {
    const size_t n_ctx = n_ctx_values(tcp), C = (size_t)tcp->net.n_out / TCP_VECTORS;
    const size_t n_rows =
        (size_t)learner_tree(tcp->prompts)->n_nodes + (size_t)tcp->classifier->n_classes * TCP_VECTORS;
    memset(tcp->d_rows, 0, n_rows * C * sizeof(float));
    memset(gradient, 0, n_ctx * sizeof *gradient);
    text_encoder_backward(tcp->upper, tcp->d_rows, tcp->classifier->d_features);
    text_encoder_backward(tcp->lower, gradient, tcp->d_rows);
    meta_net_backward(&tcp->net, gradient + n_ctx, class_rows(tcp, tcp->d_rows), tcp->texts,
                      tcp->parameters + n_ctx, tcp->classifier->n_classes);
}

double tcp_loss(Tcp *tcp, const float *images, const int *labels, int B, float *logits, float *gradient,
                int *n_correct) {
    forward(tcp);
    double loss = guided_loss(tcp->classifier, tcp->texts, tcp->weight, images, labels, B, logits,
                              gradient != NULL, n_correct);
    if (gradient)
        backward(tcp, gradient);
    return loss;
}

const Trainee *tcp_trainee(Tcp *tcp) {
    return &tcp->trainee;
}
