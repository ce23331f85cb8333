/* Prompts as the original code keeps them: written, read back, told from other files, refused when they do
 * not fit. */
#include "coop/coop_checkpoint.h"

#include "clip/base/files.h"
#include "clip/tensors/tensors_open.h"
#include "clip/tensors/torch_write.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct {
    Arena *arena;
    Pool *pool;
    Clip *clip;
    Tokenizer *tokenizer;
} World;

static const char *const NAMES[] = {"ring", "F-16A/B", "2012_M3_coupe", "fish"};
/* as the tokens of the small vocabulary spell them */
static const char *const SPELT[] = {"ring", "f - 1 6 a / b", "2 0 1 2 m 3 coupe", "fish"};

static void world_open(World *w) {
    Error err = {0};
    w->arena = arena_create();
    w->pool = pool_create(2);
    w->clip = clip_open(FIXTURES "clip_vit.safetensors", CLIP_TEXT, &err);
    w->tokenizer = tokenizer_open(FIXTURES "merges.txt.gz", 204, &err);
    if (!w->clip || !w->tokenizer)
        fail_msg("%s", err.text);
}

static void world_close(World *w) {
    tokenizer_free(w->tokenizer);
    clip_free(w->clip);
    pool_free(w->pool);
    arena_free(w->arena);
}

/* A prompt at a random start; only what a checkpoint keeps is filled, and the features to compare with. */
static Prompt random_prompt(World *w, bool csc, ClassTokenPosition position) {
    Error err = {0};
    LearnerConfig config = {
        .n_ctx = 3, .csc = csc, .class_token_position = position, .ctx_init = "", .seed = 5};
    PromptLearner *learner =
        learner_create(w->clip, w->tokenizer, w->pool, (const char **)NAMES, 4, &config, 0, &err);
    if (!learner)
        fail_msg("%s", err.text);
    float *ctx = arena_floats(w->arena, learner_ctx_size(learner), 1);
    float *text = arena_floats(w->arena, 4, (size_t)w->clip->embed_dim);
    memcpy(ctx, learner_ctx(learner), learner_ctx_size(learner) * sizeof *ctx);
    learner_text_features(learner, text);
    learner_free(learner);
    return (Prompt){.n_classes = 4,
                    .n_ctx = 3,
                    .width = w->clip->text.width,
                    .embed_dim = w->clip->embed_dim,
                    .csc = csc,
                    .class_token_position = position,
                    .class_names = (const char **)NAMES,
                    .ctx = ctx,
                    .text_features = text};
}

static int read_path(Prompt *prompt, const char *path, ClassTokenPosition position, World *w, Error *err) {
    TensorFile *file = tensors_open(path, err);
    int result =
        file ? coop_checkpoint_read(prompt, file, position, w->clip, w->tokenizer, w->pool, w->arena, err)
             : -1;
    assert_true(result < 0 || coop_checkpoint_is_one(file));
    tensors_close(file);
    return result;
}

static void test_round_trip(void **state) {
    World w;
    Error err = {0};
    char path[256];
    world_open(&w);
    scratch_path(state, "model.pth.tar-7", path, sizeof path);
    for (int i = 0; i < 6; i++) {
        Prompt prompt = random_prompt(&w, i % 2, (ClassTokenPosition)(i / 2)), read;
        if (coop_checkpoint_write(path, &prompt, 7, w.clip, w.tokenizer, &err) < 0)
            fail_msg("%s", err.text);
        if (read_path(&read, path, prompt.class_token_position, &w, &err) < 0)
            fail_msg("%s", err.text);
        assert_int_equal(read.n_classes, 4);
        assert_int_equal(read.n_ctx, 3);
        assert_int_equal(read.csc, i % 2);
        for (int k = 0; k < 4; k++) {
            assert_string_equal(read.class_names[k], SPELT[k]);
            assert_string_equal(coop_checkpoint_spelling(NAMES[k], w.tokenizer, w.arena, NULL), SPELT[k]);
        }
        assert_memory_equal(read.ctx, prompt.ctx, (size_t)(i % 2 ? 4 : 1) * 3 * 128 * sizeof(float));
        assert_close("text features", read.text_features, prompt.text_features, 4 * (size_t)w.clip->embed_dim,
                     1e-6);
    }
    world_close(&w);
}

static void test_other_files(void **state) {
    (void)state;
    TensorFile *file = fixture_open(FIXTURES "clip_vit.safetensors");
    assert_false(coop_checkpoint_is_one(file));
    tensors_close(file);
}

/* Writes ctx (M, C) and token_suffix (K, rows, C) from the given numbers, and expects this refusal. */
static void refused(void **state, World *w, int M, int C, int rows, const float *suffix,
                    const char *message) {
    char path[256];
    Error err = {0};
    Prompt read;
    float *ctx = arena_floats(w->arena, (size_t)M, (size_t)C);
    const TensorOut tensors[] = {
        {.name = "ctx", .dtype = DTYPE_F32, .n_dims = 2, .shape = {M, C}, .data = ctx},
        {.name = "token_suffix", .dtype = DTYPE_F32, .n_dims = 3, .shape = {1, rows, C}, .data = suffix}};
    scratch_path(state, "bad.pth.tar-1", path, sizeof path);
    if (torch_checkpoint_write(path, tensors, 2, 1, NULL, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(read_path(&read, path, POSITION_END, w, &err), -1);
    assert_string_equal(err.text, arena_printf(w->arena, "%s: %s", path, message));
    assert_int_equal(err.kind, ERROR_INPUT);
}

static void test_refusals(void **state) {
    World w;
    world_open(&w);
    const size_t C = 128;
    float *suffix = arena_floats(w.arena, 80, 200);
    const float *table = w.clip->text.token_embedding;
    refused(state, &w, 3, 100, 73, suffix, "tensor ctx: shape [3, 100] where [?, 128] is needed");
    refused(state, &w, 75, 128, 1, suffix, "tensor ctx: 75 vectors where the model has 77 positions");
    refused(state, &w, 3, 128, 60, suffix,
            "tensor token_suffix: shape [1, 60, 128] where [?, 73, 128] is needed");
    refused(state, &w, 3, 128, 73, suffix,
            "tensor token_suffix: class 0: row 0 is no token of this checkpoint");
    for (size_t i = 0; i < 73; i++) /* a word for ever */
        memcpy(suffix + i * C, table + 300 * C, C * sizeof *suffix);
    refused(state, &w, 3, 128, 73, suffix,
            "tensor token_suffix: class 0: not the tokens of a name and a period");
    memcpy(suffix + C, table + 717 * C, C * sizeof *suffix); /* EOS, but no period before it */
    refused(state, &w, 3, 128, 73, suffix,
            "tensor token_suffix: class 0: not the tokens of a name and a period");
    world_close(&w);
}

/* Cut anywhere it is refused; with any byte changed, too, or nothing that counts has changed: every tensor
 * has a checksum. */
static void test_damage(void **state) {
    World w;
    Error err = {0};
    FileMap map;
    char path[256];
    world_open(&w);
    scratch_path(state, "model.pth.tar-7", path, sizeof path);
    Prompt prompt = random_prompt(&w, false, POSITION_END), read;
    prompt.n_classes = 1;
    if (coop_checkpoint_write(path, &prompt, 7, w.clip, w.tokenizer, &err) < 0 ||
        file_map(&map, path, &err) < 0)
        fail_msg("%s", err.text);
    const size_t size = map.size, step = scratch_instrumented() ? 997 : 23;
    file_unmap(&map);
    for (int cut = 0; cut < 2; cut++) /* the cuts come last, from the end */
        for (size_t i = 0; i < size; i += step) {
            size_t mark = arena_mark(w.arena);
            if (cut && truncate(path, (off_t)(size - 1 - i)) != 0)
                fail_msg("cannot cut %s", path);
            if (!cut)
                scratch_flip(path, i, 0x10);
            err = (Error){0};
            if (read_path(&read, path, POSITION_END, &w, &err) == 0) {
                /* what no tensor needs, such as the time of a file in the archive, may be anything */
                assert_false(cut);
                assert_int_equal(read.n_classes, 1);
                assert_memory_equal(read.ctx, prompt.ctx, 3 * 128 * sizeof(float));
            } else {
                assert_int_equal(strncmp(err.text, path, strlen(path)), 0);
            }
            if (!cut)
                scratch_flip(path, i, 0x10);
            arena_reset(w.arena, mark);
        }
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test_setup_teardown(test_refusals, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_damage, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
