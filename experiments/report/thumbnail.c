/* thumbnail.c: see thumbnail.h */
#include "experiments/report/thumbnail.h"

#include "clip/base/files.h"
#include "datasets/images/image.h"
#include "datasets/images/jpeg_write.h"
#include "datasets/images/resize.h"

enum { QUALITY = 82 };

int thumbnail_of(Thumbnail *thumbnail, const Image *image, int side, Arena *arena, Error *err) {
    Image small;
    *thumbnail = (Thumbnail){0};
    int longer = image->width > image->height ? image->width : image->height;
    double scale = longer > side ? (double)side / longer : 1;
    thumbnail->width = image->width * scale < 1 ? 1 : (int)(image->width * scale + 0.5);
    thumbnail->height = image->height * scale < 1 ? 1 : (int)(image->height * scale + 0.5);
    CropBox whole = {0, 0, image->width, image->height};
    if (image_resize(&small, image, whole, thumbnail->width, thumbnail->height, FILTER_BICUBIC, arena, err) <
        0)
        return -1;
    return jpeg_write(&small, QUALITY, &thumbnail->jpeg, &thumbnail->size, arena, err);
}

int thumbnail_make(Thumbnail *thumbnail, const char *path, bool upright, int side, Arena *arena, Error *err) {
    Image image;
    FileMap map;
    *thumbnail = (Thumbnail){0};
    if (file_map(&map, path, err) < 0)
        return -1;
    int result = upright ? image_decode_upright(&image, map.data, map.size, path, arena, err)
                         : image_decode(&image, map.data, map.size, path, arena, err);
    file_unmap(&map);
    return result < 0 ? -1 : thumbnail_of(thumbnail, &image, side, arena, err);
}
