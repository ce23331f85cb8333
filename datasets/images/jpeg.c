/* jpeg.c: JPEG to RGB through libjpeg-turbo, with the settings and the leniency of Pillow (JpegDecode.c).
 *
 * - libjpeg's defaults: the accurate integer DCT, fancy upsampling, block smoothing.
 * - Grey, YCbCr and RGB files come out as RGB. CMYK and YCCK come out as CMYK, which Pillow takes to be
 *   inverted (Adobe's way) and converts without a profile: with k = 255 - K, R = k - C k / 255 (cmyk2rgb in
 *   Convert.c).
 * - The source suspends at the end of the data, so a file that ends before its last row is an error, where
 *   libjpeg's own memory source would make up the rest. A file with all its rows but no EOI marker passes.
 * - Corrupt entropy-coded data only counts as a warning. Arithmetic coding is read where libjpeg has it.
 * - A progressive file may repeat a scan endlessly: scans are limited, and so are scans times pixels.
 * - A header that promises more pixels than the bytes after it can hold is refused before memory is taken for
 *   them. So is a file that is cut short: where no marker ends it, its rows are first decoded without being
 *   kept; if it has several scans, which libjpeg would keep whole, it is refused at once.
 */
#include "datasets/images/jpeg.h"

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
/* after jpeglib.h */
#include <jerror.h>

#define MAX_SCANS 1000
#define MAX_SCANNED_PIXELS (UINT64_C(1) << 32) /* 24 scans of the largest image */
/* A Huffman code takes a bit at least, every block of 8 x 8 samples has one, and the component with the most
 * samples has one for every fourth pixel at least. */
#define MAX_PIXELS_PER_BYTE (8 * 64 * 4)

/* All that must survive a longjmp lives here, in the frame of a caller of setjmp. */
typedef struct {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    bool is_trial;     /* of a file without an end: rows are decoded, but not kept */
    bool header_alone; /* no rows are decoded */
    char reason[JMSG_LENGTH_MAX];
} Decoder;

static const char cut_short[] = "the file is cut short";

static void fail(j_common_ptr common) {
    Decoder *decoder = common->client_data;
    common->err->format_message(common, decoder->reason);
    /* What the arithmetic decoder says at the end of the data. */
    if (common->err->msg_code == JERR_CANT_SUSPEND)
        snprintf(decoder->reason, sizeof decoder->reason, "%s", cut_short);
    longjmp(decoder->escape, 1);
}

static void count_warning(j_common_ptr common, int level) {
    if (level < 0)
        common->err->num_warnings++;
}

static void say_nothing(j_common_ptr common) {
    (void)common;
}

static void limit_scans(j_common_ptr common) {
    Decoder *decoder = common->client_data;
    uint64_t scans = (uint64_t)decoder->jpeg.input_scan_number;
    uint64_t pixels = (uint64_t)decoder->jpeg.image_width * decoder->jpeg.image_height;
    if (scans > MAX_SCANS || scans * pixels > MAX_SCANNED_PIXELS) {
        snprintf(decoder->reason, sizeof decoder->reason, "over %d scans",
                 decoder->jpeg.input_scan_number - 1);
        longjmp(decoder->escape, 1);
    }
}

static void source_nothing(j_decompress_ptr jpeg) {
    (void)jpeg;
}

static boolean source_suspend(j_decompress_ptr jpeg) {
    (void)jpeg;
    return FALSE;
}

static void source_skip(j_decompress_ptr jpeg, long count) {
    struct jpeg_source_mgr *source = jpeg->src;
    if (count > 0) {
        size_t step = (size_t)count < source->bytes_in_buffer ? (size_t)count : source->bytes_in_buffer;
        source->next_input_byte += step;
        source->bytes_in_buffer -= step;
    }
}

/* Inverted CMYK (n, 4) to RGB (n, 3). With C, M, Y, K inverted, 255 - K is K as it is in the file. */
static void cmyk_to_rgb(unsigned char *rgb, const unsigned char *cmyk, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int k = cmyk[4 * i + 3];
        for (size_t c = 0; c < 3; c++) {
            int t = (255 - cmyk[4 * i + c]) * k + 128;
            rgb[3 * i + c] = (unsigned char)(k - (((t >> 8) + t) >> 8));
        }
    }
}

/* Whether the markers after the first lead to the one that ends the file. Inside a scan, what
 * could be a marker is followed by 0, or is a restart. True where libjpeg will find something else to say. */
static bool is_whole(const unsigned char *data, size_t size) {
    size_t at = 0;
    for (const unsigned char *next; (next = memchr(data + at, 0xff, size - at)) != NULL;) {
        at = (size_t)(next - data);
        while (at < size && data[at] == 0xff)
            at++;
        if (at == size)
            break;
        unsigned char marker = data[at++];
        if (marker == JPEG_EOI || marker == 0xd8 || (marker > 0x01 && marker < 0xc0))
            return true;
        if (marker <= 0x01 || (marker >= JPEG_RST0 && marker < JPEG_RST0 + 8))
            continue;
        size_t length = size - at < 2 ? SIZE_MAX : (size_t)data[at] << 8 | data[at + 1];
        if (length > size - at)
            break;
        at += length;
    }
    return false;
}

static int read_rows(Decoder *decoder, Image *image, const char *name, Arena *arena, Error *err) {
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    size_t mark = arena_mark(arena);
    unsigned char *one_row = NULL; /* (width, 4): of CMYK, or of a trial */
    bool is_cmyk = jpeg->out_color_space == JCS_CMYK;
    if (is_cmyk || decoder->is_trial) {
        one_row = arena_alloc(arena, (size_t)image->width, 4);
        if (arena_failed(arena))
            return error_memory(err);
    }
    for (int y = 0; y < image->height; y++) {
        unsigned char *rgb = decoder->is_trial ? NULL : image->rgb + (size_t)y * image->width * 3;
        JSAMPROW row = one_row ? one_row : rgb;
        if (jpeg_read_scanlines(jpeg, &row, 1) != 1)
            return error_set(err, "%s: row %d of %d: %s", name, y, image->height, cut_short);
        if (is_cmyk && rgb)
            cmyk_to_rgb(rgb, one_row, (size_t)image->width);
    }
    arena_reset(arena, mark);
    return 0;
}

/* Everything that may call fail(). */
static int decode_guarded(Decoder *decoder, Image *image, const char *name, Arena *arena, Error *err) {
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    if (setjmp(decoder->escape) != 0)
        return decoder->errors.msg_code == JERR_OUT_OF_MEMORY
                   ? error_memory(err)
                   : error_set(err, "%s: JPEG data: %s", name, decoder->reason);
    jpeg_create_decompress(jpeg);
    jpeg->src = &decoder->source;
    jpeg->progress = &decoder->progress;
    if (jpeg_read_header(jpeg, TRUE) != JPEG_HEADER_OK)
        return error_set(err, "%s: header: %s", name, cut_short);
    int channels = jpeg->num_components;
    if (channels != 1 && channels != 3 && channels != 4)
        return error_set(err, "%s: header: %d components where 1, 3 or 4 are read", name, channels);
    uint64_t pixels = (uint64_t)jpeg->image_width * jpeg->image_height;
    size_t left = decoder->source.bytes_in_buffer;
    if (!jpeg->arith_code && pixels <= IMAGE_MAX_PIXELS && pixels / MAX_PIXELS_PER_BYTE > left) {
        return error_set(err, "%s: JPEG data: %zu bytes cannot hold %u x %u pixels", name, left,
                         jpeg->image_width, jpeg->image_height);
    }
    if (decoder->header_alone)
        return image_check_size(jpeg->image_width, jpeg->image_height, name, err);
    if (decoder->is_trial && jpeg_has_multiple_scans(jpeg))
        return error_set(err, "%s: JPEG data: %s", name, cut_short);
    if (image_allocate(image, jpeg->image_width, jpeg->image_height, name, arena, err) < 0)
        return -1;
    jpeg->out_color_space = channels == 4 ? JCS_CMYK : JCS_RGB;
    if (!jpeg_start_decompress(jpeg))
        return error_set(err, "%s: JPEG data: %s", name, cut_short);
    if (read_rows(decoder, image, name, arena, err) < 0)
        return -1;
    /* Reads on to the EOI marker, for errors on the way there; that it is missing is no error. */
    jpeg_finish_decompress(jpeg);
    image->warnings = decoder->errors.num_warnings;
    return 0;
}

static int decode(Decoder *decoder, Image *image, const unsigned char *data, size_t size, const char *name,
                  Arena *arena, Error *err) {
    decoder->source = (struct jpeg_source_mgr){
        .next_input_byte = data,
        .bytes_in_buffer = size,
        .init_source = source_nothing,
        .fill_input_buffer = source_suspend,
        .skip_input_data = source_skip,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = source_nothing,
    };
    decoder->progress.progress_monitor = limit_scans;
    decoder->jpeg.client_data = decoder;
    decoder->jpeg.err = jpeg_std_error(&decoder->errors);
    decoder->errors.error_exit = fail;
    decoder->errors.emit_message = count_warning;
    decoder->errors.output_message = say_nothing;
    int result = decode_guarded(decoder, image, name, arena, err);
    jpeg_destroy_decompress(&decoder->jpeg);
    return result;
}

int jpeg_image_decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                      Error *err) {
    Decoder trial = {.is_trial = true}, decoder = {0};
    size_t mark = arena_mark(arena);
    if (!is_whole(data + 2, size - 2)) {
        if (decode(&trial, image, data, size, name, arena, err) < 0)
            return -1;
        arena_reset(arena, mark);
    }
    return decode(&decoder, image, data, size, name, arena, err);
}

int jpeg_image_check(const unsigned char *data, size_t size, const char *name, Arena *arena, Error *err) {
    Decoder decoder = {.header_alone = true};
    Image image = {0};
    return is_whole(data + 2, size - 2) ? decode(&decoder, &image, data, size, name, arena, err)
                                        : jpeg_image_decode(&image, data, size, name, arena, err);
}
