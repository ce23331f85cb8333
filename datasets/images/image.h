/* image.h: JPEG and PNG files to pixels, as Pillow decodes them and convert("RGB") leaves them.
 *
 * JPEG: baseline and progressive, grey, YCbCr, RGB, CMYK, YCCK, through libjpeg-turbo with Pillow's settings.
 * PNG: all kinds, through libspng. Told apart by content, never by suffix. EXIF orientation and colour
 * profiles are ignored, as in the original code.
 */
#ifndef DATASETS_IMAGES_IMAGE_H
#define DATASETS_IMAGES_IMAGE_H

#include "datasets/images/pixels.h"

/* Decodes one file in memory; name is for messages alone. A truncated file is an error. On failure nothing
 * stays in the arena. */
int image_decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                 Error *err);
int image_load(Image *image, const char *path, Arena *arena, Error *err);

/* Do the first bytes of a file promise an image of a format that is read? An error says what it is instead.
 */
int image_sniff(const char *path, Error *err);

#endif
