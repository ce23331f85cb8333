/* features.h: image features, computed once and kept.
 *
 * Both encoders are frozen, so a view of an image is encoded once. A feature is keyed by (checkpoint digest,
 * image content, transform, view): a renamed or moved image keeps its feature, a changed one does not. On
 * disk the cache is one append-friendly set of files in a folder; a reader of a half-written one recomputes.
 */
#ifndef DATASETS_FEATURES_FEATURES_H
#define DATASETS_FEATURES_FEATURES_H

#include "clip/base/parallel.h"
#include "datasets/features/feature_source.h"
#include "datasets/lists/dataset.h"

typedef struct FeatureCache FeatureCache;

/* folder NULL keeps the cache in memory alone. Caller closes; closing writes nothing (features_get does, and
 * makes the folder for it). */
FeatureCache *features_open(const char *folder, const FeatureSource *source, Pool *pool, Error *err);
void features_close(FeatureCache *cache); /* NULL is fine */

/* Lets new features wait in memory, so that work which soon comes to a bad image leaves nothing on disk, and
 * long work still does not lose hours: features_get writes once the first has waited for so many seconds,
 * features_save at once. Either ends the waiting. */
void features_hold(FeatureCache *cache, double seconds);
int features_save(FeatureCache *cache, Error *err);

/* Called between batches: done of total images that had to be encoded. A non-zero return stops the work
 * (ERROR_SIGNAL); what is done is kept. */
typedef int (*ProgressFn)(void *context, long done, long total);

/* features (n, E), as the tower gives them (not of unit length), in the order of the items. Decoding and
 * preprocessing run on all threads, then the tower does. An image that cannot be read is an error that names
 * it; the first of them in the list, those that cannot be opened before those that cannot be decoded. That
 * the folder cannot be written to is an error (ERROR_RUN); whatever else is wrong with its files only costs
 * time. root NULL is "".
 */
int features_get(FeatureCache *cache, float *features, const char *root, const ItemList *items,
                 FeatureView view, ProgressFn progress, void *progress_context, Error *err);

/* How many of these views would have to be encoded (reads and digests the files). */
int features_missing(FeatureCache *cache, int *missing, const char *root, const ItemList *items,
                     FeatureView view, Error *err);

#endif
