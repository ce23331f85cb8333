/* jpeg_write.c: see jpeg_write.h */
#include "datasets/images/jpeg_write.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

/* after jpeglib.h */
#include <jerror.h>

/* All that must survive a longjmp lives here, in the frame of a caller of setjmp. */
typedef struct {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf escape;
    char reason[JMSG_LENGTH_MAX];
    unsigned char *data; /* grown by libjpeg with malloc */
    unsigned long size;
} Encoder;

static void fail(j_common_ptr common) {
    Encoder *encoder = common->client_data;
    common->err->format_message(common, encoder->reason);
    longjmp(encoder->escape, 1);
}

static int encode_guarded(Encoder *encoder, const Image *image, int quality, Error *err) {
    struct jpeg_compress_struct *jpeg = &encoder->jpeg;
    if (setjmp(encoder->escape) != 0)
        return encoder->errors.msg_code == JERR_OUT_OF_MEMORY
                   ? error_memory(err)
                   : error_run(err, "writing a JPEG: %s", encoder->reason);
    jpeg_create_compress(jpeg);
    jpeg_mem_dest(jpeg, &encoder->data, &encoder->size);
    jpeg->image_width = (JDIMENSION)image->width;
    jpeg->image_height = (JDIMENSION)image->height;
    jpeg->input_components = 3;
    jpeg->in_color_space = JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, quality, TRUE);
    jpeg->optimize_coding = TRUE;
    jpeg_start_compress(jpeg, TRUE);
    for (int y = 0; y < image->height; y++) {
        JSAMPROW row = image->rgb + (size_t)y * (size_t)image->width * 3;
        jpeg_write_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_compress(jpeg);
    return 0;
}

int jpeg_write(const Image *image, int quality, unsigned char **data, size_t *size, Arena *arena,
               Error *err) {
    Encoder encoder = {0};
    encoder.jpeg.client_data = &encoder;
    encoder.jpeg.err = jpeg_std_error(&encoder.errors);
    encoder.errors.error_exit = fail;
    int result = encode_guarded(&encoder, image, quality, err);
    jpeg_destroy_compress(&encoder.jpeg);
    if (result == 0) {
        *size = encoder.size;
        *data = ARENA_NEW(arena, unsigned char, encoder.size);
        if (*data)
            memcpy(*data, encoder.data, encoder.size);
        else
            result = error_memory(err);
    }
    free(encoder.data);
    return result;
}
