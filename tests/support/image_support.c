/* image_support.c: small JPEG and PNG files made in memory, for the tests of their readers. */
#include "tests/support/image_support.h"

#include "clip/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jpeglib.h>
#include <zlib.h>

int arena_setup(void **state) {
    *state = arena_create();
    return *state ? 0 : -1;
}

int arena_teardown(void **state) {
    arena_free(*state);
    return 0;
}

unsigned char *make_pixels(int width, int height, int channels, uint32_t seed) {
    Rng rng;
    rng_seed(&rng, &seed, 1);
    unsigned char *pixels = malloc((size_t)width * height * channels);
    assert_non_null(pixels);
    size_t at = 0;
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            for (int c = 0; c < channels; c++) {
                int value = (x * (3 + c) + y * (5 - c) + c * 50 + (int)rng_below(&rng, 24)) % 512;
                pixels[at++] = (unsigned char)(value < 256 ? value : 511 - value);
            }
        }
    }
    return pixels;
}

Image random_image(int width, int height, uint32_t seed, Arena *arena) {
    Image image = {.width = width, .height = height};
    image.rgb = arena_alloc(arena, (size_t)width * height, 3);
    assert_non_null(image.rgb);
    Rng rng;
    rng_seed(&rng, &seed, 1);
    for (size_t i = 0; i < (size_t)width * height * 3; i++) {
        uint32_t value = rng_below(&rng, 512);
        image.rgb[i] = (unsigned char)(value < 128 ? 0 : value > 383 ? 255 : value - 128);
    }
    return image;
}

/* By number of channels. */
static const J_COLOR_SPACE spaces[] = {JCS_UNKNOWN, JCS_GRAYSCALE, JCS_UNKNOWN, JCS_RGB, JCS_CMYK};

Bytes make_jpeg(const unsigned char *pixels, const JpegKind *kind) {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    Bytes out = {0};
    unsigned long size = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &out.data, &size);
    jpeg.image_width = (JDIMENSION)kind->width;
    jpeg.image_height = (JDIMENSION)kind->height;
    jpeg.input_components = kind->channels;
    jpeg.in_color_space = spaces[kind->channels];
    jpeg_set_defaults(&jpeg);
    if (kind->keep_rgb)
        jpeg_set_colorspace(&jpeg, JCS_RGB);
    else if (kind->ycck)
        jpeg_set_colorspace(&jpeg, JCS_YCCK);
    jpeg_set_quality(&jpeg, 90, TRUE);
    jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = kind->subsample ? 2 : 1;
    jpeg.arith_code = kind->arithmetic;
    jpeg.restart_interval = (unsigned)kind->restart;
    if (kind->progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < kind->height; y++) {
        JSAMPROW row = (JSAMPROW)pixels + (size_t)y * kind->width * kind->channels;
        assert_int_equal(jpeg_write_scanlines(&jpeg, &row, 1), 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    out.size = size;
    return out;
}

Bytes make_any_jpeg(const JpegKind *kind) {
    unsigned char *pixels = make_pixels(kind->width, kind->height, kind->channels, 7);
    Bytes jpeg = make_jpeg(pixels, kind);
    free(pixels);
    return jpeg;
}

size_t find_marker(const Bytes *jpeg, int code, size_t from) {
    for (size_t i = from; i + 1 < jpeg->size; i++)
        if (jpeg->data[i] == 0xff && jpeg->data[i + 1] == code)
            return i;
    fail_msg("no marker %02X", (unsigned)code);
    return 0;
}

void bytes_insert(Bytes *bytes, size_t at, const void *data, size_t size) {
    unsigned char *grown = realloc(bytes->data, bytes->size + size);
    assert_non_null(grown);
    memmove(grown + at + size, grown + at, bytes->size - at);
    memcpy(grown + at, data, size);
    bytes->data = grown;
    bytes->size += size;
}

static void put32(unsigned char *out, uint32_t value) {
    for (int i = 0; i < 4; i++)
        out[i] = (unsigned char)(value >> (24 - 8 * i));
}

static void insert_chunk(Bytes *png, size_t at, const char *type, const void *data, size_t size) {
    unsigned char *chunk = calloc(size + 12, 1);
    assert_non_null(chunk);
    put32(chunk, (uint32_t)size);
    memcpy(chunk + 4, type, 4);
    if (size > 0)
        memcpy(chunk + 8, data, size);
    put32(chunk + 8 + size, (uint32_t)crc32(0, chunk + 4, (unsigned)size + 4));
    bytes_insert(png, at, chunk, size + 12);
    free(chunk);
}

void png_insert(Bytes *png, const char *type, const void *data, size_t size) {
    insert_chunk(png, 33, type, data, size);
}

Bytes make_png(const void *scanlines, size_t size, const PngKind *kind) {
    Bytes png = {0};
    bytes_insert(&png, 0, "\x89PNG\r\n\x1a\n", 8);
    unsigned char header[13] = {0};
    put32(header, kind->width);
    put32(header + 4, kind->height);
    header[8] = (unsigned char)kind->depth;
    header[9] = (unsigned char)kind->colour;
    header[12] = kind->interlaced;
    insert_chunk(&png, png.size, "IHDR", header, sizeof header);
    if (kind->palette)
        insert_chunk(&png, png.size, "PLTE", kind->palette, kind->palette_size);
    if (kind->transparency)
        insert_chunk(&png, png.size, "tRNS", kind->transparency, kind->transparency_size);
    uLongf packed_size = compressBound(size);
    unsigned char *packed = malloc(packed_size);
    assert_non_null(packed);
    assert_int_equal(compress(packed, &packed_size, scanlines, size), Z_OK);
    insert_chunk(&png, png.size, "IDAT", packed, packed_size);
    free(packed);
    insert_chunk(&png, png.size, "IEND", NULL, 0);
    return png;
}
