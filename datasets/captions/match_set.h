/* match_set.h: pictures with captions that fit and captions that do not.
 *
 * Told apart by content: Winoground's examples.jsonl (`image_0`, `image_1`, `caption_0`, `caption_1`),
 * SugarCrepe's files (`filename`, `caption`, `negative_caption`), ARO's (`image_path`, `bbox_x`, `bbox_y`,
 * `bbox_w`, `bbox_h`, `true_caption`, `false_caption`), and tables with the columns image, caption and
 * negative_caption.
 */
#ifndef DATASETS_CAPTIONS_MATCH_SET_H
#define DATASETS_CAPTIONS_MATCH_SET_H

#include "datasets/lists/dataset.h"

/* A part of a picture, in pixels; width 0: all of it. */
typedef struct {
    int x, y, width, height;
} MatchBox;

typedef struct {
    bool pairs;         /* Winoground: two pictures for each case, the first for its first caption */
    ItemList images;    /* (n, or 2 n with pairs) */
    MatchBox *boxes;    /* (images) */
    bool boxed;         /* whether any has a box */
    const char **texts; /* (2 n) the right caption, the wrong one; with pairs those of the two pictures */
    int n;              /* cases */
} MatchSet;

/* Paths must stay below the folder of the images. All is owned by the arena. */
int match_set_read(MatchSet *set, const char *path, Arena *arena, Error *err);

#endif
