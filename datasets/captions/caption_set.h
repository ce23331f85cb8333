/* caption_set.h: images with their captions, any number for each, as the field's files have them.
 *
 * Told apart by content: Karpathy's JSON (`images`, each with `sentences` and a `split`), COCO's annotations
 * (`images` with `id` and `file_name`; `annotations` with `image_id` and `caption`), lists of images
 * (`image`, `caption`, a text or a list of them: LAVIS' and ALBEF's copies of Karpathy's splits), Flickr's
 * text files (a header, then `NAME.jpg,caption`; or `NAME.jpg#0<TAB>caption`), and tables with the columns
 * image and caption (or filepath and title).
 */
#ifndef DATASETS_CAPTIONS_CAPTION_SET_H
#define DATASETS_CAPTIONS_CAPTION_SET_H

#include "datasets/lists/dataset.h"

typedef struct {
    const char *source;    /* the file */
    const char *dataset;   /* what the file itself says that it is (Karpathy's "flickr30k"); else NULL */
    ItemList images;       /* paths below the folder of the images; labels are not used */
    const char **captions; /* (n_captions), of one image after the other */
    int *image_of;         /* (n_captions) index into images */
    int n_captions;
    int n_without; /* images without a caption */
} CaptionSet;

/* split: of Karpathy's file, "test", or "all"; NULL: "test" there. Files without splits refuse one. COCO's
 * images come by their id, as pycocotools sorts them, all others in the order of the file. Paths must stay
 * below the folder of the images. All is owned by the arena. */
int caption_set_read(CaptionSet *set, const char *path, const char *split, Arena *arena, Error *err);

#endif
