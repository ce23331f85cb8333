/* file_digests.h: digests of files, remembered as long as the files look unchanged. */
#ifndef DATASETS_FEATURES_FILE_DIGESTS_H
#define DATASETS_FEATURES_FILE_DIGESTS_H

#include "clip/base/error.h"
#include "datasets/features/digest_map.h"

/* How a file looked when its digest was taken. */
typedef struct {
    Digest digest;
    int64_t size, changed_s, changed_ns; /* the later of the times of its content and of its status */
    uint64_t inode;
    bool settled; /* last changed long enough ago that another change would show */
} FileDigest;

typedef struct FileDigests FileDigests;

FileDigests *file_digests_create(void); /* NULL when there is no memory */
void file_digests_free(FileDigests *digests);

/* The digest, remembered or taken by reading the file (scratch memory comes from the arena and goes back). An
 * image that is refused by image_check has none. May be called from tiles. */
int file_digests_get(FileDigest *out, const FileDigests *digests, const char *path, Arena *arena, Error *err);
/* Remembers a digest. Not to be called from tiles. */
int file_digests_keep(FileDigests *digests, const char *path, const FileDigest *digest, Error *err);

/* The bytes of an image file, owned by the arena. */
unsigned char *image_file_read(const char *path, size_t *size, Arena *arena, Error *err);

#endif
