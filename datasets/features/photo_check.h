/* photo_check.h: what is wrong with images before anything is made of them: those that cannot be read, small
 * ones, and copies. */
#ifndef DATASETS_FEATURES_PHOTO_CHECK_H
#define DATASETS_FEATURES_PHOTO_CHECK_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"

#include <stdbool.h>

typedef struct {
    const char *path;
    const char *fault; /* why it cannot be read; NULL: it can */
    int width, height;
    long warnings;   /* faults in the data of a JPEG that were passed over */
    int orientation; /* as its EXIF says (orientation.h) */
    int copy_of;     /* the first photo with the same pixels, or bytes; -1: none */
    bool same_bytes;
} Photo;

typedef struct PhotoCheck PhotoCheck;

PhotoCheck *photo_check_create(Pool *pool, Error *err); /* caller frees */
void photo_check_free(PhotoCheck *check);               /* NULL is fine */

/* Looks at n more images, on all threads. The paths are copied. */
int photo_check_add(PhotoCheck *check, const char *const *paths, int n, Error *err);

/* All of them, in the order in which they came; owned by the check. */
const Photo *photo_check_all(const PhotoCheck *check, int *n);

#endif
