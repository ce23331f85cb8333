/* webp.c: WebP to RGB through libwebp.
 *
 * Pillow draws the first frame on a canvas of transparent black, without blending, and drops alpha without
 * blending, too. So a still picture is decoded as it is; of an animation the first frame is, at its place on
 * a black canvas. EXIF orientation and profiles are ignored.
 */
#include "datasets/images/webp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include <webp/decode.h>
#include <webp/demux.h>

/* The size that the RIFF header promises, all of it. */
static uint64_t promised_size(const unsigned char *data) {
    return 8 +
           ((uint64_t)data[4] | (uint64_t)data[5] << 8 | (uint64_t)data[6] << 16 | (uint64_t)data[7] << 24);
}

/* Where libwebp found no memory, it may say that the data is wrong. */
static int refuse(VP8StatusCode status, const char *name, Error *err) {
    if (errno == ENOMEM || status == VP8_STATUS_OUT_OF_MEMORY)
        return error_memory(err);
    if (status == VP8_STATUS_UNSUPPORTED_FEATURE)
        return error_set(err, "%s: WebP data: a feature that libwebp does not know", name);
    return error_set(err, "%s: WebP data: corrupt", name);
}

static int decode_frame(Image *image, const WebPIterator *frame, const char *name, Error *err) {
    WebPDecoderConfig config;
    const size_t row = (size_t)image->width * 3;
    if (!WebPInitDecoderConfig(&config))
        return error_run(err, "%s: libwebp is of another version than it was built for", name);
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = image->rgb + (size_t)frame->y_offset * row + (size_t)frame->x_offset * 3;
    config.output.u.RGBA.stride = (int)row;
    config.output.u.RGBA.size = row * (size_t)(frame->height - 1) + (size_t)frame->width * 3;
    VP8StatusCode status = WebPDecode(frame->fragment.bytes, frame->fragment.size, &config);
    WebPFreeDecBuffer(&config.output);
    return status == VP8_STATUS_OK ? 0 : refuse(status, name, err);
}

/* The frame's own header must agree with the canvas: libwebp would write as much as that says. */
static bool frame_fits(const WebPIterator *frame, uint32_t width, uint32_t height) {
    WebPBitstreamFeatures features;
    return WebPGetFeatures(frame->fragment.bytes, frame->fragment.size, &features) == VP8_STATUS_OK &&
           features.width == frame->width && features.height == frame->height && frame->x_offset >= 0 &&
           frame->y_offset >= 0 && (uint32_t)frame->x_offset + (uint32_t)frame->width <= width &&
           (uint32_t)frame->y_offset + (uint32_t)frame->height <= height;
}

/* With header_alone, no pixels are decoded. */
static int decode_parts(const WebPDemuxer *demuxer, Image *image, bool header_alone, const char *name,
                        Arena *arena, Error *err) {
    const uint32_t width = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH),
                   height = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT);
    WebPIterator frame;
    if (image_check_size(width, height, name, err) < 0)
        return -1;
    if (!WebPDemuxGetFrame(demuxer, 1, &frame))
        return error_set(err, "%s: WebP data: no frame", name);
    int result;
    if (!frame_fits(&frame, width, height))
        result = error_set(err, "%s: WebP data: a frame that does not fit the picture", name);
    else if (image_check_canvas(width, height, (uint32_t)frame.width, (uint32_t)frame.height, "WebP", name,
                                err) < 0)
        result = -1;
    else if (header_alone)
        result = 0;
    else if ((result = image_allocate(image, width, height, name, arena, err)) == 0)
        result = decode_frame(image, &frame, name, err);
    WebPDemuxReleaseIterator(&frame);
    return result;
}

static int decode(Image *image, const unsigned char *data, size_t size, bool header_alone, const char *name,
                  Arena *arena, Error *err) {
    if (promised_size(data) > size)
        return error_set(err, "%s: WebP data: the file is cut short", name);
    errno = 0;
    WebPDemuxer *demuxer = WebPDemux(&(WebPData){.bytes = data, .size = size});
    if (!demuxer)
        return refuse(VP8_STATUS_BITSTREAM_ERROR, name, err);
    int result = decode_parts(demuxer, image, header_alone, name, arena, err);
    WebPDemuxDelete(demuxer);
    return result;
}

int webp_image_decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                      Error *err) {
    return decode(image, data, size, false, name, arena, err);
}

int webp_image_check(const unsigned char *data, size_t size, const char *name, Arena *arena, Error *err) {
    Image image = {0};
    return decode(&image, data, size, true, name, arena, err);
}
