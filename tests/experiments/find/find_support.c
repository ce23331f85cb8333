/* find_support.c: see find_support.h */
#include "tests/experiments/find/find_support.h"

#include <string.h>

void given_next(void *context, StreamInput *input) {
    GivenFiles *files = context;
    *input = (StreamInput){.is_found = files->is_found};
    if (files->at < files->n)
        input->path = strdup(files->paths[files->at++]);
}

void given_stop(void *context) {
    GivenFiles *files = context;
    files->at = files->n;
}
