/* pairs.h: images with captions, to train CLIP on: from a table, from shards, or from a labelled dataset.
 *
 * A table is a CSV file with a column of paths and one of captions (OpenCLIP's csv datasets: any separator).
 * Shards are tar files whose members come in groups with one stem: 000.jpg, 000.txt, 000.json (webdataset);
 * they are indexed when they are opened, so pairs may be read in any order. A labelled dataset gives each
 * image a caption from templates.
 */
#ifndef DATASETS_PAIRS_PAIRS_H
#define DATASETS_PAIRS_PAIRS_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "datasets/lists/dataset.h"

#include <stddef.h>
#include <stdint.h>

typedef struct PairSource PairSource;

/* NULL is OpenCLIP's default: separator "\t", image_key "filepath", caption_key "title". root: folder of
 * relative paths; NULL: that of the file. Pairs whose caption is empty are left out. */
PairSource *pairs_open_table(const char *path, const char *separator, const char *image_key,
                             const char *caption_key, const char *root, Error *err);
/* "shards/{000..099}.tar", several joined by "::", or one file (shard_names.h). Samples that lack an image
 * (jpg, png, jpeg, webp) or a caption (txt) are left out. */
PairSource *pairs_open_shards(const char *shards, Error *err);
/* Items of a dataset; captions: templates ("a photo of a {}.") with the name of the class, '_' in it as a
 * blank, one chosen at random for each epoch. Everything is copied. */
PairSource *pairs_open_labelled(const char *root, const ItemList *items, const char *const *class_names,
                                int n_classes, const char *const *templates, int n_templates, Error *err);
void pairs_close(PairSource *source); /* NULL is fine */

int pairs_count(const PairSource *source);
/* What the source was opened for but leaves out, one line each ("shards/001.tar: 3 samples without a
 * caption"); NULL behind the last. */
const char *pairs_remark(const PairSource *source, int index);

/* One pair, as bytes and text, owned by the arena or the source; from any thread. An image that cannot be
 * read is an error that names it. The caption of an epoch (a labelled dataset's differ) follows from (seed,
 * epoch, index). */
typedef struct {
    const unsigned char *image; /* the bytes of an image file */
    size_t size;
    const char *name;    /* "DIR/x.jpg", "001.tar: 000.jpg", for messages */
    const char *caption; /* UTF-8 */
} Pair;
int pairs_get(const PairSource *source, int index, uint32_t seed, int epoch, Pair *pair, Arena *arena,
              Error *err);

/* Identifies the list (names, sizes and captions, not pixels) in 64 hexadecimal digits. */
const char *pairs_digest(const PairSource *source);

#endif
