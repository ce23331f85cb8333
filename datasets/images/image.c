/* image.c: which decoder a file needs, told by its first bytes. */
#include "datasets/images/image.h"

#include "clip/base/files.h"
#include "datasets/images/bmp.h"
#include "datasets/images/gif.h"
#include "datasets/images/heif.h"
#include "datasets/images/jpeg.h"
#include "datasets/images/orientation.h"
#include "datasets/images/png.h"
#include "datasets/images/tiff.h"
#include "datasets/images/webp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef int (*DecodeFn)(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                        Error *err);

typedef int (*CheckFn)(const unsigned char *data, size_t size, const char *name, Arena *arena, Error *err);

#ifdef HAVE_GIF
#define GIF_FORMAT gif_image_decode, gif_image_check, NULL
#else
#define GIF_FORMAT NULL, NULL, "giflib"
#endif
#ifdef HAVE_TIFF
#define TIFF_FORMAT tiff_image_decode, tiff_image_check, NULL
#else
#define TIFF_FORMAT NULL, NULL, "libtiff"
#endif
#ifdef HAVE_HEIF
#define HEIF_FORMAT heif_image_decode, heif_image_check, NULL
#else
#define HEIF_FORMAT NULL, NULL, "libheif"
#endif

/* Formats are listed without a decoder to name what a wrongly suffixed file really is. */
typedef struct {
    const char *format;
    size_t offset, length;
    const char *magic;
    DecodeFn decode;
    CheckFn check;
    const char *needs; /* the library that this program was built without */
} Format;

static const Format formats[] = {
    {"JPEG", 0, 3, "\xff\xd8\xff", jpeg_image_decode, jpeg_image_check, NULL},
    {"PNG", 0, 8, "\x89PNG\r\n\x1a\n", png_image_decode, png_image_check, NULL},
    {"WebP", 8, 4, "WEBP", webp_image_decode, webp_image_check, NULL},
    {"GIF", 0, 4, "GIF8", GIF_FORMAT},
    {"BMP", 0, 2, "BM", bmp_image_decode, bmp_image_check, NULL},
    {"TIFF", 0, 4, "II*\0", TIFF_FORMAT},
    {"TIFF", 0, 4, "MM\0*", TIFF_FORMAT},
    {"TIFF", 0, 4, "II+\0", TIFF_FORMAT},
    {"TIFF", 0, 4, "MM\0+", TIFF_FORMAT},
    {"HEIC", 4, 7, "ftyphei", HEIF_FORMAT}, /* heic, heix, heim, heis */
    {"HEIC", 4, 7, "ftyphev", HEIF_FORMAT}, /* hevc, hevx, hevm, hevs */
    {"AVIF", 4, 7, "ftypavi", HEIF_FORMAT}, /* avif, avis */
    {"HEIF", 4, 8, "ftypmif1", HEIF_FORMAT},
    {"HEIF", 4, 8, "ftypmsf1", HEIF_FORMAT},
    {"JPEG 2000", 4, 4, "jP  ", NULL, NULL, NULL},
    {"JPEG 2000", 0, 4, "\xff\x4f\xff\x51", NULL, NULL, NULL},
    {"JPEG XL", 0, 2, "\xff\x0a", NULL, NULL, NULL},
    {"JPEG XL", 4, 4, "JXL ", NULL, NULL, NULL},
};
#define ARE_READ "JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC and AVIF"

/* NULL: of no known kind. */
static const Format *sniff(const unsigned char *data, size_t size) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const Format *format = &formats[i];
        if (size >= format->offset + format->length &&
            memcmp(data + format->offset, format->magic, format->length) == 0)
            return format;
    }
    return NULL;
}

bool image_is_known(const unsigned char *data, size_t size) {
    return sniff(data, size) != NULL;
}

static int refuse(const Format *format, const char *name, Error *err) {
    const char *n = *format->format == 'A' ? "n" : "";
    if (format->needs)
        return error_set(
            err, "%s: start: this is a%s %s image, and this coop was built without %s, which that needs",
            name, n, format->format, format->needs);
    return error_set(err, "%s: start: this is a%s %s image; coop reads " ARE_READ, name, n, format->format);
}

/* NULL with an error for anything that no decoder takes. */
static const Format *find_format(const unsigned char *data, size_t size, const char *name, Error *err) {
    if (size == 0) {
        error_set(err, "%s: start: the file is empty", name);
        return NULL;
    }
    const Format *format = sniff(data, size);
    if (format && format->decode)
        return format;
    if (format)
        refuse(format, name, err);
    else
        error_set(err, "%s: start: no image that coop reads (" ARE_READ ")", name);
    return NULL;
}

int image_decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                 Error *err) {
    *image = (Image){0};
    const Format *format = find_format(data, size, name, err);
    if (!format)
        return -1;
    size_t mark = arena_mark(arena);
    if (format->decode(image, data, size, name, arena, err) < 0) {
        arena_reset(arena, mark);
        *image = (Image){0};
        return -1;
    }
    return 0;
}

int image_decode_upright(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                         Error *err) {
    size_t mark = arena_mark(arena);
    if (image_decode(image, data, size, name, arena, err) == 0 &&
        image_turn(image, image_orientation(data, size), arena, err) == 0)
        return 0;
    arena_reset(arena, mark);
    *image = (Image){0};
    return -1;
}

int image_check(const unsigned char *data, size_t size, const char *name, Arena *arena, Error *err) {
    const Format *format = find_format(data, size, name, err);
    size_t mark = arena_mark(arena);
    int result = format ? format->check(data, size, name, arena, err) : -1;
    arena_reset(arena, mark);
    return result;
}

int image_sniff(const char *path, Error *err) {
    unsigned char start[16];
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not make it wait */
    ssize_t size = file < 0 ? -1 : read(file, start, sizeof start);
    int reason = errno;
    if (file >= 0)
        close(file);
    if (size < 0)
        return error_set(err, "%s: cannot %s: %s", path, file < 0 ? "open" : "read", strerror(reason));
    return find_format(start, (size_t)size, path, err) ? 0 : -1;
}

int image_load(Image *image, const char *path, Arena *arena, Error *err) {
    *image = (Image){0};
    FileMap map;
    if (file_map(&map, path, err) < 0)
        return -1;
    int result = image_decode(image, map.data, map.size, path, arena, err);
    file_unmap(&map);
    return result;
}
