/* test_orientation.c: EXIF orientation out of every kind of file, and the eight ways to turn. */
#include "datasets/images/orientation.h"

#include "datasets/images/image.h"
#include "tests/support/picture_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Of the picture
 *     1 2 3
 *     4 5 6
 * read from a file that says so, what Pillow's exif_transpose makes. */
static const struct {
    int width, height;
    unsigned char values[6];
} turned[9] = {
    {3, 2, {1, 2, 3, 4, 5, 6}}, {3, 2, {1, 2, 3, 4, 5, 6}}, {3, 2, {3, 2, 1, 6, 5, 4}},
    {3, 2, {6, 5, 4, 3, 2, 1}}, {3, 2, {4, 5, 6, 1, 2, 3}}, {2, 3, {1, 4, 2, 5, 3, 6}},
    {2, 3, {4, 1, 5, 2, 6, 3}}, {2, 3, {6, 3, 5, 2, 4, 1}}, {2, 3, {3, 6, 2, 5, 1, 4}},
};

static void all_eight_ways(void **state) {
    for (int orientation = 0; orientation <= 9; orientation++) {
        unsigned char rgb[18];
        for (int i = 0; i < 18; i++)
            rgb[i] = (unsigned char)(10 * (i / 3 + 1) + i % 3);
        Image image = {.width = 3, .height = 2, .rgb = rgb};
        int expected = orientation <= 8 ? orientation : 1;
        assert_int_equal(image_turn(&image, orientation, *state, NULL), 0);
        assert_int_equal(image.width, turned[expected].width);
        assert_int_equal(image.height, turned[expected].height);
        for (int i = 0; i < 18; i++)
            assert_int_equal(image.rgb[i], 10 * turned[expected].values[i / 3] + i % 3);
    }
}

/* An EXIF block of one tag, little or big endian. */
static size_t make_exif(unsigned char out[32], bool big, int tag, int type, int value) {
    const unsigned char little_one[] = {'I',
                                        'I',
                                        '*',
                                        0,
                                        8,
                                        0,
                                        0,
                                        0,
                                        1,
                                        0,
                                        (unsigned char)tag,
                                        (unsigned char)(tag >> 8),
                                        (unsigned char)type,
                                        0,
                                        1,
                                        0,
                                        0,
                                        0,
                                        (unsigned char)value,
                                        0,
                                        0,
                                        0,
                                        0,
                                        0,
                                        0,
                                        0};
    const unsigned char big_one[] = {'M',
                                     'M',
                                     0,
                                     '*',
                                     0,
                                     0,
                                     0,
                                     8,
                                     0,
                                     1,
                                     (unsigned char)(tag >> 8),
                                     (unsigned char)tag,
                                     0,
                                     (unsigned char)type,
                                     0,
                                     0,
                                     0,
                                     1,
                                     0,
                                     (unsigned char)value,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0};
    memcpy(out, big ? big_one : little_one, sizeof big_one);
    return sizeof big_one;
}

static void insert_segment(Bytes *jpeg, const void *begin, size_t n_begin, const void *rest, size_t n_rest) {
    unsigned char segment[512] = {0xff, 0xe1};
    segment[2] = (unsigned char)((2 + n_begin + n_rest) >> 8);
    segment[3] = (unsigned char)(2 + n_begin + n_rest);
    memcpy(segment + 4, begin, n_begin);
    memcpy(segment + 4 + n_begin, rest, n_rest);
    bytes_insert(jpeg, 2, segment, 4 + n_begin + n_rest);
}

static Bytes jpeg_with(const void *exif, size_t size) {
    Bytes jpeg = make_any_jpeg(&(JpegKind){.width = 24, .height = 16, .channels = 3});
    insert_segment(&jpeg, "Exif\0\0", 6, exif, size);
    return jpeg;
}

static int orientation_of(Bytes bytes) {
    int value = image_orientation(bytes.data, bytes.size);
    for (size_t size = 0; size < bytes.size; size++) { /* for a checker of memory */
        unsigned char *part = malloc(size + !size);
        memcpy(part, bytes.data, size);
        image_orientation(part, size);
        free(part);
    }
    free(bytes.data);
    return value;
}

static void jpegs_say_it_in_exif(void **state) {
    (void)state;
    unsigned char exif[32];
    for (int value = 0; value < 12; value++)
        for (int big = 0; big < 2; big++) {
            size_t size = make_exif(exif, big, 0x0112, 3, value);
            assert_int_equal(orientation_of(jpeg_with(exif, size)), value >= 1 && value <= 8 ? value : 1);
        }
    assert_int_equal(orientation_of(jpeg_with(exif, make_exif(exif, false, 0x0113, 3, 6))), 1);
    assert_int_equal(orientation_of(jpeg_with(exif, make_exif(exif, false, 0x0112, 2, 6))), 1);
    assert_int_equal(orientation_of(jpeg_with("II*\0\xff\xff\xff\xff", 8)), 1);
    assert_int_equal(orientation_of(make_any_jpeg(&(JpegKind){.width = 8, .height = 8, .channels = 3})), 1);
}

static void xmp_is_read_where_exif_does_not_say(void **state) {
    (void)state;
    static const char name[] = "http://ns.adobe.com/xap/1.0/";
    static const char attribute[] = "<rdf tiff:Orientation=\"8\"/>",
                      element[] = "<tiff:Orientation>3</tiff:Orientation>";
    unsigned char exif[32];
    Bytes jpeg = jpeg_with(exif, make_exif(exif, true, 0x0100, 3, 5));
    insert_segment(&jpeg, name, sizeof name, attribute, sizeof attribute);
    assert_int_equal(orientation_of(jpeg), 8);
    jpeg = jpeg_with(exif, make_exif(exif, true, 0x0112, 3, 2));
    insert_segment(&jpeg, name, sizeof name, element, sizeof element);
    assert_int_equal(orientation_of(jpeg), 2);
    jpeg = make_any_jpeg(&(JpegKind){.width = 8, .height = 8, .channels = 3});
    insert_segment(&jpeg, name, sizeof name, element, sizeof element);
    assert_int_equal(orientation_of(jpeg), 3);
}

static void pngs_have_a_chunk(void **state) {
    (void)state;
    unsigned char exif[32];
    size_t size = make_exif(exif, true, 0x0112, 3, 7);
    Bytes png = make_png("\0\1\2\3\4\5\6\0\6\5\4\3\2\1", 14, &(PngKind)PNG(2, 2, 8, 2));
    png_insert(&png, "eXIf", exif, size);
    assert_int_equal(orientation_of(png), 7);
    static const char xmp[] = "XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation=\"5\"/>";
    png = make_png("\0\1\2\3\4\5\6\0\6\5\4\3\2\1", 14, &(PngKind)PNG(2, 2, 8, 2));
    png_insert(&png, "iTXt", xmp, sizeof xmp - 1);
    assert_int_equal(orientation_of(png), 5);
}

static void webps_have_a_chunk(void **state) {
    (void)state;
    unsigned char exif[32], chunk[64] = "EXIF\x20\0\0\0Exif\0\0";
    size_t size = make_exif(exif, false, 0x0112, 3, 4);
    assert_int_equal(size, 26);
    memcpy(chunk + 14, exif, size);
    for (int prefixed = 0; prefixed < 2; prefixed++) {
        Bytes webp = {malloc(60), 12};
        assert_non_null(webp.data);
        memcpy(webp.data, "RIFF\0\0\0\0WEBP", 12);
        if (!prefixed) {
            chunk[4] = 26;
            memcpy(chunk + 8, exif, size);
        }
        bytes_insert(&webp, 12, chunk, prefixed ? 40 : 34);
        assert_int_equal(orientation_of(webp), 4);
        chunk[4] = 32;
        memcpy(chunk + 8, "Exif\0\0", 6);
        memcpy(chunk + 14, exif, size);
    }
}

static void decoding_turns_only_when_asked(void **state) {
    unsigned char exif[32];
    Bytes jpeg = jpeg_with(exif, make_exif(exif, true, 0x0112, 3, 6));
    Image image, upright;
    assert_int_equal(image_decode(&image, jpeg.data, jpeg.size, "x", *state, NULL), 0);
    assert_int_equal(image_decode_upright(&upright, jpeg.data, jpeg.size, "x", *state, NULL), 0);
    assert_int_equal(image.width, 24);
    assert_int_equal(upright.width, 16);
    assert_int_equal(upright.height, 24);
    assert_memory_equal(upright.rgb, image.rgb + 15 * 24 * 3, 3); /* below on the left was the top */
    free(jpeg.data);
    Error err = {0};
    size_t used = arena_used(*state);
    assert_int_equal(
        image_decode_upright(&image, (const unsigned char *)"\xff\xd8\xff", 3, "x", *state, &err), -1);
    assert_int_equal(arena_used(*state), used);
}

#define ARENA_TEST(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(all_eight_ways),
        ARENA_TEST(jpegs_say_it_in_exif),
        ARENA_TEST(xmp_is_read_where_exif_does_not_say),
        ARENA_TEST(pngs_have_a_chunk),
        ARENA_TEST(webps_have_a_chunk),
        ARENA_TEST(decoding_turns_only_when_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
