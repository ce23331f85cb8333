/* image_input.c: see image_input.h. Files are read, not mapped: one that is cut meanwhile, as in a folder
 * where others write, is a bad image and nothing worse. */
#include "coop/library/image_input.h"

#include "clip/base/files.h"
#include "datasets/images/image.h"

#include <string.h>

coop_image coop_image_file(const char *path) {
    const coop_image image = {.name = path};
    return image;
}

coop_image coop_image_bytes(const void *data, size_t size) {
    const coop_image image = {.data = data ? data : "", .size = data ? size : 0};
    return image;
}

coop_image coop_image_pixels(const void *rgb, int width, int height) {
    const size_t w = width > 0 ? (size_t)width : 0, h = height > 0 ? (size_t)height : 0;
    const coop_image image = {
        .data = rgb, .size = 3 * w * h, .width = width, .height = height, .stride = 3 * w};
    return image;
}

static const char *name_of(const coop_image *image) {
    return image->name ? image->name : "image";
}

/* Rows close up: what resizes them knows no stride. */
static int take_pixels(Image *out, const coop_image *in, Arena *arena, Error *err) {
    const char *name = name_of(in);
    const size_t row = 3 * (size_t)(in->width > 0 ? in->width : 0);
    if (in->width < 1 || in->height < 1)
        return error_usage(err, "%s: %d x %d pixels: at least one is needed", name, in->width, in->height);
    if (in->stride < row)
        return error_usage(err, "%s: a stride of %zu bytes, where a row of %d pixels has %zu", name,
                           in->stride, in->width, row);
    if (in->size < row || (in->size - row) / in->stride < (size_t)in->height - 1)
        return error_usage(err, "%s: %zu bytes, which are less than %d rows", name, in->size, in->height);
    if (image_check_size((uint32_t)in->width, (uint32_t)in->height, name, err) < 0)
        return -1;
    *out = (Image){.width = in->width, .height = in->height};
    if (in->stride == row) {
        out->rgb = (unsigned char *)(uintptr_t)in->data; /* only read */
        return 0;
    }
    if (image_allocate(out, (uint32_t)in->width, (uint32_t)in->height, name, arena, err) < 0)
        return -1;
    for (size_t y = 0; y < (size_t)in->height; y++)
        memcpy(out->rgb + y * row, (const unsigned char *)in->data + y * in->stride, row);
    return 0;
}

static int decode(Image *out, const coop_image *in, bool upright, Arena *arena, Error *err) {
    const unsigned char *data = in->data;
    size_t size = in->size;
    if (in->reserved[0] || in->reserved[1])
        return error_usage(err, "%s: not made by coop_image_file, _bytes or _pixels of this library",
                           name_of(in));
    if (data && (in->width != 0 || in->height != 0))
        return take_pixels(out, in, arena, err);
    if (!data && !in->name)
        return error_usage(err, "image: neither a path nor data");
    if (!data && !(data = file_bytes(in->name, &size, arena, err)))
        return -1;
    return (upright ? image_decode_upright : image_decode)(out, data, size, name_of(in), arena, err);
}

/* square (S, S, 3): the pixels themselves where they are that already. */
static const unsigned char *make_square(const coop_image *image, const ImageShape *shape, Arena *arena,
                                        Error *err) {
    const int S = shape->transform.size;
    Image decoded = {0};
    if (decode(&decoded, image, shape->upright, arena, err) < 0)
        return NULL;
    if (image->width == S && image->height == S)
        return decoded.rgb;
    unsigned char *square = ARENA_NEW(arena, unsigned char, 3 * (size_t)S * (size_t)S);
    if (!square)
        error_memory(err);
    else if (transform_fit(square, &decoded, &shape->transform, arena, err) == 0)
        return square;
    else
        error_prefix(err, "%s", name_of(image));
    return NULL;
}

int image_input(float *pixels, const coop_image *image, const ImageShape *shape, Arena *arena, Error *err) {
    const size_t mark = arena_mark(arena);
    const unsigned char *square = make_square(image, shape, arena, err);
    if (square)
        transform_normalize(pixels, square, shape->transform.size, shape->mean, shape->std);
    arena_reset(arena, mark);
    return square ? 0 : -1;
}
