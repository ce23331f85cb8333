/* test_cli_flavours.c: checkpoints of other programs from outside: folders, configs, activations,
 * vocabularies. */
#include "tests/support/cli_support.h"

#include "clip/base/files.h"
#include "tests/support/checkpoint_copy.h"
#include "tests/support/image_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define VIT FIXTURES "clip_vit.safetensors"
#define MERGES FIXTURES "merges.txt.gz"
#define NOTE                                                                                                 \
    VIT ": no config beside it says which activation; QuickGELU is assumed (--activation, or "               \
        "model.activation of an experiment, says otherwise)\n"

#define SMALL                                                                                                \
    "grid: {num_shots: [2], seed: [1]}\noptim: {max_epoch: 2, batch_size: 8}\n"                              \
    "methods:\n  - coop: {n_ctx: 2}\n"

static const char *write_text(Cli *cli, const char *name, const char *text) {
    const char *path = cli_path(cli, "%s", name);
    scratch_file(path, text, strlen(text));
    return path;
}

/* The golden ViT as Hugging Face would keep it, in a folder with its config and vocabulary. */
static const char *hugging_face_folder(Cli *cli, const char *activation) {
    const char *folder = cli_path(cli, "hf");
    assert_int_equal(mkdir(folder, 0777), 0);
    TensorFile *file = fixture_open(VIT);
    Copy *copy = copy_of(file, cli->arena);
    copy_to_hugging_face(copy, cli->arena);
    copy_write(copy, cli_path(cli, "hf/model.safetensors"));
    tensors_close(file);
    cli_copy(MERGES, cli_path(cli, "hf/merges.txt.gz"));
    write_text(cli, "hf/vocab.json", "{\"never\": \"read\"}");
    write_text(
        cli, "hf/config.json",
        arena_printf(
            cli->arena,
            "{\"model_type\": \"clip\", \"projection_dim\": 64,"
            "\"text_config\": {\"hidden_size\": 128, \"num_hidden_layers\": 3, \"num_attention_heads\": 2,"
            "\"vocab_size\": 718, \"hidden_act\": \"%s\"},"
            "\"vision_config\": {\"hidden_size\": 128, \"num_hidden_layers\": 4, \"num_attention_heads\": 2,"
            "\"image_size\": 32, \"patch_size\": 8, \"hidden_act\": \"%s\"}}",
            activation, activation));
    return folder;
}

/* The features of two texts, or of the images of a folder, are the same as the fixture's under an activation.
 */
static void check_folder(Cli *cli, const char *activation) {
    const char *folder = hugging_face_folder(cli, activation),
               *texts = write_text(cli, "texts", "a cup\nzebras\n");
    const char *a = cli_path(cli, "a"), *b = cli_path(cli, "b");
    cli_ok(cli, "encode", "--model", folder, "--texts", texts, "--out", a);
    assert_string_equal(cli->err, "");
    cli_ok(cli, "encode", "--model", VIT, "--vocab", MERGES, "--texts", texts, "--out", b, "--activation",
           activation);
    assert_string_equal(cli->err, "");
    cli_assert_same_files(cli, a, b);
    cli_ok(cli, "encode", "--model", folder, "--images", FIXTURES "images/shape00", "--out", a);
    cli_ok(cli, "encode", "--model", VIT, "--images", FIXTURES "images/shape00", "--out", b, "--activation",
           activation);
    cli_assert_same_files(cli, a, b);
}

static void test_folder(void **state) {
    check_folder(*state, "quick_gelu");
}

static void test_folder_gelu(void **state) {
    check_folder(*state, "gelu");
}

static void test_inspect(void **state) {
    Cli *cli = *state;
    const char *folder = hugging_face_folder(cli, "gelu");
    cli_ok(cli, "inspect", folder);
    assert_non_null(strstr(cli->out, "\nnames                  Hugging Face\n"));
    assert_non_null(strstr(cli->out, "\nimage activation       gelu\n"));
    assert_non_null(strstr(cli->out, "/hf/config.json\n"));
    assert_non_null(strstr(cli->out, "text_model.encoder.layers.2.self_attn.q_proj.weight"));
    cli_ok(cli, "inspect", VIT);
    assert_non_null(strstr(cli->out, "no config: assumed\n"));
}

/* --- how images are prepared --- */

static void test_preparation(void **state) {
    Cli *cli = *state;
    const char *folder = hugging_face_folder(cli, "quick_gelu"), *texts = write_text(cli, "texts", "a cup\n");
    const char *plain = cli_path(cli, "plain"), *out = cli_path(cli, "out");
    const char *config = write_text(cli, "hf/preprocessor_config.json", "{\"size\": 32, \"crop_size\": 32}");
    cli_ok(cli, "encode", "--model", folder, "--images", FIXTURES "images/shape00", "--out", plain);
    cli_ok(cli, "inspect", folder);
    assert_null(strstr(cli->out, "images are"));
    write_text(cli, "hf/preprocessor_config.json", "{\"size\": 48, \"crop_size\": 32, \"resample\": 2}");
    cli_ok(cli, "encode", "--model", folder, "--images", FIXTURES "images/shape00", "--out", out);
    size_t size[2];
    const char *kept = file_read(plain, 1 << 20, cli->arena, &size[0], NULL);
    const char *other = file_read(out, 1 << 20, cli->arena, &size[1], NULL);
    assert_int_equal(size[0], size[1]);
    assert_memory_not_equal(kept, other, size[0]);
    cli_ok(cli, "inspect", folder);
    assert_non_null(strstr(cli->out, "\nimages are             resized to 48, bilinear\n"));
    write_text(cli, "hf/preprocessor_config.json", "{\"size\": 32, \"crop_size\": 32, \"resample\": 0}");
    cli_ok(cli, "encode", "--model", folder, "--texts", texts, "--out", out);
    cli_refuses(cli, 3, config, ": resample: 0 where 2 (bilinear)", "encode", "--model", folder, "--images",
                FIXTURES "images/shape00", "--out", out);
}

/* The features of an image under a config are those of the square that Pillow makes of it (32 x 32, one of
 * the fixtures) without one. */
static void check_prepared(Cli *cli, const char *preprocess, const char *fixture) {
    static const char *const model =
        "{\"model_cfg\": {\"embed_dim\": 64, \"quick_gelu\": true, \"vision_cfg\": {\"image_size\": 32, "
        "\"layers\": 4, \"width\": 128, \"patch_size\": 8}, \"text_cfg\": {\"width\": 128, \"heads\": 2, "
        "\"layers\": 3, \"vocab_size\": 718}}, \"preprocess_cfg\": %s}";
    const char *out = cli_path(cli, "out"), *again = cli_path(cli, "again");
    write_text(cli, "openclip/open_clip_config.json", arena_printf(cli->arena, model, preprocess));
    TensorFile *file = fixture_open(FIXTURES "pillow/transforms.safetensors");
    const unsigned char *pixels = tensors_find(file, fixture)->data;
    unsigned char lines[32 * 97] = {0};
    for (int y = 0; y < 32; y++)
        memcpy(lines + y * 97 + 1, pixels + y * 96, 96);
    Bytes png = make_png(lines, sizeof lines, &(PngKind)PNG(32, 32, 8, 2));
    scratch_file(cli_path(cli, "square.png"), png.data, png.size);
    free(png.data);
    tensors_close(file);
    const char *image = write_text(cli, "image", FIXTURES "pillow/03_420_640x480.jpg\n");
    const char *square =
        write_text(cli, "square", arena_printf(cli->arena, "%s\n", cli_path(cli, "square.png")));
    cli_ok(cli, "encode", "--model", cli_path(cli, "openclip"), "--images", image, "--out", out);
    cli_ok(cli, "encode", "--model", VIT, "--images", square, "--out", again);
    TensorFile *a = fixture_open(out), *b = fixture_open(again);
    assert_memory_equal(tensors_find(a, "features")->data, tensors_find(b, "features")->data,
                        tensors_find(b, "features")->size);
    tensors_close(a);
    tensors_close(b);
}

static void test_openclip_preparation(void **state) {
    Cli *cli = *state;
    assert_int_equal(mkdir(cli_path(cli, "openclip"), 0777), 0);
    cli_copy(VIT, cli_path(cli, "openclip/model.safetensors"));
    check_prepared(cli, "{\"resize_mode\": \"squash\"}", "03_420_640x480.jpg squash bicubic 32 32 0");
    check_prepared(cli, "{\"resize_mode\": \"longest\"}", "03_420_640x480.jpg pad bicubic 32 0 0");
    check_prepared(cli, "{\"interpolation\": \"bilinear\"}", "03_420_640x480.jpg crop bilinear 32 32 0");
}

/* --- the note --- */

static void test_note(void **state) {
    Cli *cli = *state;
    const char *texts = write_text(cli, "texts", "a cup\n"), *out = cli_path(cli, "out.safetensors");
    const char *image = FIXTURES "images/shape00/0000.jpg", *yaml = cli_experiment(cli, "out", "vit", SMALL);
    cli_ok(cli, "encode", "--model", VIT, "--vocab", MERGES, "--texts", texts, "--out", out);
    assert_string_equal(cli->err, NOTE);
    cli_ok(cli, "encode", "--model", VIT, "--images", FIXTURES "images/shape00", "--out", out);
    assert_string_equal(cli->err, NOTE);
    cli_ok(cli, "encode", "--model", VIT, "--vocab", MERGES, "--texts", texts, "--out", out, "--quiet");
    assert_string_equal(cli->err, NOTE); /* numbers depend on it */
    cli_ok(cli, "zeroshot", "--model", VIT, "--vocab", MERGES, "--classes", "cup,star", image);
    assert_string_equal(cli->err, NOTE);
    cli_ok(cli, "zeroshot", "--model", VIT, "--vocab", MERGES, "--classes", "cup,star", "--activation",
           "quick_gelu", image);
    assert_string_equal(cli->err, "");
    cli_ok(cli, "run", yaml);
    const char *at = strstr(cli->err, NOTE);
    assert_non_null(at);
    assert_null(strstr(at + 1, NOTE));
    cli_ok(cli, "run", yaml, "--quiet"); /* finished: nothing is opened */
    assert_string_equal(cli->err, "");
    const char *prompt = cli_point_file(cli, "out", "CoOp M=2 end", 1, "prompt.safetensors");
    TensorFile *file = fixture_open(prompt);
    assert_string_equal(tensors_metadata(file, "activation"), "quick_gelu (assumed)");
    tensors_close(file);
    cli_ok(cli, "classify", prompt, image, "--quiet");
    assert_non_null(strstr(cli->err, NOTE));
    assert_non_null(strstr(cli_read(cli, cli_path(cli, "out/results.jsonl"), NULL),
                           "\"activation\":\"quick_gelu (assumed)\""));
    cli_ok(cli, "run", yaml, "--set", "model.activation=quick_gelu", "--set",
           arena_printf(cli->arena, "output=%s", cli_path(cli, "again")));
    assert_null(strstr(cli->err, "activation"));
    cli_refuses(cli, 2, "coop encode: --activation relu: auto, quick_gelu or gelu is needed", "", "encode",
                "--model", VIT, "--texts", texts, "--out", out, "--activation", "relu");
}

/* A prompt remembers the choice that it was learned with, and does not go with another. */
static void test_prompt(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "vit", SMALL), *image = FIXTURES "images/shape00/0000.jpg";
    cli_ok(cli, "run", yaml, "--set", "model.activation=gelu");
    const char *prompt = cli_point_file(cli, "out", "CoOp M=2 end", 1, "prompt.safetensors");
    TensorFile *file = fixture_open(prompt);
    assert_string_equal(tensors_metadata(file, "activation"), "gelu");
    tensors_close(file);
    cli_ok(cli, "classify", prompt, image);
    assert_string_equal(cli->err, "");
    cli_ok(cli, "words", prompt, "--vocab", MERGES);
    cli_ok(cli, "eval", prompt, "--config", yaml, "--set", "model.activation=gelu");
    cli_refuses(cli, 3, prompt, "backbone_digest: learned with another checkpoint", "eval", prompt,
                "--config", yaml);
}

/* Heads that are chosen: by an option, and by a key that the prompt remembers. */
static void test_heads(void **state) {
    Cli *cli = *state;
    const char *images = FIXTURES "images/shape00", *a = cli_path(cli, "a"), *b = cli_path(cli, "b");
    cli_refuses(cli, 3, VIT, "tensor visual.conv1.weight: width 128 is no multiple of 3 heads", "encode",
                "--model", VIT, "--images", images, "--out", a, "--heads", "3");
    cli_ok(cli, "encode", "--model", VIT, "--images", images, "--out", a, "--heads", "4");
    cli_ok(cli, "encode", "--model", VIT, "--images", images, "--out", b);
    size_t n_a, n_b;
    const char *four = cli_read(cli, a, &n_a), *two = cli_read(cli, b, &n_b);
    assert_true(n_a == n_b && memcmp(four, two, n_a) != 0);
    cli_ok(cli, "run", cli_experiment(cli, "out", "vit", SMALL), "--set", "model.heads=4");
    const char *prompt = cli_point_file(cli, "out", "CoOp M=2 end", 1, "prompt.safetensors");
    TensorFile *file = fixture_open(prompt);
    assert_string_equal(tensors_metadata(file, "heads"), "4");
    tensors_close(file);
    cli_ok(cli, "classify", prompt, FIXTURES "images/shape00/0000.jpg");
}

/* Weights that are a link, as in a hub's cache: their config lies beside the link. */
static void test_link(void **state) {
    Cli *cli = *state;
    const char *folder = hugging_face_folder(cli, "gelu"), *link = cli_path(cli, "snapshot");
    assert_int_equal(rename(folder, link), 0);
    assert_int_equal(rename(cli_path(cli, "snapshot/model.safetensors"), cli_path(cli, "blob")), 0);
    assert_int_equal(symlink("../blob", cli_path(cli, "snapshot/model.safetensors")), 0);
    const char *yaml = cli_experiment(cli, "out", "vit", SMALL);
    cli_ok(cli, "run", yaml, "--set",
           arena_printf(cli->arena, "model.weights=%s", cli_path(cli, "snapshot/model.safetensors")));
    const char *found = cli_point_file(cli, "out", "CoOp M=2 end", 1, "prompt.safetensors");
    cli_ok(cli, "classify", found, FIXTURES "images/shape00/0000.jpg");
    assert_string_equal(cli->err, "");
}

/* --- what does not fit --- */

static void test_vocabularies(void **state) {
    Cli *cli = *state;
    const char *texts = write_text(cli, "texts", "a cup\n"), *out = cli_path(cli, "out.safetensors");
    size_t size;
    char *whole = file_read_gz(MERGES, 1 << 20, cli->arena, &size, NULL);
    const char *more = write_text(cli, "more.txt", arena_printf(cli->arena, "%s\nz z\n", whole));
    cli_refuses(cli, 3, more, "a vocabulary of 719 tokens, where the checkpoint " VIT " has 718", "encode",
                "--model", VIT, "--vocab", more, "--texts", texts, "--out", out);
    *strrchr(whole, '\n') = '\0';
    const char *fewer = write_text(cli, "fewer.txt", whole);
    cli_refuses(cli, 3, fewer, "203 merges where the checkpoint's 718 tokens need 204", "encode", "--model",
                VIT, "--vocab", fewer, "--texts", texts, "--out", out);
    const char *alone = cli_path(cli, "clip.safetensors");
    cli_copy(VIT, alone);
    TensorFile *file = fixture_open(VIT);
    Copy *copy = copy_of(file, cli->arena);
    copy_find(copy, "token_embedding.weight")->shape[0] =
        513; /* not even the symbols of bytes, start and end */
    const char *tiny = cli_path(cli, "tiny.safetensors");
    copy_write(copy, tiny);
    tensors_close(file);
    cli_refuses(cli, 3, tiny, "513 tokens, where the smallest vocabulary", "encode", "--model", tiny,
                "--vocab", MERGES, "--texts", texts, "--out", out);
    cli_refuses(cli, 3, alone, "vocabulary: none of merges.txt, ", "encode", "--model", alone, "--texts",
                texts, "--out", out);
}

static void test_folders(void **state) {
    Cli *cli = *state;
    const char *out = cli_path(cli, "out.safetensors"), *empty = cli_path(cli, "empty");
    assert_int_equal(mkdir(empty, 0777), 0);
    cli_refuses(cli, 3, empty, "no checkpoint in it: looked for open_clip_model.safetensors, ", "encode",
                "--model", empty, "--images", FIXTURES "images/shape00", "--out", out);
    const char *folder = hugging_face_folder(cli, "gelu_new");
    cli_refuses(cli, 3, folder,
                "/config.json: text_config.hidden_act: 'gelu_new' where 'quick_gelu' or 'gelu' is needed",
                "encode", "--model", folder, "--images", FIXTURES "images/shape00", "--out", out);
    assert_false(cli_exists(out));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(test_folder),  CLI_TEST(test_folder_gelu),
        CLI_TEST(test_inspect), CLI_TEST(test_preparation),
        CLI_TEST(test_note),    CLI_TEST(test_prompt),
        CLI_TEST(test_link),    CLI_TEST(test_vocabularies),
        CLI_TEST(test_folders), CLI_TEST(test_openclip_preparation),
        CLI_TEST(test_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
