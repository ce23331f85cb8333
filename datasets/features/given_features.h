/* given_features.h: features of a dataset's images that another program has computed, in place of encoding
 * them.
 *
 * Layout: FOLDER/train.npz, val.npz and test.npz of CoOp's lpclip/feat_extractor.py: feature_list (n, E), as
 * the tower gives them, and label_list (n), in the order of the dataset's lists. A list that is asked for by
 * nobody may have no file.
 */
#ifndef DATASETS_FEATURES_GIVEN_FEATURES_H
#define DATASETS_FEATURES_GIVEN_FEATURES_H

#include "datasets/lists/dataset.h"

typedef struct GivenFeatures GivenFeatures;

/* Checked against the lists of the dataset, before it was cut to base or new classes. Caller closes. */
GivenFeatures *given_features_open(const char *folder, const Dataset *dataset, Error *err);
void given_features_close(GivenFeatures *given); /* NULL is fine */

int given_features_width(const GivenFeatures *given); /* E */
/* SHA-256 of what the files hold, as text. */
const char *given_features_digest(const GivenFeatures *given);

/* features (n, E) of these items. */
int given_features_get(const GivenFeatures *given, float *features, const ItemList *items, Error *err);

#endif
