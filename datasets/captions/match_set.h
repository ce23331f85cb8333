/* match_set.h: pictures with captions that fit and captions that do not.
 *
 * Told apart by content: Winoground's examples.jsonl (`image_0`, `image_1`, `caption_0`, `caption_1`),
 * SugarCrepe's files (`filename`, `caption`, `negative_caption`), ARO's relations and attributes
 * (`image_path`, `bbox_x`, `bbox_y`, `bbox_w`, `bbox_h`, `true_caption`, `false_caption`) and orders
 * (`image`, `caption_options`, the right one first), and tables with the columns image, caption,
 * negative_caption and maybe tag.
 */
#ifndef DATASETS_CAPTIONS_MATCH_SET_H
#define DATASETS_CAPTIONS_MATCH_SET_H

#include "datasets/captions/match_cases.h"

/* tags: a file that gives the cases of Winoground more tags, {"ID": ["Unusual Image"]} (an empty list: "No
 * Tag"); or NULL. Paths must stay below the folder of the images. All is owned by the arena. */
int match_set_read(MatchSet *set, const char *path, const char *tags, Arena *arena, Error *err);

#endif
