/* test_cli_errors.c: what the program says about bad input, bad command lines and a machine that does not
 * play along: one line, the right status, and nothing written. */
#define _GNU_SOURCE /* memmem */
#include "tests/support/cli_support.h"

#include "clip/base/files.h"
#include "clip/tensors/safetensors_write.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SMALL                                                                                                \
    "grid: {num_shots: 1, seed: 1}\noptim: {max_epoch: 2}\nmethods:\n  - zeroshot: {}\n  - linear_probe: "   \
    "{}\n"                                                                                                   \
    "  - coop: {n_ctx: 2}\n"
#define VIT FIXTURES "clip_vit.safetensors"
#define SPLIT FIXTURES "split_zhou_Golden.json"
#define IMAGE FIXTURES "images/shape00/0004.jpg"

/* --- the command line --- */

static void test_usage(void **state) {
    Cli *cli = *state;
    const struct {
        const char *start, *part, *words[6];
    } cases[] = {
        {"coop: unknown command 'clasify'", "(did you mean 'classify'?)", {"clasify", "x"}},
        {"coop: unknown command 'xyzzy'", "coop --help", {"xyzzy"}},
        {"coop: unknown command '--versions'", "", {"--versions"}},
        {"coop run: usage: coop run EXPERIMENT.yaml", "", {"run"}},
        {"coop run: usage: coop run EXPERIMENT.yaml", "", {"run", "a", "b"}},
        {"coop run: unknown option --dryrun", "(did you mean --dry-run?)", {"run", "x.yaml", "--dryrun"}},
        {"coop run: unknown option -n", "", {"run", "x.yaml", "-n"}},
        {"coop run: --quiet takes no value", "", {"run", "x.yaml", "--quiet=yes"}},
        {"coop run: --threads needs a value", "", {"run", "x.yaml", "--threads"}},
        {"coop run: --threads 0:", "from 1 to 1024", {"run", "x.yaml", "--threads", "0"}},
        {"coop run: --threads 4x:", "a whole number", {"run", "x.yaml", "--threads=4x"}},
        {"coop run: --threads 99999999999999999999:", "", {"run", "x", "--threads", "99999999999999999999"}},
        {"coop classify: usage:", "LEARNED IMAGE...", {"classify"}},
        {"coop classify: no images: files, folders, --list FILE", "", {"classify", "prompt.safetensors"}},
        {"coop classify: --json and --csv exclude", "", {"classify", "p", "i", "--json", "--csv"}},
        {"coop classify: --null is for a list", "", {"classify", "p", "i", "--null"}},
        {"coop classify: standard input is a list that can be read once", "", {"classify", "p", "-", "-"}},
        {"coop classify: --top 0:", "", {"classify", "p", "i", "--top", "0"}},
        {"coop eval: --config is needed", "", {"eval", "p"}},
        {"coop zeroshot: --model and --classes are needed", "", {"zeroshot", "i", "--classes", "a"}},
        {"coop encode: --model, --out and one of", "", {"encode", "--model", "m", "--out", "o"}},
        {"coop encode: --model, --out and one of", "", {"encode", "--texts", "t", "--images", "i"}},
        {"coop inspect: usage:", "", {"inspect"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cli_expect_refusal(cli, 2, cases[i].start, cases[i].part, cases[i].words);
    cli_refuses(cli, 2, "coop zeroshot: --classes ' , '", "no class names", "zeroshot", "--model", VIT,
                "--classes", " , ", IMAGE);
    cli_refuses(cli, 2, "coop zeroshot: template 'plain'", "no {}", "zeroshot", "--model", VIT, "--classes",
                "a", "--template", "plain", IMAGE);
    const char *yaml = cli_experiment(cli, "out", "vit", SMALL);
    cli_refuses(cli, 2, "coop run: --set optim.lrr=1", "(did you mean 'lr'?)", "run", yaml, "--set",
                "optim.lrr=1");
    cli_refuses(cli, 2, "coop run: --set optim", "not of the form KEY=VALUE", "run", yaml, "--set", "optim");
    assert_int_equal(cli_run(cli, NULL), 2);
    assert_non_null(strstr(cli->err, "usage: coop COMMAND"));
    assert_string_equal(cli->out, "");
}

/* --- experiments that cannot be --- */

/* The run is refused, in a line that begins with the path `start`, and has not even made its folder. */
static void refuse_run(Cli *cli, const char *yaml, const char *set, const char *start, const char *part) {
    const char *words[] = {"run", yaml, set ? "--set" : NULL, set, NULL};
    cli_expect_refusal(cli, 3, start, part, words);
    assert_false(cli_exists(cli_path(cli, "out")));
}

static void test_paths(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "vit", SMALL), *no = cli_path(cli, "no");
    const char *no_file = arena_printf(cli->arena, "%s: cannot open", no);
    static const char *const keys[] = {"model.weights", "model.vocab", "dataset.split"};
    for (int i = 0; i < 3; i++)
        refuse_run(cli, yaml, arena_printf(cli->arena, "%s=%s", keys[i], no), no_file, "No such file");
    refuse_run(cli, yaml, arena_printf(cli->arena, "dataset.images=%s", no), SPLIT ": images: ", no);
    refuse_run(cli, yaml, arena_printf(cli->arena, "model.vocab=%s", SPLIT), SPLIT ": ", "");
    const char *set = arena_printf(cli->arena, "dataset={name: oxford_pets, root: %s}", (char *)cli->scratch);
    refuse_run(cli, yaml, set, cli_path(cli, "oxford_pets"), "no such folder");
    set = arena_printf(cli->arena, "dataset={format: folder, train: %s, test: %s}", no, no);
    refuse_run(cli, yaml, set, no, "No such file");
    cli_refuses(cli, 3, no_file, "No such file", "run", no);
    const char *weights = cli_path(cli, "m.safetensors");
    cli_copy(VIT, weights);
    refuse_run(cli, yaml, arena_printf(cli->arena, "model={weights: %s}", weights), weights,
               "vocabulary: none of merges.txt");
}

static void test_experiment_files(void **state) {
    Cli *cli = *state;
    static const struct {
        const char *rest, *part;
    } cases[] = {
        {SMALL "optimizer: {lr: 1}\n", "line 10: unknown key 'optimizer' at the top level"},
        {"grid: {num_shot: 1}\nmethods:\n  - coop: {}\n",
         "line 4: unknown key 'num_shot' in grid (did you mean 'num_shots'?)"},
        {"methods:\n  - coop: {n_ctx: 76}\n",
         "CoOp M=76 end: class 'ring': a prompt of 80 tokens where the model has 77 positions"},
        {"methods:\n  - coop: {ctx_init: \" \"}\n", "ctx_init ' ': 0 tokens"},
        {"methods:\n  - zeroshot: {templates: no gap}\n", "line 5: zeroshot.templates: 'no gap' has no {}"},
        {"methods: [\n", "line "},
        {"methods:\n  - co-op: {}\n", "line 5: unknown method 'co-op' (did you mean 'coop'?)"},
        {"outputs: {logits: yes}\nmethods:\n  - coop: {}\n",
         "line 4: outputs.logits: 'yes' is not true or false"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *yaml = cli_experiment(cli, "out", "vit", cases[i].rest);
        refuse_run(cli, yaml, NULL, yaml, cases[i].part);
    }
}

/* Checkpoints and vocabularies that do not fit. */
static void test_models(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "vit", SMALL);
    const char *weights = cli_path(cli, "weights.safetensors"), *vocab = cli_path(cli, "merges.txt");
    const char *set = arena_printf(cli->arena, "model.weights=%s", weights);
    size_t size;
    char *bytes = cli_read(cli, VIT, &size);
    char *name = memmem(bytes, 100000, "\"ln_final.bias\"", 15);
    assert_non_null(name);
    memcpy(name, "\"ln_final.bios\"", 15);
    scratch_file(weights, bytes, size);
    refuse_run(cli, yaml, set, weights, "tensor ln_final.bias: missing");
    const size_t cuts[] = {0, 5, 100, size / 2, size - 1};
    for (int i = 0; i < 5; i++) {
        scratch_file(weights, bytes, cuts[i]);
        refuse_run(cli, yaml, set, weights, ": ");
    }
    scratch_file(vocab, "#version: 0.2\na b\n", 18);
    refuse_run(cli, yaml, arena_printf(cli->arena, "model.vocab=%s", vocab), vocab,
               "1 merges where the checkpoint's 718 tokens need 204");
}

/* --- images --- */

/* The golden images, copied; one of them with n bytes left (n < 0: gone). */
static const char *images_with(Cli *cli, const char *bad, long n) {
    static const int n_images = 7;
    const char *folder = cli_path(cli, "images");
    for (int k = 0; k < 10; k++) {
        const char *class_folder = cli_path(cli, "images/shape%02d", k);
        Error err = {0};
        assert_int_equal(make_folders(class_folder, &err), 0);
        for (int i = 0; i < n_images; i++)
            cli_copy(arena_printf(cli->arena, FIXTURES "images/shape%02d/%04d.jpg", k, i),
                     arena_printf(cli->arena, "%s/%04d.jpg", class_folder, i));
    }
    const char *path = arena_printf(cli->arena, "%s/%s", folder, bad);
    if (n < 0)
        unlink(path);
    else
        assert_int_equal(truncate(path, n), 0);
    return arena_printf(cli->arena, "dataset.images=%s", folder);
}

/* Of training, validation and test, in any method: named, and nothing written, not even of the good images.
 */
static void test_images(void **state) {
    Cli *cli = *state;
    static const char *const methods[] = {"methods:\n  - linear_probe: {}\n",
                                          "augment: {views: 3}\nmethods:\n  - coop: {n_ctx: 2}\n"};
    static const char *const bad[] = {"shape05/0002.jpg", "shape05/0003.jpg", "shape05/0004.jpg"};
    for (int m = 0; m < 2; m++)
        for (int i = 0; i < 3; i++) {
            if (m == 1 && i == 1)
                continue; /* CoOp does not look at the validation images */
            const char *yaml = cli_experiment(
                cli, "out", "vit",
                arena_printf(cli->arena, "grid: {num_shots: all, seed: 1}\noptim: {max_epoch: 3}\n%s",
                             methods[m]));
            const char *path = cli_path(cli, "images/%s", bad[i]);
            refuse_run(cli, yaml, images_with(cli, bad[i], 700), path, "the file is cut short");
            refuse_run(cli, yaml, images_with(cli, bad[i], 0), path, "empty");
            refuse_run(cli, yaml, images_with(cli, bad[i], -1), SPLIT ": ", path);
        }
}

/* A cache that is there already stays as it was. */
static void test_image_breaks_later(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "vit", SMALL);
    const char *good = images_with(cli, "shape00/0000.jpg", 100000);
    cli_copy(FIXTURES "images/shape00/0000.jpg", cli_path(cli, "images/shape00/0000.jpg"));
    cli_ok(cli, "run", yaml, "--set", good);
    size_t size;
    char *results = cli_read(cli, cli_path(cli, "out/results.jsonl"), &size);
    assert_int_equal(truncate(cli_path(cli, "images/shape00/0004.jpg"), 500), 0);
    cli_ok(cli, "run", yaml, "--set", good); /* finished is finished */
    cli_refuses(cli, 3, cli_path(cli, "images/shape00/0004.jpg"), "cut short", "run", yaml, "--set", good,
                "--set", "grid.seed=2");
    char *after = cli_read(cli, cli_path(cli, "out/results.jsonl"), NULL);
    assert_string_equal(after, results);
}

static void test_splits(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "vit", SMALL), *split = cli_path(cli, "split.json");
    const char *set = arena_printf(cli->arena, "dataset.split=%s", split);
    size_t size;
    char *text = cli_read(cli, SPLIT, &size);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    json_t *train = json_object_get(json, "train");
    for (size_t i = json_array_size(train); i-- > 0;)
        if (json_integer_value(json_array_get(json_array_get(train, i), 1)) == 3)
            json_array_remove(train, i);
    json_dump_file(json, split, 0);
    refuse_run(cli, yaml, set, split, "class 'F-16A/B' (label 3): no training images");
    json_array_clear(train);
    json_dump_file(json, split, 0);
    refuse_run(cli, yaml, set, yaml, "dataset: no training images");
    json_array_clear(json_object_get(json, "test"));
    json_dump_file(json, split, 0);
    refuse_run(cli, yaml, set, split, "neither training nor test images");
    json_decref(json);
    scratch_file(split, text, size / 2);
    refuse_run(cli, yaml, set, split, "");
    /* A name as long as a novel, and one that talks to the terminal. */
    json = json_loads(text, 0, NULL);
    static const char *const parts[] = {"train", "val", "test"};
    char novel[1001];
    memset(novel, 'x', 1000);
    novel[1000] = '\0';
    for (int round = 0; round < 2; round++) {
        for (int p = 0; p < 3; p++)
            for (size_t i = 0; i < json_array_size(json_object_get(json, parts[p])); i++) {
                json_t *item = json_array_get(json_object_get(json, parts[p]), i);
                if (json_integer_value(json_array_get(item, 1)) == 3)
                    json_array_set_new(item, 2, json_string(round ? "\x1b[31mred" : novel));
            }
        json_dump_file(json, split, 0);
        if (round == 0)
            refuse_run(cli, yaml, set, yaml, "tokens where the model has 77 positions");
    }
    json_decref(json);
    cli_ok(cli, "inspect", split);
    assert_null(strchr(cli->out, '\033'));
}

/* --- contexts and prompts --- */

static void write_ctx(const char *path, int n_dims, const int64_t *shape, float first) {
    size_t n = 1;
    for (int i = 0; i < n_dims; i++)
        n *= (size_t)shape[i];
    float *values = calloc(n + 1, sizeof *values);
    assert_non_null(values);
    values[0] = first;
    TensorOut out = {.name = "ctx", .dtype = DTYPE_F32, .n_dims = n_dims, .data = values};
    memcpy(out.shape, shape, (size_t)n_dims * sizeof *shape);
    Error err = {0};
    assert_int_equal(safetensors_write(path, &out, 1, NULL, 0, &err), 0);
    free(values);
}

static void test_ctx_files(void **state) {
    Cli *cli = *state;
    const char *path = cli_path(cli, "ctx.safetensors");
    const char *yaml = cli_experiment(
        cli, "out", "vit",
        arena_printf(cli->arena, "grid: {num_shots: 1}\nmethods:\n  - coop: {ctx_init: %s, csc: true}\n",
                     path));
    const char *unified = "methods.0.coop.csc=false";
    refuse_run(cli, yaml, NULL, path, "cannot open: No such file");
    write_ctx(path, 2, (int64_t[]){4, 64}, 0);
    refuse_run(cli, yaml, NULL, path, "tensor ctx: shape [4, 64] where [?, 128] is needed");
    refuse_run(cli, yaml, unified, path, "tensor ctx: shape [4, 64]");
    write_ctx(path, 3, (int64_t[]){9, 4, 128}, 0);
    refuse_run(cli, yaml, NULL, path, "tensor ctx: shape [9, 4, 128] where [10, ?, 128] is needed");
    refuse_run(cli, yaml, unified, path, "tensor ctx: shape [9, 4, 128]");
    write_ctx(path, 2, (int64_t[]){0, 128}, 0);
    refuse_run(cli, yaml, NULL, path, "0 context vectors");
    write_ctx(path, 2, (int64_t[]){100, 128}, 0);
    refuse_run(cli, yaml, NULL, path, ": class 'ring': a prompt of 104 tokens where the model has 77");
    write_ctx(path, 2, (int64_t[]){4, 128}, NAN);
    refuse_run(cli, yaml, NULL, path, "tensor ctx");
    cli_copy(VIT, path);
    refuse_run(cli, yaml, NULL, path, "tensor ctx: missing");
    scratch_file(path, "junk", 4);
    refuse_run(cli, yaml, NULL, path, "");
    static const char *const misspelt[] = {"./nope", "c.safetensor", "a/photo"};
    for (int i = 0; i < 3; i++)
        refuse_run(cli, yaml, arena_printf(cli->arena, "methods.0.coop.ctx_init=%s", misspelt[i]),
                   misspelt[i], "words that look like a path are written 'words: ...'");
    refuse_run(cli, yaml, "methods.0.coop.ctx_init=~/x.npz", "/", "/x.npz: cannot open");
}

/* A prompt file with one thing changed: a tensor's extent, a number, a text of the metadata. */
static void test_prompts(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "run", cli_experiment(cli, "out", "vit", SMALL));
    const char *good = cli_point_file(cli, "out", "CoOp M=2 end", 1, "prompt.safetensors");
    const char *bad = cli_path(cli, "bad.safetensors");
    size_t size, header;
    char *bytes = cli_read(cli, good, &size);
    memcpy(&header, bytes, 8);
    char *stamp = memmem(bytes, header + 8, "checkpoint_stamp", 16);
    assert_non_null(stamp);
    stamp[0] = 'C'; /* without it the digest is looked at */
    char *sum = memmem(bytes, header + 8, "coop_crc32", 10);
    assert_non_null(sum);
    memcpy(sum, "made_b_y", 8); /* without it what is wrong is looked at */
    static const struct {
        const char *from, *to, *part;
    } changes[] = {
        {"\"coop-prompt\"", "\"coop-pramps\"", "metadata: not a prompt"},
        {"\"version\":\"1\"", "\"version\":\"2\"", "version '2'"},
        {"\"n_ctx\":\"2\"", "\"n_ctx\":\"3\"", "tensor ctx: shape [2, 128] where [3, ?] is needed"},
        {"\\\"ring\\\",", "\\\"ri\\\",7,", "class_names[1] is not a text"},
        {"\"csc\":\"false\"", "\"csc\":\"folse\"", "csc 'folse'"},
        {"\"image_size\":\"32\"", "\"image_size\":\"-2\"", "image_size '-2'"},
        {"\"image_size\":\"32\"", "\"image_size\":\"99\"", "image_size: 99 where the checkpoint"},
        {"\"backbone_digest\":\"ce4", "\"backbone_digest\":\"ce5", "learned with another checkpoint"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char *changed = ARENA_NEW(cli->arena, char, size);
        memcpy(changed, bytes, size);
        size_t n = strlen(changes[i].from);
        char *at = memmem(changed, header + 8, changes[i].from, n);
        if (!at)
            fail_msg("no %s in %s", changes[i].from, good);
        memcpy(at, changes[i].to, n);
        scratch_file(bad, changed, size);
        cli_refuses(cli, 3, bad, changes[i].part, "classify", bad, IMAGE);
    }
    const size_t cuts[] = {0, 7, 100, header, header + 8, size - 1};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        scratch_file(bad, bytes, cuts[i]);
        cli_refuses(cli, 3, bad, "", "classify", bad, IMAGE);
    }
    char *changed = ARENA_NEW(cli->arena, char, size);
    memcpy(changed, bytes, size);
    TensorFile *file = fixture_open(good);
    static const char *const names[] = {"ctx", "text_features", "logit_scale"};
    for (int i = 0; i < 3; i++) { /* the exponent of one number all ones: NaN or Inf */
        const Tensor *tensor = tensors_find(file, names[i]), *first = tensors_at(file, 0);
        size_t at = 8 + header + (size_t)(tensor->data - first->data);
        memcpy(changed + at, "\x00\x00\xc0\x7f", 4);
        scratch_file(bad, changed, size);
        memcpy(changed + at, bytes + at, 4);
        cli_refuses(cli, 3, bad, names[i], "classify", bad, IMAGE);
        cli_refuses(cli, 3, bad, names[i], "eval", bad, "--config", cli_path(cli, "out.yaml"));
    }
    tensors_close(file);
    cli_refuses(cli, 3, FIXTURES "README.md", "no image that coop reads", "classify", good,
                FIXTURES "README.md");
    cli_refuses(cli, 3, VIT, "not a prompt", "classify", VIT, IMAGE);
    static const char *const others[][2] = {
        {"--activation", "gelu"}, {"--heads", "2"}, {"--vocab", FIXTURES}, {"--class-token-position", "end"}};
    for (int i = 0; i < 4; i++)
        cli_refuses(cli, 2, "coop classify: ", "says all that itself", "classify", good, IMAGE, others[i][0],
                    others[i][1]);
}

/* --- lists and texts --- */

static void test_encode(void **state) {
    Cli *cli = *state;
    const char *list = cli_path(cli, "list.txt"), *out = cli_path(cli, "out");
    const struct {
        const char *text, *part;
        size_t size;
    } texts[] = {{"", "no lines", 0},
                 {"good\nb\xff d\n", "line 2: ", 10},
                 {"good\nb\0d\n", "line 2: a zero byte", 9},
                 {"\n\nb\xff\n", "line 3: ", 5}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        scratch_file(list, texts[i].text, texts[i].size);
        cli_refuses(cli, 3, list, texts[i].part, "encode", "--model", VIT, "--texts", list, "--out", out);
    }
    scratch_file(list, IMAGE "\nno.jpg\n", strlen(IMAGE "\nno.jpg\n"));
    cli_refuses(cli, 3, "no.jpg: cannot open", "", "encode", "--model", VIT, "--images", list, "--out", out);
    cli_refuses(cli, 3, IMAGE, "where lines of text are needed", "encode", "--model", VIT, "--images", IMAGE,
                "--out", out);
    const char *odd = cli_path(cli, "odd");
    assert_int_equal(make_folders(odd, NULL), 0);
    scratch_file(cli_path(cli, "odd/a"), "text", 4);
    cli_refuses(cli, 3, cli_path(cli, "odd/a: "), "no image that coop reads", "encode", "--model", VIT,
                "--images", odd, "--out", out);
    scratch_file(cli_path(cli, "odd/b"), "", 0); /* several are listed */
    assert_int_equal(cli_run(cli, "encode", "--model", VIT, "--images", odd, "--out", out), 3);
    assert_string_equal(
        cli->err,
        arena_printf(
            cli->arena,
            "%s/a: start: no image that coop reads (JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC and AVIF)\n"
            "%s/b: start: the file is empty\n2 images cannot be read\n",
            odd, odd));
    cli_refuses(cli, 3, cli_path(cli, "no"), "No such file", "encode", "--model", VIT, "--images",
                cli_path(cli, "no"), "--out", out);
    assert_false(cli_exists(out));
    scratch_file(list, "text\n", 5);
    const char *nowhere = cli_path(cli, "no/out");
    cli_refuses(cli, 4, arena_printf(cli->arena, "coop encode: %s: cannot write", nowhere), "No such file",
                "encode", "--model", VIT, "--texts", list, "--out", nowhere);
    cli_refuses(cli, 3, IMAGE, "neither tensors", "inspect", IMAGE);
    cli_refuses(cli, 3, "tests", "no checkpoint in it: looked for ", "inspect", "tests");
}

/* --- a machine that does not play along --- */

static void close_stdout(void) {
    close(STDOUT_FILENO);
}

static void full_stdout(void) {
    dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
}

static void close_all(void) {
    for (int i = 0; i < 3; i++)
        close(i);
}

/* Results that nobody gets are an error; and they do not go into some file instead. */
static void test_lost_output(void **state) {
    Cli *cli = *state;
    void (*const ways[])(void) = {close_stdout, full_stdout};
    static const char *const reasons[] = {"Bad file descriptor", "No space left on device"};
    for (int i = 0; i < 2; i++) {
        cli->before = ways[i];
        cli_refuses(cli, 4, "coop inspect: standard output: cannot write: ", reasons[i], "inspect", SPLIT);
        cli->before = ways[i];
        cli_refuses(cli, 4, "coop: standard output: cannot write: ", reasons[i], "--help");
    }
    const char *yaml = cli_experiment(cli, "out", "vit", SMALL);
    cli->before = close_all;
    assert_int_equal(cli_run(cli, "run", yaml), 4);
    cli_ok(cli, "run", yaml); /* but its work was done, and no file has caught the table */
    assert_ptr_equal(strstr(cli->err, "3 of 3 points are already finished\n\n"), cli->err);
    const char *names[] = {"out/results.jsonl", "out/results.csv"};
    for (int i = 0; i < 2; i++)
        assert_null(strstr(cli_read(cli, cli_path(cli, "%s", names[i]), NULL), "mean ±"));
}

static void limit_files(rlim_t bytes) {
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){bytes, bytes});
}

static void limit_to_1000(void) {
    limit_files(1000);
}

static void limit_to_15000(void) {
    limit_files(15000);
}

/* A disk that is full at some point: status 4, what is there is whole, and with room again the run goes on.
 */
static void test_full_disk(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "vit", SMALL);
    cli->before = limit_to_1000;
    cli_refuses(cli, 4, "coop run: ", ".features: cannot write: File too large", "run", yaml, "--quiet");
    cli->before = limit_to_15000;
    cli_run(cli, "run", yaml, "--set", "methods.2.coop.n_ctx=40");
    assert_int_equal(cli->status, 4);
    assert_non_null(strstr(cli->err, "state.safetensors: cannot write: File too large\n"));
    assert_non_null(strstr(cli->err, "coop run: 1 of 3 points failed\n"));
    cli_ok(cli, "run", yaml, "--set", "methods.2.coop.n_ctx=40");
    assert_int_equal(cli_results(cli, "out", NULL).n, 3);
    /* where nothing is left to run, the table is shown even so */
    cli_ok(cli, "run", yaml);
    const char *table = cli->out;
    cli->before = limit_to_1000;
    cli_ok(cli, "run", yaml);
    assert_string_equal(cli->out, table);
    assert_non_null(strstr(cli->err, "not written: "));
    assert_non_null(strstr(cli->err, "/out/results.csv: cannot write: File too large\n"));
    assert_non_null(strstr(cli->err, "/out/report.html: cannot write: File too large\n"));
    assert_null(strstr(cli->err, "report: "));
    cli->before = limit_to_1000;
    const char *out = cli_path(cli, "f.safetensors");
    cli_refuses(cli, 4, arena_printf(cli->arena, "coop encode: %s: cannot write", out), "File too large",
                "encode", "--model", VIT, "--images", FIXTURES "images/shape00", "--out", out);
    assert_false(cli_exists(out));
}

static void test_output_in_the_way(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "vit", SMALL);
    scratch_file(cli_path(cli, "out"), "x", 1);
    cli_refuses(cli, 4,
                arena_printf(cli->arena, "coop run: %s: cannot create the folder", cli_path(cli, "out")), "",
                "run", yaml);
    const char *below = cli_path(cli, "out/below");
    cli_refuses(cli, 4, arena_printf(cli->arena, "coop run: %s: cannot create the folder", below), "", "run",
                yaml, "--set", arena_printf(cli->arena, "output=%s", below));
}

/* Ctrl-C among the images: what is encoded is kept. */
static void test_interrupted_encoding(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "rn",
                                      "grid: {num_shots: all, seed: 1}\naugment: {views: 3000}\n"
                                      "optim: {max_epoch: 3000}\nmethods:\n  - coop: {n_ctx: 2}\n");
    const char *words[] = {"run", yaml, NULL};
    cli_start(cli, words);
    const int delay = scratch_instrumented() ? 5 : 1; /* half seconds: at least a view is encoded */
    nanosleep(&(struct timespec){delay / 2, delay % 2 * 500000000}, NULL);
    kill(cli->child, SIGINT);
    assert_int_equal(cli_wait(cli), 130);
    assert_true(cli->seconds < 5 * delay);
    assert_int_equal(strncmp(cli->err, "encoded ", 8), 0);
    assert_non_null(strstr(cli->err, "coop run: stopped by SIGINT; start the same command again to go on\n"));
    assert_true(cli_exists(cli_path(cli, "out/cache")));
    assert_false(cli_exists(cli_path(cli, "out/results.jsonl")));
    cli_ok(cli, "run", yaml, "--set", "augment.views=1", "--set", "optim.max_epoch=1");
    assert_null(strstr(cli->err, "encoded")); /* the first view was there */
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_usage),
                                       CLI_TEST(test_paths),
                                       CLI_TEST(test_experiment_files),
                                       CLI_TEST(test_models),
                                       CLI_TEST(test_images),
                                       CLI_TEST(test_image_breaks_later),
                                       CLI_TEST(test_splits),
                                       CLI_TEST(test_ctx_files),
                                       CLI_TEST(test_prompts),
                                       CLI_TEST(test_encode),
                                       CLI_TEST(test_lost_output),
                                       CLI_TEST(test_full_disk),
                                       CLI_TEST(test_output_in_the_way),
                                       CLI_TEST(test_interrupted_encoding)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
