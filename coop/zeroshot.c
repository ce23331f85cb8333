/* zeroshot.c: texts through the prefix tree, averaged over templates. */
#include "coop/zeroshot.h"

#include "clip/math/gemm.h"
#include "clip/math/ops.h"
#include "clip/text/text_encoder.h"

#include <math.h>
#include <string.h>

enum { MAX_PROMPTS = 100000000 };

const char *const *zeroshot_ensemble(int *n) {
    static const char *const templates[] = {"itap of a {}.",           "a bad photo of the {}.",
                                            "a origami {}.",           "a photo of the large {}.",
                                            "a {} in a video game.",   "art of the {}.",
                                            "a photo of the small {}."};
    *n = (int)(sizeof templates / sizeof *templates);
    return templates;
}

/* The ids of one text between SOS and EOS, owned by the arena. cut NULL: one that is too long is an error. */
static int text_ids(const char *text, const Clip *clip, const Tokenizer *tokenizer, const int **ids,
                    int *length, bool *cut, Arena *arena, Error *err) {
    int max = text_max_symbols(&clip->text), buffer[TREE_MAX_DEPTH];
    int n = tokenizer_encode(tokenizer, text, buffer + 1, TREE_MAX_DEPTH - 2, err);
    if (n < 0)
        return error_prefix(err, "text '%.60s%s'", text, strlen(text) > 60 ? "..." : "");
    bool long_text = n + 2 > max;
    if (long_text && cut && max == clip->text.n_positions)
        n = max - 2;
    else if (long_text)
        return error_set(err, "text '%.60s%s': %d tokens where the model has %d positions", text,
                         strlen(text) > 60 ? "..." : "", n + 2, max);
    buffer[0] = tokenizer_start(tokenizer);
    buffer[n + 1] = tokenizer_end(tokenizer);
    int *copy = ARENA_NEW(arena, int, n + 2);
    if (!copy)
        return error_memory(err);
    memcpy(copy, buffer, (size_t)(n + 2) * sizeof *copy);
    *ids = copy;
    *length = n + 2;
    if (cut)
        *cut = long_text;
    return 0;
}

/* The ids of all texts: prompts (n), lengths (n). */
static int texts_ids(const int **prompts, int *lengths, TextCuts *cuts, const Clip *clip,
                     const Tokenizer *tokenizer, const char *const *texts, int n, int *bad, Arena *arena,
                     Error *err) {
    if (cuts)
        *cuts = (TextCuts){0};
    for (int i = 0; i < n; i++) {
        bool cut = false;
        if (text_ids(texts[i], clip, tokenizer, &prompts[i], &lengths[i], cuts ? &cut : NULL, arena, err) <
            0) {
            *bad = i;
            return -1;
        }
        if (cut && cuts->n++ == 0)
            cuts->first = i;
    }
    return 0;
}

int encode_texts(float *features, int *tokens, TextCuts *cuts, const Clip *clip, const Tokenizer *tokenizer,
                 Pool *pool, const char *const *texts, int n, int *bad, Error *err) {
    int result = -1, none = -1, T = clip->text.n_positions;
    Arena *arena = arena_create();
    TextEncoder *encoder = NULL;
    const int **prompts = ARENA_NEW(arena, const int *, n);
    int *lengths = ARENA_NEW(arena, int, n);
    bad = bad ? bad : &none;
    *bad = -1;
    if (!prompts || !lengths) {
        error_memory(err);
        goto out;
    }
    if (texts_ids(prompts, lengths, cuts, clip, tokenizer, texts, n, bad, arena, err) < 0)
        goto out;
    for (int i = 0; tokens && i < n; i++) {
        memset(tokens + (size_t)i * T, 0, (size_t)T * sizeof *tokens);
        memcpy(tokens + (size_t)i * T, prompts[i], (size_t)lengths[i] * sizeof *tokens);
    }
    TokenTree tree;
    if (token_tree_build(&tree, prompts, lengths, n, arena, err) < 0)
        goto out;
    encoder = text_encoder_create(&clip->text, &tree, pool, false, 0, err);
    if (!encoder)
        goto out;
    result = text_encoder_forward(encoder, features, NULL) == 0 ? 0 : pool_stopped(pool, err);
out:
    text_encoder_free(encoder);
    arena_free(arena);
    return result;
}

/* The template with every "{}" replaced by the name, '_' in the name by a space; owned by the arena. */
static const char *fill_template(const char *template, const char *name, Arena *arena) {
    char *readable = arena_strdup(arena, name);
    const char *text = "";
    if (!readable)
        return NULL;
    for (char *c = readable; *c; c++)
        *c = *c == '_' ? ' ' : *c;
    const char *gap;
    while (text && (gap = strstr(template, "{}"))) {
        text = arena_printf(arena, "%s%.*s%s", text, (int)(gap - template), template, readable);
        template = gap + 2;
    }
    return text ? arena_printf(arena, "%s%s", text, template) : NULL;
}

const char **zeroshot_prompts(const char *const *templates, int n_templates, const char *const *class_names,
                              int n_classes, Arena *arena, Error *err) {
    size_t K = (size_t)n_classes, P = K * (size_t)n_templates;
    if (P > MAX_PROMPTS) {
        error_set(err, "%d templates of %d classes: over %d prompts", n_templates, n_classes, MAX_PROMPTS);
        return NULL;
    }
    const char **texts = ARENA_NEW(arena, const char *, P);
    for (int t = 0; texts && t < n_templates; t++) {
        if (!strstr(templates[t], "{}")) {
            error_set(err, "template '%.60s%s': no {} for the class name", templates[t],
                      strlen(templates[t]) > 60 ? "..." : "");
            return NULL;
        }
        for (int k = 0; k < n_classes; k++)
            texts[(size_t)t * K + (size_t)k] = fill_template(templates[t], class_names[k], arena);
    }
    if (!arena_failed(arena))
        return texts;
    error_memory(err);
    return NULL;
}

int zeroshot_check(const Clip *clip, const Tokenizer *tokenizer, const char *const *templates,
                   int n_templates, const char *const *class_names, int n_classes, Error *err) {
    Arena *arena = arena_create();
    const char **texts = zeroshot_prompts(templates, n_templates, class_names, n_classes, arena, err);
    int result = texts ? 0 : -1;
    for (int i = 0; i < n_templates * n_classes && result == 0; i++) {
        const int *ids;
        int length;
        size_t mark = arena_mark(arena);
        result = text_ids(texts[i], clip, tokenizer, &ids, &length, NULL, arena, err);
        arena_reset(arena, mark);
    }
    arena_free(arena);
    return result;
}

int zeroshot_tree(TokenTree *tree, const Clip *clip, const Tokenizer *tokenizer, const char *const *templates,
                  int n_templates, const char *const *class_names, int n_classes, bool apart, Arena *arena,
                  Error *err) {
    const char **texts = zeroshot_prompts(templates, n_templates, class_names, n_classes, arena, err);
    const size_t P = (size_t)n_templates * (size_t)n_classes;
    const int **prompts = texts ? ARENA_NEW(arena, const int *, P) : NULL;
    int *lengths = texts ? ARENA_NEW(arena, int, P) : NULL, bad;
    if (!texts)
        return -1;
    if (arena_failed(arena))
        return error_memory(err);
    if (texts_ids(prompts, lengths, NULL, clip, tokenizer, texts, (int)P, &bad, arena, err) < 0)
        return -1;
    return (apart ? token_tree_build_apart : token_tree_build)(tree, (const int *const *)prompts, lengths,
                                                               (int)P, arena, err);
}

void zeroshot_average(float *features, float *each, int n_templates, int n_classes, int E) {
    const size_t size = (size_t)n_classes * (size_t)E;
    unit_rows_forward(each, NULL, each, n_templates * n_classes, E);
    memset(features, 0, size * sizeof *features);
    for (int t = 0; t < n_templates; t++)
        add_rows(features, each + (size_t)t * size, size);
    unit_rows_forward(features, NULL, features, n_classes, E);
}

static void raw_average(float *features, float *each, int n_templates, int n_classes, int E) {
    const size_t size = (size_t)n_classes * (size_t)E;
    memset(features, 0, size * sizeof *features);
    for (int t = 0; t < n_templates; t++)
        add_rows(features, each + (size_t)t * size, size);
    for (size_t i = 0; i < size; i++)
        features[i] /= (float)n_templates;
}

typedef void (*AverageFn)(float *features, float *each, int n_templates, int n_classes, int E);

static int encode_and_average(float *features, AverageFn average, const Clip *clip,
                              const Tokenizer *tokenizer, Pool *pool, const char *const *templates,
                              int n_templates, const char *const *class_names, int n_classes, Error *err) {
    int result = -1;
    size_t K = (size_t)n_classes, E = (size_t)clip->embed_dim, P = K * (size_t)n_templates;
    Arena *arena = arena_create();
    const char **texts = zeroshot_prompts(templates, n_templates, class_names, n_classes, arena, err);
    if (!texts)
        goto out;
    float *each = arena_floats(arena, P, E);
    if (!each) {
        error_memory(err);
        goto out;
    }
    if (encode_texts(each, NULL, NULL, clip, tokenizer, pool, texts, (int)P, NULL, err) < 0)
        goto out;
    average(features, each, n_templates, n_classes, (int)E);
    result = 0;
out:
    arena_free(arena);
    return result;
}

int zeroshot_features(float *features, const Clip *clip, const Tokenizer *tokenizer, Pool *pool,
                      const char *const *templates, int n_templates, const char *const *class_names,
                      int n_classes, Error *err) {
    return encode_and_average(features, zeroshot_average, clip, tokenizer, pool, templates, n_templates,
                              class_names, n_classes, err);
}

int zeroshot_raw_features(float *features, const Clip *clip, const Tokenizer *tokenizer, Pool *pool,
                          const char *const *templates, int n_templates, const char *const *class_names,
                          int n_classes, Error *err) {
    return encode_and_average(features, raw_average, clip, tokenizer, pool, templates, n_templates,
                              class_names, n_classes, err);
}

void cosine_logits(Pool *pool, float *logits, const float *images, const float *classes, int n, int n_classes,
                   int E, float logit_scale) {
    linear_forward(pool, logits, images, classes, NULL, n, E, n_classes, false);
    float scale = expf(logit_scale);
    for (size_t i = 0; i < (size_t)n * (size_t)n_classes; i++)
        logits[i] *= scale;
}
