/* picture_files.c: see picture_files.h */
#include "tests/support/picture_files.h"

#include "clip/base/files.h"
#include "datasets/images/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A line of pixels.txt. */
typedef struct {
    char file[64], digest[65];
    int width, height;
} Expected;

Bytes picture_read(const char *file) {
    char path[256];
    FileMap map;
    snprintf(path, sizeof path, PICTURES "%s", file);
    assert_int_equal(file_map(&map, path, NULL), 0);
    Bytes bytes = {malloc(map.size), map.size};
    assert_non_null(bytes.data);
    memcpy(bytes.data, map.data, map.size);
    file_unmap(&map);
    return bytes;
}

void picture_refuse(Bytes bytes, const char *reason, Arena *arena) {
    Image image;
    Error err = {0};
    size_t used = arena_used(arena);
    assert_int_equal(image_decode(&image, bytes.data, bytes.size, "x", arena, &err), -1);
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_memory_equal(err.text, "x: ", 3);
    if (!strstr(err.text, reason))
        fail_msg("'%s' does not say '%s'", err.text, reason);
    assert_null(image.rgb);
    assert_int_equal(arena_used(arena), used);
    free(bytes.data);
}

static bool is_expected(const Image *image, const Expected *expected) {
    char digest[65];
    digest_bytes(digest, image->rgb, (size_t)image->width * (size_t)image->height * 3);
    return image->width == expected->width && image->height == expected->height &&
           strcmp(digest, expected->digest) == 0;
}

static void each(const char *suffix, int n, Arena *arena,
                 void (*test)(const Expected *expected, Bytes bytes, Arena *arena)) {
    char line[256];
    FILE *list = fopen(PICTURES "pixels.txt", "r");
    assert_non_null(list);
    while (fgets(line, sizeof line, list)) {
        Expected expected;
        if (*line == '#')
            continue;
        assert_int_equal(sscanf(line, "%63s %d %d %64s", expected.file, &expected.width, &expected.height,
                                expected.digest),
                         4);
        if (!strstr(expected.file, suffix))
            continue;
        Bytes bytes = picture_read(expected.file);
        size_t mark = arena_mark(arena);
        test(&expected, bytes, arena);
        arena_reset(arena, mark);
        free(bytes.data);
        n--;
    }
    fclose(list);
    assert_int_equal(n, 0);
}

static void is_pillows(const Expected *expected, Bytes bytes, Arena *arena) {
    Error err = {0};
    Image image;
    char path[256];
    size_t used = arena_used(arena);
    if (image_check(bytes.data, bytes.size, expected->file, arena, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(arena_used(arena), used);
    if (image_decode(&image, bytes.data, bytes.size, expected->file, arena, &err) < 0)
        fail_msg("%s", err.text);
    if (!is_expected(&image, expected))
        fail_msg("%s differs: %d x %d", expected->file, image.width, image.height);
    snprintf(path, sizeof path, PICTURES "%s", expected->file);
    assert_int_equal(image_sniff(path, NULL), 0);
}

void pictures_are_pillows(const char *suffix, int n, Arena *arena) {
    each(suffix, n, arena, is_pillows);
}

static void cut_short(const Expected *expected, Bytes bytes, Arena *arena) {
    size_t mark = arena_mark(arena);
    for (size_t size = 0; size < bytes.size; size++) {
        unsigned char *part = malloc(size + !size); /* its end is where a checker sees reads past it */
        Image image;
        Error err = {0};
        assert_non_null(part);
        memcpy(part, bytes.data, size);
        int checked = image_check(part, size, "x", arena, NULL);
        if (image_decode(&image, part, size, "x", arena, &err) == 0) {
            assert_int_equal(checked, 0);
            if (!is_expected(&image, expected))
                fail_msg("%s, cut to %zu bytes, is another picture", expected->file, size);
        } else {
            assert_int_equal(err.kind, ERROR_INPUT);
        }
        arena_reset(arena, mark);
        free(part);
    }
}

void pictures_cut_short(const char *suffix, int n, Arena *arena) {
    each(suffix, n, arena, cut_short);
}

static void damaged(const Expected *expected, Bytes bytes, Arena *arena) {
    size_t mark = arena_mark(arena);
    for (size_t at = 0; at < bytes.size; at++)
        for (int bit = 0; bit < 8; bit += 3) {
            Image image;
            bytes.data[at] ^= (unsigned char)(1 << bit);
            int checked = image_check(bytes.data, bytes.size, "x", arena, NULL);
            int decoded = image_decode_upright(&image, bytes.data, bytes.size, "x", arena, NULL);
            if (decoded == 0 && checked < 0)
                fail_msg("%s, bit %d of byte %zu: can be read, but is refused", expected->file, bit, at);
            arena_reset(arena, mark);
            bytes.data[at] ^= (unsigned char)(1 << bit);
        }
}

void pictures_damaged(const char *suffix, int n, Arena *arena) {
    each(suffix, n, arena, damaged);
}
