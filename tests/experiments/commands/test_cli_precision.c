/* test_cli_precision.c: --precision and model.precision from outside: what changes, what is kept apart, and
 * what is said where the processor has no bfloat16. */
#include "tests/support/cli_support.h"

#include "clip/math/precision.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define VIT FIXTURES "clip_vit.safetensors"
#define MERGES FIXTURES "merges.txt.gz"
#define IMAGES FIXTURES "images/shape00"

#define SMALL                                                                                                \
    "grid: {num_shots: [2], seed: [1]}\noptim: {max_epoch: 2, batch_size: 8}\n"                              \
    "methods:\n  - zeroshot: {}\n  - coop: {n_ctx: 2}\n"

/* What the program finds, which valgrind, around this test alone, would hide. */
static bool has_bf16(void) {
    char line[8192];
    bool found = false;
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && !found && fgets(line, sizeof line, file))
        found = strstr(line, "avx512_bf16") || strstr(line, "amx_bf16");
    if (file)
        fclose(file);
    return found;
}

/* The note is there if, and only if, bfloat16 is not. */
static void check_note(const Cli *cli) {
    assert_int_equal(strstr(cli->err, PRECISION_NOTE "\n") != NULL, !has_bf16());
}

static const float *features_of(Cli *cli, const char *path, size_t *count) {
    TensorFile *file = fixture_open(path);
    const float *features = fixture_floats(file, "features", cli->arena, count);
    tensors_close(file);
    return features;
}

/* The same texts or images in float32 and in bfloat16: alike, but not equal. */
static void check_encode(Cli *cli, const char *what, const char *items) {
    const char *plain = cli_path(cli, "plain"), *half = cli_path(cli, "half"), *self = cli_path(cli, "self");
    cli_ok(cli, "encode", "--model", VIT, "--vocab", MERGES, what, items, "--out", plain);
    cli_ok(cli, "encode", "--model", VIT, "--vocab", MERGES, what, items, "--out", half, "--precision",
           "bfloat16");
    check_note(cli);
    cli_ok(cli, "encode", "--model", VIT, "--vocab", MERGES, what, items, "--out", self, "--precision",
           "auto");
    assert_null(strstr(cli->err, "bfloat16"));
    cli_assert_same_files(cli, half, self);
    size_t n, n_half;
    const float *a = features_of(cli, plain, &n), *b = features_of(cli, half, &n_half);
    assert_int_equal(n, n_half);
    assert_close("features", b, a, n, 1e-2);
    assert_int_equal(relative_error(b, a, n) > 1e-4, has_bf16());
}

static void encode(void **state) {
    Cli *cli = *state;
    const char *texts = cli_path(cli, "texts");
    scratch_file(texts, "a cup\nzebras\n", strlen("a cup\nzebras\n"));
    check_encode(cli, "--texts", texts);
    check_encode(cli, "--images", IMAGES);
    cli_refuses(cli, 2, "coop encode: --precision half: float32, bfloat16 or auto is needed", "", "encode",
                "--model", VIT, "--images", IMAGES, "--out", texts, "--precision", "half");
}

/* Both precisions of an experiment live in one output: results, folders and caches of their own. */
static void run(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "vit", SMALL);
    cli_ok(cli, "run", yaml);
    assert_null(strstr(cli->out, "bfloat16"));
    cli_ok(cli, "run", yaml, "--set", "model.precision=bfloat16");
    assert_int_equal(strstr(cli->out, " bfloat16: accuracy in") != NULL, has_bf16());
    ResultList results = cli_results(cli, "out", NULL);
    assert_int_equal(results.n, has_bf16() ? 4 : 2);
    for (int i = 0; i < results.n; i++) {
        const bool half = strstr(results.results[i].folder, "_bfloat16") != NULL;
        assert_int_equal(strstr(results.results[i].backbone, " bfloat16") != NULL, half);
        assert_int_equal(strstr(results.results[i].config, "\"precision\":\"bfloat16\"") != NULL, half);
    }
    if (has_bf16())
        check_note(cli);
    cli_ok(cli, "run", yaml, "--set", "model.precision=auto"); /* the same points again */
    assert_non_null(strstr(cli->err, "2 of 2 points are already finished"));
    int lines;
    cli_results(cli, "out", &lines);
    assert_int_equal(lines, results.n);
}

/* A prompt that was learned in one precision labels in the other, too. */
static void prompts_go_with_both(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "vit", SMALL), *image = IMAGES "/0000.jpg";
    cli_ok(cli, "run", yaml, "--set", "model.precision=bfloat16");
    const char *prompt = cli_point_file(cli, "out", "CoOp M=2 end", 1, "prompt.safetensors");
    cli_ok(cli, "classify", prompt, image);
    assert_null(strstr(cli->err, "bfloat16"));
    cli_ok(cli, "classify", prompt, image, "--precision", "bfloat16");
    check_note(cli);
    cli_ok(cli, "eval", prompt, "--config", yaml);
    cli_ok(cli, "eval", prompt, "--config", yaml, "--set", "model.precision=bfloat16");
    cli_ok(cli, "zeroshot", "--model", VIT, "--vocab", MERGES, "--classes", "cup,star", image, "--precision",
           "bfloat16");
    check_note(cli);
    cli_ok(cli, "run", cli_point_file(cli, "out", "CoOp M=2 end", 1, "config.yaml"));
    assert_non_null(strstr(cli->err, "1 of 1 point is already finished"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(encode),
        CLI_TEST(run),
        CLI_TEST(prompts_go_with_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
