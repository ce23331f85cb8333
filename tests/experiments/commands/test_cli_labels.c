/* test_cli_labels.c: what classify, zeroshot, export and models print: bad images among good ones, names that
 * would act on a terminal, and what the exported files hold. */
#define _GNU_SOURCE /* memmem */

#include "clip/base/files.h"
#include "clip/tensors/tensors_open.h"
#include "tests/support/cli_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MODEL FIXTURES "clip_vit.safetensors"
#define GOOD FIXTURES "images/shape00/0000.jpg"
#define OTHER FIXTURES "images/shape01/0000.jpg"

static const char *learn(Cli *cli) {
    cli_ok(cli, "run",
           cli_experiment(cli, "out", "vit",
                          "grid: {num_shots: 1, seed: 1}\noptim: {max_epoch: 2}\nmethods:\n"
                          "  - coop: {name: x, n_ctx: 2}\n"));
    return cli_point_file(cli, "out", "x", 1, "prompt.safetensors");
}

static int count(const char *text, const char *part) {
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

/* The others are labelled as without the bad ones, each of which has a line, in the order given. */
static void check_bad_images(Cli *cli, const char *const *command, int n) {
    const char *missing = cli_path(cli, "missing.jpg"), *text = cli_path(cli, "text.jpg");
    const char *again = cli_path(cli, "again.jpg");
    const char *words[24] = {0};
    memcpy(words, command, (size_t)n * sizeof *words);
    words[n] = GOOD;
    words[n + 1] = OTHER;
    cli_expect(cli, 0, words);
    const char *expected = cli->out;
    const char *const images[] = {missing, GOOD, text, again, OTHER};
    memcpy(words + n, images, sizeof images);
    cli_expect(cli, 1, words);
    assert_string_equal(cli->out, expected);
    const char *errors =
        arena_printf(cli->arena,
                     "%s: cannot open: No such file or directory\n"
                     "%s: start: no image that coop reads (JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC and AVIF)\n"
                     "%s: start: no image that coop reads (JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC and AVIF)\n",
                     missing, text, again);
    assert_non_null(strstr(cli->err, errors));
    const char *last = arena_printf(cli->arena, "\ncoop %s: 3 of 5 images could not be read\n", command[0]);
    assert_non_null(strstr(cli->err, last));
    words[n + 5] = "--json";
    cli_expect(cli, 1, words);
    assert_int_equal(count(cli->out, "\n"), 5);
    assert_int_equal(count(cli->out, "\"error\":\""), 3);
    assert_int_equal(count(cli->out, "\"labels\":[{\"name\":\""), 2);
    words[n + 1] = NULL; /* alone, a bad image is an error like any other */
    cli_expect_refusal(cli, 3, missing, "cannot open", words);
    words[n + 1] = text; /* and so are two of them */
    words[n + 2] = NULL;
    cli_expect(cli, 3, words);
    assert_string_equal(cli->out, "");
    assert_non_null(strstr(cli->err, "2 of 2 images could not be read\n"));
}

static void test_bad_images(void **state) {
    Cli *cli = *state;
    scratch_file(cli_path(cli, "text.jpg"), "words", 5);
    scratch_file(cli_path(cli, "again.jpg"), "words", 5);
    check_bad_images(cli, (const char *const[]){"classify", learn(cli)}, 2);
    check_bad_images(cli,
                     (const char *const[]){"zeroshot", "--model", MODEL, "--vocab", FIXTURES "merges.txt.gz",
                                           "--classes", "ring,fish"},
                     7);
}

/* A name with a newline stays on its line, and nothing in it moves the cursor or turns the direction. */
static void test_hostile_names(void **state) {
    Cli *cli = *state;
    const char *image = cli_path(cli, "a\n\033[2Jb\u202egpj.jpg");
    cli_copy(GOOD, image);
    const char *shown = "a\\x0A\\x1B[2Jb\\xE2\\x80\\xAEgpj.jpg  ";
    const char *prompt = learn(cli);
    cli_ok(cli, "classify", prompt, image, OTHER);
    assert_non_null(strstr(cli->out, shown));
    assert_int_equal(count(cli->out, "\n"), 2);
    cli_ok(cli, "zeroshot", "--model", MODEL, "--vocab", FIXTURES "merges.txt.gz", "--classes",
           "ri\u202eng,fish", image);
    assert_non_null(strstr(cli->out, shown));
    assert_null(strstr(cli->out, "\u202e"));
    cli_ok(cli, "models", image);
    assert_non_null(strstr(cli->out, "a\\x0A\\x1B[2Jb\\xE2\\x80\\xAEgpj.jpg: sha256 "));
    const char *out = cli_path(cli, "\033[2J\n.npz");
    cli_ok(cli, "export", prompt, "--format", "npz", "--out", out);
    assert_non_null(strstr(cli->out, "\\x1B[2J\\x0A.npz\n"));
    cli_run(cli, "classify", prompt, cli_path(cli, "\u202e\n\033"));
    assert_int_equal(cli->status, 3);
    assert_non_null(strstr(cli->err, "???: cannot open"));
    cli_refuses(cli, 2, "coop: unknown command '\\x1B[2J'", "", "\033[2J");
}

static void test_classes(void **state) {
    Cli *cli = *state;
    cli_refuses(cli, 2, "coop zeroshot: --classes 'ring, fish,ring': 'ring' stands there twice", "",
                "zeroshot", "--model", MODEL, "--vocab", FIXTURES "merges.txt.gz", "--classes",
                "ring, fish,ring", GOOD);
}

/* --- export, models --- */

static void test_export(void **state) {
    Cli *cli = *state;
    const char *prompt = learn(cli);
    TensorFile *learned = fixture_open(prompt);
    static const char *const names[] = {"ctx", "text_features", "logit_scale"};
    const char *copy = cli_path(cli, "copy.safetensors");
    cli_ok(cli, "export", prompt, "--format", "safetensors", "--out", copy);
    assert_string_equal(cli->out, arena_printf(cli->arena, "%s\n", copy));
    TensorFile *file = fixture_open(copy);
    assert_int_equal(tensors_count(file), 3);
    for (int i = 0; i < 3; i++) {
        size_t n, n_learned;
        const float *a = fixture_floats(file, names[i], cli->arena, &n);
        const float *b = fixture_floats(learned, names[i], cli->arena, &n_learned);
        assert_int_equal(n, n_learned);
        assert_memory_equal(a, b, n * sizeof *a);
    }
    tensors_close(file);

    /* in the folder that the original code is told, and read back as the same prompt */
    const char *folder = cli_path(cli, "original");
    cli_ok(cli, "export", prompt, "--format", "torch", "--out", folder, "--epoch", "7", "--vocab",
           FIXTURES "merges.txt.gz");
    const char *torch = cli_path(cli, "original/prompt_learner/model.pth.tar-7");
    assert_string_equal(cli->out, arena_printf(cli->arena, "%s\n", torch));
    Error err = {0};
    file = tensors_open(torch, &err);
    assert_non_null(file);
    size_t n;
    const float *a = fixture_floats(file, "ctx", cli->arena, &n);
    assert_memory_equal(a, fixture_floats(learned, "ctx", cli->arena, NULL), n * sizeof *a);
    tensors_close(file);
    tensors_close(learned);

    const char *npz = cli_path(cli, "prompt.npz");
    cli_ok(cli, "export", prompt, "--format", "npz", "--out", npz);
    size_t size;
    const char *bytes = cli_read(cli, npz, &size);
    assert_memory_equal(bytes, "PK\3\4", 4);
    for (int i = 0; i < 3; i++)
        assert_non_null(
            memmem(bytes, size, arena_printf(cli->arena, "%s.npy", names[i]), strlen(names[i]) + 4));

    cli_refuses(cli, 2,
                "coop export: --format onnx: torch, npz, safetensors, openai or hugging_face is needed", "",
                "export", prompt, "--format", "onnx", "--out", npz);
    cli_refuses(cli, 2, "coop export: --format and --out are needed", "", "export", prompt);
    cli_refuses(cli, 3, MODEL, "", "export", MODEL, "--format", "npz", "--out", npz);
    cli_refuses(cli, 4, "coop export: ", "No such file or directory", "export", prompt, "--format", "npz",
                "--out", cli_path(cli, "no/such/folder/prompt.npz"));
}

static void test_models(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "models");
    assert_non_null(strstr(cli->out, "RN50x64, ViT-B/32, ViT-B/16"));
    assert_non_null(strstr(cli->out, "ViT-B-32:openai, laion400m_e31, "));
    cli_ok(cli, "models", "ViT-B/32");
    assert_non_null(strstr(cli->out, "  image 224, embedding 512, text width 512\n"));
    assert_int_equal(count(cli->out, "  sha256 "), 1);
    assert_int_equal(count(cli->out, "  address https://"), 1);
    cli_ok(cli, "models", MODEL);
    assert_int_equal(strncmp(cli->out, MODEL ": sha256 ", strlen(MODEL ": sha256 ")), 0);
    assert_non_null(strstr(cli->out, ", none of the published files\n"));
    const char *wrong = cli_path(cli, "ViT-B-32.pt"); /* named as a published file, and not that */
    cli_copy(MODEL, wrong);
    cli_refuses(cli, 3, wrong, ": not the published ViT-B/32 (40d3", "models", wrong);
    cli_refuses(cli, 3, cli_path(cli, "none"), "cannot open", "models", cli_path(cli, "none"));
}

/* --- the program itself --- */

static void test_program(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "--version");
    assert_int_equal(strncmp(cli->out, "coop ", 5), 0);
    assert_int_equal(count(cli->out, "."), 2);
    cli_ok(cli, "classify", "--help");
    const char *expected = cli->out;
    cli_ok(cli, "help", "classify");
    assert_string_equal(cli->out, expected);
    cli_refuses(cli, 2, "coop: unknown command 'clasify' (did you mean 'classify'?)", "", "help", "clasify");
    cli_ok(cli, "help");
    expected = cli->out;
    cli_ok(cli, "--help");
    assert_string_equal(cli->out, expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(test_bad_images), CLI_TEST(test_hostile_names), CLI_TEST(test_classes),
        CLI_TEST(test_export),     CLI_TEST(test_models),        CLI_TEST(test_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
