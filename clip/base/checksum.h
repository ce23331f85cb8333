/* checksum.h: CRC-32 (that of zip and gzip), which finds what a disk or a copy has damaged. Against forgery
 * there are digests (files.h). */
#ifndef CLIP_BASE_CHECKSUM_H
#define CLIP_BASE_CHECKSUM_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"

#include <stddef.h>
#include <stdint.h>

/* Of `size` bytes that follow others, whose checksum is `before` (0: there are none). */
uint32_t checksum(uint32_t before, const void *data, size_t size);

/* The same by all threads of a pool; NULL: by this one. */
uint32_t checksum_shared(Pool *pool, uint32_t before, const void *data, size_t size);

/* Eight hexadecimal digits and a NUL. */
enum { CHECKSUM_TEXT = 9 };
void checksum_text(char out[CHECKSUM_TEXT], uint32_t sum);

/* Of a whole file. */
int checksum_file(char out[CHECKSUM_TEXT], const char *path, Error *err);

#endif
