/* caption_builder.h: what the readers of caption_set.h fill. */
#ifndef DATASETS_CAPTIONS_CAPTION_BUILDER_H
#define DATASETS_CAPTIONS_CAPTION_BUILDER_H

#include "clip/base/text_map.h"
#include "datasets/lists/lists.h"

typedef struct {
    int image;
    const char *text;
} Caption;

typedef struct {
    TextPool pool;
    TextMap places; /* of the images, by path */
    ListBuilder images;
    Caption *captions; /* (n_captions) in the order of the file */
    int n_captions, capacity;
    const char *dataset;
} CaptionBuilder;

/* The index of the image of this path, which is copied; *is_new tells whether it is. -1 with an error. */
int caption_image(CaptionBuilder *builder, const char *path, bool *is_new, Error *err);
/* A caption of an image, which is copied. */
int caption_add(CaptionBuilder *builder, int image, const char *text, Error *err);

/* Errors of these name the file and the place. */
int captions_read_json(CaptionBuilder *builder, const char *path, const char *split, Error *err);
int captions_read_list(CaptionBuilder *builder, const char *path, Error *err);
int captions_read_flickr(CaptionBuilder *builder, const char *path, Error *err);
int captions_read_table(CaptionBuilder *builder, const char *path, Error *err);

#endif
