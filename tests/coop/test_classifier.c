/* test_classifier.c: every kind of learned file makes the logits that its formula says, each row alone, from
 * a file and from bytes; what is known of it is told, and the wrong checkpoint is refused. */
#include "coop/classifier.h"

#include "clip/base/files.h"
#include "clip/math/ops.h"
#include "clip/tensors/torch_write.h"
#include "coop/classifier_file.h"
#include "coop/coop_checkpoint.h"
#include "coop/learned/cache_kind.h"
#include "coop/zeroshot.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WEIGHTS FIXTURES "clip_vit.safetensors"
#define OTHER FIXTURES "clip_rn.safetensors"
#define VOCAB FIXTURES "merges.txt.gz"

enum { K = 5, N = 33, N_KEYS = 11 };
static const char *NAMES[K] = {"ring", "key", "red fox", "r\xc3\xb3sa", "ring"};
static const char *const TEMPLATES[] = {"a photo of a {}."};

typedef struct {
    Arena *arena;
    LoadedModel model;
    int E;
    Prompt head;
    float *features; /* (N, E), not of unit length */
} World;

static void open_world(World *w) {
    Error err = {0};
    const LoadedModelOptions options = {.towers = CLIP_BOTH | CLIP_DIGEST, .vocab = VOCAB, .n_threads = 2};
    *w = (World){.arena = arena_create()};
    if (loaded_model_open(&w->model, WEIGHTS, &options, &err) < 0)
        fail_msg("%s", err.text);
    Clip *clip = w->model.clip;
    w->E = clip->embed_dim;
    float *text = arena_floats(w->arena, K, (size_t)w->E);
    w->features = arena_floats(w->arena, N, (size_t)w->E);
    fill_normal(text, K * (size_t)w->E, 1, 3);
    unit_rows_forward(text, NULL, text, K, w->E);
    fill_normal(w->features, N * (size_t)w->E, 2, 4);
    w->head = (Prompt){.n_classes = K,
                       .embed_dim = w->E,
                       .class_names = NAMES,
                       .text_features = text,
                       .logit_scale = clip->logit_scale,
                       .backbone = clip->name,
                       .backbone_digest = clip_digest(clip),
                       .vocab_digest = tokenizer_digest(w->model.tokenizer),
                       .dataset = "rings",
                       .checkpoint = WEIGHTS,
                       .image_size = clip->image_size,
                       .std = {1, 1, 1},
                       .made = {.method = "somehow",
                                .num_shots = 16,
                                .seed = 2,
                                .val_accuracy = 0.75,
                                .accuracy = 1. / 3,
                                .key = "k",
                                .program = "coop 9"}};
}

static void close_world(World *w) {
    loaded_model_close(&w->model);
    arena_free(w->arena);
}

/* --- the formulas, in double --- */

static double product(const float *a, const float *b, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static void expect_cosine(const World *w, const float *text, double *logits) {
    for (int i = 0; i < N; i++) {
        const float *x = w->features + i * w->E;
        for (int k = 0; k < K; k++)
            logits[i * K + k] =
                exp(w->head.logit_scale) * product(x, text + k * w->E, w->E) / sqrt(product(x, x, w->E));
    }
}

/* The whole in one call, and row by row: the same bits. */
static void check_logits(const World *w, Classifier *c, const double *expected, double tolerance) {
    float all[N * K], row[K];
    Error err = {0};
    if (classifier_logits(c, all, w->features, N, &err) < 0)
        fail_msg("%s", err.text);
    for (int i = 0; i < N; i++) {
        assert_int_equal(classifier_logits(c, row, w->features + i * w->E, 1, &err), 0);
        assert_memory_equal(row, all + i * K, sizeof row);
    }
    for (int i = 0; i < N * K; i++)
        if (!(fabs(all[i] - expected[i]) <= tolerance * (1 + fabs(expected[i]))))
            fail_msg("logit %d: %g where %g is needed", i, (double)all[i], expected[i]);
}

static void check_info(const Classifier *c, const char *method) {
    const ClassifierInfo *info = classifier_info(c);
    assert_string_equal(info->method, method);
    assert_int_equal(info->n_classes, K);
    assert_string_equal(info->class_names[3], NAMES[3]);
    assert_string_equal(info->dataset, "rings");
    assert_int_equal(info->num_shots, 16);
    assert_int_equal(info->seed, 2);
    assert_true(info->val_accuracy == 0.75);
    assert_true(fabs(info->accuracy - 1. / 3) < 1e-8);
    assert_false(info->exif_rotate);
}

/* From the file and from its bytes. */
static void check_file(const World *w, const char *path, const char *method, const double *expected,
                       double tolerance) {
    FileMap map;
    Error err = {0};
    assert_int_equal(file_map(&map, path, &err), 0);
    for (int from_bytes = 0; from_bytes < 2; from_bytes++) {
        Classifier *c;
        const ClassifierOptions options = {.model.n_threads = 3};
        if ((from_bytes ? classifier_open_bytes(&c, map.data, map.size, "bytes", &options, &err)
                        : classifier_open(&c, path, &options, &err)) < 0)
            fail_msg("%s", err.text);
        check_info(c, method);
        check_logits(w, c, expected, tolerance);
        classifier_close(c);
    }
    file_unmap(&map);
}

static void test_prompt(void **state) {
    World w;
    char path[512];
    double expected[N * K];
    Error err = {0};
    open_world(&w);
    Prompt prompt = w.head;
    prompt.n_ctx = 1;
    prompt.width = w.model.clip->text.width;
    prompt.ctx = w.features;
    assert_int_equal(prompt_write(scratch_path(state, PROMPT_FILE, path, sizeof path), &prompt, &err), 0);
    expect_cosine(&w, w.head.text_features, expected);
    check_file(&w, path, "somehow", expected, 1e-5);
    close_world(&w);
}

static void test_cosine(void **state) {
    World w;
    char path[512];
    double expected[N * K];
    Error err = {0};
    open_world(&w);
    scratch_path(state, CLASSIFIER_FILE, path, sizeof path);
    assert_int_equal(classifier_file_write(path, &w.head, &cosine_kind, NULL, 0, &err), 0);
    expect_cosine(&w, w.head.text_features, expected);
    check_file(&w, path, "somehow", expected, 1e-5);
    /* Photos are turned, or not, as when it was learned. */
    for (int rotate = 0; rotate < 2; rotate++) {
        Classifier *c;
        w.head.exif_rotate = rotate;
        assert_int_equal(classifier_file_write(path, &w.head, &cosine_kind, NULL, 0, &err), 0);
        assert_int_equal(classifier_open(&c, path, NULL, &err), 0);
        assert_int_equal(classifier_info(c)->exif_rotate, rotate);
        assert_int_equal(classifier_model(c)->upright, rotate);
        classifier_close(c);
    }
    /* They are encoded in the same precision, unless another is asked for. */
    w.head.precision = PRECISION_BFLOAT16;
    assert_int_equal(classifier_file_write(path, &w.head, &cosine_kind, NULL, 0, &err), 0);
    for (int set = 0; set < 2; set++) {
        Classifier *c;
        const ClassifierOptions options = {.set_precision = set};
        assert_int_equal(classifier_open(&c, path, &options, &err), 0);
        assert_int_equal(classifier_model(c)->asked, set ? PRECISION_FLOAT32 : PRECISION_BFLOAT16);
        classifier_close(c);
    }
    close_world(&w);
}

static void check_linear(void **state, const ClassifierKind *kind) {
    World w;
    char path[512];
    double expected[N * K], bias[K] = {0.5, -1, 0, 3, -1e30};
    Error err = {0};
    open_world(&w);
    scratch_path(state, CLASSIFIER_FILE, path, sizeof path);
    double *weights = ARENA_NEW(w.arena, double, K *(size_t)w.E);
    for (int i = 0; i < K * w.E; i++)
        weights[i] = sin(i) / 3;
    const TensorOut tensors[] = {{"weights", DTYPE_F64, 2, {K, w.E}, weights},
                                 {"bias", DTYPE_F64, 1, {K}, bias}};
    Prompt head = w.head;
    head.text_features = NULL;
    assert_int_equal(classifier_file_write(path, &head, kind, tensors, 2, &err), 0);
    for (int i = 0; i < N; i++) {
        const float *x = w.features + i * w.E;
        const double length = kind == &linear_kind ? 1 : sqrt(product(x, x, w.E));
        for (int k = 0; k < K; k++) {
            double *sum = &expected[i * K + k];
            *sum = bias[k];
            for (int e = 0; e < w.E; e++)
                *sum += x[e] / length * weights[k * w.E + e];
        }
    }
    check_file(&w, path, "somehow", expected, 1e-6);
    close_world(&w);
}

static void test_linear(void **state) {
    check_linear(state, &linear_kind);
    check_linear(state, &unit_linear_kind);
}

/* CLIP-Adapter's network, by its formula in double. */
static void test_adapter(void **state) {
    enum { H = 7 };
    World w;
    char path[512];
    double expected[N * K];
    Error err = {0};
    const float ratio = 0.25f;
    open_world(&w);
    scratch_path(state, CLASSIFIER_FILE, path, sizeof path);
    float *w1 = arena_floats(w.arena, H, (size_t)w.E), *w2 = arena_floats(w.arena, (size_t)w.E, H);
    fill_normal(w1, H * (size_t)w.E, 1, 9);
    fill_normal(w2, (size_t)w.E * H, 1, 10);
    const TensorOut tensors[] = {{"w1", DTYPE_F32, 2, {H, w.E}, w1},
                                 {"w2", DTYPE_F32, 2, {w.E, H}, w2},
                                 {"ratio", DTYPE_F32, 1, {1}, &ratio}};
    assert_int_equal(classifier_file_write(path, &w.head, &adapter_kind, tensors, 3, &err), 0);
    float *g = arena_floats(w.arena, 1, (size_t)w.E);
    for (int i = 0; i < N; i++) {
        const float *x = w.features + i * w.E;
        double inside[H];
        for (int h = 0; h < H; h++)
            inside[h] = fmax(0, product(x, w1 + h * w.E, w.E));
        for (int e = 0; e < w.E; e++) {
            double sum = 0;
            for (int h = 0; h < H; h++)
                sum += inside[h] * w2[e * H + h];
            g[e] = (float)(0.25 * fmax(0, sum) + 0.75 * x[e]);
        }
        for (int k = 0; k < K; k++)
            expected[i * K + k] = exp(w.head.logit_scale) * product(g, w.head.text_features + k * w.E, w.E) /
                                  sqrt(product(g, g, w.E));
    }
    check_file(&w, path, "somehow", expected, 1e-5);
    close_world(&w);
}

static void test_cache(void **state) {
    World w;
    char path[512];
    double expected[N * K];
    Error err = {0};
    open_world(&w);
    scratch_path(state, CLASSIFIER_FILE, path, sizeof path);
    static const int labels[N_KEYS] = {0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 4};
    float *keys = arena_floats(w.arena, N_KEYS, (size_t)w.E);
    fill_normal(keys, N_KEYS * (size_t)w.E, 1, 9);
    unit_rows_forward(keys, NULL, keys, N_KEYS, w.E);
    const ImageCache cache = {N_KEYS, keys, labels, 1.25f, 5.5f};
    TensorOut tensors[IMAGE_CACHE_TENSORS];
    image_cache_tensors(tensors, &cache, w.E);
    assert_int_equal(classifier_file_write(path, &w.head, &cache_kind, tensors, IMAGE_CACHE_TENSORS, &err),
                     0);
    expect_cosine(&w, w.head.text_features, expected);
    for (int i = 0; i < N; i++) {
        const float *x = w.features + i * w.E;
        for (int j = 0; j < N_KEYS; j++)
            expected[i * K + labels[j]] +=
                1.25 * exp(-5.5 * (1 - product(x, keys + j * w.E, w.E) / sqrt(product(x, x, w.E))));
    }
    check_file(&w, path, "somehow", expected, 1e-5);
    close_world(&w);
}

/* Without a file: a borrowed model, and nothing known but the names. */
static void test_zeroshot(void **state) {
    (void)state;
    World w;
    Classifier *c;
    double expected[N * K];
    Error err = {0};
    open_world(&w);
    float *text = arena_floats(w.arena, K, (size_t)w.E);
    assert_int_equal(
        zeroshot_features(text, w.model.clip, w.model.tokenizer, w.model.pool, TEMPLATES, 1, NAMES, K, &err),
        0);
    expect_cosine(&w, text, expected);
    assert_int_equal(classifier_zeroshot(&c, &w.model, TEMPLATES, 1, NAMES, K, &err), 0);
    assert_ptr_equal(classifier_model(c), &w.model);
    check_logits(&w, c, expected, 1e-5);
    assert_string_equal(classifier_info(c)->method, "zeroshot");
    assert_int_equal(classifier_info(c)->num_shots, 0);
    assert_int_equal(classifier_info(c)->seed, -1);
    assert_true(isnan(classifier_info(c)->val_accuracy));
    classifier_close(c);
    const char *const bad[] = {"no gap"};
    assert_int_equal(classifier_zeroshot(&c, &w.model, bad, 1, NAMES, K, &err), -1);
    assert_non_null(strstr(err.text, "no {}"));
    classifier_close(c);
    close_world(&w);
}

/* A prompt of the original code: its text features are made anew. */
static void test_original(void **state) {
    World w;
    Classifier *c;
    char path[512];
    Error err = {0};
    open_world(&w);
    Prompt prompt = w.head, read;
    prompt.n_ctx = 2;
    prompt.width = w.model.clip->text.width;
    float *ctx = arena_floats(w.arena, 2, (size_t)prompt.width);
    fill_normal(ctx, 2 * (size_t)prompt.width, 0.02, 5);
    prompt.ctx = ctx;
    scratch_path(state, "model.pth.tar-50", path, sizeof path);
    assert_int_equal(coop_checkpoint_write(path, &prompt, 50, w.model.clip, w.model.tokenizer, &err), 0);
    TensorFile *file = fixture_open(path);
    assert_int_equal(coop_checkpoint_read(&read, file, POSITION_END, w.model.clip, w.model.tokenizer,
                                          w.model.pool, w.arena, &err),
                     0);
    tensors_close(file);
    double expected[N * K];
    expect_cosine(&w, read.text_features, expected);
    assert_int_equal(classifier_open(&c, path, NULL, &err), -1);
    assert_non_null(strstr(err.text, "--model, or checkpoint of coop_options, is needed"));
    classifier_close(c);
    const ClassifierOptions options = {.weights = WEIGHTS, .model.vocab = VOCAB};
    assert_int_equal(classifier_open(&c, path, &options, &err), 0);
    assert_string_equal(classifier_info(c)->method, "coop");
    assert_int_equal(classifier_info(c)->num_shots, -1);
    assert_null(classifier_info(c)->dataset);
    check_logits(&w, c, expected, 1e-5);
    classifier_close(c);
    close_world(&w);
}

/* One of the same sizes but with other weights is found out before it has given a single logit. */
static void test_other_checkpoint(void **state) {
    World w;
    Classifier *c;
    char path[512];
    float logits[K];
    Error err = {0};
    open_world(&w);
    scratch_path(state, CLASSIFIER_FILE, path, sizeof path);
    Prompt head = w.head;
    head.backbone_digest = "0123456789abcdef";
    assert_int_equal(classifier_file_write(path, &head, &cosine_kind, NULL, 0, &err), 0);
    assert_int_equal(classifier_open(&c, path, NULL, &err), 0);
    assert_int_equal(classifier_logits(c, logits, w.features, 1, &err), -1);
    assert_non_null(strstr(err.text, "backbone_digest: learned with another checkpoint"));
    classifier_close(c);
    const ClassifierOptions options = {.weights = OTHER};
    assert_int_equal(classifier_open(&c, path, &options, &err), -1);
    assert_non_null(strstr(err.text, OTHER));
    classifier_close(c);
    head.checkpoint = "/nowhere/weights.pt";
    assert_int_equal(classifier_file_write(path, &head, &cosine_kind, NULL, 0, &err), 0);
    assert_int_equal(classifier_open(&c, path, NULL, &err), -1);
    assert_non_null(
        strstr(err.text,
               "/nowhere/weights.pt is not there; say where it is (--model, or checkpoint of coop_options)"));
    classifier_close(c);
    close_world(&w);
}

static void test_no_classifier(void **state) {
    (void)state;
    Classifier *c;
    Error err = {0};
    assert_int_equal(classifier_open(&c, WEIGHTS, NULL, &err), -1);
    assert_non_null(strstr(err.text, "not a prompt"));
    classifier_close(c);
    assert_int_equal(classifier_open(&c, "tests/none", NULL, &err), -1);
    assert_null(c);
    assert_int_equal(classifier_open_bytes(&c, "", 0, "nothing", NULL, &err), -1);
    assert_null(c);
    classifier_close(NULL);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(test_prompt),   IN_SCRATCH(test_cosine),           IN_SCRATCH(test_linear),
        IN_SCRATCH(test_cache),    IN_SCRATCH(test_adapter),          cmocka_unit_test(test_zeroshot),
        IN_SCRATCH(test_original), IN_SCRATCH(test_other_checkpoint), cmocka_unit_test(test_no_classifier)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
