/* test_image.c: the decoders against Pillow's sums, values worked out by hand, and broken files of every
 * kind. */
#include "datasets/images/image.h"

#include "clip/tensors/tensors.h"
#include "clip/tensors/tensors_open.h"
#include "tests/support/image_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#define PILLOW "tests/fixtures/pillow/"

/* Decodes, frees the bytes, and fails the test on an error. */
static Image decode(Bytes bytes, Arena *arena) {
    Image image;
    Error err = {0};
    size_t used = arena_used(arena);
    if (image_check(bytes.data, bytes.size, "x.jpg", arena, &err) < 0) /* refuses nothing that can be read */
        fail_msg("%s", err.text);
    assert_int_equal(arena_used(arena), used);
    if (image_decode(&image, bytes.data, bytes.size, "x.jpg", arena, &err) < 0)
        fail_msg("%s", err.text);
    free(bytes.data);
    return image;
}

/* The bytes are refused with a message that contains `reason`, and leave the arena as it was. Frees them. */
static void refuse(Bytes bytes, const char *reason, Arena *arena) {
    Image image;
    Error err = {0};
    size_t used = arena_used(arena);
    assert_int_equal(image_decode(&image, bytes.data, bytes.size, "x.jpg", arena, &err), -1);
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_memory_equal(err.text, "x.jpg: ", 7);
    if (!strstr(err.text, reason))
        fail_msg("'%s' does not say '%s'", err.text, reason);
    assert_null(image.rgb);
    assert_int_equal(arena_used(arena), used);
    free(bytes.data);
}

static void sums_are_pillows(void **state) {
    Error err = {0};
    TensorFile *file = tensors_open(PILLOW "expected.safetensors", &err);
    assert_non_null(file);
    int n_checked = 0;
    for (int i = 0; i < tensors_count(file); i++) {
        const Tensor *tensor = tensors_at(file, i);
        const char *suffix = strstr(tensor->name, ".rgb_sum");
        if (!suffix)
            continue;
        char path[256];
        snprintf(path, sizeof path, PILLOW "%.*s", (int)(suffix - tensor->name), tensor->name);
        Image image;
        if (image_load(&image, path, *state, &err) < 0)
            fail_msg("%s", err.text);
        int64_t sum = 0, expected;
        for (size_t k = 0; k < (size_t)image.width * image.height * 3; k++)
            sum += image.rgb[k];
        memcpy(&expected, tensor->data, sizeof expected);
        assert_true(expected > 0);
        assert_int_equal(sum, expected);
        assert_int_equal(image.warnings, 0);
        n_checked++;
    }
    assert_int_equal(n_checked, 24);
    tensors_close(file);
}

/* --- JPEG --- */

static void grey_is_repeated(void **state) {
    unsigned char pixels[16 * 16];
    memset(pixels, 77, sizeof pixels);
    Image image = decode(make_jpeg(pixels, &(JpegKind){.width = 16, .height = 16, .channels = 1}), *state);
    for (size_t i = 0; i < 16 * 16 * 3; i++)
        assert_int_equal(image.rgb[i], 77);
}

static void cmyk_is_taken_as_inverted(void **state) {
    unsigned char pixels[8 * 8 * 4];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (unsigned char[4]){200, 100, 0, 128}[i % 4];
    JpegKind kind = {.width = 8, .height = 8, .channels = 4};
    for (int ycck = 0; ycck < 2; ycck++) {
        kind.ycck = ycck;
        Image image = decode(make_jpeg(pixels, &kind), *state);
        /* 128 * 200 / 255, 128 * 100 / 255, 0 */
        assert_in_range(image.rgb[0], ycck ? 99 : 100, ycck ? 101 : 100);
        assert_in_range(image.rgb[1], ycck ? 49 : 50, ycck ? 51 : 50);
        assert_in_range(image.rgb[2], 0, ycck ? 1 : 0);
    }
}

static void rgb_without_ycbcr(void **state) {
    unsigned char pixels[8 * 8 * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (unsigned char[3]){200, 100, 8}[i % 3];
    JpegKind kind = {.width = 8, .height = 8, .channels = 3, .keep_rgb = true};
    Image image = decode(make_jpeg(pixels, &kind), *state);
    assert_memory_equal(image.rgb, pixels, sizeof pixels);
}

/* Huffman and arithmetic, baseline and progressive, with and without restart markers code the same
 * coefficients. */
static void codings_agree(void **state) {
    JpegKind kind = {.width = 61, .height = 45, .channels = 3, .subsample = true};
    Image first = decode(make_any_jpeg(&kind), *state);
    for (int i = 1; i < 8; i++) {
        kind.progressive = i & 1;
        kind.arithmetic = i & 2;
        kind.restart = i & 4 ? 3 : 0;
        Image other = decode(make_any_jpeg(&kind), *state);
        assert_memory_equal(first.rgb, other.rgb, 61 * 45 * 3);
    }
}

static void orientation_is_ignored(void **state) {
    static const unsigned char exif[] =
        "\xff\xe1\0\x22"
        "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0";
    JpegKind kind = {.width = 20, .height = 10, .channels = 3};
    Bytes plain = make_any_jpeg(&kind), turned = make_any_jpeg(&kind);
    bytes_insert(&turned, 2, exif, 36);
    Image a = decode(plain, *state), b = decode(turned, *state);
    assert_int_equal(b.width, 20);
    assert_int_equal(b.height, 10);
    assert_memory_equal(a.rgb, b.rgb, 20 * 10 * 3);
}

static void cut_jpegs_are_refused(void **state) {
    JpegKind kind = {.width = 40, .height = 30, .channels = 3, .subsample = true};
    for (int i = 0; i < 6; i++) {
        kind.progressive = i & 1;
        kind.restart = i & 2 ? 2 : 0;
        kind.arithmetic = i & 4;
        Bytes whole = make_any_jpeg(&kind);
        for (size_t size = 3; size + 2 <= whole.size; size++) {
            Bytes part = {malloc(size), size};
            memcpy(part.data, whole.data, size);
            refuse(part, "cut short", *state);
        }
        free(whole.data);
    }
}

static void bytes_after_the_end_are_ignored(void **state) {
    Bytes jpeg = make_any_jpeg(&(JpegKind){.width = 9, .height = 9, .channels = 3});
    bytes_insert(&jpeg, jpeg.size, "junk", 4);
    assert_int_equal(decode(jpeg, *state).width, 9);
}

/* Overwrites bytes of the frame header: precision, height (2), width (2), components. */
static Bytes patched_frame(size_t offset, const void *data, size_t size) {
    Bytes jpeg = make_any_jpeg(&(JpegKind){.width = 16, .height = 16, .channels = 3});
    memcpy(jpeg.data + find_marker(&jpeg, 0xc0, 2) + 4 + offset, data, size);
    return jpeg;
}

static void frames_that_are_not_read(void **state) {
    refuse(patched_frame(1, "\xff\xdc\xff\xdc", 4), "65500 x 65500 pixels", *state);
    refuse(patched_frame(1, "\x32\xc8\x32\xc8", 4), "cannot hold 13000 x 13000 pixels", *state);
    refuse(patched_frame(1, "\0\0", 2), "JPEG data: ", *state);
    refuse(patched_frame(3, "\0\0", 2), "JPEG data: ", *state);
    refuse(patched_frame(0, "\x0c", 1), "precision 12", *state);
    refuse(patched_frame((size_t)-3, "\xc3", 1), "SOF", *state); /* lossless */
    refuse(make_any_jpeg(&(JpegKind){.width = 8, .height = 8, .channels = 2}), "2 components", *state);
}

static void scan_bombs_are_refused(void **state) {
    Bytes jpeg = make_any_jpeg(&(JpegKind){.width = 64, .height = 64, .channels = 1, .progressive = true});
    size_t scan = find_marker(&jpeg, 0xda, 2), last = scan;
    while (last < jpeg.size - 3) { /* the last SOS: a refinement, which may be repeated */
        scan = last;
        size_t next = last + 2;
        while (next < jpeg.size - 2 && !(jpeg.data[next] == 0xff && jpeg.data[next + 1] == 0xda))
            next++;
        last = next;
    }
    size_t size = jpeg.size - 2 - scan, n = 20000;
    Bytes bomb = {malloc(jpeg.size + n * size), 0};
    assert_non_null(bomb.data);
    memcpy(bomb.data, jpeg.data, jpeg.size - 2);
    bomb.size = jpeg.size - 2;
    for (size_t i = 0; i < n; i++, bomb.size += size)
        memcpy(bomb.data + bomb.size, jpeg.data + scan, size);
    memcpy(bomb.data + bomb.size, "\xff\xd9", 2);
    bomb.size += 2;
    free(jpeg.data);
    clock_t start = clock();
    refuse(bomb, "over 1000 scans", *state);
    if (!scratch_instrumented())
        assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 1);
}

/* As Pillow: a picture comes out, whatever it shows; nothing is printed. */
static void corrupt_data_decodes_with_warnings(void **state) {
    FILE *talk = tmpfile();
    assert_non_null(talk);
    int stderr_copy = dup(STDERR_FILENO);
    dup2(fileno(talk), STDERR_FILENO);
    long warnings = 0;
    for (int progressive = 0; progressive < 2; progressive++) {
        JpegKind kind = {.width = 120, .height = 90, .channels = 3, .progressive = progressive};
        Bytes whole = make_any_jpeg(&kind);
        size_t data = find_marker(&whole, 0xda, 2) + 14;
        for (size_t i = data; i + 2 < whole.size; i += 37) {
            Bytes bad = {malloc(whole.size), whole.size};
            memcpy(bad.data, whole.data, whole.size);
            bad.data[i] ^= 0x55;
            Image image;
            if (image_decode(&image, bad.data, bad.size, "x.jpg", *state, NULL) == 0) {
                warnings += image.warnings;
                assert_int_equal(image.width, 120);
            }
            free(bad.data);
        }
        free(whole.data);
    }
    dup2(stderr_copy, STDERR_FILENO);
    close(stderr_copy);
    assert_true(warnings > 0);
    assert_int_equal(fseek(talk, 0, SEEK_END), 0);
    assert_int_equal(ftell(talk), 0);
    fclose(talk);
}

/* --- PNG --- */

typedef struct {
    PngKind kind;
    const char *scanlines;
    size_t size;
    unsigned char rgb[24];
} PngCase;

#define GREY3(v) v, v, v
#define PALETTE .palette = "\x0a\x14\x1e\x28\x32\x3c\x46\x50\x5a", .palette_size = 9

/* What convert("RGB") of Pillow 9.4 gives for each. */
static const PngCase png_cases[] = {
    {PNG(8, 1, 1, 0),
     "\0\xa5",
     2,
     {GREY3(255), GREY3(0), GREY3(255), GREY3(0), GREY3(0), GREY3(255), GREY3(0), GREY3(255)}},
    {PNG(4, 1, 2, 0), "\0\x1b", 2, {GREY3(0), GREY3(85), GREY3(170), GREY3(255)}},
    {PNG(4, 1, 4, 0), "\0\x1b\xf0", 3, {GREY3(17), GREY3(187), GREY3(255), GREY3(0)}},
    {PNG(3, 1, 8, 0), "\0\x00\x4d\xff", 4, {GREY3(0), GREY3(77), GREY3(255)}},
    {PNG(3, 1, 8, 0, .transparency = "\0\x4d", .transparency_size = 2),
     "\0\x00\x4d\xff",
     4,
     {GREY3(0), GREY3(77), GREY3(255)}},
    {PNG(5, 1, 16, 0),
     "\0\0\0\0\x80\0\xff\1\0\x80\0",
     11,
     {GREY3(0), GREY3(128), GREY3(255), GREY3(255), GREY3(255)}},
    {PNG(2, 1, 8, 2), "\0\1\2\3\4\5\6", 7, {1, 2, 3, 4, 5, 6}},
    {PNG(2, 1, 8, 2, .transparency = "\0\1\0\2\0\3", .transparency_size = 6),
     "\0\1\2\3\4\5\6",
     7,
     {1, 2, 3, 4, 5, 6}},
    {PNG(1, 1, 16, 2), "\0\1\x2c\x9c\x40\xff\xff", 7, {1, 156, 255}},
    {PNG(2, 1, 8, 4), "\0\x0a\0\xc8\xff", 5, {GREY3(10), GREY3(200)}},
    {PNG(2, 1, 16, 4), "\0\1\x2c\0\0\x9c\x40\xff\xff", 9, {GREY3(1), GREY3(156)}},
    {PNG(2, 1, 8, 6), "\0\x0a\x14\x1e\0\xc8\x64\x32\x80", 9, {10, 20, 30, 200, 100, 50}},
    {PNG(1, 1, 16, 6), "\0\1\x2c\1\0\x9c\x40\0\0", 9, {1, 1, 156}},
    {PNG(2, 1, 1, 3, .palette = "\x0a\x14\x1e\x28\x32\x3c", .palette_size = 6),
     "\0\x40",
     2,
     {10, 20, 30, 40, 50, 60}},
    {PNG(4, 1, 2, 3, PALETTE), "\0\x1b", 2, {10, 20, 30, 40, 50, 60, 70, 80, 90, GREY3(3)}},
    {PNG(3, 1, 4, 3, PALETTE), "\0\x01\x20", 3, {10, 20, 30, 40, 50, 60, 70, 80, 90}},
    {PNG(3, 1, 8, 3, PALETTE, .transparency = "\0\x80", .transparency_size = 2),
     "\0\2\1\0",
     4,
     {70, 80, 90, 40, 50, 60, 10, 20, 30}},
    {PNG(3, 1, 8, 0, .interlaced = true), "\0\1\0\3\0\2", 6, {GREY3(1), GREY3(2), GREY3(3)}},
    {PNG(3, 1, 1, 0, .interlaced = true), "\0\x80\0\0\0\x80", 6, {GREY3(255), GREY3(255), GREY3(0)}},
};

static void png_kinds(void **state) {
    for (size_t i = 0; i < sizeof png_cases / sizeof *png_cases; i++) {
        const PngCase *c = &png_cases[i];
        Image image = decode(make_png(c->scanlines, c->size, &c->kind), *state);
        assert_int_equal(image.width, c->kind.width);
        assert_int_equal(image.height, 1);
        if (memcmp(image.rgb, c->rgb, (size_t)image.width * 3) != 0)
            fail_msg("case %zu differs", i);
    }
}

static Bytes small_png(void) {
    return make_png("\0\1\2\3\4\5\6\0\6\5\4\3\2\1", 14, &(PngKind)PNG(2, 2, 8, 2));
}

static void cut_pngs_are_refused(void **state) {
    Bytes whole = small_png();
    for (size_t size = 8; size + 12 + 8 < whole.size; size++) { /* up to the checksum inside the last IDAT */
        Bytes part = {malloc(size), size};
        memcpy(part.data, whole.data, size);
        refuse(part, "end of stream", *state);
    }
    free(whole.data);
    refuse(make_png("\0\1\2\3\4\5\6", 7, &(PngKind)PNG(2, 2, 8, 2)), "IDAT stream too short", *state);
}

static void hostile_pngs_are_refused(void **state) {
    refuse(make_png("\0", 1, &(PngKind)PNG(0, 2, 8, 2)), "width", *state);
    refuse(make_png("\0", 1, &(PngKind)PNG(2, 0, 8, 2)), "height", *state);
    refuse(make_png("\0", 1, &(PngKind)PNG(65500, 65500, 8, 2)), "65500 x 65500 pixels where at most",
           *state);
    refuse(make_png("\0", 1, &(PngKind)PNG(0x7fffffff, 0x7fffffff, 16, 6)), "", *state);
    refuse(make_png("\0", 1, &(PngKind)PNG(13000, 13000, 8, 2)), "cannot hold 13000 x 13000", *state);
    refuse(make_png("\7\1", 2, &(PngKind)PNG(1, 1, 8, 0)), "filter", *state);
    refuse(make_png("\0\1", 2, &(PngKind)PNG(1, 1, 8, 3)), "palette: ", *state);
    refuse(make_png("\0\1", 2, &(PngKind)PNG(1, 1, 3, 0)), "bit depth", *state);
    Bytes png = small_png();
    png.data[30] ^= 1; /* the checksum of IHDR */
    refuse(png, "checksum", *state);
}

/* 80 MB of text in 80 kB. */
static void text_bombs_are_refused(void **state) {
    size_t size = 80000000;
    uLongf packed_size = compressBound(size);
    unsigned char *text = malloc(size), *packed = malloc(packed_size + 3);
    assert_true(text && packed);
    memset(text, 'a', size);
    memcpy(packed, "k\0\0", 3);
    assert_int_equal(compress2(packed + 3, &packed_size, text, size, 1), Z_OK);
    Bytes png = small_png();
    png_insert(&png, "zTXt", packed, packed_size + 3);
    free(text);
    free(packed);
    refuse(png, "limits", *state);
}

/* --- neither --- */

static Bytes text_bytes(const char *text, size_t size) {
    Bytes bytes = {malloc(size + 1), size};
    memcpy(bytes.data, text, size);
    return bytes;
}

static void content_decides(void **state) {
    refuse(text_bytes("", 0), "empty", *state);
    refuse(text_bytes("GIF89a\1\0\1\0", 10), "GIF", *state);
    refuse(text_bytes("BM\x36\0\0\0", 6), "BMP data: the file is cut short", *state);
    refuse(text_bytes("II*\0\x08\0\0\0", 8), "TIFF", *state);
    refuse(text_bytes("\0\0\0\x18"
                      "ftypheic\0\0\0\0mif1heic",
                      24),
           "HE", *state);
    refuse(text_bytes("\0\0\0\x18"
                      "ftyphevc\0\0\0\0",
                      16),
           "HE", *state);
    refuse(text_bytes("\0\0\0\x1c"
                      "ftypmif1\0\0\0\0mif1heic",
                      24),
           "HE", *state);
    refuse(text_bytes("\0\0\0\x1c"
                      "ftypavif\0\0\0\0avifmif1",
                      24),
           "IF", *state);
    refuse(text_bytes("\0\0\0\x0cJXL \r\n\x87\n", 12),
           "start: this is a JPEG XL image; coop reads JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC and AVIF",
           *state);
    refuse(text_bytes("hello", 5), "start: no image that coop reads (JPEG, ", *state);
    refuse(text_bytes("\xff\xd8", 2), "start: no image that coop reads (JPEG, ", *state);
    refuse(text_bytes("\xff\xd8\xff", 3), "cut short", *state);
    assert_int_equal(decode(small_png(), *state).width, 2);
}

/* A header that is refused, and a file that is cut short, are found without all of it being decoded. */
static void checks_find_headers_and_cuts(void **state) {
    const JpegKind kinds[] = {{.width = 64, .height = 64, .channels = 3},
                              {.width = 64, .height = 64, .channels = 3, .progressive = true},
                              {.width = 64, .height = 64, .channels = 1, .restart = 2}};
    Bytes files[4] = {make_any_jpeg(&kinds[0]), make_any_jpeg(&kinds[1]), make_any_jpeg(&kinds[2]),
                      small_png()};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(image_check(files[i].data, files[i].size, "x", *state, NULL), 0);
        for (size_t size = 0; size < files[i].size; size++) {
            Error checked = {0}, decoded = {0};
            Image image;
            int check = image_check(files[i].data, size, "x", *state, &checked);
            assert_int_equal(check, image_decode(&image, files[i].data, size, "x", *state, &decoded));
            assert_string_equal(checked.text, decoded.text);
        }
        free(files[i].data);
    }
    Bytes two = make_any_jpeg(&(JpegKind){.width = 8, .height = 8, .channels = 2});
    Error err = {0};
    assert_int_equal(image_check(two.data, two.size, "x", *state, &err), -1);
    assert_string_equal(err.text, "x: header: 2 components where 1, 3 or 4 are read");
    free(two.data);
}

static void missing_files_are_named(void **state) {
    Image image;
    Error err = {0};
    assert_int_equal(image_load(&image, "tests/no-such.jpg", *state, &err), -1);
    assert_non_null(strstr(err.text, "tests/no-such.jpg"));
}

#define IMAGE_TEST(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IMAGE_TEST(sums_are_pillows),
        IMAGE_TEST(grey_is_repeated),
        IMAGE_TEST(cmyk_is_taken_as_inverted),
        IMAGE_TEST(rgb_without_ycbcr),
        IMAGE_TEST(codings_agree),
        IMAGE_TEST(orientation_is_ignored),
        IMAGE_TEST(cut_jpegs_are_refused),
        IMAGE_TEST(bytes_after_the_end_are_ignored),
        IMAGE_TEST(frames_that_are_not_read),
        IMAGE_TEST(scan_bombs_are_refused),
        IMAGE_TEST(corrupt_data_decodes_with_warnings),
        IMAGE_TEST(png_kinds),
        IMAGE_TEST(cut_pngs_are_refused),
        IMAGE_TEST(hostile_pngs_are_refused),
        IMAGE_TEST(text_bombs_are_refused),
        IMAGE_TEST(content_decides),
        IMAGE_TEST(checks_find_headers_and_cuts),
        IMAGE_TEST(missing_files_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
