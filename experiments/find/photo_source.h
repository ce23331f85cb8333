/* photo_source.h: which photos an update of an index must look at: those of its inputs that the index does
 * not have as they are now, the members of tar files among them.
 *
 * A photo is its path, from the root of the file system, so that it is the same from wherever it is named
 * (and of a tar file the member's name). It is unchanged when size and time of the last change are; of a
 * member its own size and its file's time.
 */
#ifndef EXPERIMENTS_FIND_PHOTO_SOURCE_H
#define EXPERIMENTS_FIND_PHOTO_SOURCE_H

#include "datasets/features/image_stream.h"
#include "datasets/index/photo_index.h"

typedef struct PhotoSource PhotoSource;

/* next, with its context, gives files. All is borrowed. Caller closes, after the stream that asks. */
PhotoSource *photo_source_open(const PhotoIndex *index, StreamNextFn next, void *context, Error *err);
void photo_source_close(PhotoSource *source); /* NULL is fine */

/* For image_stream.h: the next photo that is new or has changed. Its note: */
enum { PHOTO_SIZE, PHOTO_CHANGED_NS, PHOTO_OLD /* its entry so far + 1; 0: none */ };
void photo_source_next(void *source, StreamInput *input); /* note.text: the member, or NULL */
bool photo_source_known(void *source, const Digest *digest);

/* The entry that lives with this content, which a photo of this update has now, too. */
uint64_t photo_source_entry_of(PhotoSource *source, const Digest *digest);

/* So far: of any thread. */
long photo_source_same(const PhotoSource *source); /* unchanged */

/* When the stream has ended: whether the photo of an entry is no more: its file is not there, or the tar file
 * that was read has no such member. Entries whose file was never in reach of this update count only when they
 * lie below one of the folders (n, as they were named), or when their content was found elsewhere: so a
 * folder that was moved leaves nothing behind. */
bool photo_source_is_gone(const PhotoSource *source, uint64_t number, const char *const *folders, int n);
/* How many files there were at all. */
long photo_source_files(const PhotoSource *source);

#endif
