/* index_writer.h: adds to an index of photos (index_format.h), one commit at a time.
 *
 *     IndexWriter *writer = index_writer_open("photos.index", &kind, &err);
 *     index_writer_remove(writer, 17);                     // of index_writer_index(writer)
 *     index_writer_add(writer, &entry, feature, &err);
 *     index_writer_commit(writer, &err);                   // what was not committed is never seen
 *     index_writer_close(writer);
 */
#ifndef DATASETS_INDEX_INDEX_WRITER_H
#define DATASETS_INDEX_INDEX_WRITER_H

#include "datasets/index/photo_index.h"

typedef struct IndexWriter IndexWriter;

/* What an index is of. Another one's file is never added to. */
typedef struct {
    IndexNumbers numbers;
    int E;
    const char *about; /* JSON; whoever opens an index compares it */
} IndexKind;

/* Opens the file, or begins it, and holds its lock until it is closed: ERROR_RUN when another writer has it.
 * What an update that died has left at its end is cut off. Fails for an index of other numbers or another E.
 */
IndexWriter *index_writer_open(const char *path, const IndexKind *kind, Error *err);
void index_writer_close(IndexWriter *writer); /* NULL is fine; what is not committed is dropped */

/* As it was when it was opened. */
const PhotoIndex *index_writer_index(const IndexWriter *writer);
uint64_t index_writer_cut(const IndexWriter *writer); /* bytes of a tail that were cut off then */

/* A new entry with its feature (E), of unit length. */
int index_writer_add(IndexWriter *writer, const IndexEntry *entry, const float *feature, Error *err);
/* The same with the feature that entry `number` of that index has, to the bit. */
int index_writer_add_as(IndexWriter *writer, const IndexEntry *entry, uint64_t number, Error *err);
/* Entry `number` of that index, not dead so far, is no more. */
int index_writer_remove(IndexWriter *writer, uint64_t number, Error *err);
uint64_t index_writer_pending(const IndexWriter *writer); /* entries to commit */

/* Puts it on the disk. Nothing to commit is fine. After a failure the file is as before. */
int index_writer_commit(IndexWriter *writer, Error *err);

/* Writes the index anew without its dead entries, in one segment of each so many, in place of the old file at
 * once. All is checked on the way. The last thing that a writer does: afterwards only close it. */
int index_writer_compact(IndexWriter *writer, Error *err);

#endif
