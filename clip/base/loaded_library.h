/* loaded_library.h: a shared library that is loaded when it is needed, and may not be installed. */
#ifndef CLIP_BASE_LOADED_LIBRARY_H
#define CLIP_BASE_LOADED_LIBRARY_H

#include "clip/base/error.h"

#include <stddef.h>

typedef struct {
    const char *name;
    void *place; /* of a pointer to the function */
} LibraryFunction;

typedef struct {
    const char *file, *package; /* "libcurl.so.4"; Debian's package of it */
    const char *oldest;         /* the version that has all functions, for a message; NULL: any has */
} LibraryName;

/* Loads it and fills in the places of n functions. Caller frees with library_close; NULL with a reason. */
void *library_open(const LibraryName *name, const LibraryFunction *functions, size_t n, Error *err);
void library_close(void *library); /* NULL is fine */

#endif
