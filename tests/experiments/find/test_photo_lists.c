/* test_photo_lists.c: coop search --approximate, as its users see it, on an index of 100,000 photos that
 * never were. */
#include "clip/base/files.h"
#include "experiments/find/photo_lists.h"
#include "experiments/near/clusters.h"
#include "tests/experiments/near/near_support.h"
#include "tests/support/cli_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MODEL FIXTURES "clip_vit.safetensors"
#define VOCAB FIXTURES "merges.txt.gz"
#define PHOTO FIXTURES "images/shape00/0000.jpg"

enum { N = PHOTO_LISTS_FEWEST };

static void said(const Cli *cli, const char *text, bool is) {
    if (is != (strstr(cli->err, text) != NULL))
        fail_msg("'%s' is %s: %s", text, is ? "not in" : "in", cli->err);
}

/* SCRATCH/x.index of one photo. */
static const char *make_small(Cli *cli) {
    const char *path = cli_path(cli, "x.index");
    cli_ok(cli, "index", PHOTO, "--model", MODEL, "--vocab", VOCAB, "--out", path);
    return path;
}

/* The same with N more: near some centre each, one in ten with a copy. */
static const char *make_large(Cli *cli) {
    const char *path = make_small(cli);
    Error err = {0};
    PhotoIndex *index = near_support_open(path);
    char *about = arena_strdup(cli->arena, index->about);
    const IndexKind kind = {index->numbers, index->E, about};
    photo_index_close(index);
    IndexWriter *writer = index_writer_open(path, &kind, &err);
    float *feature = arena_floats(cli->arena, 2, (size_t)kind.E);
    for (uint32_t i = 0; i < N; i++) {
        char name[64];
        const IndexEntry entry = support_entry(i, name);
        double sum = 0;
        support_feature(feature, kind.E, i / 2 % 10 == 0 ? i / 2 : i);
        support_feature(feature + kind.E, kind.E, 1000000 + i % 300);
        for (int k = 0; k < kind.E; k++) {
            feature[k] += feature[k + kind.E];
            sum += (double)feature[k] * (double)feature[k];
        }
        for (int k = 0; k < kind.E; k++)
            feature[k] = (float)(feature[k] / sqrt(sum));
        assert_int_equal(index_writer_add(writer, &entry, feature, &err), 0);
    }
    assert_int_equal(index_writer_commit(writer, &err), 0);
    index_writer_close(writer);
    return path;
}

static void without_it_says_how_to_get_it(void **state) {
    Cli *cli = *state;
    if (clusters_known())
        skip();
    cli_refuses(cli, 2, "coop search: --approximate: this coop was built without FAISS",
                "make deps all FAISS=1", "search", make_small(cli), "a square", "--approximate");
}

static void a_small_index_is_searched_exactly(void **state) {
    Cli *cli = *state;
    near_support_need();
    const char *path = make_small(cli);
    cli_ok(cli, "search", path, "a square", "--approximate");
    said(cli, "exact search of 1 photo", true);
    assert_non_null(strstr(cli->out, "0000.jpg"));
    assert_false(cli_exists(cli_path(cli, "x.index.near")));
    cli_refuses(cli, 2, "coop search: --probes is of --approximate", "", "search", path, "a square",
                "--probes", "3");
}

/* What all lists find is what an exact search finds, whatever is asked. */
static void expect_exact(Cli *cli, const char *path) {
    static const char *const wishes[][6] = {{"a red circle"},
                                            {"a red circle", "--not", "a square"},
                                            {"--image", PHOTO},
                                            {"a red circle", "--image", PHOTO, "--fold", "0.95"}};
    for (int w = 0; w < 4; w++) {
        const char *words[16] = {"search", path};
        int n = 2;
        for (int i = 0; i < 6 && wishes[w][i]; i++)
            words[n++] = wishes[w][i];
        cli_expect(cli, 0, words);
        const char *exact = cli->out;
        words[n++] = "--approximate";
        words[n++] = "--probes=100000";
        cli_expect(cli, 0, words);
        assert_string_equal(cli->out, exact);
        said(cli, "; it is made now", false);
        words[n - 1] = "--probes=4";
        words[n++] = "--threads=1";
        cli_expect(cli, 0, words);
        const char *one = cli->out;
        words[n - 1] = "--threads=2";
        cli_expect(cli, 0, words);
        assert_string_equal(cli->out, one);
        said(cli, "approximate: 4 of 126", true);
    }
}

static void made_once_and_told(void **state) {
    Cli *cli = *state;
    near_support_need();
    const char *path = make_large(cli), *near = cli_path(cli, "x.index.near");
    size_t size;
    cli_ok(cli, "search", path, "a red circle", "--approximate");
    said(cli, "x.index.near: cannot open: No such file or directory; it is made now", true);
    said(cli, "  --probes 1 ", true);
    said(cli, "to photos and ", true);
    cli_read(cli, near, &size);
    expect_exact(cli, path);
    cli_ok(cli, "search", path, "a red circle", "--approximate", "--json", "--top", "3");
    said(cli, "made", false);
    json_t *object = json_loads(cli->out, JSON_DISABLE_EOF_CHECK, NULL),
           *recall = json_object_get(object, "approximate");
    assert_true(json_integer_value(json_object_get(recall, "probes")) >= 1);
    assert_int_equal(json_integer_value(json_object_get(recall, "of")), 1265);
    assert_true(json_real_value(json_object_get(recall, "photos")) > 0.1);
    assert_true(json_real_value(json_object_get(recall, "texts")) > 0.1);
    json_decref(object);
    cli_ok(cli, "search", path, "a red circle", "--json", "--top", "1");
    assert_null(strstr(cli->out, "approximate"));
    /* damaged: made anew, the same */
    const char *before = cli_read(cli, near, &size);
    scratch_flip(near, size - 100, 4);
    cli_ok(cli, "search", path, "a red circle", "--approximate");
    said(cli, "x.index.near: damaged, ", true);
    said(cli, "its checksum; it is made now", true);
    assert_memory_equal(cli_read(cli, near, NULL), before, size);
    for (size_t at = 64; at < size / 2; at += size / 100)
        scratch_flip(near, at, 4);
    cli_refuses(cli, 3, near, ".near: damaged: the rows of list", "search", path, "a red circle",
                "--approximate", "--quiet");
}

/* Interrupted, or killed while it is made, there is the whole file or none. */
static void killed_while_it_is_made(void **state) {
    Cli *cli = *state;
    near_support_need();
    const char *path = make_large(cli), *near = cli_path(cli, "x.index.near");
    const char *const words[] = {"search", path, "a red circle", "--approximate", NULL};
    int tries = 0;
    for (double seconds = 0.1; !cli_survives(cli, words, seconds, tries % 2 ? SIGINT : SIGKILL);
         seconds *= 1.4) {
        tries++;
        PhotoIndex *index = near_support_open(path);
        Error err = {0};
        NearLists *lists = near_lists_open(near, index, &err);
        assert_true(lists || strstr(err.text, "No such file"));
        near_lists_close(lists);
        photo_index_close(index);
        unlink(near);
    }
    cli_ok(cli, "search", path, "a red circle", "--approximate");
    said(cli, "it is made now", false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(without_it_says_how_to_get_it),
        CLI_TEST(a_small_index_is_searched_exactly),
        CLI_TEST(made_once_and_told),
        CLI_TEST(killed_while_it_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
