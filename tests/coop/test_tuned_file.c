/* test_tuned_file.c: what a tuner has learned, on disk: it comes back to the bit, merged low-rank matrices do
 * what they did beside the weights, and what is not understood is refused. */
#include "coop/tuned_file.h"

#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/tensors_open.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"
#include "tests/support/train_support.h"
#include "tests/support/tree_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { K = 3, E = 10, B = 2, PIXELS = 3 * 16 * 16 };

typedef struct {
    Arena *arena;
    Pool *pool;
    TrainableClip *clip;
    TunerConfig config;
    Tuner *tuner;
    float text[K * E];
    Tuned tuned;
} Bench;

static const char *names[] = {"cat", "dog", "r\xc3\xb3sa"}, *templates[] = {"a photo of a {}.", "{}"};

static TrainableClip *tiny(void) {
    TrainableClip *clip = train_clip_tiny((TinyClip){.layers = 2});
    if (!parameters_find(&clip->parameters, "logit_scale"))
        parameters_add(&clip->parameters, 0, NULL, "logit_scale");
    return clip;
}

static void open_bench(Bench *b, TunedPart part) {
    Error err = {0};
    *b = (Bench){.arena = arena_create(), .pool = pool_create(2), .clip = tiny()};
    b->config = (TunerConfig){.part = part, .seed = 3, .batch_size = B};
    if (part == TUNE_LOW_RANK) {
        b->config.image = (LowRankConfig){.rank = 3, .alpha = 2, .q = true, .v = true, .first = 1, .end = 2};
        b->config.image.by_root = true;
        b->config.text = b->config.image;
        b->config.text.k = true;
    }
    PromptSet prompts = prompts_random(PROMPTS_TEXTS, K, 3, b->arena);
    TokenTree *tree = ARENA_NEW(b->arena, TokenTree, 1);
    prompts_tree(tree, &prompts, b->arena);
    fill_normal(b->text, K * E, 1, 7);
    unit_rows_forward(b->text, NULL, b->text, K, E);
    const TunedTexts texts = {tree, 1, b->text, K};
    b->tuner = tuner_create(b->clip, NULL, &b->config, &texts, b->pool, &err);
    if (!b->tuner)
        fail_msg("%s", err.text);
    const Trainee *trainee = tuner_trainee(b->tuner);
    float *change = arena_floats(b->arena, trainee->n_parameters, 1);
    fill_normal(change, trainee->n_parameters, 0.1, 11);
    add_rows(trainee->parameters, change, trainee->n_parameters);
    b->tuned = (Tuned){.head = {.n_classes = K,
                                .embed_dim = E,
                                .class_names = names,
                                .text_features = b->text,
                                .logit_scale = 1.5f,
                                .backbone = "tiny",
                                .backbone_digest = "d1",
                                .vocab_digest = "d2",
                                .dataset = "pets",
                                .checkpoint = "/there",
                                .image_size = 16,
                                .std = {1, 1, 1}},
                       .templates = templates,
                       .n_templates = 2};
}

static void close_bench(Bench *b) {
    tuner_free(b->tuner);
    train_clip_free(b->clip);
    pool_free(b->pool);
    arena_free(b->arena);
}

static void write_tuned(Bench *b, const char *path) {
    Error err = {0};
    if (tuned_write(path, &b->tuned, b->clip, &b->config, b->tuner, &err) < 0)
        fail_msg("%s", err.text);
}

static void read_back(Bench *b, const char *path, Tuned *read, TrainableClip *clip, bool *image, bool *text) {
    Error err = {0};
    TensorFile *file = fixture_open(path);
    assert_true(tuned_is_one(file));
    if (tuned_read(read, file, b->arena, &err) < 0 || tuned_apply(read, file, clip, image, text, &err) < 0)
        fail_msg("%s", err.text);
    tensors_close(file);
    assert_int_equal(read->head.n_classes, K);
    assert_string_equal(read->head.class_names[2], names[2]);
    assert_string_equal(read->head.backbone_digest, "d1");
    assert_int_equal(read->n_templates, 2);
    assert_string_equal(read->templates[1], "{}");
    assert_memory_equal(read->head.text_features, b->text, sizeof b->text);
    assert_null(read->head.ctx);
}

/* All weights of a part, and no other. */
static void test_weights(void **state) {
    char path[512];
    scratch_path(state, TUNED_WEIGHTS_FILE, path, sizeof path);
    for (TunedPart part = TUNE_IMAGE_ENCODER; part <= TUNE_LAYER_NORM; part++) {
        if (part == TUNE_TEXT_ENCODER)
            continue; /* its images are encoded by a frozen tower */
        Bench b;
        Tuned read;
        bool image, text;
        TrainableClip *other = tiny();
        open_bench(&b, part);
        write_tuned(&b, path);
        read_back(&b, path, &read, other, &image, &text);
        assert_int_equal(read.part, part);
        assert_int_equal(image, tuner_trains_image(b.clip, &b.config));
        assert_int_equal(text, tuner_trains_text(b.clip, &b.config));
        for (int i = 0; i < other->parameters.n; i++)
            assert_memory_equal(other->parameters.items[i].value, b.clip->parameters.items[i].value,
                                other->parameters.items[i].count * sizeof(float));
        train_clip_free(other);
        close_bench(&b);
    }
}

/* Features of images with the matrices beside the weights, and in them. */
static void test_merged(void **state) {
    char path[512];
    Bench b;
    Tuned read;
    bool image, text;
    Error err = {0};
    TrainableClip *merged = tiny();
    scratch_path(state, TUNED_LOW_RANK_FILE, path, sizeof path);
    open_bench(&b, TUNE_LOW_RANK);
    write_tuned(&b, path);
    read_back(&b, path, &read, merged, &image, &text);
    assert_true(image && text && read.rank == 3 && fabs(read.scale - 2 / sqrt(3)) < 1e-12);
    float pixels[B * PIXELS], got[B * E], want[B * E], plain[B * E];
    fill_normal(pixels, B * PIXELS, 1, 5);
    TrainableClip *base = tiny(), *clips[] = {b.clip, merged, base};
    float *features[] = {want, got, plain};
    for (int i = 0; i < 3; i++) {
        ImageTrainer *trainer = image_trainer_create(clips[i], b.pool, B, 0, &err);
        assert_non_null(trainer);
        image_trainer_forward(trainer, features[i], pixels, B, PASS_TEST);
        image_trainer_free(trainer);
    }
    assert_close("features", got, want, B * E, 2e-6);
    double apart = 0;
    for (int i = 0; i < B * E; i++)
        apart = fmax(apart, fabs((double)plain[i] - (double)want[i]));
    assert_true(apart > 1e-3);
    train_clip_free(base);
    train_clip_free(merged);
    close_bench(&b);
}

/* --- bad files --- */

static void refuse(const char *path, const Tuned *good, const char *part, const char *name, int64_t rows,
                   const char *rank, const char *expected) {
    static const float zeros[4096] = {0};
    Error err = {0};
    Tuned read;
    bool image, text;
    Arena *arena = arena_create();
    TrainableClip *clip = tiny();
    const TensorOut tensor = {
        .name = name, .dtype = DTYPE_F32, .n_dims = 2, .shape = {rows, 24}, .data = zeros};
    const MetadataOut more[] = {
        {"part", part}, {"templates", "[\"{}\"]"}, {"rank", rank}, {"alpha", "1"}, {"scaling", "rank"}};
    const bool low_rank = strcmp(part, "low_rank") == 0;
    assert_int_equal(prompt_write_as(path, low_rank ? "coop-lora" : "coop-weights", &good->head, &tensor, 1,
                                     more, 5, &err),
                     0);
    TensorFile *file = fixture_open(path);
    if (tuned_read(&read, file, arena, &err) == 0)
        assert_int_equal(tuned_apply(&read, file, clip, &image, &text, &err), -1);
    tensors_close(file);
    if (!strstr(err.text, expected))
        fail_msg("'%s' where '%s' is needed", err.text, expected);
    train_clip_free(clip);
    arena_free(arena);
}

static void test_bad_files(void **state) {
    static const char *const A = "visual.transformer.resblocks.0.attn.q_proj.lora_A";
    char path[512];
    Bench b;
    scratch_path(state, "bad.safetensors", path, sizeof path);
    open_bench(&b, TUNE_IMAGE_PROJECTION);
    refuse(path, &b.tuned, "all", "visual.other", 2, "2", "tensor visual.other: not a weight");
    refuse(path, &b.tuned, "all", "visual.proj", 2, "2", "tensor visual.proj: shape [2, 24]");
    refuse(path, &b.tuned, "everything", "visual.proj", 2, "2", "metadata: part 'everything'");
    refuse(path, &b.tuned, "low_rank", A, 3, "2", "shape [3, 24] where [2, 24]");
    refuse(path, &b.tuned, "low_rank", A, 2, "2", "q_proj.lora_B: missing");
    refuse(path, &b.tuned, "low_rank", A, 2, "2.5", "metadata: rank '2.5'");
    refuse(path, &b.tuned, "low_rank", A, 2, "-1", "metadata: rank '-1'");
    refuse(path, &b.tuned, "low_rank", "visual.proj", 2, "2", "tensor visual.proj: not a weight");
    refuse(path, &b.tuned, "low_rank", "x.o_proj.lora_A", 2, "2", "tensor x.o_proj.lora_A: not a weight");
    refuse(path, &b.tuned, "low_rank", "x.q_proj.lora_A", 2, "2", "tensor x.q_proj.lora_A: not a weight");
    refuse(path, &b.tuned, "low_rank", "q_proj.lora_A", 2, "2", "tensor q_proj.lora_A: not a weight");
    close_bench(&b);
}

/* Any flipped byte is noticed. */
static void test_damage(void **state) {
    char path[512];
    Bench b;
    scratch_path(state, TUNED_WEIGHTS_FILE, path, sizeof path);
    open_bench(&b, TUNE_IMAGE_PROJECTION);
    write_tuned(&b, path);
    for (size_t at = 0; at < 1500; at += 97) {
        Error err = {0};
        scratch_flip(path, at, 4);
        assert_null(tensors_open(path, &err));
        scratch_flip(path, at, 4);
    }
    close_bench(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_weights, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_merged, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_bad_files, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_damage, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
