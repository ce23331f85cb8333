/* photo_file.h: the photo of an entry as it is on the disk now. */
#ifndef EXPERIMENTS_FIND_PHOTO_FILE_H
#define EXPERIMENTS_FIND_PHOTO_FILE_H

#include "datasets/index/photo_index.h"

typedef enum { PHOTO_THERE, PHOTO_CHANGED, PHOTO_GONE } PhotoState;

/* By size and time, as an update of the index would see it. Of a member of a tar file, the file's time alone.
 */
PhotoState photo_state(const IndexEntry *entry);
/* The bytes of the image, owned by the arena. */
unsigned char *photo_bytes(const IndexEntry *entry, size_t *size, Arena *arena, Error *err);
/* "PATH" or "PATH: MEMBER", owned by the arena or the index. */
const char *photo_name(const IndexEntry *entry, Arena *arena);

#endif
