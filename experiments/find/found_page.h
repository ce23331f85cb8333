/* found_page.h: a page of what was found: a file of its own, thumbnails and all. */
#ifndef EXPERIMENTS_FIND_FOUND_PAGE_H
#define EXPERIMENTS_FIND_FOUND_PAGE_H

#include "experiments/find/photo_search.h"

/* Written atomically. A photo that cannot be read is shown without a thumbnail, and why. upright: photos are
 * turned as their EXIF says. */
int found_page_write(const char *path, const PhotoWish *wish, const PhotoIndex *index,
                     const FoundPhoto *photos, int n, bool upright, Error *err);

#endif
