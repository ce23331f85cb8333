/* zip_write.h: writes a zip archive of uncompressed members, atomically (as file_create does).
 *
 *     ZipWriter *zip = zip_create(path, err);
 *     if (!zip) { ... }
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
/* Adds one member, made of all parts in turn; its data begins at a multiple of 64 bytes. A name is UTF-8 of
 * at most 512 bytes; the caller makes sure that none is used twice. */
int zip_add(ZipWriter *zip, const char *name, const ZipPart *parts, int n_parts);
int zip_commit(ZipWriter *zip, Error *err); /* frees the writer; on failure the old file stays */
void zip_discard(ZipWriter *zip); /* frees the writer and removes the temporary file; NULL is fine */

#endif
