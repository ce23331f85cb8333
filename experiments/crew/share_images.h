/* share_images.h: encoding the images of a list, in one view or several, shared with other ranks.
 *
 * What the cache lacks is cut into pieces, large ones first, which rank 0 and the others take as they become
 * free; the others always have one more waiting. Rank 0 puts them into the cache in the order of the list, as
 * if it had encoded them itself: an image's features do not depend on those beside it. An image that cannot
 * be read is left out here, and found again by whoever asks the cache.
 */
#ifndef EXPERIMENTS_CREW_SHARE_IMAGES_H
#define EXPERIMENTS_CREW_SHARE_IMAGES_H

#include "experiments/ranks/ranks.h"
#include "experiments/stage/stage.h"

/* From now on the sessions of the stage, which is the one of this number in its study, share what they
 * encode. Alone they do not. */
int share_images(Stage *stage, int number, RankGroup *ranks, Error *err);

#endif
