/* test_cli_changed_data.c: a dataset that changes under its name between two runs: its earlier results are
 * set aside, never averaged with those of now, and its earlier draw is kept. */
#include "tests/support/cli_support.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void add_photos(Cli *cli, const char *class, int shape, int first, int n) {
    assert_int_equal(make_folders(cli_path(cli, "photos/%s", class), NULL), 0);
    for (int i = first; i < first + n; i++)
        cli_copy(arena_printf(cli->arena, FIXTURES "images/shape%02d/%04d.jpg", shape, i),
                 cli_path(cli, "photos/%s/%d.jpg", class, i));
}

static int rows(Cli *cli) {
    const char *text = cli_read(cli, cli_path(cli, "out/results.csv"), NULL);
    int n = -1;
    for (const char *at = text; *at; at++)
        n += *at == '\n';
    return n;
}

/* "80.0 ± 1.2": a mean over several seeds; not "mean ± std" of the title. */
static bool has_deviation(const char *table) {
    for (const char *at = table; (at = strstr(at, "± ")); at++)
        if (strchr("0123456789", at[strlen("± ")]))
            return true;
    return false;
}

static const char *write_yaml(Cli *cli) {
    const char *yaml = cli_path(cli, "out.yaml");
    const char *text = arena_printf(
        cli->arena,
        "output: %s\nmodel: {weights: " FIXTURES "clip_vit.safetensors, vocab: " FIXTURES
        "merges.txt.gz}\ndataset: {format: folder, images: %s}\noptim: {max_epoch: 1}\n"
        "grid: {num_shots: 1, seed: [1, 2]}\nmethods:\n  - zeroshot: {}\n  - coop: {n_ctx: 2, name: x}\n",
        cli_path(cli, "out"), cli_path(cli, "photos"));
    scratch_file(yaml, text, strlen(text));
    return yaml;
}

/* The only folder of earlier_splits, or NULL. */
static const char *earlier_split(Cli *cli) {
    DIR *dir = opendir(cli_path(cli, "out/earlier_splits"));
    const char *found = NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.') {
            assert_null(found);
            found = cli_path(cli, "out/earlier_splits/%s/split_zhou_photos.json", entry->d_name);
        }
    if (dir)
        closedir(dir);
    return found;
}

static void test_more_photos(void **state) {
    Cli *cli = *state;
    add_photos(cli, "ring", 0, 0, 6);
    add_photos(cli, "key", 1, 0, 6);
    const char *yaml = write_yaml(cli);
    cli_ok(cli, "run", yaml);
    assert_null(strstr(cli->err, "set aside"));
    assert_int_equal(rows(cli), 3);
    assert_true(has_deviation(cli->out));
    const char *split = cli_path(cli, "out/split_zhou_photos.json"), *before = cli_read(cli, split, NULL);
    cli_ok(cli, "run", yaml, "--set", "grid.seed=[1, 2, 3]"); /* the same draw again */
    assert_string_equal(cli_read(cli, split, NULL), before);
    assert_null(earlier_split(cli));

    /* with other photos, one seed alone: its numbers are not averaged with those of before */
    add_photos(cli, "key", 1, 6, 1);
    cli_ok(cli, "run", yaml, "--set", "grid.seed=2");
    assert_non_null(strstr(cli->err, "note: other parts than before"));
    assert_non_null(strstr(cli->err,
                           "out/results.jsonl: 4 results of other images, classes or parts of 'photos' "
                           "than the last are set aside\n"));
    assert_int_equal(rows(cli), 2);
    assert_false(has_deviation(cli->out));
    assert_string_equal(cli_read(cli, earlier_split(cli), NULL), before);
    assert_string_not_equal(cli_read(cli, split, NULL), before);
    assert_int_equal(cli_results(cli, "out", NULL).n, 6); /* they are kept */
    cli_ok(cli, "report", cli_path(cli, "out"));
    assert_non_null(strstr(cli->err, "note: "));
    assert_non_null(strstr(cli->err, ": 4 results of other images, classes or parts of 'photos'"));
    assert_false(has_deviation(cli->out));
    assert_int_equal(rows(cli), 2);

    /* and back: those of before count again, but for the files that were written over */
    assert_int_equal(unlink(cli_path(cli, "photos/key/6.jpg")), 0);
    cli_ok(cli, "run", yaml, "--set", "grid.seed=[1, 3]");
    assert_int_equal(rows(cli), 4);
    assert_non_null(strstr(cli->err, ": 2 results of other images, classes or parts of 'photos'"));
    cli_ok(cli, "report", cli_path(cli, "out"));
    assert_int_equal(rows(cli), 4);
}

static void test_other_classes(void **state) {
    Cli *cli = *state;
    add_photos(cli, "ring", 0, 0, 6);
    add_photos(cli, "key", 1, 0, 6);
    const char *yaml = write_yaml(cli);
    cli_ok(cli, "run", yaml);
    assert_int_equal(rename(cli_path(cli, "photos/key"), cli_path(cli, "photos/house key")), 0);
    cli_ok(cli, "run", yaml);
    assert_non_null(strstr(cli->err, ": 3 results of other images"));
    assert_int_equal(rows(cli), 3);
    cli_ok(cli, "run", yaml); /* once is enough */
    assert_non_null(strstr(cli->err, "3 of 3 points are already finished\n"));
    assert_int_equal(rows(cli), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_more_photos), CLI_TEST(test_other_classes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
