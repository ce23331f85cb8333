/* zip_write.h: writes a zip archive of stored members, atomically (file_create).
 *
 *     ZipWriter *zip = zip_create(path, err);
 *     if (zip == NULL) { ... }
 *     zip_add(zip, "archive/version", (ZipPart[]){{"3\n", 2}}, 1); // failure is sticky
 *     return zip_commit(zip, err);
 */
#ifndef CLIP_TENSORS_ZIP_WRITE_H
#define CLIP_TENSORS_ZIP_WRITE_H

#include "clip/base/error.h"

#include <stddef.h>

typedef struct ZipWriter ZipWriter;

/* A piece of a member's bytes. */
typedef struct {
    const void *data; /* (size); may be NULL when size is 0 */
    size_t size;
} ZipPart;

ZipWriter *zip_create(const char *path, Error *err); /* NULL on failure */
/* One member of all parts in turn; its data begins at a multiple of 64 bytes. Names are UTF-8 of at most 512
 * bytes, and the caller sees to it that each is used once. */
int zip_add(ZipWriter *zip, const char *name, const ZipPart *parts, int n_parts);
int zip_commit(ZipWriter *zip, Error *err); /* frees the writer; on failure the old file stays */
void zip_discard(ZipWriter *zip);           /* frees the writer and removes the temporary; NULL is fine */

#endif
