/* prograd.c: see prograd.h. */
#include "coop/prompts/prograd.h"

#include "clip/math/gemm.h"
#include "clip/math/ops.h"

#include <assert.h>
#include <math.h>
#include <string.h>

struct Prograd {
    PromptLearner *learner;
    const float *texts; /* (K, E) */
    double lambda, temperature;
    int max_batch;
    float *teacher; /* (B, K) probabilities from the hand-written prompts */
    float *d_kl;    /* (B, K) gradient of the second loss at the logits */
    float *kept;    /* like the contexts: g_kl */
    Trainee trainee;
};

static double trainee_loss(void *model, const float *images, const int *labels, int B, float *logits,
                           float *gradient, int *n_correct) {
    return prograd_loss(model, images, labels, B, logits, gradient, n_correct);
}

Prograd *prograd_create(PromptLearner *learner, const float *texts, double lambda, double temperature,
                        int max_batch, Arena *arena) {
    const Trainee *trainee = learner_trainee(learner);
    const size_t B = (size_t)max_batch, K = (size_t)trainee->n_classes;
    Prograd *prograd = ARENA_NEW(arena, Prograd, 1);
    if (!prograd)
        return NULL;
    *prograd = (Prograd){.learner = learner,
                         .texts = texts,
                         .lambda = lambda,
                         .temperature = temperature,
                         .max_batch = max_batch,
                         .teacher = arena_floats(arena, B, K),
                         .d_kl = arena_floats(arena, B, K),
                         .kept = arena_floats(arena, trainee->n_parameters, 1),
                         .trainee = *trainee};
    prograd->trainee.loss = trainee_loss;
    prograd->trainee.model = prograd;
    return arena_failed(arena) ? NULL : prograd;
}

/* x (B, K) = softmax(x / T) row by row, in place. */
static void soften(float *x, int B, int K, double T) {
    for (int i = 0; i < B; i++) {
        float *row = x + (size_t)i * (size_t)K;
        for (int k = 0; k < K; k++)
            row[k] = (float)(row[k] / T);
        softmax_row(row, K);
    }
}

/* d_kl = T (softmax(logits / T) - teacher) / B */
static void distil(Prograd *p, const float *images, const float *logits, int B) {
    const CosineClassifier *c = learner_classifier(p->learner);
    const int K = c->n_classes, E = c->embed_dim;
    gemm(false, true, B, K, E, c->scale, images, E, p->texts, E, 0, p->teacher, K);
    soften(p->teacher, B, K, p->temperature);
    memcpy(p->d_kl, logits, (size_t)B * (size_t)K * sizeof *logits);
    soften(p->d_kl, B, K, p->temperature);
    for (size_t i = 0; i < (size_t)B * (size_t)K; i++)
        p->d_kl[i] = (float)(p->temperature * (double)(p->d_kl[i] - p->teacher[i]) / B);
}

/* d_ctx from the gradient at the logits. */
static void gradient_of(PromptLearner *learner, const float *images, int B, const float *d_logits,
                        float *d_ctx) {
    CosineClassifier *c = learner_classifier(learner);
    cosine_classifier_gradient(c, images, B, d_logits);
    cosine_classifier_finish(c);
    learner_backward(learner, d_ctx);
}

/* Takes away from g what points against `kept`, lambda times. */
static void project(float *g, const float *kept, size_t n, double lambda) {
    double product = 0, square = 0;
    for (size_t i = 0; i < n; i++) {
        product += (double)g[i] * (double)kept[i];
        square += (double)kept[i] * (double)kept[i];
    }
    if (!(product < 0))
        return;
    const double share = lambda * product / square;
    for (size_t i = 0; i < n; i++)
        g[i] = (float)((double)g[i] - share * (double)kept[i]);
}

double prograd_loss(Prograd *prograd, const float *images, const int *labels, int B, float *logits,
                    float *d_ctx, int *n_correct) {
    CosineClassifier *c = learner_classifier(prograd->learner);
    assert(B <= prograd->max_batch);
    learner_forward(prograd->learner);
    cosine_classifier_logits(c, images, B, logits);
    if (d_ctx) {
        distil(prograd, images, logits, B);
        gradient_of(prograd->learner, images, B, prograd->d_kl, prograd->kept);
    }
    double loss = cross_entropy(logits, labels, B, c->n_classes, n_correct);
    if (d_ctx) {
        gradient_of(prograd->learner, images, B, logits, d_ctx);
        project(d_ctx, prograd->kept, prograd->trainee.n_parameters, prograd->lambda);
    }
    return loss;
}

const float *prograd_kept_gradient(const Prograd *prograd) {
    return prograd->kept;
}

const Trainee *prograd_trainee(Prograd *prograd) {
    return &prograd->trainee;
}

/* --- where the contexts start --- */

static int count_words(const char *text) {
    int n = 0;
    for (const char *at = text + strspn(text, " "); *at; n++) {
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    return n;
}

/* The text of tokens, a blank behind each word. NULL when memory is out. */
static char *tokens_text(const Tokenizer *tokenizer, const int *ids, int n, Arena *arena) {
    static const char end[] = "</w>";
    char *text = arena_strdup(arena, "");
    for (int i = 0; i < n && text; i++) {
        const char *word = tokenizer_word(tokenizer, ids[i]);
        const size_t length = strlen(word), tail = strlen(end);
        const bool ends = length >= tail && strcmp(word + length - tail, end) == 0;
        text = arena_printf(arena, "%s%.*s%s", text, (int)(ends ? length - tail : length), word,
                            ends ? " " : "");
    }
    return text;
}

int prograd_start(LearnerConfig *config, const char *template, const Tokenizer *tokenizer, Arena *arena,
                  Error *err) {
    const char *name = strstr(template, "{}");
    size_t length = name ? (size_t)(name - template) : strlen(template);
    while (length > 0 && template[length - 1] == ' ')
        length--;
    char *words = arena_printf(arena, "%.*s", (int)length, template);
    if (!words)
        return error_memory(err);
    const int n_words = count_words(words);
    if (n_words == 0)
        return error_set(err, "templates: '%.60s' has no words before {} for the contexts to start from",
                         template);
    int ids[TREE_MAX_DEPTH], n = tokenizer_encode(tokenizer, words, ids, TREE_MAX_DEPTH, err);
    if (n < 0 || n > TREE_MAX_DEPTH)
        return n < 0 ? -1 : error_set(err, "templates: '%.60s...' is too long", template);
    const int n_start = n_words < n ? n_words : n;
    char *rest = tokens_text(tokenizer, ids + n_start, n - n_start, arena);
    int again[TREE_MAX_DEPTH];
    if (rest && (tokenizer_encode(tokenizer, rest, again, TREE_MAX_DEPTH, err) != n - n_start ||
                 memcmp(again, ids + n_start, (size_t)(n - n_start) * sizeof *ids) != 0))
        return error_set(err, "templates: '%.60s': the vocabulary has other tokens for '%s' alone", template,
                         rest);
    config->ctx_init = arena_printf(arena, "words: %s", words);
    config->around = rest ? arena_printf(arena, "%s{}.", rest) : NULL;
    config->last = true;
    config->n_start = n_start;
    return config->ctx_init && config->around ? 0 : error_memory(err);
}
