/* What the shapes of a checkpoint tell, and what they cannot. */
#include "clip/checkpoint/shapes.h"

#include "clip/checkpoint/model.h"
#include "coop/zeroshot.h"
#include "tests/support/checkpoint_copy.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"
#include "tests/support/tower_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define VIT FIXTURES "clip_vit.safetensors"

enum { WIDTH = 128, POSITIONS = 77, EMBED = 64 };

typedef struct {
    Arena *arena;
    TensorFile *file;
    Copy *copy;
    char path[512];
} Trial;

static Trial trial_open(void **state) {
    Trial trial = {.arena = arena_create(), .file = fixture_open(VIT)};
    trial.copy = copy_of(trial.file, trial.arena);
    copy_to_float(trial.copy, trial.arena);
    scratch_path(state, "model.safetensors", trial.path, sizeof trial.path);
    return trial;
}

static void trial_close(Trial *trial) {
    tensors_close(trial->file);
    arena_free(trial->arena);
}

/* Fails with the given part of a message. */
static void assert_refused(const Trial *trial, const char *part) {
    Error err = {0};
    copy_write(trial->copy, trial->path);
    Clip *clip = clip_open(trial->path, CLIP_BOTH, &err);
    if (clip)
        fail_msg("not refused: %s", part);
    if (!strstr(err.text, part))
        fail_msg("got %s\nwant %s", err.text, part);
}

/* open_clip_config.json, with a key of text_cfg. */
static void write_config(void **state, const char *key) {
    char path[512], config[512];
    snprintf(config, sizeof config,
             "{\"model_cfg\": {\"embed_dim\": 64, \"quick_gelu\": true,"
             "\"vision_cfg\": {\"width\": 128, \"layers\": 4, \"patch_size\": 8, \"image_size\": 32, "
             "\"head_width\": 32},"
             "\"text_cfg\": {%s\"width\": 128, \"layers\": 3, \"heads\": 2, \"vocab_size\": 718}}}",
             key);
    scratch_file(scratch_path(state, "open_clip_config.json", path, sizeof path), config, strlen(config));
}

/* --- Long-CLIP --- */

/* Rows first .. end - 1 are those of `from` as far as it goes, the others are far from them. */
static TensorOut *add_positions(Trial *trial, const char *name, const float *from, int n, int first,
                                int end) {
    TensorOut *table = copy_add(trial->copy, trial->arena, name, DTYPE_F32, 2, (int[]){n, WIDTH});
    float *out = (float *)table->data;
    for (int t = 0; t < n; t++)
        for (int c = 0; c < WIDTH; c++)
            out[t * WIDTH + c] = t >= first && t < end ? from[t * WIDTH + c] : (float)(t + c % 7);
    return table;
}

static void encode_one(float out[EMBED], const Clip *clip, const char *text) {
    Error err = {0};
    Pool *pool = pool_create(1);
    Tokenizer *tokenizer = tokenizer_open(FIXTURES "merges.txt.gz", clip->n_vocab - 514, &err);
    if (encode_texts(out, NULL, NULL, clip, tokenizer, pool, &text, 1, NULL, &err) < 0)
        fail_msg("%s", err.text);
    tokenizer_free(tokenizer);
    pool_free(pool);
}

/* The first 20 positions come from one table, the others from the other; texts may be 248 tokens long. */
static void test_long_clip(void **state) {
    Trial trial = trial_open(state);
    const float *from = copy_find(trial.copy, "positional_embedding")->data;
    copy_remove(trial.copy, "positional_embedding");
    add_positions(&trial, "positional_embedding", from, 248, 0, 20);
    add_positions(&trial, "positional_embedding_res", from, 248, 20, POSITIONS);
    copy_write(trial.copy, trial.path);
    Clip *plain = tower_open(VIT, CLIP_TEXT), *clip = tower_open(trial.path, CLIP_TEXT);
    assert_int_equal(clip->text.n_positions, 248);
    float want[EMBED], got[EMBED];
    const char *text = "a photo of a cup and a star and a red cup and a blue cup";
    encode_one(want, plain, text);
    encode_one(got, clip, text);
    assert_memory_equal(got, want, sizeof want);
    char long_text[2 * 200 + 1] = "";
    for (int i = 0; i < 200; i++)
        strcat(long_text, "7 ");
    encode_one(got, clip, long_text);
    assert_true(relative_error(got, want, EMBED) > 1e-2);
    clip_free(plain);
    clip_free(clip);
    trial_close(&trial);
}

/* Other numbers of positions than 77 are another model's, unless a config says how it reads texts. */
static void test_positions_without_config(void **state) {
    Trial trial = trial_open(state);
    const float *from = copy_find(trial.copy, "positional_embedding")->data;
    copy_remove(trial.copy, "positional_embedding");
    add_positions(&trial, "positional_embedding", from, 32, 0, 32);
    assert_refused(&trial,
                   "tensor positional_embedding: 32 positions where CLIP has 77: a config beside it must");
    write_config(state, "\"context_length\": 32, ");
    Clip *clip = tower_open(trial.path, CLIP_BOTH);
    assert_int_equal(clip->text.n_positions, 32);
    clip_free(clip);
    trial_close(&trial);
}

static void test_other_positions(void **state) {
    Trial trial = trial_open(state);
    const float *from = copy_find(trial.copy, "positional_embedding")->data;
    add_positions(&trial, "positional_embedding_res", from, POSITIONS, 20, POSITIONS);
    assert_refused(&trial, "tensor positional_embedding_res: 77 positions where Long-CLIP has 248");
    copy_find(trial.copy, "positional_embedding_res")->shape[0] = 76;
    assert_refused(&trial, "tensor positional_embedding_res: shape [76, 128] where [77, 128] is needed");
    trial_close(&trial);
}

/* --- heads --- */

/* A file of which only the shapes are looked at, with an image tower of this width, and a text tower. */
static void write_widths(Trial *trial, int image, int text) {
    static const struct {
        const char *name;
        int n_dims, axes[2]; /* those that are the tower's width */
    } shaped[] = {{"visual.conv1.weight", 4, {0, -1}},
                  {"visual.class_embedding", 1, {0, -1}},
                  {"visual.positional_embedding", 2, {1, -1}},
                  {"visual.ln_pre.weight", 1, {0, -1}},
                  {"visual.ln_post.weight", 1, {0, -1}},
                  {"visual.proj", 2, {0, -1}},
                  {"visual.transformer.resblocks.0.mlp.c_fc.weight", 2, {1, -1}},
                  {"token_embedding.weight", 2, {1, -1}},
                  {"positional_embedding", 2, {1, -1}},
                  {"text_projection", 2, {0, -1}},
                  {"transformer.resblocks.0.mlp.c_fc.weight", 2, {1, -1}}};
    for (size_t i = 0; i < sizeof shaped / sizeof *shaped; i++) {
        TensorOut *t = copy_find(trial->copy, shaped[i].name);
        int shape[4];
        for (int d = 0; d < t->n_dims; d++)
            shape[d] =
                d == shaped[i].axes[0] ? (strstr(t->name, "visual.") ? image : text) : (int)t->shape[d];
        copy_remove(trial->copy, shaped[i].name);
        copy_add(trial->copy, trial->arena, shaped[i].name, DTYPE_F32, shaped[i].n_dims, shape);
    }
    copy_write(trial->copy, trial->path);
}

/* Widths of published models tell the heads; others are asked for. */
static void test_heads(void **state) {
    static const struct {
        int image, text, image_heads, text_heads;
    } widths[] = {{1280, 1024, 16, 16}, {1408, 1024, 16, 16}, {1664, 1280, 16, 20}, {1792, 1280, 16, 20},
                  {1024, 768, 16, 12},  {896, 640, 14, 10},   {384, 256, 6, 4}};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        Trial trial = trial_open(state);
        write_widths(&trial, widths[i].image, widths[i].text);
        Clip *clip = tower_open(trial.path, (ClipTowers)0);
        assert_int_equal(clip->vit.n_heads, widths[i].image_heads);
        assert_int_equal(clip->resnet.n_heads, 0);
        assert_int_equal(clip->image_size, 32);
        clip_free(clip);
        Error err = {0};
        clip = clip_open_with(trial.path, &(ClipOptions){.heads = 7}, &err);
        assert_int_equal(clip != NULL, widths[i].image % 7 == 0); /* 896 and 1792 */
        clip_free(clip);
        trial_close(&trial);
    }
}

static void test_unknown_heads(void **state) {
    static const int widths[] = {1152, 1536, 2048, 1088, 100, 32};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        Error err = {0};
        Trial trial = trial_open(state);
        write_widths(&trial, widths[i], 128);
        assert_null(clip_open(trial.path, (ClipTowers)0, &err));
        assert_non_null(strstr(err.text, " is no published one, so its number of heads is not known: say it "
                                         "(--heads, model.heads of an experiment, or a config beside it)"));
        Clip *clip = clip_open_with(trial.path, &(ClipOptions){.heads = 4}, &err);
        assert_int_equal(clip->vit.n_heads, 4);
        clip_free(clip);
        write_widths(&trial, 128, widths[i]);
        assert_null(clip_open(trial.path, (ClipTowers)0, &err));
        assert_non_null(strstr(err.text, "tensor token_embedding.weight: width "));
        assert_non_null(strstr(err.text, "not known: a config beside it must say"));
        trial_close(&trial);
    }
}

/* What the config says and what the user says must agree. */
static void test_two_heads(void **state) {
    Error err = {0};
    Trial trial = trial_open(state);
    copy_write(trial.copy, trial.path);
    write_config(state, "");
    Clip *clip = clip_open_with(trial.path, &(ClipOptions){.heads = 4}, &err);
    assert_int_equal(clip->vit.n_heads, 4);
    clip_free(clip);
    assert_null(clip_open_with(trial.path, &(ClipOptions){.heads = 2}, &err));
    assert_non_null(strstr(
        err.text, "open_clip_config.json: 4 heads of the image tower, where --heads or model.heads is 2"));
    trial_close(&trial);
}

#define SCRATCH_TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_positions_without_config),
        SCRATCH_TEST(test_long_clip),
        SCRATCH_TEST(test_other_positions),
        SCRATCH_TEST(test_heads),
        SCRATCH_TEST(test_unknown_heads),
        SCRATCH_TEST(test_two_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
