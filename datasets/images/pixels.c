/* pixels.c: see pixels.h. */
#include "datasets/images/pixels.h"

int image_check_size(uint32_t width, uint32_t height, const char *name, Error *err) {
    if (width == 0 || height == 0)
        return error_set(err, "%s: header: an image of %u x %u pixels", name, width, height);
    if ((uint64_t)width * height > IMAGE_MAX_PIXELS) {
        return error_set(err, "%s: header: %u x %u pixels where at most %d are read", name, width, height,
                         IMAGE_MAX_PIXELS);
    }
    return 0;
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
