/* photo_search.h: what is looked for in an index, as one vector, and what is found.
 *
 * A text is the mean of its templates' unit features, of unit length (zeroshot.h); an image is its feature.
 * A single text or image is the query itself, and the score its cosine. Several are added, each divided by
 * the spread (standard deviation) of its cosines over the photos, since those of images spread several times
 * wider than those of texts and would decide alone; what is not wanted is subtracted with half that weight.
 * The sum is made of unit length.
 */
#ifndef EXPERIMENTS_FIND_PHOTO_SEARCH_H
#define EXPERIMENTS_FIND_PHOTO_SEARCH_H

#include "coop/loaded_model.h"
#include "datasets/index/top_features.h"
#include "experiments/find/photo_file.h"
#include "experiments/find/photo_lists.h"
#include "experiments/terminal/options.h"

/* All is borrowed. */
typedef struct {
    OptionTexts texts, images, without;
    const float *features; /* (n_features, E): of images that are encoded, of unit length */
    int n_features;
    OptionTexts templates; /* none: "{}" */
} PhotoWish;

ClipTowers photo_wish_towers(const PhotoWish *wish);
/* query (E). */
int photo_query(float *query, const PhotoWish *wish, const PhotoIndex *index, LoadedModel *model, Error *err);

typedef struct {
    IndexEntry entry;
    uint64_t number;
    double score;
    int n_alike; /* folded into this one */
    PhotoState state;
} FoundPhoto;

/* The `top` best, checked against their checksums; *n of them, owned by the arena. With fold below 2, a photo
 * whose cosine with a better one reaches it is folded into that. lists: where to look; NULL, or without
 * lists: everywhere. */
int photo_search(FoundPhoto **photos, int *n, const PhotoIndex *index, const PhotoLists *lists,
                 const float *query, int top, double fold, Pool *pool, Arena *arena, Error *err);

#endif
