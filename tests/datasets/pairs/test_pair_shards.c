/* test_pair_shards.c: samples of tar files, and all that can be wrong with one. */
#include "datasets/pairs/pairs.h"

#include "tests/support/list_support.h"
#include "tests/support/scratch.h"
#include "tests/support/tar_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static PairSource *open_shards(Lists *lists, const char *shards) {
    return pairs_open_shards(lists_path(lists, shards), &lists->err);
}

static void save(Lists *lists, Buffer *tar, const char *path) {
    tar_save(tar, lists_path(lists, path));
}

static void expect_pair(Lists *lists, const PairSource *source, int index, const char *name,
                        const char *image, const char *caption) {
    Pair pair;
    lists_assert_ok(lists, pairs_get(source, index, 0, 0, &pair, lists->arena, &lists->err));
    assert_string_equal(pair.name, lists_path(lists, name));
    assert_string_equal(pair.caption, caption);
    assert_int_equal(pair.size, strlen(image));
    assert_memory_equal(pair.image, image, pair.size);
}

static void expect_refusal(Lists *lists, const char *message) {
    assert_null(open_shards(lists, "@/x.tar"));
    lists_assert_error(lists, -1, message);
}

static void samples_are_grouped_by_stem(void **state) {
    Lists *lists = *state;
    Buffer tar = {0};
    tar_put(&tar, "./", '5', "", 0);
    tar_text(&tar, "./000.jpg", "image 0");
    tar_text(&tar, "./000.json", "{}");
    tar_text(&tar, "./000.txt", "caption 0\r\n ");
    tar_text(&tar, "sub.dir/000.txt", "another 0");
    tar_text(&tar, "sub.dir/000.seg.png", "no image of its own");
    tar_text(&tar, "sub.dir/000.WebP", "image, too");
    tar_text(&tar, "sub.dir/000.png", "png goes before webp");
    tar_end(&tar);
    save(lists, &tar, "@/0.tar");
    tar_text(&tar, "1.png", "");
    tar_text(&tar, "1.txt", "gr\xc3\xbc\xc3\x9f\x65");
    tar_text(&tar, "1.png", "the same stem, and a png again");
    tar_text(&tar, "1.txt", "another sample");
    tar_end(&tar);
    save(lists, &tar, "@/1.tar");
    PairSource *source = open_shards(lists, "@/{0..1}.tar");
    lists_assert_ok(lists, source ? 0 : -1);
    assert_int_equal(pairs_count(source), 4);
    assert_null(pairs_remark(source, 0));
    expect_pair(lists, source, 3, "@/1.tar: 1.png", "the same stem, and a png again", "another sample");
    expect_pair(lists, source, 0, "@/0.tar: ./000.jpg", "image 0", "caption 0");
    expect_pair(lists, source, 1, "@/0.tar: sub.dir/000.png", "png goes before webp", "another 0");
    expect_pair(lists, source, 2, "@/1.tar: 1.png", "", "gr\xc3\xbc\xc3\x9f\x65");
    pairs_close(source);
}

static void incomplete_samples_are_left_out(void **state) {
    Lists *lists = *state;
    Buffer tar = {0};
    tar_text(&tar, "a.txt", "no image");
    tar_text(&tar, "b.jpg", "no caption");
    tar_text(&tar, "b.json", "{\"caption\": \"x\"}");
    tar_text(&tar, "c.jpg", "blank caption");
    tar_text(&tar, "c.txt", " \n");
    tar_text(&tar, "d.jpg", "no text");
    tar_text(&tar, "d.txt", "gr\xfc\xdf\x65");
    tar_text(&tar, "e.jpg", "no text");
    tar_put(&tar, "e.txt", '0', "a\0b", 3);
    tar_text(&tar, "README", "no sample");
    tar_text(&tar, "README.md", "neither");
    tar_text(&tar, ".hidden.jpg", "no sample");
    tar_put(&tar, "f.jpg", '2', "", 0); /* a link */
    tar_text(&tar, "f.txt", "no image, either");
    tar_text(&tar, "g.jpg", "image");
    tar_text(&tar, "g.txt", "caption");
    tar_end(&tar);
    buffer_append(&tar, "behind", 6);
    save(lists, &tar, "@/x.tar");
    PairSource *source = open_shards(lists, "@/x.tar");
    lists_assert_ok(lists, source ? 0 : -1);
    assert_int_equal(pairs_count(source), 1);
    expect_pair(lists, source, 0, "@/x.tar: g.jpg", "image", "caption");
    static const char *const remarks[] = {
        "@/x.tar: what lies behind its end mark (byte 15872) is not read",
        "@/x.tar: 2 samples without an image (.jpg, .png, .jpeg, .webp) left out (first: @/x.tar: a)",
        "@/x.tar: 2 samples without a caption (.txt) left out (first: @/x.tar: b)",
        "@/x.tar: 2 samples whose caption is not UTF-8 text left out (first: @/x.tar: d)",
        "@/x.tar: an image and its caption must follow each other (tar --sort=name)"};
    for (int i = 0; i < 5; i++)
        assert_string_equal(pairs_remark(source, i), lists_path(lists, remarks[i]));
    assert_null(pairs_remark(source, 5));
    pairs_close(source);
}

/* Headers 0, 1024, 2048 and 3072, data behind them; the end mark at 4096. */
static Buffer two_samples(void) {
    Buffer tar = {0};
    char image[300];
    memset(image, 'i', sizeof image);
    for (int i = 0; i < 2; i++) {
        tar_put(&tar, i ? "b.jpg" : "a.jpg", '0', image, sizeof image);
        tar_text(&tar, i ? "b.txt" : "a.txt", "caption");
    }
    tar_end(&tar);
    return tar;
}

static void shards_cut_anywhere_are_refused(void **state) {
    Lists *lists = *state;
    for (size_t size = 1; size < 4096 + 512; size += size % 512 < 2 || size % 512 == 511 ? 1 : 17) {
        Buffer tar = two_samples();
        tar.size = size;
        const char *member = size < 1024 ? "a.jpg" : size < 2048 ? "a.txt" : size < 3072 ? "b.jpg" : "b.txt";
        const size_t data = size % 1024 - 512, length = strlen(member) && member[2] == 'j' ? 300 : 7;
        const bool in_data = size % 1024 >= 512 && data < length;
        save(lists, &tar, "@/x.tar");
        assert_null(open_shards(lists, "@/x.tar"));
        if (size < 512 || size >= 4096) { /* too little to tell; the end mark */
            assert_non_null(strstr(lists->err.text, "x.tar: "));
            assert_true(size < 512 || strstr(lists->err.text, "cut short behind b.txt"));
        } else if (in_data) {
            lists_assert_error(
                lists, -1, arena_printf(lists->arena, "@/x.tar: cut short in %s (byte %zu)", member, size));
        } else {
            assert_non_null(strstr(lists->err.text, "@/x.tar: cut short behind " + 1));
            assert_non_null(strstr(lists->err.text, arena_printf(lists->arena, "(byte %zu)", size)));
        }
    }
}

static void damaged_shards_are_refused(void **state) {
    Lists *lists = *state;
    Buffer tar = two_samples();
    tar.bytes[2048 + 3] ^= 1;
    save(lists, &tar, "@/x.tar");
    expect_refusal(lists, "@/x.tar: byte 2048: damaged: the checksum of a header");
    /* GNU's sparse files: 0 bytes of data, a hole of 8. */
    char sparse[512 + 512 + 1024] = "a.jpg";
    unsigned sum = 0;
    memcpy(sparse + 100, "0000644\0000000000\0000000000\00000000000000\00000000000000\000        S", 57);
    memcpy(sparse + 257, "ustar  ", 8);
    memcpy(sparse + 386, "00000000010\00000000000000", 24);
    memcpy(sparse + 483, "00000000010", 12);
    for (int i = 0; i < 512; i++)
        sum += (unsigned char)sparse[i];
    snprintf(sparse + 148, 8, "%06o", sum);
    scratch_file(lists_path(lists, "@/x.tar"), sparse, sizeof sparse);
    expect_refusal(lists, "@/x.tar: a.jpg: a sparse file, which is not read");
    lists_file(lists, "@/x.tar", "");
    expect_refusal(lists, "@/x.tar: start: the file is empty");
    char text[2000];
    memset(text, 'x', sizeof text);
    scratch_file(lists_path(lists, "@/x.tar"), text, sizeof text);
    expect_refusal(lists, "@/x.tar: start: not a tar file (one that is compressed must be unpacked)");
    tar_end(&tar);
    save(lists, &tar, "@/x.tar");
    expect_refusal(lists, "@/x.tar: no pairs of an image and a caption");
}

static void missing_shards_are_named_first(void **state) {
    Lists *lists = *state;
    lists_file(lists, "@/0.tar", "not looked at");
    assert_null(open_shards(lists, "@/{0..1}.tar"));
    lists_assert_error(lists, -1, "@/1.tar: no such shard");
    assert_null(open_shards(lists, "@/{0..9}.tar"));
    lists_assert_error(lists, -1, "@/1.tar: no such shard (and 8 more of 10 are missing)");
}

static void digests_tell_lists_apart(void **state) {
    Lists *lists = *state;
    char digests[4][65];
    for (int i = 0; i < 4; i++) {
        Buffer tar = {0};
        tar_text(&tar, i == 1 ? "b.jpg" : "a.jpg", i == 2 ? "larger" : "image");
        tar_text(&tar, i == 1 ? "b.txt" : "a.txt", i == 3 ? "other" : "caption");
        tar_end(&tar);
        save(lists, &tar, "@/x.tar");
        PairSource *source = open_shards(lists, "@/x.tar");
        lists_assert_ok(lists, source ? 0 : -1);
        strcpy(digests[i], pairs_digest(source));
        pairs_close(source);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(digests[i], digests[j]);
    }
}

#define LISTS_TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        LISTS_TEST(samples_are_grouped_by_stem),     LISTS_TEST(incomplete_samples_are_left_out),
        LISTS_TEST(shards_cut_anywhere_are_refused), LISTS_TEST(damaged_shards_are_refused),
        LISTS_TEST(missing_shards_are_named_first),  LISTS_TEST(digests_tell_lists_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
