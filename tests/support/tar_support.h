/* tar_support.h: small tar files made in memory. */
#ifndef TESTS_SUPPORT_TAR_SUPPORT_H
#define TESTS_SUPPORT_TAR_SUPPORT_H

#include "clip/base/buffer.h"

#include <stddef.h>

/* One member (ustar) of a type: '0' for a file. The name has at most 99 bytes. */
void tar_put(Buffer *tar, const char *name, char type, const void *data, size_t size);
void tar_text(Buffer *tar, const char *name, const char *text); /* a file */
void tar_end(Buffer *tar);                                      /* the end mark */
/* Writes it, and frees the buffer. */
void tar_save(Buffer *tar, const char *path);

#endif
