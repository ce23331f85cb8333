/* features.h: image features, computed once and kept.
 *
 * Both encoders are frozen, so a view of an image is encoded once. A feature is keyed by (checkpoint digest,
 * image content, transform, view): a renamed or moved image keeps its feature, a changed one does not. On
 * disk the cache is a folder of files that are only appended to; what a killed program left incomplete is
 * computed again.
 */
#ifndef DATASETS_FEATURES_FEATURES_H
#define DATASETS_FEATURES_FEATURES_H

#include "clip/base/parallel.h"
#include "datasets/features/digest_map.h"
#include "datasets/features/feature_source.h"
#include "datasets/images/image_faults.h"
#include "datasets/lists/dataset.h"

typedef struct FeatureCache FeatureCache;

/* folder NULL keeps the cache in memory only. Caller closes; closing writes nothing (features_get does, and
 * makes the folder for it). */
FeatureCache *features_open(const char *folder, const FeatureSource *source, Pool *pool, Error *err);
void features_close(FeatureCache *cache); /* NULL is fine */

int features_width(const FeatureCache *cache); /* E */

/* Holds new features back in memory, so that work that soon meets a bad image leaves nothing on disk, while
 * long work does not lose hours: features_get writes them once the first is this many seconds old,
 * features_save at once. After either, no more are held back. */
void features_hold(FeatureCache *cache, double seconds);
int features_save(FeatureCache *cache, Error *err);

/* Called between batches: `done` of the `total` images to encode are done. A non-zero return stops the work
 * (ERROR_SIGNAL); what is done is kept. */
typedef int (*ProgressFn)(void *context, long done, long total);

/* features (n, E), as the tower gives them (not of unit length), in the order of the items. Decoding and
 * preprocessing run on all threads, then the tower does. An image that cannot be read is an error that names
 * it; of several, the first in the list whose file, header or end is amiss (none is encoded then), else the
 * first of those in its batch that cannot be decoded: features_faults has the others. A folder that cannot be
 * written to is an error (ERROR_RUN); anything else wrong with its files only costs time. root NULL is "". */
int features_get(FeatureCache *cache, float *features, const char *root, const ItemList *items,
                 FeatureView view, ProgressFn progress, void *progress_context, Error *err);

/* The same, but goes on without the images that cannot be read: bad (n), zeroed, gets what is wrong with each
 * of them, and their rows stay as they are. */
int features_get_good(FeatureCache *cache, float *features, Error *bad, const char *root,
                      const ItemList *items, FeatureView view, ProgressFn progress, void *progress_context,
                      Error *err);

/* What the last call has found damaged in the files of the cache, and has done again; NULL: nothing. Owned by
 * the cache. */
const char *features_damage(FeatureCache *cache);

/* How many of these views would have to be encoded (reads and digests the files); places (n; may be NULL)
 * gets where in the list they are. */
int features_missing(FeatureCache *cache, int *missing, int *places, const char *root, const ItemList *items,
                     FeatureView view, Error *err);

/* Encodes these views, whether they are kept or not, and keeps none: images (n) get the digests of the files
 * that were read, which is what features_put wants, of this program or of another process. */
int features_encode(FeatureCache *cache, float *features, Digest *images, const char *root,
                    const ItemList *items, FeatureView view, ProgressFn progress, void *progress_context,
                    Error *err);
/* Keeps features (n, E) that were encoded elsewhere, as features_get keeps its own. */
int features_put(FeatureCache *cache, const float *features, const Digest *images, int n, FeatureView view,
                 Error *err);

/* Fails as features_get does before it encodes anything: if a file cannot be opened, or is no whole image. */
int features_check(FeatureCache *cache, const char *root, const ItemList *items, Error *err);

/* The images because of which the last call failed; borrowed until the next. */
const ImageFaults *features_faults(const FeatureCache *cache);

#endif
