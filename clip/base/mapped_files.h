/* mapped_files.h: what becomes of the program when a file that it has mapped is cut.
 *
 * Where a file ends before its map does, touching the map is a SIGBUS, which ends a process without a word. A
 * program that calls mapped_files_watch ends with the line "FILE: was cut while being read" instead, and with
 * status ERROR_RUN. Others keep their own ways.
 */
#ifndef CLIP_BASE_MAPPED_FILES_H
#define CLIP_BASE_MAPPED_FILES_H

#include "clip/base/error.h"

#include <stddef.h>

/* Installs the handler of SIGBUS. A SIGBUS that has nothing to do with these files keeps its effect. */
void mapped_files_watch(void);

/* For file_map and file_unmap (files.h), from any thread: data (size) is the map of a file. */
int mapped_files_add(const void *data, size_t size, const char *path, Error *err);
void mapped_files_remove(const void *data);

#endif
