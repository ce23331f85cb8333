/* encode.h: images through the tower of a model, in batches: each is decoded by all threads, then encoded. */
#ifndef COOP_LIBRARY_ENCODE_H
#define COOP_LIBRARY_ENCODE_H

#include "coop/library/handles.h"

/* features (n, E), as the tower gives them. bad (n): what is wrong with an image, whose row is zero, and
 * COOP_OK for the others; with NULL the first such image is the error. Otherwise fails with ERROR_PARTLY when
 * there is a bad one. */
int encode_images(coop_model *model, float *features, const coop_image *images, int n, coop_error *bad,
                  Error *err);

#endif
