/* png.c: PNG to RGB through libspng, to the values that Pillow 9.4's convert("RGB") gives.
 *
 * libspng unfilters and deinterlaces; samples are widened here:
 *   grey 1, 2, 4, 8 bits   scaled to 0 .. 255 (Pillow's modes 1 and L)
 *   grey 16 bits           clipped at 255, not scaled (mode I)
 *   RGB, and all with alpha, 16 bits: the high byte
 *   palette                its colour; an index past the palette is grey of that value
 * Alpha and tRNS are dropped without blending. Gamma and profiles are ignored.
 * Checksums of critical chunks are verified; ancillary chunks with errors are skipped.
 */
#include "datasets/images/png.h"

#include <errno.h>
#include <string.h>

#include <spng.h>

/* Bounds what a compressed text or profile chunk may unpack to. */
#define MAX_CHUNK (32u << 20)
/* No deflate stream unpacks to more than this many times its size. */
#define MAX_INFLATION 1032

typedef struct {
    struct spng_ihdr header;
    unsigned char colours[256][3]; /* of every sample of up to 8 bits, grey or of a palette */
} RowReader;

/* Each read_ turns one row of big-endian samples into rgb (width, 3). */
static void read_samples(const RowReader *reader, unsigned char *rgb, const unsigned char *raw) {
    uint32_t depth = reader->header.bit_depth;
    uint32_t mask = (1u << depth) - 1;
    for (size_t x = 0; x < reader->header.width; x++) {
        size_t bit = x * depth;
        uint32_t sample = ((uint32_t)raw[bit / 8] >> (8 - depth - bit % 8)) & mask;
        memcpy(rgb + 3 * x, reader->colours[sample], 3);
    }
}

static void read_grey16(const RowReader *reader, unsigned char *rgb, const unsigned char *raw) {
    for (size_t x = 0; x < reader->header.width; x++) {
        unsigned char value = raw[2 * x] != 0 ? 255 : raw[2 * x + 1];
        rgb[3 * x] = rgb[3 * x + 1] = rgb[3 * x + 2] = value;
    }
}

/* Whole-byte samples: the first byte of each, with a grey one used three times. */
static void read_channels(const RowReader *reader, unsigned char *rgb, const unsigned char *raw,
                          size_t pixel) {
    size_t sample = reader->header.bit_depth / 8u;
    size_t step = reader->header.color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ? 0 : sample;
    for (size_t x = 0; x < reader->header.width; x++, raw += pixel)
        for (size_t c = 0; c < 3; c++)
            rgb[3 * x + c] = raw[c * step];
}

static void read_row(const RowReader *reader, unsigned char *rgb, const unsigned char *raw) {
    size_t sample = reader->header.bit_depth / 8u;
    switch (reader->header.color_type) {
    case SPNG_COLOR_TYPE_GRAYSCALE:
    case SPNG_COLOR_TYPE_INDEXED:
        if (sample == 2)
            read_grey16(reader, rgb, raw);
        else
            read_samples(reader, rgb, raw);
        break;
    case SPNG_COLOR_TYPE_GRAYSCALE_ALPHA:
        read_channels(reader, rgb, raw, 2 * sample);
        break;
    case SPNG_COLOR_TYPE_TRUECOLOR_ALPHA:
        read_channels(reader, rgb, raw, 4 * sample);
        break;
    default:
        read_channels(reader, rgb, raw, 3 * sample);
    }
}

/* plte NULL: a scale of greys. */
static void fill_colours(RowReader *reader, const struct spng_plte *plte) {
    uint32_t last = plte || reader->header.bit_depth > 8 ? 255 : (1u << reader->header.bit_depth) - 1;
    for (uint32_t i = 0; i <= last; i++) {
        memset(reader->colours[i], (int)(i * 255 / last), 3);
        if (plte && i < plte->n_entries) {
            struct spng_plte_entry entry = plte->entries[i];
            memcpy(reader->colours[i], (unsigned char[]){entry.red, entry.green, entry.blue}, 3);
        }
    }
}

/* What libspng says of a part of the file; where zlib found no memory, it says that the data is wrong. */
static int refuse(int status, const char *part, const char *name, Error *err) {
    if (errno == ENOMEM)
        return error_memory(err);
    return error_set(err, "%s: %s: %s", name, part, spng_strerror(status));
}

/* Decodes into the image itself when the file holds what is wanted, else through a raw copy. */
static int decode_pixels(spng_ctx *context, const RowReader *reader, Image *image, size_t raw_size,
                         const char *name, Arena *arena, Error *err) {
    int direct = reader->header.color_type == SPNG_COLOR_TYPE_TRUECOLOR && reader->header.bit_depth == 8;
    size_t mark = arena_mark(arena);
    unsigned char *raw = direct ? image->rgb : arena_alloc(arena, raw_size, 1);
    if (arena_failed(arena))
        return error_memory(err);
    int status = spng_decode_image(context, raw, raw_size, SPNG_FMT_RAW, 0);
    if (status != 0)
        return refuse(status, "PNG data", name, err);
    size_t height = (size_t)image->height;
    for (size_t y = 0; !direct && y < height; y++)
        read_row(reader, image->rgb + y * (size_t)image->width * 3, raw + y * (raw_size / height));
    arena_reset(arena, mark);
    return 0;
}

/* With header_alone, no pixels are decoded. */
static int decode_opened(spng_ctx *context, Image *image, size_t size, bool header_alone, const char *name,
                         Arena *arena, Error *err) {
    RowReader reader = {0};
    int status = spng_get_ihdr(context, &reader.header);
    if (status != 0)
        return refuse(status, "header", name, err);
    struct spng_plte plte;
    int indexed = reader.header.color_type == SPNG_COLOR_TYPE_INDEXED;
    if (indexed && (status = spng_get_plte(context, &plte)) != 0)
        return refuse(status, "palette", name, err);
    fill_colours(&reader, indexed ? &plte : NULL);
    size_t raw_size;
    status = spng_decoded_image_size(context, SPNG_FMT_RAW, &raw_size);
    if (status != 0)
        return refuse(status, "header", name, err);
    uint64_t pixels = (uint64_t)reader.header.width * reader.header.height;
    if (pixels <= IMAGE_MAX_PIXELS && raw_size / MAX_INFLATION > size) {
        return error_set(err, "%s: PNG data: %zu bytes cannot hold %u x %u pixels", name, size,
                         reader.header.width, reader.header.height);
    }
    if (header_alone)
        return image_check_size(reader.header.width, reader.header.height, name, err);
    if (image_allocate(image, reader.header.width, reader.header.height, name, arena, err) < 0)
        return -1;
    return decode_pixels(context, &reader, image, raw_size, name, arena, err);
}

static int decode(Image *image, const unsigned char *data, size_t size, bool header_alone, const char *name,
                  Arena *arena, Error *err) {
    spng_ctx *context = spng_ctx_new(0);
    if (!context)
        return error_memory(err);
    int result;
    errno = 0;
    if (spng_set_chunk_limits(context, MAX_CHUNK, MAX_CHUNK) != 0 ||
        spng_set_png_buffer(context, data, size) != 0)
        result = error_run(err, "%s: libspng cannot be set up", name);
    else
        result = decode_opened(context, image, size, header_alone, name, arena, err);
    spng_ctx_free(context);
    return result;
}

int png_image_decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                     Error *err) {
    return decode(image, data, size, false, name, arena, err);
}

/* Whether the lengths of the chunks lead to the one that ends the file. */
static bool is_whole(const unsigned char *data, size_t size) {
    for (size_t at = 8; size - at >= 12;) {
        const unsigned char *chunk = data + at;
        size_t length = (size_t)chunk[0] << 24 | (size_t)chunk[1] << 16 | (size_t)chunk[2] << 8 | chunk[3];
        if (memcmp(chunk + 4, "IEND", 4) == 0)
            return true;
        if (length > size - at - 12)
            return false;
        at += length + 12;
    }
    return false;
}

int png_image_check(const unsigned char *data, size_t size, const char *name, Arena *arena, Error *err) {
    Image image = {0};
    return decode(&image, data, size, is_whole(data, size), name, arena, err);
}
