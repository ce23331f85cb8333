/* test_webp.c: WebP files of every kind against the bytes of Pillow's convert("RGB"), and broken ones. */
#include "datasets/images/image.h"

#include "clip/base/files.h"
#include "tests/support/image_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER "tests/fixtures/webp/"

/* SHA-256 of the bytes of Image.open(file).convert("RGB") in Pillow 13.0. */
static const struct {
    const char *file;
    int width, height;
    const char *digest;
} files[] = {
    {"animated.webp", 20, 16, "638fadead2dc529558c6e244612a8229dff20009a93315618ee3a5d02586320a"},
    {"lossless-alpha.webp", 16, 18, "ebe5307400c7f23a4fffbaf81394f0fa57a06fe0801a2be5c18e5215e6f33119"},
    {"lossless.webp", 19, 14, "a0973ed1a04c3bfb30745a140d3b49b86e2422ecae2761ddbe32a64699f588c3"},
    {"lossy-alpha.webp", 26, 33, "b3e171f3fc9cab080d96e1535e202df9be7c4ee13e195e3c9682f97d764acc32"},
    {"lossy.webp", 37, 23, "d96c75315ebfa8e3c7a7372341e8b309e8b42ef50579c5a2bb85dd1ca6318cd7"},
    {"offset.webp", 20, 16, "55a7a72f87aa4671941dd23cbce492f908ee27134aa4e05141d506373f3e31e6"},
    {"palette.webp", 24, 20, "c50f7f16313891af1e26efc1fc1f5feafd92b5f7fe4bb16f6efd6ccc4a47c24b"},
};
enum { N_FILES = sizeof files / sizeof *files };

/* A copy of a fixture; the caller frees data. */
static Bytes read_fixture(const char *file) {
    char path[256];
    FileMap map;
    snprintf(path, sizeof path, FOLDER "%s", file);
    assert_int_equal(file_map(&map, path, NULL), 0);
    Bytes bytes = {malloc(map.size), map.size};
    assert_non_null(bytes.data);
    memcpy(bytes.data, map.data, map.size);
    file_unmap(&map);
    return bytes;
}

/* Refused with a message that contains `reason`; nothing stays in the arena. Frees the bytes. */
static void refuse(Bytes bytes, const char *reason, Arena *arena) {
    Image image;
    Error err = {0};
    size_t used = arena_used(arena);
    assert_int_equal(image_decode(&image, bytes.data, bytes.size, "x.webp", arena, &err), -1);
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_memory_equal(err.text, "x.webp: ", 8);
    if (!strstr(err.text, reason))
        fail_msg("'%s' does not say '%s'", err.text, reason);
    assert_null(image.rgb);
    assert_int_equal(arena_used(arena), used);
    free(bytes.data);
}

static void pixels_are_pillows(void **state) {
    for (int i = 0; i < N_FILES; i++) {
        Bytes bytes = read_fixture(files[i].file);
        Error err = {0};
        Image image;
        char digest[65];
        assert_int_equal(image_check(bytes.data, bytes.size, "x", *state, &err), 0);
        if (image_decode(&image, bytes.data, bytes.size, files[i].file, *state, &err) < 0)
            fail_msg("%s", err.text);
        assert_int_equal(image.width, files[i].width);
        assert_int_equal(image.height, files[i].height);
        digest_bytes(digest, image.rgb, (size_t)image.width * image.height * 3);
        if (strcmp(digest, files[i].digest) != 0)
            fail_msg("%s differs", files[i].file);
        assert_int_equal(image_sniff(FOLDER "lossy.webp", &err), 0);
        free(bytes.data);
    }
}

static void cut_files_are_refused(void **state) {
    for (int i = 0; i < N_FILES; i++) {
        Bytes whole = read_fixture(files[i].file);
        for (size_t size = 12; size < whole.size; size++) {
            Bytes part = {malloc(size), size};
            Error err = {0};
            memcpy(part.data, whole.data, size);
            assert_int_equal(image_check(part.data, size, "x.webp", *state, &err), -1);
            refuse(part, "WebP data: the file is cut short", *state);
        }
        free(whole.data);
    }
}

/* The file ends as its header says, but lacks what its chunks promise. */
static void cut_chunks_are_refused(void **state) {
    Bytes bytes = read_fixture("lossless.webp");
    bytes.size -= 20;
    bytes.data[4] = (unsigned char)(bytes.data[4] - 20);
    refuse(bytes, "WebP data: corrupt", *state);
    bytes = read_fixture("lossless.webp");
    memset(bytes.data + 30, 0xff, bytes.size - 30);
    refuse(bytes, "WebP data: ", *state);
    bytes = read_fixture("lossless.webp");
    memcpy(bytes.data, "RIFX", 4);
    refuse(bytes, "WebP data: corrupt", *state);
}

static void bytes_after_the_end_are_ignored(void **state) {
    Image image;
    Bytes bytes = read_fixture("lossy.webp");
    bytes_insert(&bytes, bytes.size, "junk", 4);
    assert_int_equal(image_decode(&image, bytes.data, bytes.size, "x", *state, NULL), 0);
    free(bytes.data);
}

/* 16384 x 16384 pixels are more than Pillow reads. */
static void sizes_are_limited(void **state) {
    Bytes bytes = read_fixture("lossless.webp");
    memcpy(bytes.data + 21, "\xff\xff\xff\x0f", 4); /* 14 bits less one, each, and no alpha */
    refuse(bytes, "16384 x 16384 pixels where at most 178956970 are read", *state);
    bytes = read_fixture("offset.webp");
    memcpy(bytes.data + 24, "\x0b\0\0", 3); /* a canvas 12 wide: the frame ends at 13 */
    refuse(bytes, "WebP data: ", *state);
    bytes = read_fixture("offset.webp");
    memcpy(bytes.data + 24, "\xff\xff\x7f", 3); /* 8388608 wide */
    refuse(bytes, "WebP data: 9 x 7 pixels on an empty canvas of 8388608 x 16", *state);
}

static void damaged_bytes_do_no_harm(void **state) {
    size_t used = arena_used(*state);
    for (int i = 0; i < N_FILES; i++) {
        Bytes bytes = read_fixture(files[i].file);
        for (size_t at = 12; at < bytes.size; at++)
            for (int bit = 0; bit < 8; bit += 3) {
                Image image;
                bytes.data[at] ^= (unsigned char)(1 << bit);
                int checked = image_check(bytes.data, bytes.size, "x", *state, NULL);
                int decoded = image_decode(&image, bytes.data, bytes.size, "x", *state, NULL);
                assert_true(decoded < 0 || checked == 0); /* a check refuses nothing that can be read */
                arena_reset(*state, used);
                bytes.data[at] ^= (unsigned char)(1 << bit);
            }
        free(bytes.data);
    }
}

#define ARENA_TEST(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(pixels_are_pillows),     ARENA_TEST(cut_files_are_refused),
        ARENA_TEST(cut_chunks_are_refused), ARENA_TEST(bytes_after_the_end_are_ignored),
        ARENA_TEST(sizes_are_limited),      ARENA_TEST(damaged_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
