/* feature_source.h: what the features of an image depend on beside the image: a tower, and the view it sees.
 */
#ifndef DATASETS_FEATURES_FEATURE_SOURCE_H
#define DATASETS_FEATURES_FEATURE_SOURCE_H

#include "clip/base/error.h"
#include "datasets/images/transform.h"

#include <stdbool.h>
#include <stdint.h>

/* The image tower, as datasets/ sees it: pixels (n, 3, S, S) to features (n, E). */
typedef int (*EncodeFn)(void *context, const float *pixels, int n, float *features, Error *err);

typedef struct {
    EncodeFn encode;
    void *context;
    Transform transform; /* its size is S */
    bool upright;        /* images are turned first as their EXIF orientation says */
    int embed_dim;       /* E */
    float mean[3], std[3];
    const char *model_digest; /* names the tower in a cache on disk; borrowed */
    int max_batch; /* most images per call (progress is reported between calls); 0: up to the cache */
} FeatureSource;

enum {
    VIEW_CENTRE,    /* the test transform (seed and view are ignored) */
    VIEW_CROP,      /* a random resized crop, of 8 % of the area and more, and a flip (Dassl) */
    VIEW_LARGE_CROP /* the same of 50 % and more (Tip-Adapter, and what is built on its code) */
};

/* Which view of an image. */
typedef struct {
    int random;    /* of these */
    uint32_t seed; /* the stream of a random view is keyed by (seed, image content, view) */
    uint32_t view;
    int unprojected; /* 1: before the tower's last layer, for whoever has a cache of its own for these */
} FeatureView;

#endif
