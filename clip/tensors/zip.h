/* zip.h: the members of a zip archive in memory. Members that are stored uncompressed, as the tensors of
 * a torch file are, can be used where they are; deflated ones, as its code is, can be unpacked.
 *
 *     ZipArchive zip;
 *     if (zip_open(&zip, path, map.data, map.size, arena, err) < 0) { ... }
 *     ZipMember *member = zip_find(&zip, "archive/data.pkl");
 *     const unsigned char *bytes = zip_bytes(&zip, member, err); // (member->size), checked against the CRC
 */
#ifndef CLIP_TENSORS_ZIP_H
#define CLIP_TENSORS_ZIP_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name; /* (n_name), without a NUL; borrowed from the archive's bytes */
    size_t n_name;
    const unsigned char *data; /* (packed); borrowed from the archive's bytes */
    size_t packed, size;       /* bytes in the archive, bytes unpacked */
    size_t start;              /* where its local header begins */
    uint32_t crc;              /* of the unpacked bytes */
    uint16_t method;           /* 0: stored */
    bool encrypted;
    bool checked; /* zip_bytes has found that the CRC is right */
} ZipMember;

typedef struct {
    const char *path;   /* for errors; borrowed */
    ZipMember *members; /* (n_members) by name; owned by the arena */
    size_t n_members;
    bool has_crc; /* false when every CRC is 0: torch can be told not to compute them */
} ZipArchive;

/* Reads the directory. Members outside the file, that overlap or that share a name are errors. */
int zip_open(ZipArchive *zip, const char *path, const unsigned char *data, size_t size, Arena *arena,
             Error *err);

ZipMember *zip_find(const ZipArchive *zip, const char *name); /* NULL when absent; O(log n) */

/* The (size) bytes of a stored member, borrowed from the archive; NULL only on failure. The first time, they
 * are checked against the CRC. A member that is compressed or encrypted is an error. */
const unsigned char *zip_bytes(const ZipArchive *zip, ZipMember *member, Error *err);

/* The same, also of a deflated member of at most 16 MiB, which is then owned by the arena. */
const unsigned char *zip_unpack(const ZipArchive *zip, ZipMember *member, Arena *arena, Error *err);

#endif
