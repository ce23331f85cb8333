/* image.h: image files to pixels, as Pillow decodes them and convert("RGB") leaves them.
 *
 * JPEG: baseline and progressive, grey, YCbCr, RGB, CMYK, YCCK, through libjpeg-turbo with Pillow's settings.
 * PNG: all kinds, through libspng. WebP: lossy and lossless, through libwebp. BMP: all that Pillow reads.
 * Where their libraries were found when the program was built: GIF (giflib), TIFF (libtiff), HEIC and AVIF
 * (libheif). Of several pictures in a file, the first. They are told apart by content, never by suffix.
 *
 * Colour profiles are ignored, and so is EXIF orientation, as in the original code, unless it is asked for.
 * (TIFF, HEIC and AVIF are upright anyway, as Pillow and libheif leave them.)
 */
#ifndef DATASETS_IMAGES_IMAGE_H
#define DATASETS_IMAGES_IMAGE_H

#include "datasets/images/pixels.h"

#include <stdbool.h>

/* Decodes one file in memory; name is for messages alone. A truncated file is an error. On failure nothing
 * stays in the arena. */
int image_decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                 Error *err);
/* The same, and turns the image as its EXIF orientation says (orientation.h). */
int image_decode_upright(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                         Error *err);
int image_load(Image *image, const char *path, Arena *arena, Error *err);

/* Fails for an image that image_decode would refuse for its header, or because it is cut short; that is far
 * cheaper than to decode it. Faults within its data are not found. Nothing stays in the arena. */
int image_check(const unsigned char *data, size_t size, const char *name, Arena *arena, Error *err);

/* Whether the first bytes are those of an image of a known kind, be it one that is read or not. */
bool image_is_known(const unsigned char *data, size_t size);
/* 0 when the first bytes of a file are those of a format that is read; else an error that says what they are.
 */
int image_sniff(const char *path, Error *err);

#endif
