/* heif.c: HEIC and AVIF to RGB through libheif, as pillow_heif does it.
 *
 * The primary picture, in 8 bits, without alpha. It is upright, whatever its EXIF says: the turn that a
 * camera wants is a property of the picture, which libheif applies. Profiles are ignored.
 */
#ifdef HAVE_HEIF /* the Makefile found libheif */
#include "datasets/images/heif.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <libheif/heif.h>

/* An empty block of the largest size takes less than a byte. */
#define MAX_PIXELS_PER_BYTE (1 << 14)

static int refuse(struct heif_error error, const char *name, Error *err) {
    if (error.code == heif_error_Memory_allocation_error &&
        error.subcode != heif_suberror_Security_limit_exceeded)
        return error_memory(err);
    if (error.code == heif_error_Unsupported_feature || error.code == heif_error_Plugin_loading_error ||
        error.code == heif_error_Unsupported_filetype)
        return error_set(err, "%s: HEIF data: this libheif does not read it (%s)", name, error.message);
    return error_set(err, "%s: HEIF data: %s", name, error.message);
}

/* Whether the boxes lead to the end of the file, or to one that lasts until it. */
static bool is_whole(const unsigned char *data, size_t size) {
    for (size_t at = 0; at < size;) {
        if (size - at < 8)
            return false;
        uint64_t length = 0;
        for (size_t i = 0; i < 4; i++)
            length = length << 8 | data[at + i];
        if (length == 0)
            return true;
        if (length == 1) {
            if (size - at < 16)
                return false;
            length = 0;
            for (size_t i = 8; i < 16; i++)
                length = length << 8 | data[at + i];
        }
        if (length < 8 || length > size - at)
            return false;
        at += (size_t)length;
    }
    return true;
}

static int copy_rows(Image *image, const struct heif_image *picture, const char *name, Arena *arena,
                     Error *err) {
    int stride = 0;
    const uint8_t *rows = heif_image_get_plane_readonly(picture, heif_channel_interleaved, &stride);
    const int width = heif_image_get_width(picture, heif_channel_interleaved);
    const int height = heif_image_get_height(picture, heif_channel_interleaved);
    if (!rows || width < 1 || height < 1)
        return error_set(err, "%s: HEIF data: no pixels", name);
    if (image_allocate(image, (uint32_t)width, (uint32_t)height, name, arena, err) < 0)
        return -1;
    for (size_t y = 0; y < (size_t)height; y++)
        memcpy(image->rgb + y * (size_t)width * 3, rows + y * (size_t)stride, (size_t)width * 3);
    return 0;
}

static uint32_t size_of(int side) {
    return side > 0 ? (uint32_t)side : 0;
}

/* As it is shown, and before it was cut. */
static int check_size(const struct heif_image_handle *handle, size_t size, const char *name, Error *err) {
    const uint32_t sides[][2] = {
        {size_of(heif_image_handle_get_width(handle)), size_of(heif_image_handle_get_height(handle))},
        {size_of(heif_image_handle_get_ispe_width(handle)),
         size_of(heif_image_handle_get_ispe_height(handle))}};
    for (int i = 0; i < 2; i++)
        if (image_check_size(sides[i][0], sides[i][1], name, err) < 0 ||
            image_check_bytes(sides[i][0], sides[i][1], size, MAX_PIXELS_PER_BYTE, "HEIF", name, err) < 0)
            return -1;
    return 0;
}

/* image NULL: for errors that need no pixels. */
static int decode_handle(Image *image, const struct heif_image_handle *handle, size_t size, const char *name,
                         Arena *arena, Error *err) {
    if (check_size(handle, size, name, err) < 0)
        return -1;
    if (!image)
        return 0;
    struct heif_decoding_options *options = heif_decoding_options_alloc();
    if (!options)
        return error_memory(err);
    options->convert_hdr_to_8bit = 1;
    struct heif_image *picture = NULL;
    struct heif_error error =
        heif_decode_image(handle, &picture, heif_colorspace_RGB, heif_chroma_interleaved_RGB, options);
    heif_decoding_options_free(options);
    if (error.code != heif_error_Ok)
        return refuse(error, name, err);
    int result = copy_rows(image, picture, name, arena, err);
    heif_image_release(picture);
    return result;
}

static int decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                  Error *err) {
    struct heif_image_handle *handle = NULL;
    if (!is_whole(data, size))
        return error_set(err, "%s: HEIF data: the file is cut short", name);
    struct heif_context *context = heif_context_alloc();
    if (!context)
        return error_memory(err);
    heif_context_set_max_decoding_threads(context, 0); /* other images are decoded beside this one */
    struct heif_error error = heif_context_read_from_memory_without_copy(context, data, size, NULL);
    if (error.code == heif_error_Ok)
        error = heif_context_get_primary_image_handle(context, &handle);
    int result = error.code != heif_error_Ok ? refuse(error, name, err)
                                             : decode_handle(image, handle, size, name, arena, err);
    heif_image_handle_release(handle);
    heif_context_free(context);
    return result;
}

int heif_image_decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                      Error *err) {
    return decode(image, data, size, name, arena, err);
}

int heif_image_check(const unsigned char *data, size_t size, const char *name, Arena *arena, Error *err) {
    return decode(NULL, data, size, name, arena, err);
}
#endif
