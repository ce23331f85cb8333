/* pixels.c: see pixels.h. */
#include "datasets/images/pixels.h"

#define MAX_EMPTY_CANVAS (1u << 24) /* pixels; larger ones must be filled to 1/64 at least */

int image_check_size(uint32_t width, uint32_t height, const char *name, Error *err) {
    if (width == 0 || height == 0)
        return error_set(err, "%s: header: an image of %u x %u pixels", name, width, height);
    if ((uint64_t)width * height > IMAGE_MAX_PIXELS) {
        return error_set(err, "%s: header: %u x %u pixels where at most %d are read", name, width, height,
                         IMAGE_MAX_PIXELS);
    }
    return 0;
}

int image_check_canvas(uint32_t width, uint32_t height, uint32_t frame_width, uint32_t frame_height,
                       const char *format, const char *name, Error *err) {
    const uint64_t pixels = (uint64_t)width * height, filled = (uint64_t)frame_width * frame_height;
    if (pixels <= MAX_EMPTY_CANVAS || pixels / 64 <= filled)
        return 0;
    return error_set(err, "%s: %s data: %u x %u pixels on an empty canvas of %u x %u", name, format,
                     frame_width, frame_height, width, height);
}

int image_check_bytes(uint32_t width, uint32_t height, size_t size, uint32_t per_byte, const char *format,
                      const char *name, Error *err) {
    const uint64_t pixels = (uint64_t)width * height;
    if (pixels <= MAX_EMPTY_CANVAS || pixels / per_byte <= size)
        return 0;
    return error_set(err, "%s: %s data: %zu bytes cannot hold %u x %u pixels", name, format, size, width,
                     height);
}

int image_allocate(Image *image, uint32_t width, uint32_t height, const char *name, Arena *arena,
                   Error *err) {
    if (image_check_size(width, height, name, err) < 0)
        return -1;
    image->width = (int)width;
    image->height = (int)height;
    image->rgb = arena_alloc(arena, (size_t)width * height, 3);
    return arena_failed(arena) ? error_memory(err) : 0;
}
