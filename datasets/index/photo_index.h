/* photo_index.h: an index of photos, opened to be read: unit features with paths, sizes, times and digests,
 * in one file (index_format.h) that is mapped, not loaded. A writer may add to it meanwhile; what it adds is
 * not seen.
 */
#ifndef DATASETS_INDEX_PHOTO_INDEX_H
#define DATASETS_INDEX_PHOTO_INDEX_H

#include "clip/base/files.h"
#include "datasets/index/index_format.h"

/* What one commit added; all is borrowed from the map. */
typedef struct {
    uint64_t first, n;             /* its entries are first .. first + n - 1 */
    const unsigned char *features; /* (n, E), aligned to 64 bytes */
    const unsigned char *dead;     /* (n_dead) numbers of 8 bytes */
    const unsigned char *records;  /* (n) of INDEX_RECORD bytes */
    const char *names;             /* (names_size) */
    uint64_t n_dead, names_size, start;
    IndexFoot foot;
} IndexSegment;

typedef struct {
    char *path;
    IndexNumbers numbers;
    int E;
    const char *about;      /* a JSON text: what the features are of */
    IndexSegment *segments; /* (n_segments) */
    int n_segments;
    uint64_t n, n_dead;  /* entries, dead ones included; of these, dead */
    unsigned char *dead; /* (n + 7) / 8: the bit of each dead entry is set; NULL: none is */
    uint64_t end, tail;  /* bytes that are committed; those behind them, of an update that is not finished */
    uint64_t header_size;
    FileMap map;
    int rows_file; /* where searches read rows instead of looking at the map; -1: they look at it */
    Arena *arena;
} PhotoIndex;

/* NULL with "FILE: reason" for what is no index, or one whose heads, feet or dead are damaged. */
PhotoIndex *photo_index_open(const char *path, Error *err);
void photo_index_close(PhotoIndex *index); /* NULL is fine */
/* For whoever searches once or twice: a search then reads blocks of rows into a buffer that stays in the
 * cache. Mapping a million pages of 4 KiB and taking them down again costs more than copying them; a search
 * through a map that is in place costs less. Where the file has changed since it was opened, the map it
 * stays. */
void photo_index_read_rows(PhotoIndex *index);

/* One photo. Texts are borrowed from the index. */
typedef struct {
    const char *path;
    const char *member; /* of the tar file at path; NULL: the file itself */
    Digest digest;      /* of the content */
    uint64_t size;      /* of the file, or the member */
    int64_t changed_ns; /* of the file */
    int orientation;    /* 1 .. 8, as its EXIF says */
} IndexEntry;

static inline bool photo_index_is_dead(const PhotoIndex *index, uint64_t number) {
    return index->dead && (index->dead[number / 8] >> number % 8 & 1);
}

/* An entry, dead or not; -1 when it is damaged. */
int photo_index_entry(const PhotoIndex *index, uint64_t number, IndexEntry *entry, Error *err);
/* Its feature (E); -1 when it, or its entry, is damaged. */
int photo_index_feature(const PhotoIndex *index, uint64_t number, float *feature, Error *err);
/* The bytes of it (E numbers), unchecked. */
const unsigned char *photo_index_row(const PhotoIndex *index, uint64_t number);

/* Reads everything: -1 with the first part that is damaged, and the photo that it belongs to. stop (may be
 * NULL) is asked between parts. */
int photo_index_check(const PhotoIndex *index, int (*stop)(Error *err), Error *err);

#endif
