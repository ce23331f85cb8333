/* pixels.h: an image in memory, as every decoder leaves it and every transform takes it. */
#ifndef DATASETS_IMAGES_PIXELS_H
#define DATASETS_IMAGES_PIXELS_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stdint.h>

/* Pillow refuses images of more than twice its MAX_IMAGE_PIXELS, which is 1024^3 / 4 / 3. */
#define IMAGE_MAX_PIXELS 178956970

typedef struct {
    int width, height;
    unsigned char *rgb; /* (height, width, 3), owned by the arena that was given */
    long warnings;      /* faults in the data of a JPEG that were passed over, as Pillow does */
} Image;

/* The box (left, top, left + width, top + height) of an image, in whole pixels. */
typedef struct {
    int left, top, width, height;
} CropBox;

/* Checks the size that a header claims against the limit. The name is only used in messages. */
int image_check_size(uint32_t width, uint32_t height, const char *name, Error *err);
/* Unlike pixels, an empty canvas takes no bytes of the file: fails for a huge one with a small frame, where a
 * few bytes would take hundreds of megabytes. */
int image_check_canvas(uint32_t width, uint32_t height, uint32_t frame_width, uint32_t frame_height,
                       const char *format, const char *name, Error *err);
/* The same for a huge picture out of `size` bytes, each of which may stand for so many pixels. */
int image_check_bytes(uint32_t width, uint32_t height, size_t size, uint32_t per_byte, const char *format,
                      const char *name, Error *err);
/* As image_check_size, and then takes image->rgb from the arena. */
int image_allocate(Image *image, uint32_t width, uint32_t height, const char *name, Arena *arena, Error *err);

#endif
