/* photo_lists.h: the lists of an index (near_lists.h) as a command uses them: found beside it, or made and
 * measured when there are none that hold, and said. */
#ifndef EXPERIMENTS_FIND_PHOTO_LISTS_H
#define EXPERIMENTS_FIND_PHOTO_LISTS_H

#include "coop/loaded_model.h"
#include "experiments/near/near_search.h"

/* Zeroed: an exact search. */
typedef struct {
    NearLists *lists; /* NULL: an exact search */
    int probes;
} PhotoLists;

enum { PHOTO_LISTS_FEWEST = 100000 }; /* of fewer photos an exact search is as fast */

/* Opens those of an index. *are_wanted: there are none that hold, and photo_lists_make is to make them with a
 * model that has the text tower. Of a small index there are none; that is said, unless quiet. ERROR_USAGE in
 * a program without FAISS. probes 0: as many as were found to be enough. */
int photo_lists_open(PhotoLists *lists, bool *are_wanted, const PhotoIndex *index, int probes, bool quiet,
                     Error *err);
int photo_lists_make(PhotoLists *lists, const PhotoIndex *index, LoadedModel *model, int probes, bool quiet,
                     Error *err);
void photo_lists_close(PhotoLists *lists);

/* On stderr: how much of what is nearest such a search finds. */
void photo_lists_tell(const PhotoLists *lists);

#endif
