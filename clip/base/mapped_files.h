/* mapped_files.h: which file is mapped where, for a program that wants to say what was cut.
 *
 * Where a file ends before its map does, touching the map is a SIGBUS, which ends a process without a word.
 * The program `coop` has a handler that says "FILE: was cut while being read"
 * (experiments/terminal/bus_error.h). Others keep their own ways, and nothing is noted for them.
 */
#ifndef CLIP_BASE_MAPPED_FILES_H
#define CLIP_BASE_MAPPED_FILES_H

#include "clip/base/error.h"

#include <stddef.h>

/* From now on maps are noted. */
void mapped_files_note(void);
/* The line, with its newline, that says of the file which was mapped at this address that it was cut; NULL
 * when it is none of ours. A handler of signals may ask at any moment. */
const char *mapped_files_line(const void *address);

/* For file_map and file_unmap (files.h), from any thread: data (size) is the map of a file. */
int mapped_files_add(const void *data, size_t size, const char *path, Error *err);
void mapped_files_remove(const void *data);

#endif
