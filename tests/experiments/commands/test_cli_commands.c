/* test_cli_commands.c: every subcommand but `run` from outside, against the golden values where there are
 * any. */
#include "tests/support/cli_support.h"

#include "clip/base/files.h"
#include "datasets/lists/dataset_open.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <math.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { K = 10, N_TEST = 30 };

static const char *const KINDS[] = {"vit", "rn"};

static Dataset golden_dataset(Cli *cli) {
    DatasetSpec spec = {
        .format = "split", .images = FIXTURES "images", .split = FIXTURES "split_zhou_Golden.json"};
    Dataset dataset;
    Error err = {0};
    if (dataset_open(&dataset, &spec, cli->arena, &err) < 0)
        fail_msg("%s", err.text);
    return dataset;
}

static const char *weights_of(Cli *cli, const char *kind) {
    return arena_printf(cli->arena, FIXTURES "clip_%s.safetensors", kind);
}

/* A file of lines; format holds one %s for each. */
static const char *write_lines(Cli *cli, const char *name, const char *const *lines, int n) {
    char *text = arena_strdup(cli->arena, "");
    for (int i = 0; i < n; i++)
        text = arena_printf(cli->arena, "%s%s\n", text, lines[i]);
    const char *path = cli_path(cli, "%s", name);
    scratch_file(path, text, strlen(text));
    return path;
}

static const char **test_paths(Cli *cli) {
    Dataset dataset = golden_dataset(cli);
    const char **paths = ARENA_NEW(cli->arena, const char *, N_TEST);
    for (int i = 0; i < N_TEST; i++)
        paths[i] = arena_printf(cli->arena, FIXTURES "images/%s", dataset.test.items[i].path);
    return paths;
}

/* --- encode --- */

static void test_encode_texts(void **state) {
    Cli *cli = *state;
    Dataset dataset = golden_dataset(cli);
    static const char *const templates[] = {"a photo of a %s.", "itap of the %s, cropped"};
    for (int k = 0; k < 2; k++)
        for (int t = 0; t < 2; t++) {
            const char *prompts[K], *out = cli_path(cli, "features.safetensors");
            for (int i = 0; i < K; i++) {
                char *name = arena_strdup(cli->arena, dataset.class_names[i]);
                for (char *c = name; *c; c++)
                    *c = *c == '_' ? ' ' : *c;
                char *gap = strstr(templates[t], "%s");
                prompts[i] = arena_printf(cli->arena, "%.*s%s%s%s", (int)(gap - templates[t]), templates[t],
                                          name, gap + 2, i == 3 ? "\r" : ""); /* Windows */
            }
            cli_ok(cli, "encode", "--model", weights_of(cli, KINDS[k]), "--vocab", FIXTURES "merges.txt.gz",
                   "--texts", write_lines(cli, "prompts.txt", prompts, K), "--out", out);
            const char *prefix = t ? "zs2" : "zs";
            cli_assert_golden(cli, out, "features", KINDS[k],
                              arena_printf(cli->arena, "%s_text_features", prefix), 1e-5);
            TensorFile *ours = fixture_open(out);
            TensorFile *golden =
                fixture_open(arena_printf(cli->arena, FIXTURES "golden_%s.safetensors", KINDS[k]));
            size_t n, n_expected;
            const int *tokens = fixture_ints(ours, "tokens", cli->arena, &n);
            const int *expected =
                fixture_ints(golden, arena_printf(cli->arena, "%s_tokens", prefix), cli->arena, &n_expected);
            assert_int_equal(n, n_expected);
            assert_memory_equal(tokens, expected, n * sizeof *tokens);
            tensors_close(ours);
            tensors_close(golden);
        }
}

/* Each line is a row: an empty one is the empty text, a long one is cut. */
static void test_encode_every_line(void **state) {
    Cli *cli = *state;
    char *ninety = arena_strdup(cli->arena, "ring");
    for (int i = 1; i < 90; i++)
        ninety = arena_printf(cli->arena, "%s ring", ninety);
    const char *list = cli_path(cli, "list.txt"), *out = cli_path(cli, "features.safetensors");
    const char *text = arena_printf(cli->arena, "\r\nring\n\n%s\n \n%s x\n", ninety, ninety);
    scratch_file(list, text, strlen(text));
    cli_ok(cli, "encode", "--model", weights_of(cli, "vit"), "--vocab", FIXTURES "merges.txt.gz", "--texts",
           list, "--out", out);
    assert_non_null(strstr(
        cli->err,
        arena_printf(cli->arena, "\n%s: line 4: cut to 77 tokens, the first of 2 texts that are too long\n",
                     list)));
    TensorFile *file = fixture_open(out);
    size_t n;
    const int *tokens = fixture_ints(file, "tokens", cli->arena, &n);
    assert_int_equal(n, 6 * 77);
    const int start = tokens[0], end = tokens[1], row_0[4] = {start, end};
    for (int row = 0; row < 5; row += 2) /* lines 1, 3 and 5 */
        assert_memory_equal(tokens + row * 77, row_0, sizeof row_0);
    assert_memory_equal(tokens + 3 * 77, tokens + 5 * 77, 77 * sizeof *tokens);
    assert_int_equal(tokens[3 * 77 + 76], end);
    assert_int_not_equal(tokens[3 * 77 + 75], end);
    tensors_close(file);
    cli_ok(cli, "encode", "--model", weights_of(cli, "vit"), "--vocab", FIXTURES "merges.txt.gz", "--texts",
           list, "--out", out, "--quiet", "--activation", "quick_gelu");
    assert_string_equal(cli->err, "");
}

static void test_encode_images(void **state) {
    Cli *cli = *state;
    const char *list = write_lines(cli, "list.txt", test_paths(cli), N_TEST);
    const char *out = cli_path(cli, "features.safetensors"), *again = cli_path(cli, "again.safetensors");
    for (int k = 0; k < 2; k++) {
        const char *weights = weights_of(cli, KINDS[k]);
        cli_ok(cli, "encode", "--model", weights, "--images", list, "--out", out);
        cli_assert_golden(cli, out, "features", KINDS[k], "test_features", 1e-5);
        cli_ok(cli, "encode", "--model", weights, "--images", list, "--out", again, "--threads", "3");
        cli_assert_same_files(cli, out, again);
    }
    /* A folder: its files in order of their names. */
    cli_ok(cli, "encode", "--model", weights_of(cli, "vit"), "--images", FIXTURES "images/shape00", "--out",
           out);
    TensorFile *file = fixture_open(out);
    const char *items = tensors_metadata(file, "items");
    assert_non_null(items);
    assert_int_equal(strncmp(items, "0000.jpg\n0001.jpg\n", 18), 0);
    assert_int_equal(tensors_find(file, "features")->shape[0], 7);
    tensors_close(file);
}

/* Class folders, in the order of torchvision's ImageFolder; nothing but the names differs from a list. */
static void test_encode_class_folders(void **state) {
    Cli *cli = *state;
    static const char *const names[] = {"a/x/2.jpg", "a+/3.jpg", "a/1.jpg", "0.jpg", ".hidden/4.jpg"};
    const char *folder = cli_path(cli, "set"), *out = cli_path(cli, "out"), *again = cli_path(cli, "again");
    for (int i = 0; i < 5; i++) {
        char *path = path_join(cli->arena, folder, names[i]);
        assert_int_equal(make_folders(path_folder(cli->arena, path), NULL), 0);
        cli_copy(arena_printf(cli->arena, FIXTURES "images/shape%02d/0000.jpg", i), path);
    }
    const char *lines[] = {"0.jpg", "a/1.jpg", "a/x/2.jpg", "a+/3.jpg"};
    const char *paths[4];
    for (int i = 0; i < 4; i++)
        paths[i] = path_join(cli->arena, folder, lines[i]);
    const char *list = write_lines(cli, "list.txt", paths, 4);
    cli_ok(cli, "encode", "--model", weights_of(cli, "vit"), "--images", folder, "--out", out);
    cli_ok(cli, "encode", "--model", weights_of(cli, "vit"), "--images", list, "--out", again);
    TensorFile *file = fixture_open(out), *other = fixture_open(again);
    const Tensor *features = tensors_find(file, "features"), *expected = tensors_find(other, "features");
    assert_string_equal(tensors_metadata(file, "items"), "0.jpg\na/1.jpg\na/x/2.jpg\na+/3.jpg");
    assert_int_equal(features->size, expected->size);
    assert_memory_equal(features->data, expected->data, features->size);
    tensors_close(file);
    tensors_close(other);
}

/* --- learned prompts --- */

/* A run on the golden images with two trained prompts: labels "unified" and "csc". */
static const char *trained(Cli *cli, const char *weights) {
    return arena_printf(cli->arena, "model.weights=%s", weights);
}

static void train(Cli *cli, const char *name, const char *weights) {
    cli_ok(
        cli, "run",
        cli_experiment(cli, name, "vit",
                       "grid: {num_shots: 2, seed: 1}\noutputs: {logits: true}\n"
                       "optim: {max_epoch: 3, batch_size: 4}\nmethods:\n"
                       "  - coop: {name: unified, n_ctx: 3}\n  - coop: {name: csc, n_ctx: 2, csc: true}\n"),
        "--set", trained(cli, weights));
}

/* {"image": ..., "labels": [...]} of one line of --json against the softmax of logits (K). */
static void check_json_line(const char *line, const char *path, const char *const *names,
                            const float *logits) {
    json_t *object = json_loadb(line, strcspn(line, "\n"), 0, NULL);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "image")), path);
    const json_t *labels = json_object_get(object, "labels");
    assert_int_equal(json_array_size(labels), K);
    double sum = 0, before = 1;
    for (int j = 0; j < K; j++)
        sum += exp((double)logits[j] - (double)logits[0]);
    for (size_t i = 0; i < K; i++) {
        const json_t *label = json_array_get(labels, i);
        double probability = json_number_value(json_object_get(label, "probability"));
        int k = 0;
        while (strcmp(names[k], json_string_value(json_object_get(label, "name"))) != 0)
            assert_true(++k < K);
        assert_true(fabs(probability - exp((double)logits[k] - (double)logits[0]) / sum) < 1e-4);
        assert_true(probability <= before);
        before = probability;
    }
    json_decref(object);
}

static void test_classify(void **state) {
    Cli *cli = *state;
    Dataset dataset = golden_dataset(cli);
    const char **paths = test_paths(cli);
    train(cli, "out", FIXTURES "clip_vit.safetensors");
    static const char *const labels[] = {"unified", "csc"};
    for (int i = 0; i < 2; i++) {
        const char *prompt = cli_point_file(cli, "out", labels[i], 1, "prompt.safetensors");
        TensorFile *file = fixture_open(cli_point_file(cli, "out", labels[i], 1, "test_logits.safetensors"));
        const float *logits = fixture_floats(file, "logits", cli->arena, NULL);
        cli_ok(cli, "classify", prompt, paths[0], paths[7], paths[29], "--json", "--top", "10");
        const char *line = cli->out;
        static const int shown[] = {0, 7, 29};
        for (int j = 0; j < 3; j++) {
            check_json_line(line, paths[shown[j]], dataset.class_names, logits + shown[j] * K);
            line += strcspn(line, "\n") + 1;
        }
        assert_string_equal(line, "");
        int best = 0;
        for (int k = 1; k < K; k++)
            best = logits[7 * K + k] > logits[7 * K + best] ? k : best;
        cli_ok(cli, "classify", "--quiet", prompt, paths[7]);
        const char *start = arena_printf(cli->arena, "%s  %s ", paths[7], dataset.class_names[best]);
        assert_int_equal(strncmp(cli->out, start, strlen(start)), 0);
        assert_non_null(strstr(cli->out, " %\n"));
        cli_ok(cli, "classify", prompt, paths[7], "--top", "3");
        int percents = 0;
        for (const char *c = cli->out; *c; c++)
            percents += *c == '%';
        assert_int_equal(percents, 3);
        tensors_close(file);
    }
}

/* The prompt and the checkpoint may go their own ways. */
static void test_moved(void **state) {
    Cli *cli = *state;
    const char *weights = cli_path(cli, "here.safetensors"), *moved = cli_path(cli, "there.safetensors");
    const char *prompt = cli_path(cli, "my prompt.safetensors"), *image = test_paths(cli)[0];
    cli_copy(FIXTURES "clip_vit.safetensors", weights);
    train(cli, "out", weights);
    cli_copy(cli_point_file(cli, "out", "unified", 1, "prompt.safetensors"), prompt);
    cli_ok(cli, "classify", prompt, image);
    const char *expected = cli->out;
    assert_int_equal(rename(weights, moved), 0);
    cli_refuses(cli, 3, prompt, "there; say where it is (--model", "classify", prompt, image);
    cli_refuses(cli, 3, prompt, "there; say where it is (--model", "words", prompt);
    cli_ok(cli, "classify", prompt, image, "--model", moved);
    assert_string_equal(cli->out, expected);
    cli_refuses(cli, 3, prompt, "width 64 where the checkpoint " FIXTURES "clip_rn.safetensors has 48",
                "classify", prompt, image, "--model", FIXTURES "clip_rn.safetensors");
    cli_refuses(cli, 3, cli_path(cli, "gone"), "No such file", "classify", cli_path(cli, "gone"), image);
    /* One changed weight is another checkpoint. */
    size_t size;
    char *bytes = cli_read(cli, moved, &size);
    bytes[size - 100] ^= 1;
    scratch_file(moved, bytes, size);
    cli_refuses(cli, 3, prompt, "learned with another checkpoint", "classify", prompt, image, "--model",
                moved);
}

static void test_eval(void **state) {
    Cli *cli = *state;
    train(cli, "out", FIXTURES "clip_vit.safetensors");
    const char *yaml = cli_path(cli, "out.yaml"), *logits = cli_path(cli, "logits.safetensors");
    ResultList results = cli_results(cli, "out", NULL);
    for (int i = 0; i < results.n; i++) {
        const Result *result = &results.results[i];
        const char *prompt = cli_path(cli, "out/%s/prompt.safetensors", result->folder);
        cli_ok(cli, "eval", prompt, "--config", yaml, "--logits", logits);
        const char *expected = arena_printf(
            cli->arena, "Golden: accuracy %.2f %%, macro-F1 %.2f %% on 30 test images of 10 classes\n",
            result->accuracy, result->macro_f1);
        assert_string_equal(cli->out, expected);
        cli_assert_same_files(cli, logits, cli_path(cli, "out/%s/test_logits.safetensors", result->folder));
        /* Classes are found by their names. */
        cli_ok(cli, "eval", prompt, "--config", yaml, "--set", "dataset.subsample_classes=new");
        assert_non_null(strstr(cli->out, "on 15 test images of 5 classes\n"));
    }
    /* Names that the prompt has not seen: words can be told to unified contexts alone. */
    size_t size;
    char *text = cli_read(cli, FIXTURES "split_zhou_Golden.json", &size);
    for (char *at = text; (at = strstr(at, "\"ring\""));)
        memcpy(at, "\"rang\"", 6);
    const char *split = cli_path(cli, "split.json");
    scratch_file(split, text, size);
    const char *set = arena_printf(cli->arena, "dataset.split=%s", split);
    const char *unified = cli_point_file(cli, "out", "unified", 1, "prompt.safetensors");
    const char *csc = cli_point_file(cli, "out", "csc", 1, "prompt.safetensors");
    cli_ok(cli, "eval", unified, "--config", yaml, "--set", set);
    assert_non_null(strstr(cli->out, "on 30 test images of 10 classes\n"));
    cli_refuses(cli, 3, csc, "none for class 'rang'", "eval", csc, "--config", yaml, "--set", set);
    cli_refuses(cli, 3, unified, "where the checkpoint", "eval", unified, "--config", yaml, "--set",
                "model.weights=" FIXTURES "clip_rn.safetensors");
}

/* After one epoch at a tiny rate the words nearest to the contexts are those that they began with. */
static void test_words(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "run",
           cli_experiment(cli, "out", "vit",
                          "grid: {num_shots: 1, seed: 1}\noptim: {max_epoch: 1}\nmethods:\n"
                          "  - coop: {name: x, ctx_init: a photo of a, n_ctx: 7}\n"
                          "  - coop: {name: y, ctx_init: photo, n_ctx: 1, csc: true}\n"
                          "  - coop: {name: z, ctx_init: 'words: photo', csc: true}\n"));
    assert_non_null(strstr(cli->err, "x: ctx_init gives 4 context vectors, and n_ctx: 7 does not count\n"));
    assert_null(strstr(cli->err, "y: ctx_init"));
    assert_non_null(strstr(cli->err, "out.yaml: 1 point repeats the settings of another, which runs once\n"));
    const char *prompt = cli_point_file(cli, "out", "x", 1, "prompt.safetensors");
    cli_ok(cli, "words", prompt, "--top", "2");
    static const char *const starts[] = {"   1   a 0.00", "   2   photo 0.00", "   3   of 0.00",
                                         "   4   a 0.00"};
    const char *line = cli->out;
    for (int i = 0; i < 4; i++, line += strcspn(line, "\n") + 1)
        assert_int_equal(strncmp(line, starts[i], strlen(starts[i])), 0);
    assert_string_equal(line, "");
    cli_ok(cli, "words", cli_point_file(cli, "out", "y", 1, "prompt.safetensors"));
    assert_int_equal(strncmp(cli->out, "ring\n   1   photo 0.00", 22), 0);
    assert_non_null(strstr(cli->out, "\nfish\n   1   photo 0.00"));
    cli_ok(cli, "words", prompt, "--top", "1000000"); /* no more than there are */
    for (const char *c = cli->out; *c; c++)
        assert_true((unsigned char)*c >= 0x20 || *c == '\n');
}

/* --- zeroshot, inspect --- */

static void test_zeroshot(void **state) {
    Cli *cli = *state;
    Dataset dataset = golden_dataset(cli);
    const char **paths = test_paths(cli);
    char *classes = arena_strdup(cli->arena, dataset.class_names[0]);
    for (int i = 1; i < K; i++)
        classes = arena_printf(cli->arena, "%s%s%s", classes, i % 2 ? "," : " , ", dataset.class_names[i]);
    static const char *const templates[] = {"a photo of a {}.", "itap of the {}, cropped"};
    for (int k = 0; k < 2; k++)
        for (int t = 0; t < 2; t++) {
            TensorFile *golden =
                fixture_open(arena_printf(cli->arena, FIXTURES "golden_%s.safetensors", KINDS[k]));
            const float *logits =
                fixture_floats(golden, t ? "zs2_test_logits" : "zs_test_logits", cli->arena, NULL);
            cli_ok(cli, "zeroshot", "--model", weights_of(cli, KINDS[k]), "--vocab", FIXTURES "merges.txt.gz",
                   "--classes", classes, "--template", templates[t], "--json", "--top=10", paths[4],
                   paths[11]);
            check_json_line(cli->out, paths[4], dataset.class_names, logits + 4 * K);
            check_json_line(strchr(cli->out, '\n') + 1, paths[11], dataset.class_names, logits + 11 * K);
            tensors_close(golden);
        }
    cli_ok(cli, "zeroshot", "--model", FIXTURES "clip_vit.safetensors", "--classes", "ring,boat", paths[0]);
    const char *plain = cli->out;
    cli_ok(cli, "zeroshot", "--model", FIXTURES "clip_vit.safetensors", "--classes", "ring,boat", paths[0],
           "--ensemble");
    assert_string_not_equal(cli->out, plain);
}

static void test_inspect(void **state) {
    Cli *cli = *state;
    train(cli, "out", FIXTURES "clip_vit.safetensors");
    const struct {
        const char *path, *parts[3];
    } cases[] = {
        {FIXTURES "clip_vit.safetensors",
         {"kind                   CLIP checkpoint\n", "ViT, patch 8, width 128", "718 tokens\n"}},
        {FIXTURES "clip_rn.safetensors",
         {"kind                   CLIP checkpoint\n", "ResNet, layers (1, 2, 1, 1)", "visual.bn1.weight"}},
        {FIXTURES "merges.txt.gz",
         {"kind                   vocabulary\n", "tokens                 718\n", "204\n"}},
        {FIXTURES "split_zhou_Golden.json",
         {"kind                   dataset split\n", "30 train, 10 val, 30 test\n", "F-16A/B"}},
        {FIXTURES "golden_vit.safetensors",
         {"kind                   tensors\n", "csc_end_4.ctx0", "[10, 4, 128]\n"}},
        {cli_point_file(cli, "out", "csc", 1, "prompt.safetensors"),
         {"kind                   prompt\n", "csc                    true\n", "[10, 2, 128]\n"}},
        {cli_point_file(cli, "out", "unified", 1, "state.safetensors"),
         {"kind                   training state\n", "epoch                  3\n", "velocity"}},
        {cli_point_file(cli, "out", "unified", 1, "test_logits.safetensors"),
         {"kind                   tensors\n", "class_names            [\"ring\",", "[30, 10]\n"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cli_ok(cli, "inspect", cases[i].path);
        for (int j = 0; j < 3; j++)
            if (!strstr(cli->out, cases[i].parts[j]))
                fail_msg("inspect %s does not say %s:\n%s", cases[i].path, cases[i].parts[j], cli->out);
    }
}

/* --- talk --- */

static void test_help(void **state) {
    Cli *cli = *state;
    static const char *const commands[] = {"run",   "eval",   "classify", "zeroshot",
                                           "words", "encode", "inspect",  "bench"};
    cli_ok(cli, "--help");
    const char *overview = cli->out;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        assert_non_null(strstr(overview, arena_printf(cli->arena, "\n  %s ", commands[i])));
        cli_ok(cli, commands[i], "--help");
        const char *start = arena_printf(cli->arena, "usage: coop %s", commands[i]);
        assert_int_equal(strncmp(cli->out, start, strlen(start)), 0);
        assert_non_null(strstr(cli->out, arena_printf(cli->arena, "\nexample:\n  coop %s", commands[i])));
        assert_non_null(strstr(cli->out, "  --threads N "));
        for (const char *line = cli->out; *line; line += strcspn(line, "\n") + 1)
            assert_in_range(strcspn(line, "\n"), 0, 120);
        const char *long_form = cli->out;
        cli_ok(cli, commands[i], "something", "--unknown", "-h"); /* help comes before complaints */
        assert_string_equal(cli->out, long_form);
    }
    cli_ok(cli, "run", "--help");
    assert_non_null(strstr(cli->out, "\n  num_shots "));
}

/* All that the program writes to a terminal of 100 columns. */
static char *run_in_terminal(Cli *cli, const char *yaml) {
    const struct winsize size = {.ws_row = 25, .ws_col = 100};
    char *text = ARENA_NEW(cli->arena, char, 1 << 20);
    size_t used = 0;
    int terminal, status;
    pid_t child = forkpty(&terminal, NULL, NULL, &size);
    assert_true(child >= 0);
    if (child == 0) {
        setenv("TERM", "xterm", 1);
        unsetenv("NO_COLOR");
        execl(cli->program, "coop", "run", yaml, (char *)NULL);
        _exit(127);
    }
    for (ssize_t n; used < (1 << 20) - 1 && (n = read(terminal, text + used, (1 << 20) - 1 - used)) > 0;)
        used += (size_t)n;
    waitpid(child, &status, 0);
    close(terminal);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return text;
}

static void test_terminal(void **state) {
    Cli *cli = *state;
    const char *grid = "grid: {num_shots: 1, seed: 1}\noptim: {max_epoch: 2}\nmethods:\n  - zeroshot: {}\n"
                       "  - coop: {n_ctx: 2}\n";
    char *text = run_in_terminal(cli, cli_experiment(cli, "terminal", "vit", grid));
    assert_non_null(strstr(text, "encoded 50 images in "));
    assert_non_null(strstr(text, "[2/2] CoOp M=2 end, 1 shot, seed 1"));
    assert_non_null(strstr(text, "\033[1m"));
    assert_non_null(strstr(text, "────"));
    /* In a pipe: the same without a trace of the terminal. */
    cli_ok(cli, "run", cli_experiment(cli, "pipe", "vit", grid));
    assert_non_null(strstr(cli->err, "[2/2] CoOp M=2 end, 1 shot, seed 1"));
    assert_null(strpbrk(cli->err, "\033\r"));
    assert_null(strpbrk(cli->out, "\033\r"));
    assert_non_null(strstr(cli->out, "zero-shot      "));
    cli_ok(cli, "run", cli_experiment(cli, "quiet", "vit", grid), "--quiet", "--set",
           "model.activation=quick_gelu");
    assert_string_equal(cli->err, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_encode_texts),  CLI_TEST(test_encode_every_line),
                                       CLI_TEST(test_encode_images), CLI_TEST(test_encode_class_folders),
                                       CLI_TEST(test_classify),      CLI_TEST(test_moved),
                                       CLI_TEST(test_eval),          CLI_TEST(test_words),
                                       CLI_TEST(test_zeroshot),      CLI_TEST(test_inspect),
                                       CLI_TEST(test_help),          CLI_TEST(test_terminal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
