/* test_cli_own_data.c: from a folder of photos to a learned prompt, from outside: `coop init`, and `coop run`
 * on folders and CSV files of one's own, with what people have in them. */
#include "tests/support/cli_support.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MODEL FIXTURES "clip_vit.safetensors"
#define VOCAB FIXTURES "merges.txt.gz"

/* One small learned prompt and a hand-written one. */
#define METHODS                                                                                              \
    "grid: {num_shots: 2, seed: 1}\noptim: {max_epoch: 2, batch_size: 4}\n"                                  \
    "methods:\n  - zeroshot: {name: zs}\n  - coop: {name: learned, n_ctx: 2}\n"

static void write_text(const char *path, const char *text) {
    scratch_file(path, text, strlen(text));
}

static void assert_holds(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("no '%s' in\n%s", part, text);
}

static int count_lines(const char *text) {
    int n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

/* SCRATCH/photos: three linked folders of seven images, hidden files, and a list beside them. */
static const char *make_photos(Cli *cli) {
    static const char *const names[] = {"red fox", "Ring", "key"};
    const char *photos = cli_path(cli, "photos");
    assert_int_equal(make_folders(photos, NULL), 0);
    for (int i = 0; i < 3; i++) {
        char *folder = realpath(arena_printf(cli->arena, FIXTURES "images/shape%02d", i), NULL);
        assert_non_null(folder);
        assert_int_equal(symlink(folder, cli_path(cli, "photos/%s", names[i])), 0);
        free(folder);
    }
    write_text(cli_path(cli, "photos/.DS_Store"), "junk");
    write_text(cli_path(cli, "photos/list.txt"), "junk");
    return photos;
}

/* SCRATCH/NAME.yaml with this dataset and output SCRATCH/NAME. */
static const char *make_experiment(Cli *cli, const char *name, const char *dataset) {
    const char *path = cli_path(cli, "%s.yaml", name);
    write_text(path, arena_printf(cli->arena,
                                  "output: %s\nmodel: {weights: " MODEL ", vocab: " VOCAB
                                  "}\ndataset: {%s}\n" METHODS,
                                  cli_path(cli, "%s", name), dataset));
    return path;
}

/* A folder to a prompt in two commands; --set only makes the training short. */
static void test_two_commands(void **state) {
    Cli *cli = *state;
    const char *photos = make_photos(cli), *yaml = cli_path(cli, "p.yaml"), *output = cli_path(cli, "p");
    cli_ok(cli, "init", photos, "--model", MODEL, "--vocab", VOCAB, "--out", yaml);
    assert_string_equal(cli->out, "");
    char *text = arena_strdup(cli->arena, cli_read(cli, yaml, NULL));
    assert_string_equal(cli->err, arena_printf(cli->arena, "run it: %s run %s\n", cli->program, yaml));
    assert_holds(text, "# 21 images in 3 classes: Ring, key, red fox\n# 7 images each.");
    assert_holds(text, "  # - coop: {n_ctx: 4, csc: true} ");
    assert_holds(text, "\n  exif: rotate ");
    assert_holds(text, "  num_shots: [1, 2, 4]  #"); /* 4 of 7 are to train on */
    cli_ok(cli, "run", yaml, "--set", arena_printf(cli->arena, "output=%s", output), "--set",
           "grid.num_shots=[2]", "--set", "grid.seed=1", "--set", "optim.max_epoch=2");
    assert_holds(cli->err, "drawn: 12 images for training, 3 for validation, 6 for testing");
    assert_holds(cli->err, "split_zhou_photos.json, exif: rotate}\n");
    assert_holds(cli->out, "photos, ");
    assert_int_equal(cli_results(cli, "p", NULL).n, 4);
    const char *last =
        arena_printf(cli->arena, "\nlabel images: %s classify %s IMAGE...\n", cli->program, output);
    assert_holds(cli->err,
                 arena_printf(cli->arena,
                              "\nresults: %s/results.csv\nreport: %s/report.html\nbest classifier: ", output,
                              output));
    assert_true(strlen(cli->err) > strlen(last));
    assert_string_equal(cli->err + strlen(cli->err) - strlen(last), last);
    cli_ok(cli, "classify", output, FIXTURES "images/shape00/0000.jpg");
    /* What was drawn is a split file, and finds the same results. */
    const char *set = arena_printf(
        cli->arena, "dataset={format: split, images: %s, split: %s/split_zhou_photos.json, exif: rotate}",
        photos, output);

    cli_ok(cli, "run", yaml, "--set", arena_printf(cli->arena, "output=%s", output), "--set",
           "grid.num_shots=[2]", "--set", "grid.seed=1", "--set", "optim.max_epoch=2", "--set", set,
           "--dry-run");
    assert_holds(cli->out, "4 points, 0 to run");
    /* The line that is offered is one that runs. */
    char *offer = strstr(text, "# - coop");
    memcpy(offer, "- coop", 6);
    memmove(offer + 6, offer + 8, strlen(offer + 8) + 1);
    write_text(yaml, text);
    cli_ok(cli, "run", yaml, "--dry-run", "--set", arena_printf(cli->arena, "output=%s", output));
    assert_holds(cli->out, "CoOp M=4 end csc");
}

/* The same draw again, another one for another seed; shares as given. */
static void test_draws(void **state) {
    Cli *cli = *state;
    const char *photos = make_photos(cli);
    static const char *const more[] = {"", ", split_seed: 1, p_trn: 0.5, p_val: 0.2", ", split_seed: 2",
                                       ", p_trn: 0.3, p_val: 0"};
    for (int i = 0; i < 4; i++) {
        const char *name = arena_printf(cli->arena, "d%d", i);
        cli_ok(cli, "run",
               make_experiment(cli, name,
                               arena_printf(cli->arena, "format: folder, images: %s%s", photos, more[i])));
        assert_holds(cli->err, i < 3 ? "12 images for training, 3 for validation, 6 for testing"
                                     : "6 images for training, 0 for validation, 15 for testing");
    }
    cli_assert_same_files(cli, cli_path(cli, "d0/split_zhou_photos.json"),
                          cli_path(cli, "d1/split_zhou_photos.json"));
    assert_string_not_equal(cli_read(cli, cli_path(cli, "d0/split_zhou_photos.json"), NULL),
                            cli_read(cli, cli_path(cli, "d2/split_zhou_photos.json"), NULL));
}

/* Absolute paths, no column split, names from a file, a template. */
static void test_csv(void **state) {
    Cli *cli = *state;
    char *images = realpath(FIXTURES "images", NULL);
    const char *rows = "label,path\n";
    for (int i = 0; i < 14; i++)
        rows = arena_printf(cli->arena, "%s%d,%s/shape%02d/%04d.jpg\n", rows, i % 2, images, i % 2, i / 2);
    free(images);
    write_text(cli_path(cli, "list.csv"), rows);
    write_text(cli_path(cli, "names.txt"), "1 a key\n0\ta red fox\n");
    const char *yaml =
        make_experiment(cli, "c",
                        arena_printf(cli->arena, "format: csv, csv: %s, class_names: %s, template: 'see {}'",
                                     cli_path(cli, "list.csv"), cli_path(cli, "names.txt")));
    cli_ok(cli, "run", yaml);
    assert_holds(cli->err, "drawn: 8 images for training, 2 for validation, 4 for testing");
    assert_holds(cli->err, "dataset: {format: split, images: /, split: ");
    cli_ok(cli, "inspect", cli_point_file(cli, "c", "learned", 1, "prompt.safetensors"));
    assert_holds(cli->out, "a red fox");
    assert_holds(cli->out, "a key");
    ResultList results = cli_results(cli, "c", NULL);
    assert_int_equal(results.n, 2);
    cli_refuses(
        cli, 3, cli_path(cli, "list.csv: line 1: "), "the column 'split' leaves nothing to p_trn", "run",
        make_experiment(cli, "e",
                        arena_printf(cli->arena, "format: csv, csv: %s, p_trn: 0.5",
                                     (write_text(cli_path(cli, "list.csv"), "path,class,split\na,b,train\n"),
                                      cli_path(cli, "list.csv")))));
}

/* Something is put into the folder of photos, and one line says that it is wrong. */
static void refuse_photos(Cli *cli, const char *start, const char *part) {
    const char *photos = cli_path(cli, "photos");
    const char *yaml =
        make_experiment(cli, "r", arena_printf(cli->arena, "format: folder, images: %s", photos));
    cli_refuses(cli, 3, cli_path(cli, "%s", start), part, "run", yaml);
    cli_refuses(cli, 3, cli_path(cli, "%s", start), part, "init", photos, "--model", MODEL, "--vocab", VOCAB);
}

static void test_refusals(void **state) {
    Cli *cli = *state;
    make_photos(cli);
    const char *empty = cli_path(cli, "photos/empty"), *deep = cli_path(cli, "photos/empty/2024");
    assert_int_equal(mkdir(empty, 0777), 0);
    refuse_photos(cli, "photos/empty: class without images", "\n");
    assert_int_equal(mkdir(deep, 0777), 0);
    refuse_photos(cli, "photos/empty: class without images", "\n");
    write_text(cli_path(cli, "photos/empty/notes.txt"), "not an image");
    refuse_photos(cli, "photos/empty/notes.txt: start: ",
                  "no image that coop reads (JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC and AVIF)");
    write_text(cli_path(cli, "photos/empty/notes.txt"), "");
    refuse_photos(cli, "photos/empty/notes.txt: start: ", "the file is empty");
    assert_int_equal(unlink(cli_path(cli, "photos/empty/notes.txt")), 0);
    /* Several broken images are named together, before any is encoded. */
    write_text(cli_path(cli, "photos/empty/notes.txt"), "GIF89a");
    for (int i = 0; i < 12; i++)
        write_text(cli_path(cli, "photos/empty/%02d.jpg", i), "");
    assert_int_equal(cli_run(cli, "init", cli_path(cli, "photos"), "--model", MODEL, "--vocab", VOCAB), 3);
    assert_holds(cli->err, "jpg: start: the file is empty\n");
    assert_holds(cli->err, "\n13 images cannot be read; the first 10 are listed\n");
    assert_int_equal(count_lines(cli->err), 11);
    assert_int_equal(cli_run(cli, "run", cli_path(cli, "r.yaml")),
                     3); /* 4 to test, 2 to train, 3 to validate on */
    assert_holds(cli->err, "\n9 images cannot be read\n");
    assert_int_equal(count_lines(cli->err), 10);
    assert_false(cli_exists(cli_path(cli, "r")));
    for (int i = 0; i < 12; i++)
        assert_int_equal(unlink(cli_path(cli, "photos/empty/%02d.jpg", i)), 0);
    assert_int_equal(unlink(cli_path(cli, "photos/empty/notes.txt")), 0);
    assert_int_equal(symlink("nowhere", cli_path(cli, "photos/empty/a.jpg")), 0);
    refuse_photos(cli, "photos", "No such file or directory");
    assert_int_equal(unlink(cli_path(cli, "photos/empty/a.jpg")), 0);
    if (geteuid() != 0) {
        cli_copy(FIXTURES "images/shape00/0000.jpg", cli_path(cli, "photos/empty/b.jpg"));
        assert_int_equal(chmod(cli_path(cli, "photos/empty/b.jpg"), 0), 0);
        refuse_photos(cli, "photos/empty/b.jpg", "Permission denied");
        assert_int_equal(unlink(cli_path(cli, "photos/empty/b.jpg")), 0);
    }
    assert_int_equal(rmdir(deep), 0);
    assert_int_equal(rmdir(empty), 0);
    assert_int_equal(unlink(cli_path(cli, "photos/key")), 0);
    assert_int_equal(unlink(cli_path(cli, "photos/Ring")), 0);
    refuse_photos(cli, "photos: ", "'red fox' is the only class: nothing to tell it from");
    assert_int_equal(unlink(cli_path(cli, "photos/red fox")), 0);
    refuse_photos(cli, "photos: ", "no subfolder (one per class)");
}

/* What is taken otherwise than it may be meant is said, once, after whatever could be refused. */
static void test_remarks(void **state) {
    Cli *cli = *state;
    const char *photos = make_photos(cli);
    assert_int_equal(make_folders(cli_path(cli, "photos/cup/2024"), NULL), 0);
    cli_copy(FIXTURES "images/shape03/0000.jpg", cli_path(cli, "photos/cup/2024/a.jpg"));
    cli_copy(FIXTURES "images/shape03/0001.jpg", cli_path(cli, "photos/stray.jpg"));
    const char *dataset = arena_printf(cli->arena, "format: folder, images: %s", photos);
    const char *yaml = make_experiment(cli, "w", dataset);
    const char *nested = ": 1 image is in folders within class folders (cup/2024/a.jpg)\n";
    const char *stray = ": 1 image beside the class folders is left out (stray.jpg)\n";
    const char *lines[] = {
        nested, stray, ": 1 of 4 classes has no test images ('cup')\n",
        ": num_shots 2: 1 of 4 classes has fewer training images, and gives all ('cup': 1)\n"};
    cli_ok(cli, "run", yaml);
    for (int i = 0; i < 4; i++) {
        const char *line = arena_printf(cli->arena, "%s%s", photos, lines[i]), *at = strstr(cli->err, line);
        assert_holds(cli->err, line);
        assert_null(strstr(at + 1, line));
    }
    cli_ok(cli, "run", yaml, "--quiet", "--set", "outputs.report=false", "--set", "grid.seed=2", "--set",
           "model.activation=quick_gelu");
    assert_string_equal(cli->err, "");
    cli_ok(cli, "init", photos, "--model", MODEL, "--vocab", VOCAB);
    assert_holds(cli->err, nested);
    assert_holds(cli->err, stray);
}

static void test_class_names(void **state) {
    Cli *cli = *state;
    const char *photos = make_photos(cli), *names = cli_path(cli, "names.txt");
    const char *dataset =
        arena_printf(cli->arena, "format: folder, images: %s, class_names: %s", photos, names);
    const char *yaml = make_experiment(cli, "n", dataset);
    write_text(names, "Ring\ta ring\nkee a key\n");
    cli_refuses(cli, 3, names, "line 2: no class 'kee' in", "run", yaml);
    write_text(names, "Ring\ta ring\nkey a key\n");
    cli_refuses(cli, 3, names, "no line for class 'red fox' of", "run", yaml);
    write_text(names, "Ring\tthing\nkey\tthing\nred fox\tfox\n");
    cli_refuses(cli, 3, names, "line 2: the name 'thing' is that of line 1 too", "run", yaml);
    write_text(names, "Ring\ta ring\nkey a key\nred fox\tVulpes vulpes\n");
    cli_ok(cli, "run", yaml);
    cli_ok(cli, "inspect", cli_point_file(cli, "n", "learned", 1, "prompt.safetensors"));
    assert_holds(cli->out, "Vulpes vulpes");
    assert_holds(cli_read(cli, cli_path(cli, "n/split_zhou_photos.json"), NULL), "\"Vulpes vulpes\"]");
}

/* Classes of one and two images: all of them train, the others are tested. */
static void test_small_classes(void **state) {
    Cli *cli = *state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(make_folders(cli_path(cli, "few/%c", 'a' + i), NULL), 0);
        for (int k = 0; k <= i; k++)
            cli_copy(arena_printf(cli->arena, FIXTURES "images/shape%02d/%04d.jpg", i, k),
                     cli_path(cli, "few/%c/%d", 'a' + i, k));
    }
    const char *dataset = arena_printf(cli->arena, "format: folder, images: %s", cli_path(cli, "few"));
    cli_ok(cli, "run", make_experiment(cli, "few_out", dataset));
    assert_holds(cli->err, "drawn: 4 images for training, 0 for validation, 2 for testing");
    cli_ok(cli, "init", cli_path(cli, "few"), "--model", MODEL, "--vocab", VOCAB);
    assert_holds(cli->out, "num_shots: [1]");
    assert_holds(cli->out, "\n# 1 to 3 images each.");
    for (int i = 1; i < 3; i++)
        for (int k = 1; k <= i; k++)
            assert_int_equal(unlink(cli_path(cli, "few/%c/%d", 'a' + i, k)), 0);
    cli_refuses(cli, 3, cli_path(cli, "few: "), "one image per class: none is left to test on", "init",
                cli_path(cli, "few"), "--model", MODEL, "--vocab", VOCAB);
}

static void test_init(void **state) {
    Cli *cli = *state;
    const char *photos = make_photos(cli), *yaml = cli_path(cli, "p.yaml");
    cli_refuses(cli, 2, "coop init: ", "--model is needed", "init", photos);
    cli_refuses(cli, 2, "coop init: ", "usage: ", "init", "--model", MODEL);
    cli_refuses(cli, 3, cli_path(cli, "none.pt: "), "cannot open", "init", photos, "--model",
                cli_path(cli, "none.pt"));
    cli_copy(MODEL, cli_path(cli, "model.safetensors"));
    cli_refuses(cli, 3, cli_path(cli, "model.safetensors: "), "vocabulary: none of", "init", photos,
                "--model", cli_path(cli, "model.safetensors"));
    cli_copy(VOCAB, cli_path(cli, "merges.txt.gz")); /* now it lies beside */
    cli_ok(cli, "init", photos, "--model", cli_path(cli, "model.safetensors"));
    write_text(yaml, "mine");
    cli_refuses(cli, 3, yaml, "is there already, and stays as it is", "init", photos, "--model", MODEL,
                "--vocab", VOCAB, "--out", yaml);
    assert_string_equal(cli_read(cli, yaml, NULL), "mine");
    assert_int_equal(mkdir(cli_path(cli, "a\nb"), 0777), 0);
    cli_refuses(cli, 3, cli_path(cli, "a\\x0Ab: "), "bytes that an experiment file cannot", "init",
                cli_path(cli, "a\nb"), "--model", MODEL);
}

/* The folders train and test (and val) are taken as they are. */
static void test_given_parts(void **state) {
    Cli *cli = *state;
    static const char *const parts[] = {"train", "test", "val"};
    const char *photos = make_photos(cli), *yaml = cli_path(cli, "g.yaml");
    assert_int_equal(make_folders(cli_path(cli, "given \"x\" \\y"), NULL), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(symlink(photos, cli_path(cli, "given \"x\" \\y/%s", parts[i])), 0);
        unlink(yaml);
        int status = cli_run(cli, "init", cli_path(cli, "given \"x\" \\y"), "--model", MODEL, "--vocab",
                             VOCAB, "--out", yaml);
        assert_int_equal(status, i == 0 ? 3 : 0); /* train alone is taken for a class */
    }
    assert_holds(cli_read(cli, yaml, NULL), "  val: ");
    assert_holds(cli_read(cli, yaml, NULL), "  num_shots: [1, 2, 4]  #");
    cli_ok(cli, "run", yaml, "--dry-run", "--set", arena_printf(cli->arena, "output=%s", cli_path(cli, "g")));
    assert_holds(cli->out, "20 points, 20 to run");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(test_two_commands),  CLI_TEST(test_draws),   CLI_TEST(test_csv),
        CLI_TEST(test_refusals),      CLI_TEST(test_remarks), CLI_TEST(test_class_names),
        CLI_TEST(test_small_classes), CLI_TEST(test_init),    CLI_TEST(test_given_parts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
