/* find_support.h: files that an update of an index is given. */
#ifndef TESTS_EXPERIMENTS_FIND_FIND_SUPPORT_H
#define TESTS_EXPERIMENTS_FIND_FIND_SUPPORT_H

#include "datasets/features/image_stream.h"

/* {paths, n}: each in turn, then no more. is_found: as in a folder. */
typedef struct {
    const char *const *paths;
    int n, at;
    bool is_found;
} GivenFiles;

void given_next(void *files, StreamInput *input); /* StreamNextFn */
void given_stop(void *files);

#endif
