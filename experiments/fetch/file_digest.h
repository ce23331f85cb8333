/* file_digest.h: whether the bytes of a file are those that were published. */
#ifndef EXPERIMENTS_FETCH_FILE_DIGEST_H
#define EXPERIMENTS_FETCH_FILE_DIGEST_H

#include "clip/base/error.h"

typedef enum {
    DIGEST_SHA256,
    DIGEST_GIT /* SHA-1 of "blob SIZE", a NUL, and the content: how git, and so the hub, names a small file */
} DigestKind;

/* The digest of a whole file in hexadecimal digits; "" with an error, ERROR_SIGNAL after Ctrl-C. */
void file_digest(char out[65], DigestKind kind, const char *path, Error *err);

#endif
