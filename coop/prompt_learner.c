/* prompt_learner.c: prompts as symbol lists, one prefix tree over all of them, and the loss on top. */
#include "coop/prompt_learner.h"

#include "clip/base/files.h"
#include "clip/base/random.h"
#include "clip/math/ops.h"
#include "clip/tensors/tensors.h"
#include "clip/tensors/tensors_open.h"
#include "clip/text/text_encoder.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#define INIT_STD 0.02
#define PADDING_TOKEN 0 /* what follows EOS in a padded prompt */

struct PromptLearner {
    int n_classes, n_ctx, width; /* K, M, C */
    int n_sets;                  /* of contexts, each with prompts of its own for all classes */
    bool csc;
    ClassTokenPosition position;
    Rng generator; /* after a random start */
    Pool *pool;
    Arena *arena;
    TokenTree tree;
    TextEncoder *encoder;
    TextParts *parts;            /* instead of the encoder, where other ranks have parts of the tree */
    CosineClassifier classifier; /* of the features that the encoder gives */
    Trainee trainee;
    float *ctx;         /* (M, C) or (K, M, C); n_sets of them */
    const char *around; /* what stands around a name, "{}." */
};

static const char *const POSITION_NAMES[] = {"end", "middle", "front"};

const char *position_name(ClassTokenPosition position) {
    return POSITION_NAMES[position];
}

int position_parse(ClassTokenPosition *position, const char *text) {
    for (int i = 0; i < 3; i++)
        if (strcmp(text, POSITION_NAMES[i]) == 0) {
            *position = (ClassTokenPosition)i;
            return 0;
        }
    return -1;
}

/* --- where the contexts start --- */

#define WORDS "words:"

/* ".safetensors", ".pth.tar-50": a dot with something before it, and behind it a letter or digit and no
 * space. */
static bool has_file_suffix(const char *text) {
    const char *dot = strrchr(text, '.');
    return dot && dot > text && dot[-1] != ' ' && isalnum((unsigned char)dot[1]) && !strpbrk(dot, " \t");
}

bool ctx_init_is_file(const char *ctx_init) {
    if (strncmp(ctx_init, WORDS, strlen(WORDS)) == 0)
        return false;
    return strchr(ctx_init, '/') || *ctx_init == '~' || has_file_suffix(ctx_init) || file_exists(ctx_init);
}

const char *ctx_init_words(const char *ctx_init) {
    if (strncmp(ctx_init, WORDS, strlen(WORDS)) != 0)
        return ctx_init;
    ctx_init += strlen(WORDS);
    return ctx_init + strspn(ctx_init, " ");
}

static int allocate_ctx(PromptLearner *learner, int n_ctx, Error *err) {
    learner->n_ctx = n_ctx;
    learner->ctx = arena_floats(learner->arena, learner_ctx_size(learner), 1);
    return arena_failed(learner->arena) ? error_memory(err) : 0;
}

/* Every class, or every set, starts from the same vectors. */
static void repeat_ctx(PromptLearner *learner) {
    size_t one = (size_t)learner->n_ctx * (size_t)learner->width;
    for (int k = 1; k < (learner->csc ? learner->n_classes : learner->n_sets); k++)
        memcpy(learner->ctx + (size_t)k * one, learner->ctx, one * sizeof(float));
}

/* How many vectors the words start, of the n that they are. */
static int n_started(const LearnerConfig *config, int n) {
    return config->n_start > 0 && config->n_start < n ? config->n_start : n;
}

static int ctx_from_words(PromptLearner *learner, const Clip *clip, const Tokenizer *tokenizer,
                          const LearnerConfig *config, Error *err) {
    const char *words = ctx_init_words(config->ctx_init);
    int ids[TREE_MAX_DEPTH];
    char *text = arena_strdup(learner->arena, words);
    if (!text)
        return error_memory(err);
    for (char *c = text; *c; c++)
        *c = *c == '_' ? ' ' : *c;
    int n = tokenizer_encode(tokenizer, text, ids, TREE_MAX_DEPTH, err);
    if (n < 0)
        return error_prefix(err, "ctx_init '%s'", words);
    int max = text_max_symbols(&clip->text);
    if (n == 0 || n > max)
        return error_set(err, "ctx_init '%.60s%s': %d tokens where 1 to %d are possible", words,
                         strlen(words) > 60 ? "..." : "", n, max);
    const int started = n_started(config, n), n_ctx = config->last ? config->n_ctx : started;
    if (started > n_ctx)
        return error_set(err, "ctx_init '%.60s': %d vectors where n_ctx is %d", words, started, n_ctx);
    if (allocate_ctx(learner, n_ctx, err) < 0)
        return -1;
    size_t C = (size_t)learner->width;
    for (int m = 0; m < started; m++)
        memcpy(learner->ctx + (size_t)(n_ctx - started + m) * C,
               clip->text.token_embedding + (size_t)ids[m] * C, C * sizeof(float));
    repeat_ctx(learner);
    return 0;
}

static int ctx_from_file(PromptLearner *learner, const char *path, Error *err) {
    int result = -1;
    TensorFile *file = tensors_open(path, err);
    if (!file)
        return -1;
    const Tensor *found = tensors_find(file, "ctx");
    bool per_class = learner->csc && found && found->n_dims == 3;
    int64_t per_class_shape[] = {learner->n_classes, -1, learner->width}, shape[] = {-1, learner->width};
    const Tensor *ctx =
        tensors_need(file, "ctx", per_class ? 3 : 2, per_class ? per_class_shape : shape, err);
    if (!ctx)
        goto out;
    int64_t n_ctx = ctx->shape[ctx->n_dims - 2];
    if (n_ctx < 1 || n_ctx > TREE_MAX_DEPTH) {
        error_set(err, "%s: tensor ctx: %lld context vectors", path, (long long)n_ctx);
        goto out;
    }
    if (allocate_ctx(learner, (int)n_ctx, err) < 0 || tensor_to_float(file, ctx, learner->ctx, err) < 0)
        goto out;
    if (!per_class)
        repeat_ctx(learner);
    result = 0;
out:
    tensors_close(file);
    return result;
}

static int start_ctx(PromptLearner *learner, const Clip *clip, const Tokenizer *tokenizer,
                     const LearnerConfig *config, Error *err) {
    const char *init = config->ctx_init ? config->ctx_init : "";
    if (ctx_init_is_file(init))
        return ctx_from_file(learner, init, err);
    if (*init)
        return ctx_from_words(learner, clip, tokenizer, config, err);
    if (allocate_ctx(learner, config->n_ctx, err) < 0)
        return -1;
    size_t n = learner_ctx_size(learner) / (size_t)learner->n_sets;
    rng_torch_normal(&learner->generator, learner->ctx, n, INIT_STD);
    if (!learner->csc)
        repeat_ctx(learner);
    return 0;
}

/* --- prompts --- */

typedef struct {
    int *symbols; /* (n) */
    int n;
} SymbolList;

/* "name." of a class, or what else stands around its name; '_' stands for a space. Owned by the arena. */
static char *name_text(const PromptLearner *learner, const char *name, const char *around) {
    const char *at = strstr(around, "{}");
    char *text = arena_printf(learner->arena, "%.*s%s%s", (int)(at - around), around, name, at + 2);
    for (char *c = text; c && *c; c++)
        *c = *c == '_' ? ' ' : *c;
    return text;
}

/* The prompt of class k around a set of contexts, up to EOS.
 *
 * The original pads "SOS ctx[M] suffix", suffix = the tokens of "name." and EOS, to all positions, moves the
 * first name_len tokens of the suffix before (a part of) the contexts, name_len being the tokens of the bare
 * name, and reads the feature where EOS was: at 1 + M + len("name."). Going by token position, not by text,
 * matters for names whose last token swallows the added period; here the same list is built and cut behind
 * the same position. */
static int class_prompt(const PromptLearner *learner, int set, int k, const char *name, const Clip *clip,
                        const Tokenizer *tokenizer, SymbolList *out, Error *err) {
    int max = text_max_symbols(&clip->text), M = learner->n_ctx, suffix[TREE_MAX_DEPTH];
    const char *text = name_text(learner, name, learner->around), *bare = name_text(learner, name, "{}");
    if (!text || !bare)
        return error_memory(err);
    int n_suffix = tokenizer_encode(tokenizer, text, suffix, TREE_MAX_DEPTH, err);
    int n_name = n_suffix < 0 ? -1 : tokenizer_encode(tokenizer, bare, NULL, 0, err);
    if (n_name < 0)
        return error_prefix(err, "class '%s'", name);
    int length = 1 + M + n_suffix + 1;
    if (length > max)
        return error_set(err, "class '%.60s%s': a prompt of %d tokens where the model has %d positions", name,
                         strlen(name) > 60 ? "..." : "", length, max);

    out->symbols = ARENA_NEW(learner->arena, int, 2 + M + n_suffix + n_name);
    if (!out->symbols)
        return error_memory(err);
    suffix[n_suffix] = tokenizer_end(tokenizer);
    int before = learner->position == POSITION_END ? M : learner->position == POSITION_MIDDLE ? M / 2 : 0;
    int n_moved = learner->position == POSITION_END ? 0 : n_name, n = 0;
    out->symbols[n++] = tokenizer_start(tokenizer);
    for (int m = 0; m < M; m++) {
        if (m == before)
            for (int j = 0; j < n_moved; j++)
                out->symbols[n++] = j <= n_suffix ? suffix[j] : PADDING_TOKEN;
        out->symbols[n++] = SYMBOL_CONTEXT((learner->csc ? k * M : set * M) + m);
    }
    for (int j = n_moved; j <= n_suffix; j++)
        out->symbols[n++] = suffix[j];
    out->n = length;
    return 0;
}

static int build_tree(PromptLearner *learner, const Clip *clip, const Tokenizer *tokenizer,
                      const char **class_names, Error *err) {
    const int K = learner->n_classes, n = learner->n_sets * K;
    const int **prompts = ARENA_NEW(learner->arena, const int *, n);
    int *lengths = ARENA_NEW(learner->arena, int, n);
    if (arena_failed(learner->arena))
        return error_memory(err);
    for (int i = 0; i < n; i++) {
        SymbolList prompt = {0};
        if (class_prompt(learner, i / K, i % K, class_names[i % K], clip, tokenizer, &prompt, err) < 0)
            return -1;
        prompts[i] = prompt.symbols;
        lengths[i] = prompt.n;
    }
    return token_tree_build(&learner->tree, prompts, lengths, n, learner->arena, err);
}

/* --- life --- */

PromptLearner *learner_create_prompts(const Clip *clip, const Tokenizer *tokenizer, Pool *pool,
                                      const char **class_names, int n_classes, const LearnerConfig *config,
                                      Error *err) {
    Arena *arena = arena_create();
    PromptLearner *learner = ARENA_NEW(arena, PromptLearner, 1);
    if (!learner) {
        arena_free(arena);
        error_memory(err);
        return NULL;
    }
    *learner = (PromptLearner){.n_classes = n_classes,
                               .width = clip->text.width,
                               .csc = config->csc,
                               .n_ctx = config->n_ctx,
                               .n_sets = config->n_sets > 0 ? config->n_sets : 1,
                               .around = config->around ? config->around : "{}.",
                               .position = config->class_token_position,
                               .pool = pool,
                               .arena = arena};
    rng_torch_seed(&learner->generator, config->seed);
    assert(!config->csc || learner->n_sets == 1);
    learner->classifier =
        cosine_classifier(learner->n_sets * n_classes, clip->text.embed_dim, clip->logit_scale, arena);
    int result = arena_failed(arena) ? error_memory(err) : 0;
    if (result == 0)
        result = start_ctx(learner, clip, tokenizer, config, err);
    if (result == 0)
        result = build_tree(learner, clip, tokenizer, class_names, err);
    if (result == 0)
        return learner;
    learner_free(learner);
    return NULL;
}

static int encode_prompts(PromptLearner *learner, const Clip *clip, const PartLink *link,
                          size_t memory_budget, Error *err) {
    const int n_contexts = (int)(learner_ctx_size(learner) / (size_t)learner->width);
    if (link && link->count > 1 && text_parts_most(&learner->tree, learner->csc) > 1)
        learner->parts = text_parts_create(clip, &learner->tree, learner->ctx, n_contexts, learner->csc,
                                           learner->pool, link, memory_budget, err);
    else
        learner->encoder =
            text_encoder_create(&clip->text, &learner->tree, learner->pool, true, memory_budget, err);
    return learner->parts || learner->encoder ? 0 : -1;
}

PromptLearner *learner_create(Clip *clip, const Tokenizer *tokenizer, Pool *pool, const char **class_names,
                              int n_classes, const LearnerConfig *config, size_t memory_budget, Error *err) {
    PromptLearner *learner =
        learner_create_prompts(clip, tokenizer, pool, class_names, n_classes, config, err);
    if (!learner)
        return NULL;
    if (clip_prepare_training(clip, err) == 0 &&
        encode_prompts(learner, clip, config->link, memory_budget, err) == 0)
        return learner;
    learner_free(learner);
    return NULL;
}

int learner_check(const Clip *clip, const Tokenizer *tokenizer, const char **class_names, int n_classes,
                  const LearnerConfig *config, Error *err) {
    PromptLearner *learner =
        learner_create_prompts(clip, tokenizer, NULL, class_names, n_classes, config, err);
    int n_ctx = learner ? learner->n_ctx : -1;
    learner_free(learner);
    return n_ctx;
}

int learner_step_flops(double *flops, const Clip *clip, const Tokenizer *tokenizer, const char **class_names,
                       int n_classes, const LearnerConfig *config, Error *err) {
    PromptLearner *learner =
        learner_create_prompts(clip, tokenizer, NULL, class_names, n_classes, config, err);
    if (learner)
        *flops = text_encoder_flops(&clip->text, &learner->tree, true);
    learner_free(learner);
    return learner ? 0 : -1;
}

int learner_split(LearnerSplit *split, const Clip *clip, const Tokenizer *tokenizer, const char **class_names,
                  int n_classes, const LearnerConfig *config, Error *err) {
    PromptLearner *learner =
        learner_create_prompts(clip, tokenizer, NULL, class_names, n_classes, config, err);
    if (learner)
        *split = (LearnerSplit){.most = text_parts_most(&learner->tree, learner->csc),
                                .flops = text_encoder_flops(&clip->text, &learner->tree, true),
                                .n_memory = text_encoder_bytes(&clip->text, &learner->tree)};
    learner_free(learner);
    return learner ? 0 : -1;
}

void learner_free(PromptLearner *learner) {
    if (!learner)
        return;
    text_parts_free(learner->parts);
    text_encoder_free(learner->encoder);
    arena_free(learner->arena);
}

float *learner_ctx(PromptLearner *learner) {
    return learner->ctx;
}

int learner_n_ctx(const PromptLearner *learner) {
    return learner->n_ctx;
}

size_t learner_ctx_size(const PromptLearner *learner) {
    size_t classes = (size_t)(learner->csc ? learner->n_classes : learner->n_sets);
    return classes * (size_t)learner->n_ctx * (size_t)learner->width;
}

const TokenTree *learner_tree(const PromptLearner *learner) {
    return &learner->tree;
}

/* --- loss --- */

CosineClassifier *learner_classifier(PromptLearner *learner) {
    return &learner->classifier;
}

void learner_forward(PromptLearner *learner) {
    if (learner->parts)
        text_parts_forward(learner->parts, learner->classifier.features);
    else
        text_encoder_forward(learner->encoder, learner->classifier.features, learner->ctx);
}

void learner_backward(PromptLearner *learner, float *d_ctx) {
    memset(d_ctx, 0, learner_ctx_size(learner) * sizeof *d_ctx);
    if (learner->parts)
        text_parts_backward(learner->parts, d_ctx, learner->classifier.d_features);
    else
        text_encoder_backward(learner->encoder, d_ctx, learner->classifier.d_features);
}

void learner_text_features(PromptLearner *learner, float *features) {
    CosineClassifier *classifier = &learner->classifier;
    learner_forward(learner);
    cosine_classifier_normalise(classifier);
    memcpy(features, classifier->unit,
           (size_t)classifier->n_classes * (size_t)classifier->embed_dim * sizeof *features);
}

double learner_loss(PromptLearner *learner, const float *images, const int *labels, int B, float *logits,
                    float *d_ctx, int *n_correct) {
    assert(learner->n_sets == 1);
    learner_forward(learner);
    double loss =
        cosine_classifier_loss(&learner->classifier, images, labels, B, logits, d_ctx != NULL, n_correct);
    if (d_ctx)
        learner_backward(learner, d_ctx);
    return loss;
}

static double trainee_loss(void *model, const float *images, const int *labels, int B, float *logits,
                           float *gradient, int *n_correct) {
    return learner_loss(model, images, labels, B, logits, gradient, n_correct);
}

const Trainee *learner_trainee(PromptLearner *learner) {
    learner->trainee = (Trainee){.name = "ctx",
                                 .parameters = learner->ctx,
                                 .n_parameters = learner_ctx_size(learner),
                                 .n_classes = learner->n_classes,
                                 .generator = &learner->generator,
                                 .spread = learner->parts ? text_parts_spread(learner->parts) : NULL,
                                 .loss = trainee_loss,
                                 .model = learner};
    return &learner->trainee;
}
