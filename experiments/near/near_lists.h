/* near_lists.h: an index of photos cut into lists of what lies near each other, so that a search need look at
 * a few of them only: k-means' centres, and of each the numbers of the entries nearest to it. They lie in a
 * file beside the index, INDEX.near, and can be made again from it at any time.
 *
 * Layout. Numbers are little-endian:
 *
 *     header   64 bytes: "coopnear", version, E, lists K, rows of the table of recall, entries n of the index
 *              then, those that lived m, and 4 + 4 bytes: its segments then and their checksum
 *     rows     (m, E) in bfloat16, list by list, so that a list is read in one piece; padded to 64 bytes
 *     recall   rows of 16 bytes: probes, and of the ten nearest to photos and to texts the parts found
 *     centres  (K, E) in float
 *     starts   (K + 1) of 4 bytes: list k has rows and numbers starts[k] .. starts[k + 1] - 1
 *     sums     (K) of 4 bytes: checksums of the rows of each list, checked when they are used
 *     numbers  (m) of 4 bytes
 *     sum      4 bytes: checksum of all that but the rows
 *
 * An index only grows, unless it is written anew: as long as the segments of then are its first ones, the
 * lists hold, and what came later is looked at one by one.
 */
#ifndef EXPERIMENTS_NEAR_NEAR_LISTS_H
#define EXPERIMENTS_NEAR_NEAR_LISTS_H

#include "datasets/index/photo_index.h"

enum { NEAR_STEPS = 16 };

/* What was measured (near_recall.h) of the ten nearest. */
typedef struct {
    uint32_t probes;
    float photos, texts; /* the part that is found; negative: not measured */
    uint32_t spare;
} NearRecall;

typedef struct {
    int E, K;
    uint64_t n;              /* entries of the index that were looked at, dead or not */
    uint32_t segments, sum;  /* of the index then */
    const float *centres;    /* (K, E) */
    const uint32_t *starts;  /* (K + 1) */
    const uint32_t *numbers; /* (starts[K]) */
    const uint32_t *sums;    /* (K) */
    const unsigned char
        *rows;        /* (starts[K], E) in bfloat16; NULL, with sums, in lists that were just built */
    const char *path; /* of the file; NULL likewise */
    NearRecall recall[NEAR_STEPS];
    int n_recall;
    FileMap map;  /* has the arrays, or */
    Arena *arena; /* this has them */
} NearLists;

/* "INDEX.near", owned by the arena. */
const char *near_lists_path(const char *index_path, Arena *arena);

/* Empty, with an arena. */
NearLists *near_lists_create(Error *err);

/* Those of an index; NULL with "FILE: reason" for what is damaged, or of another state of the index than one
 * that it has grown from by a quarter at most. */
NearLists *near_lists_open(const char *path, const PhotoIndex *index, Error *err);
void near_lists_close(NearLists *lists); /* NULL is fine */
/* At once: a reader sees the old file or this one. */
int near_lists_write(const NearLists *lists, const PhotoIndex *index, const char *path, Error *err);

/* The segments 0 .. n - 1 of an index in one number. */
uint32_t near_lists_sum(const PhotoIndex *index, int n);

#endif
