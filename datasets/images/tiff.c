/* tiff.c: the first picture of a TIFF file to RGB through libtiff, to the values that Pillow gives.
 *
 * libtiff unpacks rows or tiles; samples become RGB here:
 *   grey 1, 2, 4, 8 bits   scaled to 0 .. 255, turned round where 0 is white
 *   grey 16 bits           clipped at 255, not scaled
 *   palette 1 .. 8 bits    the high byte of its colours
 *   RGB 8, 16 bits         the high byte; alpha is dropped, after a division by it where it is premultiplied
 *   CMYK 8, 16 bits        the high byte, (255 - c)(255 - k) / 255
 *   YCbCr                  of JPEG alone, by libjpeg
 * Anything else is refused by name: floats, 12 and 32 bits, CIELAB, old JPEG. A TIFF file is always turned
 * upright, by Pillow too. Profiles are ignored.
 */
#ifdef HAVE_TIFF /* the Makefile found libtiff */
#include "datasets/images/tiff.h"

#include "datasets/images/orientation.h"
#include "datasets/images/tiff_library.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MAX_SAMPLES 6
/* libtiff goes on without a tag that it cannot read; without these, the picture is another one. */
#define NEEDED_TAGS                                                                                          \
    "\"ColorMap\"", "\"BitsPerSample\"", "\"SampleFormat\"", "\"ExtraSamples\"", "\"Orientation\"",          \
        "\"FillOrder\"", "\"Predictor\"", "\"PhotometricInterpretation\"", "\"PlanarConfiguration\"",        \
        "IO error"
/* Blank lines of a fax take next to nothing; of the other ways to pack none does better. */
#define MAX_PIXELS_PER_BYTE 2048
#define MAX_MEMORY (64 << 20) /* of libtiff at once, beside the size of the file */

/* A file in memory, and what libtiff first said of it. */
typedef struct {
    const unsigned char *data;
    size_t size;
    uint64_t at;
    char reason[200];
} Source;

typedef struct {
    const TiffLibrary *lib;
    TIFF *tiff;
    const char *name;
    const Source *source;
    uint32_t width, height;
    uint16_t bits, samples, photometric, planar, compression, format, orientation;
    uint16_t n_extra;
    const uint16_t *extra; /* (n_extra): what the samples behind the colours are */
    bool premultiplied;
    unsigned char colours[256][3]; /* of every sample of up to 8 bits, grey or of a palette */
} Picture;

/* --- libtiff's file --- */

static tmsize_t source_read(thandle_t handle, void *out, tmsize_t n) {
    Source *source = handle;
    const size_t left = source->at < source->size ? source->size - (size_t)source->at : 0;
    const size_t wanted = n < 0 ? 0 : (size_t)n < left ? (size_t)n : left;
    if (wanted > 0)
        memcpy(out, source->data + source->at, wanted);
    source->at += wanted;
    return (tmsize_t)wanted;
}

static tmsize_t source_write(thandle_t handle, void *data, tmsize_t n) {
    (void)handle, (void)data, (void)n;
    return -1;
}

static toff_t source_seek(thandle_t handle, toff_t offset, int whence) {
    Source *source = handle;
    source->at = whence == SEEK_SET   ? offset
                 : whence == SEEK_CUR ? source->at + offset
                                      : source->size + offset;
    return source->at;
}

static int source_close(thandle_t handle) {
    (void)handle;
    return 0;
}

static toff_t source_size(thandle_t handle) {
    return ((Source *)handle)->size;
}

static int source_map(thandle_t handle, void **data, toff_t *size) {
    Source *source = handle;
    *data = (void *)source->data;
    *size = source->size;
    return 1;
}

static void source_unmap(thandle_t handle, void *data, toff_t size) {
    (void)handle, (void)data, (void)size;
}

/* The first complaint says what the later ones follow from. */
static int keep_reason(TIFF *tiff, void *context, const char *module, const char *format, va_list args) {
    (void)tiff, (void)module;
    Source *source = context;
    if (*source->reason == '\0')
        vsnprintf(source->reason, sizeof source->reason, format, args);
    return 1;
}

static int keep_loss(TIFF *tiff, void *context, const char *module, const char *format, va_list args) {
    (void)tiff, (void)module;
    static const char *const needed[] = {NEEDED_TAGS};
    Source *source = context;
    char text[sizeof source->reason];
    vsnprintf(text, sizeof text, format, args);
    for (size_t i = 0; i < sizeof needed / sizeof *needed && *source->reason == '\0'; i++)
        if (strstr(text, needed[i]) && strstr(text, "tag ignored"))
            memcpy(source->reason, text, sizeof text);
    return 1;
}

static TIFF *open_source(const TiffLibrary *lib, Source *source) {
    TIFFOpenOptions *options = lib->OpenOptionsAlloc();
    if (!options)
        return NULL;
    lib->OpenOptionsSetErrorHandlerExtR(options, keep_reason, source);
    lib->OpenOptionsSetWarningHandlerExtR(options, keep_loss, source);
    lib->OpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)source->size + MAX_MEMORY);
    TIFF *tiff = lib->ClientOpenExt("TIFF", "r", source, source_read, source_write, source_seek, source_close,
                                    source_size, source_map, source_unmap, options);
    lib->OpenOptionsFree(options);
    return tiff;
}

static int refuse(const Source *source, const char *part, const char *name, Error *err) {
    if (errno == ENOMEM)
        return error_memory(err);
    return error_set(err, "%s: %s: %s", name, part, *source->reason ? source->reason : "corrupt");
}

/* --- what kind it is --- */

static int refuse_kind(const Picture *picture, const char *what, Error *err) {
    return error_set(err, "%s: TIFF header: %s, %u x %u bits, which is not read", picture->name, what,
                     picture->samples, picture->bits);
}

static bool is_compression_read(const TiffLibrary *lib, uint16_t compression) {
    static const uint16_t read[] = {COMPRESSION_NONE,      COMPRESSION_CCITTRLE,      COMPRESSION_CCITTFAX3,
                                    COMPRESSION_CCITTFAX4, COMPRESSION_LZW,           COMPRESSION_JPEG,
                                    COMPRESSION_DEFLATE,   COMPRESSION_ADOBE_DEFLATE, COMPRESSION_LZMA,
                                    COMPRESSION_PACKBITS,  COMPRESSION_ZSTD};
    for (size_t i = 0; i < sizeof read / sizeof *read; i++)
        if (read[i] == compression)
            return lib->IsCODECConfigured(compression);
    return false;
}

/* Extra samples of no meaning behind at most one of alpha; *first is what the first one is, or -1. */
static bool extras_are_read(const Picture *picture, int n_colours, int *first) {
    const int n = picture->samples - n_colours;
    *first = picture->n_extra > 0 ? picture->extra[0] : -1;
    for (int i = 1; i < picture->n_extra; i++)
        if (picture->extra[i] != EXTRASAMPLE_UNSPECIFIED)
            return false;
    return n == picture->n_extra || (n == 1 && picture->n_extra == 0 && n_colours == 3);
}

/* Of a sample of n bits. */
static void fill_greys(Picture *picture) {
    const int last = picture->bits > 8 ? 255 : (1 << picture->bits) - 1;
    for (int i = 0; i <= last; i++) {
        const int grey = i * 255 / last;
        memset(picture->colours[i], picture->photometric == PHOTOMETRIC_MINISWHITE ? 255 - grey : grey, 3);
    }
}

static int fill_palette(Picture *picture, Error *err) {
    uint16_t *red, *green, *blue;
    if (!picture->lib->GetField(picture->tiff, TIFFTAG_COLORMAP, &red, &green, &blue))
        return error_set(err, "%s: TIFF header: no palette", picture->name);
    for (int i = 0; i < 1 << picture->bits; i++) {
        const unsigned char colour[3] = {(unsigned char)(red[i] >> 8), (unsigned char)(green[i] >> 8),
                                         (unsigned char)(blue[i] >> 8)};
        memcpy(picture->colours[i], colour, 3);
    }
    return 0;
}

static int check_grey(Picture *picture, Error *err) {
    const bool is_palette = picture->photometric == PHOTOMETRIC_PALETTE;
    const char *what = is_palette ? "palette" : "grey";
    const bool is_black = picture->photometric == PHOTOMETRIC_MINISBLACK;
    int extra;
    bool good = extras_are_read(picture, 1, &extra) && extra != EXTRASAMPLE_ASSOCALPHA;
    if (picture->samples > 1)
        good = good && picture->samples == 2 && picture->bits == 8 && (is_palette || is_black);
    good = good && (picture->bits == 1 || picture->bits == 2 || picture->bits == 4 || picture->bits == 8 ||
                    (picture->bits == 16 && is_black));
    if (picture->format != SAMPLEFORMAT_UINT)
        good = good && picture->format == SAMPLEFORMAT_INT && picture->bits == 8 && is_black;
    if (!good)
        return refuse_kind(picture, what, err);
    if (is_palette)
        return fill_palette(picture, err);
    fill_greys(picture);
    return 0;
}

static int check_colours(Picture *picture, int n_colours, Error *err) {
    const char *what = n_colours == 4 ? "CMYK" : "RGB";
    int extra;
    if (!extras_are_read(picture, n_colours, &extra) || picture->samples > MAX_SAMPLES ||
        picture->format != SAMPLEFORMAT_UINT || (picture->bits != 8 && picture->bits != 16) ||
        (picture->bits == 16 && picture->samples > 4) || (n_colours == 4 && extra > EXTRASAMPLE_UNSPECIFIED))
        return refuse_kind(picture, what, err);
    picture->premultiplied = extra == EXTRASAMPLE_ASSOCALPHA;
    if (picture->planar == PLANARCONFIG_SEPARATE && (picture->premultiplied || n_colours == 4))
        return refuse_kind(picture, n_colours == 4 ? "CMYK in planes" : "premultiplied RGB in planes", err);
    return 0;
}

/* libjpeg turns the YCbCr of JPEG into RGB. */
static int check_ycbcr(Picture *picture, Error *err) {
    if (picture->compression != COMPRESSION_JPEG || picture->planar != PLANARCONFIG_CONTIG ||
        picture->samples != 3 || picture->bits != 8)
        return refuse_kind(picture, "YCbCr but by JPEG", err);
    picture->lib->SetField(picture->tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    return 0;
}

static int check_kind(Picture *picture, Error *err) {
    char text[40];
    switch (picture->photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_PALETTE:
        return check_grey(picture, err);
    case PHOTOMETRIC_RGB:
        return check_colours(picture, 3, err);
    case PHOTOMETRIC_SEPARATED:
        return check_colours(picture, 4, err);
    case PHOTOMETRIC_YCBCR:
        return check_ycbcr(picture, err);
    default:
        snprintf(text, sizeof text, "colours of kind %u", picture->photometric);
        return refuse_kind(picture, picture->photometric == PHOTOMETRIC_CIELAB ? "CIELAB" : text, err);
    }
}

static int describe(Picture *picture, Error *err) {
    const TiffLibrary *lib = picture->lib;
    TIFF *tiff = picture->tiff;
    if (!lib->GetField(tiff, TIFFTAG_IMAGEWIDTH, &picture->width) ||
        !lib->GetField(tiff, TIFFTAG_IMAGELENGTH, &picture->height))
        return error_set(err, "%s: TIFF header: no size", picture->name);
    if (!lib->GetField(tiff, TIFFTAG_PHOTOMETRIC, &picture->photometric))
        picture->photometric = PHOTOMETRIC_MINISWHITE;
    lib->GetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &picture->bits);
    lib->GetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &picture->samples);
    lib->GetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &picture->planar);
    lib->GetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &picture->compression);
    lib->GetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &picture->format);
    lib->GetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &picture->orientation);
    lib->GetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &picture->n_extra, &picture->extra);
    if (image_check_size(picture->width, picture->height, picture->name, err) < 0 ||
        image_check_bytes(picture->width, picture->height, picture->source->size, MAX_PIXELS_PER_BYTE, "TIFF",
                          picture->name, err) < 0)
        return -1;
    if (!is_compression_read(picture->lib, picture->compression))
        return error_set(err, "%s: TIFF header: compression %u, which is not read", picture->name,
                         picture->compression);
    return check_kind(picture, err);
}

/* --- samples --- */

/* The samples of adjacent pixels, all of them or those of one plane; from one pixel to the next are `step`
 * bytes. */
typedef struct {
    const Picture *picture;
    const unsigned char *raw;
    size_t step;
    int plane; /* -1: all */
} Samples;

static Samples samples_of(const Picture *picture, const unsigned char *raw, int plane) {
    const bool separate = picture->planar == PLANARCONFIG_SEPARATE;
    return (Samples){picture, raw, picture->bits / 8u * (separate ? 1u : picture->samples),
                     separate ? plane : -1};
}

/* The high byte of sample c of pixel i; 16 bits are in the order of this machine. */
static uint32_t sample(const Samples *samples, int c, size_t i) {
    const size_t bytes = samples->picture->bits / 8u;
    const unsigned char *at = samples->raw + i * samples->step + (size_t)c * bytes;
    uint16_t value;
    if (bytes == 1)
        return *at;
    memcpy(&value, at, sizeof value);
    return value >> 8;
}

static void convert_indexed(unsigned char *rgb, const Samples *samples, size_t n) {
    const Picture *picture = samples->picture;
    const size_t bits = picture->bits;
    for (size_t i = 0; i < n; i++) {
        const size_t bit = i * bits;
        const unsigned value =
            bits == 8 ? samples->raw[i * samples->step]
                      : (unsigned)samples->raw[bit / 8] >> (8 - bits - bit % 8) & ((1u << bits) - 1);
        memcpy(rgb + 3 * i, picture->colours[value], 3);
    }
}

static void convert_grey16(unsigned char *rgb, const Samples *samples, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint16_t value;
        memcpy(&value, samples->raw + i * samples->step, sizeof value);
        memset(rgb + 3 * i, value > 255 ? 255 : value, 3);
    }
}

static void convert_rgb(unsigned char *rgb, const Samples *samples, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t alpha = samples->picture->premultiplied ? sample(samples, 3, i) : 255;
        for (int c = 0; c < 3; c++) {
            uint32_t value = sample(samples, c, i);
            if (alpha != 255)
                value = alpha ? value * 255 / alpha : 0;
            rgb[3 * i + (size_t)c] = (unsigned char)(value < 255 ? value : 255);
        }
    }
}

static void convert_plane(unsigned char *rgb, const Samples *samples, size_t n) {
    for (size_t i = 0; i < n; i++)
        rgb[3 * i + (size_t)samples->plane] = (unsigned char)sample(samples, 0, i);
}

static void convert_cmyk(unsigned char *rgb, const Samples *samples, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t k = 255 - sample(samples, 3, i);
        for (int c = 0; c < 3; c++) {
            const uint32_t t = sample(samples, c, i) * k + 128;
            const int value = (int)k - (int)(((t >> 8) + t) >> 8);
            rgb[3 * i + (size_t)c] = (unsigned char)(value > 0 ? value : 0);
        }
    }
}

static void convert(unsigned char *rgb, const Samples *samples, size_t n) {
    const uint16_t photometric = samples->picture->photometric;
    if (photometric == PHOTOMETRIC_SEPARATED)
        convert_cmyk(rgb, samples, n);
    else if (photometric == PHOTOMETRIC_RGB || photometric == PHOTOMETRIC_YCBCR)
        (samples->plane < 0 ? convert_rgb : convert_plane)(rgb, samples, n);
    else
        (samples->picture->bits == 16 ? convert_grey16 : convert_indexed)(rgb, samples, n);
}

/* --- rows and tiles --- */

/* How many planes must be read: the first alone, if it is a grey one. */
static int n_planes(const Picture *picture) {
    return picture->planar == PLANARCONFIG_SEPARATE && picture->photometric == PHOTOMETRIC_RGB ? 3 : 1;
}

/* Of n pixels of a plane. */
static uint64_t plane_bytes(const Picture *picture, uint64_t n) {
    const uint64_t samples = picture->planar == PLANARCONFIG_SEPARATE ? 1u : picture->samples;
    return (n * samples * picture->bits + 7) / 8;
}

/* Plane by plane: most ways to pack have no random access. */
static int read_rows(const Picture *picture, Image *image, Arena *arena, Error *err) {
    const uint64_t size = plane_bytes(picture, picture->width);
    const int planes = n_planes(picture);
    if (picture->lib->ScanlineSize64(picture->tiff) != size)
        return error_set(err, "%s: TIFF header: rows that are packed in an unknown way", picture->name);
    unsigned char *row = arena_alloc(arena, (size_t)size, 1);
    if (!row)
        return error_memory(err);
    for (int c = 0; c < planes; c++) {
        const Samples samples = samples_of(picture, row, c);
        for (uint32_t y = 0; y < picture->height; y++) {
            if (picture->lib->ReadScanline(picture->tiff, row, y, (uint16_t)c) < 0)
                return refuse(picture->source, "TIFF data", picture->name, err);
            convert(image->rgb + (size_t)y * picture->width * 3, &samples, picture->width);
        }
    }
    return 0;
}

/* The part of a tile of `width` pixels that lies within the image. */
static void convert_tile(const Picture *picture, Image *image, const unsigned char *tile, int plane,
                         uint32_t left, uint32_t top, uint32_t width, uint32_t height) {
    const size_t row = (size_t)plane_bytes(picture, width);
    const uint32_t right = picture->width - left, below = picture->height - top;
    for (uint32_t y = 0; y < height && y < below; y++) {
        const Samples samples = samples_of(picture, tile + y * row, plane);
        convert(image->rgb + ((size_t)(top + y) * picture->width + left) * 3, &samples,
                width < right ? width : right);
    }
}

static int read_tiles(const Picture *picture, Image *image, Arena *arena, Error *err) {
    uint32_t width = 0, height = 0;
    picture->lib->GetField(picture->tiff, TIFFTAG_TILEWIDTH, &width);
    picture->lib->GetField(picture->tiff, TIFFTAG_TILELENGTH, &height);
    if (image_check_size(width, height, picture->name, err) < 0 ||
        image_check_bytes(width, height, picture->source->size, MAX_PIXELS_PER_BYTE, "TIFF", picture->name,
                          err) < 0)
        return -1;
    const uint64_t size = plane_bytes(picture, width) * height;
    const int planes = n_planes(picture);
    if (picture->lib->TileSize64(picture->tiff) != size)
        return error_set(err, "%s: TIFF header: tiles that are packed in an unknown way", picture->name);
    unsigned char *tile = arena_alloc(arena, (size_t)size, 1);
    if (!tile)
        return error_memory(err);
    for (int c = 0; c < planes; c++)
        for (uint64_t y = 0; y < picture->height; y += height)
            for (uint64_t x = 0; x < picture->width; x += width) {
                if (picture->lib->ReadTile(picture->tiff, tile, (uint32_t)x, (uint32_t)y, 0, (uint16_t)c) < 0)
                    return refuse(picture->source, "TIFF data", picture->name, err);
                convert_tile(picture, image, tile, c, (uint32_t)x, (uint32_t)y, width, height);
            }
    return 0;
}

/* The rows or tiles that lie behind the end of the file. (libtiff may read less of those that claim more
 * than a megabyte.) */
static int check_whole(const Picture *picture, Error *err) {
    const TiffLibrary *lib = picture->lib;
    TIFF *tiff = picture->tiff;
    const uint64_t size = picture->source->size;
    const uint32_t n = lib->IsTiled(tiff) ? lib->NumberOfTiles(tiff) : lib->NumberOfStrips(tiff);
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t at = lib->GetStrileOffset(tiff, i), bytes = lib->GetStrileByteCount(tiff, i);
        if (at > size || (bytes > size - at && bytes <= 1 << 20))
            return error_set(err, "%s: TIFF data: the file is cut short", picture->name);
    }
    return 0;
}

/* image NULL: for errors that need no pixels. */
static int decode_opened(Picture *picture, Image *image, Arena *arena, Error *err) {
    if (describe(picture, err) < 0)
        return -1;
    if (!image)
        return check_whole(picture, err);
    if (image_allocate(image, picture->width, picture->height, picture->name, arena, err) < 0)
        return -1;
    size_t mark = arena_mark(arena);
    if ((picture->lib->IsTiled(picture->tiff) ? read_tiles : read_rows)(picture, image, arena, err) < 0)
        return -1;
    arena_reset(arena, mark);
    return image_turn(image, picture->orientation, arena, err);
}

static int decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                  Error *err) {
    Source source = {.data = data, .size = size};
    const TiffLibrary *lib = tiff_library(name, err);
    if (!lib)
        return -1;
    errno = 0;
    Picture picture = {.lib = lib, .tiff = open_source(lib, &source), .name = name, .source = &source};
    int result = picture.tiff && *source.reason == '\0' ? decode_opened(&picture, image, arena, err)
                                                        : refuse(&source, "TIFF header", name, err);
    if (picture.tiff)
        lib->Close(picture.tiff);
    return result;
}

int tiff_image_decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                      Error *err) {
    return decode(image, data, size, name, arena, err);
}

int tiff_image_check(const unsigned char *data, size_t size, const char *name, Arena *arena, Error *err) {
    return decode(NULL, data, size, name, arena, err);
}
#endif
