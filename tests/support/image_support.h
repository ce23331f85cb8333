/* image_support.h: an arena for a test, and small JPEG and PNG files made in memory. */
#ifndef TESTS_SUPPORT_IMAGE_SUPPORT_H
#define TESTS_SUPPORT_IMAGE_SUPPORT_H

#include "datasets/images/pixels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* cmocka set-up and tear-down: *state is an arena. */
int arena_setup(void **state);
int arena_teardown(void **state);

/* A file in memory; the caller frees data. */
typedef struct {
    unsigned char *data;
    size_t size;
} Bytes;

/* How a JPEG is written. Zeroed: grey or YCbCr 4:4:4, baseline, quality 90. */
typedef struct {
    int width, height, channels; /* 1, 2 (which no reader takes), 3 (RGB), 4 (CMYK) */
    bool keep_rgb;               /* 3 channels, stored without a change to YCbCr */
    bool ycck;                   /* 4 channels, stored as YCCK */
    bool subsample;              /* 4:2:0 */
    bool progressive, arithmetic;
    int restart; /* MCUs between restart markers */
} JpegKind;

/* pixels (height, width, channels). */
Bytes make_jpeg(const unsigned char *pixels, const JpegKind *kind);
/* Smooth colours with a little texture: (height, width, channels); the caller frees. */
unsigned char *make_pixels(int width, int height, int channels, uint32_t seed);
/* Both at once. */
Bytes make_any_jpeg(const JpegKind *kind);

/* Random pixels, half of them 0 or 255, so that sums of a resize leave 0 .. 255 and are clamped. Owned by the
 * arena. */
Image random_image(int width, int height, uint32_t seed, Arena *arena);

/* The place of the first marker FF `code` at or after `from`; fails the test when there is none. */
size_t find_marker(const Bytes *jpeg, int code, size_t from);
/* Puts `size` bytes in at `at`. */
void bytes_insert(Bytes *bytes, size_t at, const void *data, size_t size);

typedef struct {
    uint32_t width, height;
    int depth, colour; /* as in IHDR */
    bool interlaced;
    const void *palette, *transparency; /* PLTE, tRNS */
    size_t palette_size, transparency_size;
} PngKind;

/* PNG(2, 1, 8, 3, .palette = "...", .palette_size = 6) */
#define PNG(w, h, bits, type, ...)                                                                           \
    { .width = (w), .height = (h), .depth = (bits), .colour = (type), __VA_ARGS__ }

/* A PNG around raw scanlines (each with its filter byte). */
Bytes make_png(const void *scanlines, size_t size, const PngKind *kind);
/* Puts a chunk behind IHDR. */
void png_insert(Bytes *png, const char *type, const void *data, size_t size);

#endif
