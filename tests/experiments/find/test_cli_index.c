/* test_cli_index.c: photos that come, change, move and go, and what is found of them, as its users see it. */
#define _GNU_SOURCE
#include "clip/base/files.h"
#include "clip/tensors/tensors_open.h"
#include "tests/support/cli_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"
#include "tests/support/tar_support.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define MODEL FIXTURES "clip_vit.safetensors"
#define VOCAB FIXTURES "merges.txt.gz"

/* SCRATCH/photos with `n` of the fixtures. Returns its path. */
static const char *make_photos(Cli *cli, int n) {
    const char *folder = cli_path(cli, "photos");
    assert_int_equal(mkdir(folder, 0777), 0);
    for (int i = 0; i < n; i++)
        cli_copy(arena_printf(cli->arena, FIXTURES "images/shape%02d/%04d.jpg", i % 10, i / 10),
                 cli_path(cli, "photos/%02d.jpg", i));
    return folder;
}

static void update(Cli *cli, int status, const char *photos) {
    const char *const words[] = {
        "index", photos, "--model", MODEL, "--vocab", VOCAB, "--out", cli_path(cli, "x.index"), NULL};
    cli_expect(cli, status, words);
}

static void said(const Cli *cli, const char *text) {
    if (!strstr(cli->err, text))
        fail_msg("'%s' is not in: %s", text, cli->err);
}

static void photos_come_change_move_and_go(void **state) {
    Cli *cli = *state;
    const char *photos = make_photos(cli, 8);
    update(cli, 0, photos);
    said(cli, "8 photos: 8 new, 0 changed, 0 with known content, 0 deleted, 0 as before");
    size_t size, after;
    cli_read(cli, cli_path(cli, "x.index"), &size);
    update(cli, 0, photos);
    said(cli, "8 photos: 0 new, 0 changed, 0 with known content, 0 deleted, 8 as before");
    cli_read(cli, cli_path(cli, "x.index"), &after);
    assert_int_equal(size, after); /* nothing to commit */
    assert_int_equal(rename(cli_path(cli, "photos/00.jpg"), cli_path(cli, "photos/moved.jpg")), 0);
    assert_int_equal(unlink(cli_path(cli, "photos/01.jpg")), 0);
    assert_int_equal(unlink(cli_path(cli, "photos/02.jpg")), 0);
    cli_copy(FIXTURES "images/shape09/0000.jpg", cli_path(cli, "photos/02.jpg"));
    cli_copy(FIXTURES "images/shape08/0000.jpg", cli_path(cli, "photos/new.jpg"));
    update(cli, 0, photos);
    said(cli, "8 photos: 1 new, 1 changed, 1 with known content, 2 deleted, 5 as before");
    /* what is named alone does not delete others */
    update(cli, 0, cli_path(cli, "photos/new.jpg"));
    said(cli, "8 photos: 0 new, 0 changed, 0 with known content, 0 deleted, 1 as before");
}

/* Each of the photos is found by itself, whatever update brought it. */
static void each_is_nearest_to_itself(void **state) {
    Cli *cli = *state;
    const char *photos = make_photos(cli, 5);
    update(cli, 0, photos);
    assert_int_equal(rename(cli_path(cli, "photos/03.jpg"), cli_path(cli, "photos/13.jpg")), 0);
    update(cli, 0, photos);
    for (int i = 0; i < 5; i++) {
        const char *path = cli_path(cli, "photos/%02d.jpg", i == 3 ? 13 : i);
        cli_ok(cli, "search", cli_path(cli, "x.index"), "--image", path, "--top", "1");
        assert_int_equal(strncmp(cli->out, "1.000  /", 8), 0);
        assert_non_null(strstr(cli->out, strrchr(path, '/')));
    }
}

/* The score of a text is the cosine of what `coop encode` gives, and so is that of an image. Read in bfloat16
 * to two digits. */
static void a_score_is_a_cosine(void **state) {
    Cli *cli = *state;
    const char *photos = make_photos(cli, 2), *texts = cli_path(cli, "texts"), *half = cli_path(cli, "half");
    scratch_file(texts, "a red circle\n", 13);
    update(cli, 0, photos);
    cli_ok(cli, "encode", "--model", MODEL, "--vocab", VOCAB, "--texts", texts, "--out", cli_path(cli, "t"));
    cli_ok(cli, "encode", "--model", MODEL, "--images", photos, "--out", cli_path(cli, "i"));
    TensorFile *t = fixture_open(cli_path(cli, "t")), *p = fixture_open(cli_path(cli, "i"));
    size_t E, n;
    const float *text = fixture_floats(t, "features", cli->arena, &E);
    const float *images = fixture_floats(p, "features", cli->arena, &n);
    double dot = 0, a = 0, b = 0;
    for (size_t k = 0; k < E; k++) {
        dot += (double)text[k] * (double)images[E + k];
        a += (double)text[k] * (double)text[k];
        b += (double)images[E + k] * (double)images[E + k];
    }
    assert_int_equal(n, 2 * E);
    tensors_close(t);
    tensors_close(p);
    cli_ok(cli, "index", photos, "--model", MODEL, "--vocab", VOCAB, "--out", half, "--features", "bfloat16");
    for (int h = 0; h < 2; h++) {
        cli_ok(cli, "search", h ? half : cli_path(cli, "x.index"), "a red circle", "--json");
        const char *line = strstr(cli->out, "01.jpg");
        assert_non_null(line);
        const double score = strtod(strstr(line, "\"score\":") + 8, NULL);
        assert_true(fabs(score - dot / sqrt(a * b)) < (h ? 4e-3 : 1e-6));
    }
}

/* Named once each, with status 1; the others are there. The next update tries again. */
static void bad_photos_are_named(void **state) {
    Cli *cli = *state;
    const char *photos = make_photos(cli, 3), *cut = cli_path(cli, "photos/cut.jpg");
    size_t size;
    char *bytes = cli_read(cli, cli_path(cli, "photos/00.jpg"), &size);
    scratch_file(cut, bytes, size / 2);
    scratch_file(cli_path(cli, "photos/notes.txt"), "words", 5);
    for (int i = 0; i < 2; i++) {
        update(cli, 1, photos);
        said(cli, cut);
        said(cli, "1 photo could not be read");
        said(cli, "note: 1 file is no image and passed over");
        said(cli, i ? "3 photos: 0 new" : "3 photos: 3 new");
    }
    scratch_file(cut, bytes, size); /* mended: the same content as another */
    update(cli, 0, photos);
    said(cli, "4 photos: 0 new, 0 changed, 1 with known content, 0 deleted, 3 as before");
}

static void what_vanished_is_marked(void **state) {
    Cli *cli = *state;
    const char *index = cli_path(cli, "x.index"), *page = cli_path(cli, "page.html");
    update(cli, 0, make_photos(cli, 4));
    assert_int_equal(unlink(cli_path(cli, "photos/01.jpg")), 0);
    scratch_file(cli_path(cli, "photos/02.jpg"), "else", 4);
    cli_ok(cli, "search", index, "a square", "--html", page);
    assert_non_null(strstr(cli->out, "01.jpg  (gone)\n"));
    assert_non_null(strstr(cli->out, "02.jpg  (changed since)\n"));
    assert_non_null(strstr(cli->out, "00.jpg\n"));
    cli_ok(cli, "search", index, "a square", "--json");
    assert_non_null(strstr(cli->out, "\"state\":\"gone\""));
    const char *html = cli_read(cli, page, NULL);
    assert_non_null(strstr(html, "no longer there"));
    assert_non_null(strstr(html, "<img width="));
    assert_null(strstr(html, "src=\"/")); /* needs nothing else */
    assert_null(strstr(html, "http://www.w3.org/1999/xlink"));
    /* a folder that is empty as when its disk is not mounted */
    assert_int_equal(unlink(cli_path(cli, "photos/00.jpg")), 0);
    assert_int_equal(unlink(cli_path(cli, "photos/02.jpg")), 0);
    assert_int_equal(unlink(cli_path(cli, "photos/03.jpg")), 0);
    update(cli, 3, cli_path(cli, "photos"));
    said(cli, "is a disk not mounted?");
    cli_ok(cli, "search", index, "a square");
    assert_non_null(strstr(cli->out, "03.jpg  (gone)\n"));
}

/* The whole folder, a tar file in it: named where it is now, nothing is encoded and nothing is left behind. A
 * copy that is elsewhere stays, and so does what has gone without a trace. */
static void a_folder_that_moves(void **state) {
    Cli *cli = *state;
    const char *photos = make_photos(cli, 4), *index = cli_path(cli, "x.index");
    const char *other = cli_path(cli, "copy.jpg"), *lost = cli_path(cli, "lost.jpg");
    Buffer shard = {0};
    size_t size;
    const char *bytes = cli_read(cli, FIXTURES "images/shape07/0001.jpg", &size);
    tar_put(&shard, "m.jpg", '0', bytes, size);
    tar_end(&shard);
    tar_save(&shard, cli_path(cli, "photos/shard.tar"));
    cli_copy(cli_path(cli, "photos/00.jpg"), other);
    cli_copy(FIXTURES "images/shape08/0001.jpg", lost);
    update(cli, 0, photos);
    update(cli, 0, other);
    update(cli, 0, lost);
    said(cli, "7 photos: ");
    assert_int_equal(unlink(lost), 0);
    assert_int_equal(rename(photos, cli_path(cli, "moved")), 0);
    cli_ok(cli, "search", index, "a square", "--top", "7");
    said(cli, "note: 6 of the photos found are no longer there; coop index --out");
    update(cli, 0, cli_path(cli, "moved"));
    said(cli, "7 photos: 0 new, 0 changed, 5 with known content, 5 deleted, 0 as before");
    cli_ok(cli, "search", index, "a square", "--top", "7");
    assert_null(strstr(cli->out, "/photos/"));
    assert_non_null(strstr(cli->out, "moved/shard.tar: m.jpg\n"));
    assert_non_null(strstr(cli->out, "lost.jpg  (gone)\n"));
    assert_non_null(strstr(cli->out, "copy.jpg\n"));
}

/* Members of a tar file are photos, too; what leaves it leaves the index. */
static void shards_are_photos(void **state) {
    Cli *cli = *state;
    const char *photos = make_photos(cli, 4), *tar = cli_path(cli, "photos/shard.tar");
    for (int n = 3; n >= 2; n--) {
        Buffer shard = {0};
        for (int i = 0; i < n; i++) {
            size_t size;
            const char *bytes =
                cli_read(cli, arena_printf(cli->arena, FIXTURES "images/shape%02d/0001.jpg", i), &size);
            tar_put(&shard, arena_printf(cli->arena, "m%d.jpg", i), '0', bytes, size);
            tar_text(&shard, arena_printf(cli->arena, "m%d.txt", i), "a caption");
        }
        tar_end(&shard);
        tar_save(&shard, tar);
        update(cli, 0, photos);
        said(cli, n == 3 ? "7 photos: 7 new" : "6 photos: 0 new");
    }
    said(cli, "1 deleted");
    cli_ok(cli, "search", cli_path(cli, "x.index"), "--image", FIXTURES "images/shape01/0001.jpg", "--top",
           "1", "--html", cli_path(cli, "page.html"));
    assert_non_null(strstr(cli->out, "shard.tar: m1.jpg\n"));
    assert_non_null(strstr(cli_read(cli, cli_path(cli, "page.html"), NULL), "<img width="));
}

static void names_that_are_not_utf8(void **state) {
    Cli *cli = *state;
    const char *photos = make_photos(cli, 1);
    cli_copy(FIXTURES "images/shape05/0001.jpg", cli_path(cli, "photos/\xff\xfe<b>\n.jpg"));
    update(cli, 0, photos);
    update(cli, 0, photos);
    said(cli, "2 as before");
    cli_ok(cli, "search", cli_path(cli, "x.index"), "a", "--html", cli_path(cli, "page.html"));
    assert_non_null(strstr(cli->out, "\\xFF\\xFE<b>\\x0A.jpg\n"));
    cli_ok(cli, "search", cli_path(cli, "x.index"), "a", "--json");
    assert_non_null(strstr(cli->out, "xFF"));
    assert_null(strstr(cli_read(cli, cli_path(cli, "page.html"), NULL), "<b>\n"));
}

static void copies_are_folded(void **state) {
    Cli *cli = *state;
    const char *photos = make_photos(cli, 3), *index = cli_path(cli, "x.index");
    for (int i = 0; i < 5; i++)
        cli_copy(cli_path(cli, "photos/00.jpg"), cli_path(cli, "photos/copy%d.jpg", i));
    update(cli, 0, photos);
    cli_ok(cli, "search", index, "--image", cli_path(cli, "photos/00.jpg"), "--fold", "0.9999", "--top", "2");
    assert_non_null(strstr(cli->out, "1.000  /"));
    assert_non_null(strstr(cli->out, "00.jpg  (and 5 alike)\n"));
    cli_refuses(cli, 2, "coop search: --fold 1.5", "cosine", "search", index, "a", "--fold", "1.5");
}

/* A weak dislike moves what shows it down; both ways of asking together are neither alone. */
static void wishes_are_combined(void **state) {
    Cli *cli = *state;
    const char *index = cli_path(cli, "x.index"), *a, *b, *c;
    update(cli, 0, make_photos(cli, 10));
    cli_ok(cli, "search", index, "a circle");
    a = cli->out;
    cli_ok(cli, "search", index, "a circle", "--not", "a circle");
    b = cli->out; /* half of it is left, of unit length: the same */
    assert_string_equal(a, b);
    cli_ok(cli, "search", index, "a circle", "--image", cli_path(cli, "photos/07.jpg"));
    c = cli->out;
    assert_true(strcmp(a, c) != 0);
    cli_ok(cli, "search", index, "circle", "--template", "a {}");
    assert_string_equal(a, cli->out);
    cli_ok(cli, "search", index, "circle", "--template", "a {}", "--template", "the {}");
    assert_true(strcmp(a, cli->out) != 0);
    cli_refuses(cli, 2, "coop search: what is looked for?", "--image", "search", index);
}

static void another_checkpoint_is_refused(void **state) {
    Cli *cli = *state;
    const char *photos = make_photos(cli, 2), *index = cli_path(cli, "x.index");
    update(cli, 0, photos);
    cli_refuses(cli, 3, index, "another checkpoint", "search", index, "a", "--vocab", VOCAB, "--model",
                FIXTURES "clip_rn.safetensors");
    cli_refuses(cli, 3, index, "", "index", photos, "--out", index, "--quiet", "--model",
                FIXTURES "clip_rn.safetensors");
}

/* Refused because of what the command line says, or because of the file. */
static void other_files_are_left_alone(void **state) {
    Cli *cli = *state;
    const char *photos = make_photos(cli, 1), *text = cli_path(cli, "text");
    scratch_file(text, "precious", 8);
    cli_refuses(cli, 3, text, "no index of photos", "index", photos, "--model", MODEL, "--out", text,
                "--quiet");
    cli_refuses(cli, 3, text, "no index of photos", "search", text, "a");
    assert_string_equal(cli_read(cli, text, NULL), "precious");
    cli_refuses(cli, 2, "coop index: --model and --out", "", "index", photos);
    cli_refuses(cli, 2, "coop index: --features half", "", "index", photos, "--model", MODEL, "--out", text,
                "--features", "half");
}

/* Ctrl-C, and a kill: what was encoded before a signal is kept; afterwards an update brings the rest, and the
 * features are those of an index that was never stopped. */
static void stopped_at_any_time(void **state) {
    Cli *cli = *state;
    const char *photos = make_photos(cli, 60), *index = cli_path(cli, "x.index");
    const char *const words[] = {"index", photos, "--model", MODEL, "--vocab", VOCAB, "--out", index, NULL};
    update(cli, 0, photos);
    const double whole = cli->seconds;
    cli_ok(cli, "search", index, "a circle", "--top", "100");
    const char *expected = cli->out;
    for (int i = 0; i < 12; i++) {
        unlink(index);
        cli_start(cli, words);
        nanosleep(&(struct timespec){.tv_nsec = (long)(whole < 0.9 ? whole * i / 12 * 1e9 : 5e7 * i)}, NULL);
        kill(cli->child, i % 2 ? SIGKILL : SIGINT);
        cli_wait(cli);
        update(cli, 0, photos);
        said(cli, "60 photos: ");
        cli_ok(cli, "search", index, "a circle", "--top", "100");
        assert_string_equal(cli->out, expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(photos_come_change_move_and_go),
        CLI_TEST(each_is_nearest_to_itself),
        CLI_TEST(a_score_is_a_cosine),
        CLI_TEST(bad_photos_are_named),
        CLI_TEST(what_vanished_is_marked),
        CLI_TEST(a_folder_that_moves),
        CLI_TEST(shards_are_photos),
        CLI_TEST(names_that_are_not_utf8),
        CLI_TEST(copies_are_folded),
        CLI_TEST(wishes_are_combined),
        CLI_TEST(another_checkpoint_is_refused),
        CLI_TEST(other_files_are_left_alone),
        CLI_TEST(stopped_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
