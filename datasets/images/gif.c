/* gif.c: the first frame of a GIF to RGB through giflib, to the values that Pillow gives.
 *
 * The canvas is the screen, or larger where the frame is. What the frame leaves free has the colour of its
 * transparent index, or of index 0; transparent pixels have their colour, too. The frame's own palette goes
 * before the screen's; an index past it, or without any, is grey of that value.
 */
#ifdef HAVE_GIF /* the Makefile found giflib */
#include "datasets/images/gif.h"

#include <stdbool.h>
#include <string.h>

#include <gif_lib.h>

/* A code of 12 bits at most stands for 4096 pixels at most. */
#define MAX_PIXELS_PER_BYTE 4096

typedef struct {
    const unsigned char *data;
    size_t size, at;
} Source;

/* The frame, as far as its description. */
typedef struct {
    uint32_t width, height; /* of the canvas */
    int fill;               /* the index of what the frame leaves free */
    unsigned char colours[256][3];
} Canvas;

static int read_bytes(GifFileType *gif, GifByteType *out, int n) {
    Source *source = gif->UserData;
    size_t left = source->size - source->at, wanted = (size_t)n < left ? (size_t)n : left;
    memcpy(out, source->data + source->at, wanted);
    source->at += wanted;
    return (int)wanted;
}

static int refuse(int code, const char *name, Error *err) {
    const char *reason = GifErrorString(code);
    if (code == D_GIF_ERR_NOT_ENOUGH_MEM)
        return error_memory(err);
    if (code == D_GIF_ERR_READ_FAILED || code == D_GIF_ERR_EOF_TOO_SOON)
        reason = "the file is cut short";
    return error_set(err, "%s: GIF data: %s", name, reason ? reason : "corrupt");
}

/* The transparent index of a graphic control block, or -1. */
static int transparent_index(int kind, const GifByteType *block) {
    GraphicsControlBlock control;
    if (kind == GRAPHICS_EXT_FUNC_CODE && block &&
        DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
        return control.TransparentColor;
    return -1;
}

/* Reads an extension; an index that it makes transparent goes to *transparent. */
static int read_extension(GifFileType *gif, int *transparent) {
    GifByteType *block;
    int kind;
    if (DGifGetExtension(gif, &kind, &block) != GIF_OK)
        return -1;
    if (kind == GRAPHICS_EXT_FUNC_CODE && block)
        *transparent = transparent_index(kind, block);
    while (block)
        if (DGifGetExtensionNext(gif, &block) != GIF_OK)
            return -1;
    return 0;
}

static void fill_colours(Canvas *canvas, const GifFileType *gif) {
    const ColorMapObject *map = gif->Image.ColorMap ? gif->Image.ColorMap : gif->SColorMap;
    for (int i = 0; i < 256; i++) {
        memset(canvas->colours[i], i, 3);
        if (map && i < map->ColorCount) {
            GifColorType colour = map->Colors[i];
            memcpy(canvas->colours[i], (unsigned char[]){colour.Red, colour.Green, colour.Blue}, 3);
        }
    }
}

/* Up to the pixels of the first frame. */
static int read_header(Canvas *canvas, GifFileType *gif, const Source *source, const char *name, Error *err) {
    GifRecordType record;
    int transparent = -1;
    do {
        if (DGifGetRecordType(gif, &record) != GIF_OK)
            return refuse(gif->Error, name, err);
        if (record == TERMINATE_RECORD_TYPE)
            return error_set(err, "%s: GIF data: no frame", name);
        if (record == EXTENSION_RECORD_TYPE && read_extension(gif, &transparent) < 0)
            return refuse(gif->Error, name, err);
    } while (record != IMAGE_DESC_RECORD_TYPE);
    if (DGifGetImageDesc(gif) != GIF_OK)
        return refuse(gif->Error, name, err);
    const GifImageDesc *frame = &gif->Image;
    const int right = frame->Left + frame->Width, bottom = frame->Top + frame->Height;
    canvas->width = (uint32_t)(right > gif->SWidth ? right : gif->SWidth);
    canvas->height = (uint32_t)(bottom > gif->SHeight ? bottom : gif->SHeight);
    canvas->fill = transparent >= 0 ? transparent : 0;
    fill_colours(canvas, gif);
    const uint32_t width = (uint32_t)frame->Width, height = (uint32_t)frame->Height;
    if (image_check_size(canvas->width, canvas->height, name, err) < 0 ||
        image_check_canvas(canvas->width, canvas->height, width, height, "GIF", name, err) < 0)
        return -1;
    return image_check_bytes(width, height, source->size, MAX_PIXELS_PER_BYTE, "GIF", name, err);
}

static void fill_canvas(Image *image, const Canvas *canvas) {
    const size_t stride = (size_t)image->width * 3;
    for (size_t x = 0; x < stride; x += 3)
        memcpy(image->rgb + x, canvas->colours[canvas->fill], 3);
    for (size_t y = 1; y < (size_t)image->height; y++)
        memcpy(image->rgb + y * stride, image->rgb, stride);
}

/* One row of the file; with image->rgb NULL it is only read. */
static int read_row(Image *image, const Canvas *canvas, GifFileType *gif, GifPixelType *row, int y) {
    const GifImageDesc *frame = &gif->Image;
    if (DGifGetLine(gif, row, frame->Width) != GIF_OK)
        return -1;
    if (!image->rgb)
        return 0;
    unsigned char *rgb =
        image->rgb + ((size_t)(frame->Top + y) * (size_t)image->width + (size_t)frame->Left) * 3;
    for (int x = 0; x < frame->Width; x++)
        memcpy(rgb + 3 * x, canvas->colours[row[x]], 3);
    return 0;
}

static int read_rows(Image *image, const Canvas *canvas, GifFileType *gif, const char *name, Arena *arena,
                     Error *err) {
    static const int starts[] = {0, 4, 2, 1}, steps[] = {8, 8, 4, 2};
    const int n_passes = gif->Image.Interlace ? 4 : 1;
    size_t mark = arena_mark(arena);
    GifPixelType *row = arena_alloc(arena, (size_t)gif->Image.Width + 1, 1);
    if (!row)
        return error_memory(err);
    for (int pass = 0; pass < n_passes; pass++)
        for (int y = starts[pass]; y < gif->Image.Height; y += n_passes == 1 ? 1 : steps[pass])
            if (gif->Image.Width > 0 && read_row(image, canvas, gif, row, y) < 0)
                return refuse(gif->Error, name, err);
    arena_reset(arena, mark);
    return 0;
}

/* Without `keep`, the pixels are read and forgotten. */
static int decode(Image *image, const unsigned char *data, size_t size, bool keep, const char *name,
                  Arena *arena, Error *err) {
    Source source = {data, size, 0};
    Canvas canvas;
    int code = 0, result = -1;
    GifFileType *gif = DGifOpen(&source, read_bytes, &code);
    if (!gif)
        return refuse(code, name, err);
    if (read_header(&canvas, gif, &source, name, err) == 0 &&
        (!keep || image_allocate(image, canvas.width, canvas.height, name, arena, err) == 0)) {
        if (keep)
            fill_canvas(image, &canvas);
        result = read_rows(image, &canvas, gif, name, arena, err);
    }
    DGifCloseFile(gif, NULL);
    return result;
}

int gif_image_decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                     Error *err) {
    return decode(image, data, size, true, name, arena, err);
}

int gif_image_check(const unsigned char *data, size_t size, const char *name, Arena *arena, Error *err) {
    Image image = {0};
    size_t mark = arena_mark(arena);
    int result = decode(&image, data, size, false, name, arena, err);
    arena_reset(arena, mark);
    return result;
}
#endif
