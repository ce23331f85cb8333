/* bmp.c: Windows and OS/2 bitmaps to RGB, to the values that Pillow gives.
 *
 * Layout, little endian:
 *     14  file header: "BM", size, reserved, offset of the pixels (0: right behind the rest)
 *      n  bitmap header, n in its first four bytes: 12 (OS/2: sizes of 16 bits, colours of 3 bytes), or 40,
 *         52, 56, 64, 108, 124: width, height, planes, bits, compression, ..., number of colours; masks
 *         within it, or behind one of 40 bytes
 *         palette, of 1, 4 and 8 bits
 *         rows, each filled up to four bytes, the lowest first (the highest first if the height is negative)
 *
 * 16 bits are 5-5-5 or, by mask, 5-6-5; 32 bits have four unused ones, or alpha, which is dropped. An index
 * past the palette is grey of that value. (A palette of greys changes nothing here, while Pillow takes 8-bit
 * pixels with a palette of black and white for single bits.)
 */
#include "datasets/images/bmp.h"

#include <stdbool.h>
#include <string.h>

enum { RAW = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3 };
/* Of a run; skipped pixels take even less, but those of a large picture are not all skipped. */
#define MAX_PIXELS_PER_BYTE 128
#define MAX_SKIPPED (1u << 20)

typedef struct {
    const unsigned char *data;
    size_t size, at; /* at: of the pixels */
    uint32_t width, height, bits, compression, n_colours;
    uint32_t masks[4]; /* red, green, blue, alpha */
    bool is_top_down;
    size_t offsets[3]; /* of red, green and blue in a pixel of 24 or 32 bits */
    unsigned char colours[256][3];
    const char *name;
} Bitmap;

static uint32_t read16(const unsigned char *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static uint32_t read32(const unsigned char *at) {
    return read16(at) | read16(at + 2) << 16;
}

static int cut_short(const Bitmap *bitmap, Error *err) {
    return error_set(err, "%s: BMP data: the file is cut short", bitmap->name);
}

/* --- headers --- */

/* Sets bitmap->at behind the bitmap header and its masks. */
static int read_long_header(Bitmap *bitmap, const unsigned char *header, uint32_t length, Error *err) {
    bitmap->is_top_down = header[11] == 0xff;
    bitmap->width = read32(header + 4);
    bitmap->height = bitmap->is_top_down ? 0u - read32(header + 8) : read32(header + 8);
    bitmap->bits = read16(header + 14);
    bitmap->compression = read32(header + 16);
    bitmap->n_colours = read32(header + 32);
    if (bitmap->compression != BITFIELDS)
        return 0;
    const uint32_t n_masks = length >= 56 ? 4 : 3;
    if (length < 52)
        bitmap->at += 12;
    if (bitmap->at > bitmap->size)
        return cut_short(bitmap, err);
    for (uint32_t i = 0; i < n_masks; i++)
        bitmap->masks[i] = read32(header + 40 + 4 * i);
    return 0;
}

static int read_palette(Bitmap *bitmap, size_t entry, Error *err) {
    const size_t left = bitmap->size - bitmap->at, there = left / entry;
    size_t n = bitmap->n_colours;
    if (n > 256)
        return error_set(err, "%s: palette: %u colours where at most 256 are read", bitmap->name,
                         bitmap->n_colours);
    for (int i = 0; i < 256; i++)
        memset(bitmap->colours[i], i, 3);
    n = n < there ? n : there;
    for (size_t i = 0; i < n; i++) {
        const unsigned char *bgr = bitmap->data + bitmap->at + i * entry;
        memcpy(bitmap->colours[i], (unsigned char[]){bgr[2], bgr[1], bgr[0]}, 3);
    }
    bitmap->at += n * entry;
    return 0;
}

static bool same_masks(const Bitmap *bitmap, const uint32_t *masks, int n) {
    return memcmp(bitmap->masks, masks, (size_t)n * sizeof *masks) == 0;
}

/* Where the channels of 24 and 32 bits lie, or what the green ones of 16 bits are. */
static int read_masks(Bitmap *bitmap, Error *err) {
    static const struct {
        uint32_t masks[4];
        size_t offsets[3];
    } layouts[] = {
        {{0xff0000, 0xff00, 0xff, 0}, {2, 1, 0}},          {{0xff000000, 0xff0000, 0xff00, 0}, {3, 2, 1}},
        {{0xff000000, 0xff00, 0xff, 0}, {3, 1, 0}},        {{0xff000000, 0xff0000, 0xff00, 0xff}, {3, 2, 1}},
        {{0xff, 0xff00, 0xff0000, 0xff000000}, {0, 1, 2}}, {{0xff0000, 0xff00, 0xff, 0xff000000}, {2, 1, 0}},
        {{0xff000000, 0xff00, 0xff, 0xff0000}, {3, 1, 0}}, {{0, 0, 0, 0}, {2, 1, 0}},
    };
    for (size_t i = 0; bitmap->bits == 32 && i < sizeof layouts / sizeof *layouts; i++)
        if (same_masks(bitmap, layouts[i].masks, 4)) {
            memcpy(bitmap->offsets, layouts[i].offsets, sizeof bitmap->offsets);
            return 0;
        }
    if (bitmap->bits == 24 && same_masks(bitmap, layouts[0].masks, 3))
        return 0;
    if (bitmap->bits == 16 && (same_masks(bitmap, (uint32_t[]){0xf800, 0x7e0, 0x1f}, 3) ||
                               same_masks(bitmap, (uint32_t[]){0x7c00, 0x3e0, 0x1f}, 3)))
        return 0;
    return error_set(err, "%s: header: %u bits with masks %x, %x, %x, %x, which are not read", bitmap->name,
                     bitmap->bits, bitmap->masks[0], bitmap->masks[1], bitmap->masks[2], bitmap->masks[3]);
}

static int check_kind(Bitmap *bitmap, Error *err) {
    const uint32_t bits = bitmap->bits;
    const bool indexed = bits == 1 || bits == 4 || bits == 8;
    if (!indexed && bits != 16 && bits != 24 && bits != 32)
        return error_set(err, "%s: header: %u bits per pixel where 1, 4, 8, 16, 24 or 32 are read",
                         bitmap->name, bits);
    if (bitmap->compression == BITFIELDS)
        return read_masks(bitmap, err);
    if (bitmap->compression > BITFIELDS || (bitmap->compression != RAW && !indexed))
        return error_set(err, "%s: header: compression %u of %u bits, which is not read", bitmap->name,
                         bitmap->compression, bits);
    return 0;
}

/* Everything before the pixels. */
static int read_headers(Bitmap *bitmap, Error *err) {
    const unsigned char *header = bitmap->data + 14;
    const uint32_t length = bitmap->size < 18 ? 0 : read32(header);
    if (bitmap->size < 18)
        return cut_short(bitmap, err);
    if (length != 12 && length != 40 && length != 52 && length != 56 && length != 64 && length != 108 &&
        length != 124)
        return error_set(err, "%s: header: a bitmap header of %u bytes, which is not read", bitmap->name,
                         length);
    bitmap->at = 14 + length;
    if (bitmap->at > bitmap->size)
        return cut_short(bitmap, err);
    if (length == 12) {
        bitmap->width = read16(header + 4);
        bitmap->height = read16(header + 6);
        bitmap->bits = read16(header + 10);
    } else if (read_long_header(bitmap, header, length, err) < 0) {
        return -1;
    }
    if (image_check_size(bitmap->width, bitmap->height, bitmap->name, err) < 0 || check_kind(bitmap, err) < 0)
        return -1;
    const size_t entry = length == 12 ? 3 : 4;
    size_t pixels = read32(bitmap->data + 10);
    if (bitmap->n_colours == 0 && bitmap->bits <= 8)
        bitmap->n_colours = 1u << bitmap->bits;
    if (bitmap->bits <= 8 && pixels == 14 + length) /* some writers leave the palette out of the offset */
        pixels += entry * bitmap->n_colours;
    if (bitmap->bits <= 8 && read_palette(bitmap, entry, err) < 0)
        return -1;
    bitmap->at = pixels ? pixels : bitmap->at;
    return bitmap->at > bitmap->size ? cut_short(bitmap, err) : 0;
}

/* --- rows --- */

static void read_indexed(const Bitmap *bitmap, unsigned char *rgb, const unsigned char *raw) {
    const uint32_t bits = bitmap->bits, mask = (1u << bits) - 1;
    for (size_t x = 0; x < bitmap->width; x++) {
        size_t bit = x * bits;
        uint32_t index = ((uint32_t)raw[bit / 8] >> (8 - bits - bit % 8)) & mask;
        memcpy(rgb + 3 * x, bitmap->colours[index], 3);
    }
}

static void read_high_colour(const Bitmap *bitmap, unsigned char *rgb, const unsigned char *raw) {
    const uint32_t green = bitmap->masks[1] == 0x7e0 ? 6 : 5, most = (1u << green) - 1;
    for (size_t x = 0; x < bitmap->width; x++) {
        uint32_t pixel = read16(raw + 2 * x);
        rgb[3 * x] = (unsigned char)((pixel >> (5 + green) & 31) * 255 / 31);
        rgb[3 * x + 1] = (unsigned char)((pixel >> 5 & most) * 255 / most);
        rgb[3 * x + 2] = (unsigned char)((pixel & 31) * 255 / 31);
    }
}

static void read_true_colour(const Bitmap *bitmap, unsigned char *rgb, const unsigned char *raw) {
    const size_t step = bitmap->bits / 8;
    for (size_t x = 0; x < bitmap->width; x++, raw += step)
        for (size_t c = 0; c < 3; c++)
            rgb[3 * x + c] = raw[bitmap->offsets[c]];
}

static unsigned char *row_of(const Bitmap *bitmap, const Image *image, size_t y) {
    const size_t height = bitmap->height, row = bitmap->is_top_down ? y : height - 1 - y;
    return image->rgb + row * bitmap->width * 3;
}

/* The last row may lack what fills it up. */
static int check_rows(const Bitmap *bitmap, Error *err) {
    const uint64_t used = ((uint64_t)bitmap->width * bitmap->bits + 7) / 8, row = (used + 3) / 4 * 4;
    return row * (bitmap->height - 1) + used <= bitmap->size - bitmap->at ? 0 : cut_short(bitmap, err);
}

static void read_rows(const Bitmap *bitmap, Image *image) {
    const size_t row = ((size_t)bitmap->width * bitmap->bits + 31) / 32 * 4;
    for (size_t y = 0; y < bitmap->height; y++) {
        const unsigned char *raw = bitmap->data + bitmap->at + y * row;
        unsigned char *rgb = row_of(bitmap, image, y);
        if (bitmap->bits <= 8)
            read_indexed(bitmap, rgb, raw);
        else if (bitmap->bits == 16)
            read_high_colour(bitmap, rgb, raw);
        else
            read_true_colour(bitmap, rgb, raw);
    }
}

/* --- runs --- */

/* Where the next pixel goes, counted from the first in the file; with image NULL it is only counted. */
typedef struct {
    const Bitmap *bitmap;
    Image *image;
    size_t done, total, in_row; /* in_row: as the file's runs count it, to cut those that are too long */
} Runs;

static void put(Runs *runs, size_t n, uint32_t first, uint32_t second) {
    const size_t left = runs->total - runs->done, width = runs->bitmap->width;
    n = n < left ? n : left;
    for (size_t i = 0; runs->image && i < n; i++) {
        size_t at = runs->done + i;
        memcpy(row_of(runs->bitmap, runs->image, at / width) + at % width * 3,
               runs->bitmap->colours[i % 2 ? second : first], 3);
    }
    runs->done += n;
}

static void put_run(Runs *runs, size_t n, uint32_t value) {
    const bool nibbles = runs->bitmap->compression == RLE4;
    const size_t width = runs->bitmap->width;
    if (runs->in_row + n > width)
        n = runs->in_row < width ? width - runs->in_row : 0;
    put(runs, n, nibbles ? value >> 4 : value, nibbles ? value & 15 : value);
    runs->in_row += n;
}

/* Pixels one by one. Returns false where the file ends, or the picture does. */
static bool put_single(Runs *runs, size_t n, size_t *at) {
    const Bitmap *bitmap = runs->bitmap;
    const bool nibbles = bitmap->compression == RLE4;
    const size_t left = runs->total - runs->done, count = n < left ? n : left;
    const size_t n_bytes = nibbles ? (count + 1) / 2 : count, there = bitmap->size - *at;
    for (size_t i = 0; i < n_bytes && i < there; i++) {
        const uint32_t value = bitmap->data[*at + i];
        if (nibbles)
            put(runs, 2 * i + 1 < count ? 2 : 1, value >> 4, value & 15);
        else
            put(runs, 1, value, value);
    }
    if (n_bytes > there || runs->done == runs->total)
        return false;
    runs->in_row += n;
    *at += n_bytes;
    *at += *at % 2;
    return true;
}

/* A zero and a code. Returns false at the end. */
static bool put_escape(Runs *runs, uint32_t code, size_t *at) {
    const Bitmap *bitmap = runs->bitmap;
    const size_t width = bitmap->width;
    if (code == 0) {
        put(runs, (width - runs->done % width) % width, 0, 0);
        runs->in_row = 0;
    } else if (code == 2) {
        if (bitmap->size < *at + 2)
            return false;
        put(runs, bitmap->data[*at] + bitmap->data[*at + 1] * width, 0, 0);
        runs->in_row = runs->done % width;
        *at += 2;
    } else if (code > 2) {
        return put_single(runs, code, at);
    }
    return code != 1;
}

static int read_runs(const Bitmap *bitmap, Image *image, Error *err) {
    Runs runs = {bitmap, image, .total = (size_t)bitmap->width * bitmap->height};
    size_t at = bitmap->at;
    bool more = true;
    if (runs.total > MAX_SKIPPED && runs.total / MAX_PIXELS_PER_BYTE > bitmap->size)
        return error_set(err, "%s: BMP data: %zu bytes cannot hold %u x %u pixels", bitmap->name,
                         bitmap->size, bitmap->width, bitmap->height);
    while (more && runs.done < runs.total && at + 2 <= bitmap->size) {
        const uint32_t count = bitmap->data[at], value = bitmap->data[at + 1];
        at += 2;
        if (count)
            put_run(&runs, count, value);
        else
            more = put_escape(&runs, value, &at);
    }
    return runs.done == runs.total ? 0 : cut_short(bitmap, err);
}

/* image NULL: for errors alone. */
static int decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                  Error *err) {
    Bitmap bitmap = {.data = data, .size = size, .offsets = {2, 1, 0}, .name = name};
    if (read_headers(&bitmap, err) < 0)
        return -1;
    const bool is_raw = bitmap.compression == RAW || bitmap.compression == BITFIELDS;
    if (is_raw ? check_rows(&bitmap, err) < 0 : read_runs(&bitmap, NULL, err) < 0)
        return -1;
    if (!image)
        return 0;
    if (image_allocate(image, bitmap.width, bitmap.height, name, arena, err) < 0)
        return -1;
    if (is_raw)
        read_rows(&bitmap, image);
    return is_raw ? 0 : read_runs(&bitmap, image, err);
}

int bmp_image_decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                     Error *err) {
    return decode(image, data, size, name, arena, err);
}

int bmp_image_check(const unsigned char *data, size_t size, const char *name, Arena *arena, Error *err) {
    return decode(NULL, data, size, name, arena, err);
}
