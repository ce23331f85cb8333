/* feature_store.h: where features are kept between runs, or within one: one shelf per view of the images. */
#ifndef DATASETS_FEATURES_FEATURE_STORE_H
#define DATASETS_FEATURES_FEATURE_STORE_H

#include "datasets/features/digest_map.h"
#include "datasets/features/feature_source.h"

typedef struct FeatureStore FeatureStore;

/* The features of one tower under one transform. folder NULL: in memory. source is borrowed. Nothing is
 * written before the first feature is. */
FeatureStore *feature_store_open(const char *folder, const FeatureSource *source, Error *err);
void feature_store_close(FeatureStore *store); /* NULL is fine */

/* Turns to the shelf of a view, and learns what other processes have put there. */
int feature_store_select(FeatureStore *store, FeatureView view, Error *err);
/* The feature (E; NULL to only ask) of an image on that shelf; false when it is not there, or not intact. */
bool feature_store_find(FeatureStore *store, const Digest *image, float *feature);
/* What has been found damaged on that shelf and not been told yet, "PATH: 2 damaged records; ..."; NULL:
 * nothing. Owned by the store. */
const char *feature_store_damage(FeatureStore *store);
/* From now on, new features of a folder are held back in memory until the first of them is this old; then all
 * are written, and no more are held back. */
void feature_store_hold(FeatureStore *store, double seconds);
/* Writes what is held back; no more is held back. */
int feature_store_save(FeatureStore *store, Error *err);
/* Puts the features (n, E) of n images on that shelf. */
int feature_store_add(FeatureStore *store, const Digest *images, const float *features, int n, Error *err);

#endif
