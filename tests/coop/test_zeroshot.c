/* test_zeroshot.c: classifiers from hand-written prompts, against the original's tokens and features and
 * against themselves, one template at a time. */
#include "coop/zeroshot.h"

#include "clip/text/token_tree.h"
#include "datasets/lists/dataset_open.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { T = 77 };

typedef struct {
    Arena *arena;
    Pool *pool;
    Clip *clip;
    Tokenizer *tokenizer;
    int E;
} Bench;

static int setup(void **state) {
    Error err = {0};
    Bench *b = calloc(1, sizeof *b);
    if (!b)
        return -1;
    *state = b;
    b->arena = arena_create();
    b->pool = pool_create(2);
    b->clip = clip_open(FIXTURES "clip_vit.safetensors", CLIP_TEXT, &err);
    b->tokenizer = tokenizer_open(FIXTURES "merges.txt.gz", 204, &err);
    if (!b->clip || !b->tokenizer)
        fail_msg("%s", err.text);
    b->E = b->clip->embed_dim;
    return 0;
}

static int teardown(void **state) {
    Bench *b = *state;
    tokenizer_free(b->tokenizer);
    clip_free(b->clip);
    pool_free(b->pool);
    arena_free(b->arena);
    free(b);
    return 0;
}

static const float *encode(Bench *b, const char *const *texts, int n, int *tokens) {
    Error err = {0};
    int bad = 7;
    float *features = arena_floats(b->arena, (size_t)n, (size_t)b->E);
    if (encode_texts(features, tokens, NULL, b->clip, b->tokenizer, b->pool, texts, n, &bad, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(bad, -1);
    return features;
}

static const float *classify(Bench *b, const char *const *templates, int n_templates,
                             const char *const *names, int K) {
    Error err = {0};
    float *features = arena_floats(b->arena, (size_t)K, (size_t)b->E);
    if (zeroshot_check(b->clip, b->tokenizer, templates, n_templates, names, K, &err) < 0 ||
        zeroshot_features(features, b->clip, b->tokenizer, b->pool, templates, n_templates, names, K, &err) !=
            0)
        fail_msg("%s", err.text);
    for (int k = 0; k < K; k++) {
        double square = 0;
        for (int e = 0; e < b->E; e++)
            square += (double)features[k * b->E + e] * (double)features[k * b->E + e];
        assert_true(fabs(square - 1) < 1e-5);
    }
    return features;
}

/* --- the original's numbers --- */

static void test_golden(void **state) {
    Bench *b = *state;
    Error err = {0};
    TensorFile *golden = fixture_open(FIXTURES "golden_vit.safetensors");
    Dataset dataset;
    DatasetSpec spec = {
        .format = "split", .images = FIXTURES "images", .split = FIXTURES "split_zhou_Golden.json"};
    if (dataset_open(&dataset, &spec, b->arena, &err) < 0)
        fail_msg("%s", err.text);
    const char *const sets[] = {"zs", "zs2"};
    for (int s = 0; s < 2; s++) {
        const char *texts[10];
        int *tokens = ARENA_NEW(b->arena, int, 10 * T);
        size_t n;
        for (int k = 0; k < 10; k++) {
            char *text = s ? arena_printf(b->arena, "itap of the %s, cropped", dataset.class_names[k])
                           : arena_printf(b->arena, "a photo of a %s.", dataset.class_names[k]);
            for (char *c = text; *c; c++)
                *c = *c == '_' ? ' ' : *c;
            texts[k] = text;
        }
        memset(tokens, -1, 10 * T * sizeof *tokens);
        const float *features = encode(b, texts, 10, tokens);
        const int *want = fixture_ints(golden, arena_printf(b->arena, "%s_tokens", sets[s]), b->arena, &n);
        assert_int_equal(n, 10 * T);
        assert_memory_equal(tokens, want, 10 * T * sizeof *tokens);
        assert_close(
            sets[s], features,
            fixture_floats(golden, arena_printf(b->arena, "%s_text_features", sets[s]), b->arena, NULL),
            10 * (size_t)b->E, 1e-5);
    }
    tensors_close(golden);
}

/* As PROTOCOL.md, section 4, spells them. */
static void test_ensemble_templates(void **state) {
    (void)state;
    const char *const want[] = {"itap of a {}.",           "a bad photo of the {}.",
                                "a origami {}.",           "a photo of the large {}.",
                                "a {} in a video game.",   "art of the {}.",
                                "a photo of the small {}."};
    int n = 0;
    const char *const *templates = zeroshot_ensemble(&n);
    assert_int_equal(n, 7);
    for (int i = 0; i < 7; i++)
        assert_string_equal(templates[i], want[i]);
}

/* --- templates and names --- */

static const char *const NAMES[] = {"cup", "old_key", "star", "cup"};

/* features of texts that are written out, at length 1 */
static void unit_features(double *out, Bench *b, const char *text) {
    const float *features = encode(b, &text, 1, NULL);
    double square = 0;
    for (int e = 0; e < b->E; e++)
        square += (double)features[e] * (double)features[e];
    for (int e = 0; e < b->E; e++)
        out[e] = (double)features[e] / sqrt(square);
}

static void assert_text(Bench *b, const float *feature, const char *text) {
    double *want = ARENA_NEW(b->arena, double, b->E);
    float *rounded = arena_floats(b->arena, (size_t)b->E, 1);
    unit_features(want, b, text);
    for (int e = 0; e < b->E; e++)
        rounded[e] = (float)want[e];
    assert_close(text, feature, rounded, (size_t)b->E, 1e-5);
}

static void test_templates(void **state) {
    Bench *b = *state;
    const char *const once[] = {"a photo of a {}."}, *const twice[] = {"{}, a kind of {}"},
                      *const bare[] = {"{}"};
    const char *const underscore[] = {"a_{}_"};
    const float *f = classify(b, once, 1, NAMES, 4);
    assert_text(b, f, "a photo of a cup.");
    assert_text(b, f + b->E, "a photo of a old key.");
    assert_memory_equal(f, f + 3 * b->E, (size_t)b->E * sizeof *f); /* one name twice */
    assert_true(relative_error(f, f + 2 * b->E, (size_t)b->E) > 1e-3);
    f = classify(b, twice, 1, NAMES, 2);
    assert_text(b, f, "cup, a kind of cup");
    assert_text(b, f + b->E, "old key, a kind of old key");
    assert_text(b, classify(b, bare, 1, NAMES, 1), "cup");
    assert_text(b, classify(b, underscore, 1, NAMES, 1),
                "a_cup_"); /* it is the name's underscores that are spaces */
}

/* An ensemble is the mean of the unit features of its templates, at length 1. */
static void test_ensemble(void **state) {
    Bench *b = *state;
    int n;
    size_t size = 4 * (size_t)b->E;
    const char *const *templates = zeroshot_ensemble(&n);
    const float *together = classify(b, templates, n, NAMES, 4);
    double *mean = ARENA_NEW(b->arena, double, size);
    float *want = arena_floats(b->arena, size, 1);
    for (int t = 0; t < n; t++) {
        const float *single = classify(b, &templates[t], 1, NAMES, 4);
        for (size_t i = 0; i < size; i++)
            mean[i] += (double)single[i] / n;
    }
    for (int k = 0; k < 4; k++) {
        double square = 0;
        for (int e = 0; e < b->E; e++)
            square += mean[k * b->E + e] * mean[k * b->E + e];
        assert_true(square < 1 - 1e-6); /* templates differ, so their mean is shorter than they are */
        for (int e = 0; e < b->E; e++)
            want[k * b->E + e] = (float)(mean[k * b->E + e] / sqrt(square));
    }
    assert_close("ensemble", together, want, size, 1e-6);
}

/* The mean of what the tower gives, whose lengths differ. */
static void test_raw(void **state) {
    Bench *b = *state;
    static const char *const templates[] = {"a photo of a {}.", "{}"};
    const char *const texts[] = {"a photo of a cup.", "cup"};
    float *raw = arena_floats(b->arena, 1, (size_t)b->E), *each = arena_floats(b->arena, 2, (size_t)b->E);
    Error err = {0};
    assert_int_equal(zeroshot_raw_features(raw, b->clip, b->tokenizer, NULL, templates, 2, NAMES, 1, &err),
                     0);
    assert_int_equal(encode_texts(each, NULL, NULL, b->clip, b->tokenizer, NULL, texts, 2, NULL, &err), 0);
    for (int e = 0; e < b->E; e++)
        each[e] = (each[e] + each[b->E + e]) / 2;
    assert_close("raw features", raw, each, (size_t)b->E, 1e-6);
}

/* Neither the other texts nor their order change a text's tokens. */
static void test_tokens(void **state) {
    Bench *b = *state;
    const char *const texts[] = {"a star", "", "A  STAR\n", "a star"};
    int tokens[4 * T];
    memset(tokens, -1, sizeof tokens);
    const float *features = encode(b, texts, 4, tokens);
    int start = tokenizer_start(b->tokenizer), end = tokenizer_end(b->tokenizer);
    for (int i = 0; i < 4; i++) {
        int eos = 0;
        while (tokens[i * T + eos] != end)
            eos++;
        assert_int_equal(tokens[i * T], start);
        for (int t = eos + 1; t < T; t++)
            assert_int_equal(tokens[i * T + t], 0);
    }
    assert_int_equal(tokens[T + 1], end); /* no text, no tokens */
    assert_memory_equal(tokens, tokens + 2 * T, T * sizeof *tokens);
    assert_memory_equal(tokens, tokens + 3 * T, T * sizeof *tokens);
    assert_memory_equal(features, features + 3 * b->E, (size_t)b->E * sizeof *features);
}

/* --- errors --- */

/* n words of one token each, "a a a a" */
static char *words(Bench *b, int n) {
    char *text = ARENA_NEW(b->arena, char, 2 * n + 1);
    for (int i = 0; i < n; i++)
        memcpy(text + 2 * i, i + 1 < n ? "a " : "a", i + 1 < n ? 2 : 1);
    return text;
}

static void test_too_long(void **state) {
    Bench *b = *state;
    Error err = {0};
    const char *texts[] = {"a cup", words(b, 75), words(b, 76)};
    float *features = arena_floats(b->arena, 3, (size_t)b->E);
    int bad = -1;
    assert_int_equal(encode_texts(features, NULL, NULL, b->clip, b->tokenizer, b->pool, texts, 2, &bad, &err),
                     0);
    assert_int_equal(encode_texts(features, NULL, NULL, b->clip, b->tokenizer, b->pool, texts, 3, &bad, &err),
                     -1);
    assert_int_equal(bad, 2);
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(strstr(err.text, "text 'a a a a"));
    assert_non_null(strstr(err.text, "78 tokens where the model has 77 positions"));
    /* however long it is, the reason is there */
    texts[0] = words(b, 5000);
    assert_int_equal(encode_texts(features, NULL, NULL, b->clip, b->tokenizer, b->pool, texts, 1, NULL, &err),
                     -1);
    assert_non_null(strstr(err.text, "5002 tokens where the model has 77 positions"));
    const char *const template = "a photo of a {}.", *name = texts[2];
    assert_int_equal(
        zeroshot_features(features, b->clip, b->tokenizer, b->pool, &template, 1, &name, 1, &err), -1);
    assert_non_null(strstr(err.text, "text 'a photo of a a a"));
    Error same = {0};
    assert_int_equal(zeroshot_check(b->clip, b->tokenizer, &template, 1, &name, 1, &same), -1);
    assert_string_equal(err.text, same.text);
}

/* With cuts, a long text keeps what fits, and the end-of-text token behind it. */
static void test_cut(void **state) {
    Bench *b = *state;
    Error err = {0};
    const char *texts[] = {words(b, 75), words(b, 76), "", words(b, 5000)};
    float *features = arena_floats(b->arena, 4, (size_t)b->E);
    int *tokens = ARENA_NEW(b->arena, int, 4 * T);
    TextCuts cuts = {-1, -1};
    assert_int_equal(
        encode_texts(features, tokens, &cuts, b->clip, b->tokenizer, b->pool, texts, 4, NULL, &err), 0);
    assert_int_equal(cuts.n, 2);
    assert_int_equal(cuts.first, 1);
    assert_memory_equal(tokens + T, tokens, T * sizeof *tokens);
    assert_memory_equal(tokens + 3 * T, tokens, T * sizeof *tokens);
    assert_int_equal(tokens[T - 1], tokenizer_end(b->tokenizer));
    assert_memory_equal(features + 3 * b->E, features, (size_t)b->E * sizeof *features);
    assert_int_equal(tokens[2 * T], tokenizer_start(b->tokenizer));
    assert_int_equal(tokens[2 * T + 1], tokenizer_end(b->tokenizer));
    assert_int_equal(tokens[2 * T + 2], 0);
}

/* A model may have more positions than a tree has levels; no text may, and none is cut for it. */
static void test_many_positions(void **state) {
    Bench *b = *state;
    Error err = {0};
    Clip large = *b->clip;
    float *positions = arena_floats(b->arena, 3000, (size_t)large.text.width);
    fill_normal(positions, 3000 * (size_t)large.text.width, 0.01, 1);
    large.text.n_positions = 3000;
    large.text.positional_embedding = positions;
    const char *texts[] = {words(b, TREE_MAX_DEPTH - 2), words(b, TREE_MAX_DEPTH - 1), words(b, 2900)};
    float *features = arena_floats(b->arena, 1, (size_t)b->E);
    int *tokens = ARENA_NEW(b->arena, int, 3000);
    assert_int_equal(
        encode_texts(features, tokens, NULL, &large, b->tokenizer, b->pool, texts, 1, NULL, &err), 0);
    assert_true(relative_error(features, features, (size_t)b->E) == 0);
    assert_int_equal(tokens[TREE_MAX_DEPTH - 1], tokenizer_end(b->tokenizer));
    for (int i = 1; i < 3; i++) {
        assert_int_equal(
            encode_texts(features, NULL, NULL, &large, b->tokenizer, b->pool, texts + i, 1, NULL, &err), -1);
        assert_non_null(strstr(err.text, "tokens where the model has 1024 positions"));
        TextCuts cuts;
        assert_int_equal(
            encode_texts(features, NULL, &cuts, &large, b->tokenizer, b->pool, texts + i, 1, NULL, &err), -1);
    }
}

static void test_bad_templates(void **state) {
    Bench *b = *state;
    float *features = arena_floats(b->arena, 4, (size_t)b->E);
    const char *const templates[] = {"a photo of a {}.", "a photo of nothing", "a {", "", "a { } b"};
    for (int i = 1; i < 5; i++) {
        Error err = {0}, same = {0};
        const char *const list[] = {templates[0], templates[i]};
        assert_int_equal(zeroshot_features(features, b->clip, b->tokenizer, b->pool, list, 2, NAMES, 4, &err),
                         -1);
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_string_equal(err.text,
                            arena_printf(b->arena, "template '%s': no {} for the class name", templates[i]));
        assert_int_equal(zeroshot_check(b->clip, b->tokenizer, list, 2, NAMES, 4, &same), -1);
        assert_string_equal(err.text, same.text);
    }
    Error err = {0};
    const char *const latin1[] = {"\xe9toile"};
    assert_int_equal(
        zeroshot_features(features, b->clip, b->tokenizer, b->pool, templates, 1, latin1, 1, &err), -1);
    assert_non_null(strstr(err.text, "text 'a photo of a ?toile.'"));
}

/* --- stopping --- */

static int stop_at_once(void *context, Error *err) {
    (void)context;
    return error_run(err, "stopped");
}

static void test_stop(void **state) {
    Bench *b = *state;
    float *features = arena_floats(b->arena, 4, (size_t)b->E);
    const char *const templates[] = {"a photo of a {}.", "{}"};
    Error err = {0};
    Pool *pool = pool_create(2);
    pool_set_stop(pool, stop_at_once, NULL);
    assert_int_equal(zeroshot_features(features, b->clip, b->tokenizer, pool, templates, 2, NAMES, 4, &err),
                     -1);
    assert_string_equal(err.text, "stopped");
    pool_free(pool);
}

/* --- logits --- */

static void test_cosine_logits(void **state) {
    Bench *b = *state;
    const int sizes[][3] = {{1, 1, 1}, {3, 17, 64}, {33, 5, 513}};
    for (int s = 0; s < 3; s++) {
        int n = sizes[s][0], K = sizes[s][1], E = sizes[s][2];
        float *images = arena_floats(b->arena, (size_t)n, (size_t)E),
              *classes = arena_floats(b->arena, (size_t)K, (size_t)E);
        float *got = arena_floats(b->arena, (size_t)n, (size_t)K),
              *want = arena_floats(b->arena, (size_t)n, (size_t)K);
        fill_normal(images, (size_t)n * (size_t)E, 1, 1);
        fill_normal(classes, (size_t)K * (size_t)E, 1, 2);
        for (int i = 0; i < n; i++)
            for (int k = 0; k < K; k++) {
                double sum = 0;
                for (int e = 0; e < E; e++)
                    sum += (double)images[i * E + e] * (double)classes[k * E + e];
                want[i * K + k] = (float)(exp((double)4.6f) * sum);
            }
        cosine_logits(b->pool, got, images, classes, n, K, E, 4.6f);
        assert_close("logits", got, want, (size_t)n * (size_t)K, 1e-5);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),        cmocka_unit_test(test_ensemble_templates),
        cmocka_unit_test(test_templates),     cmocka_unit_test(test_ensemble),
        cmocka_unit_test(test_tokens),        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_cut),           cmocka_unit_test(test_many_positions),
        cmocka_unit_test(test_bad_templates), cmocka_unit_test(test_stop),
        cmocka_unit_test(test_cosine_logits), cmocka_unit_test(test_raw),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
