/* files.h: whole files in, whole files out. */
#ifndef CLIP_BASE_FILES_H
#define CLIP_BASE_FILES_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/base/paths.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Size, time of the last change and inode as text: as long as it stays the same, so does the content (short
 * of deliberate forgery). "" when there is no such file. */
enum { FILE_STAMP = 80 };
void file_stamp(char stamp[FILE_STAMP], const char *path);

/* A file mapped read-only. If another process cuts it meanwhile: mapped_files.h. */
typedef struct {
    const unsigned char *data; /* (size); NULL when size is 0 */
    size_t size;
    char stamp[FILE_STAMP]; /* of the mapped file, as file_stamp writes it */
} FileMap;

int file_map(FileMap *map, const char *path, Error *err); /* "PATH: cannot open: No such file or directory" */
void file_unmap(FileMap *map);                            /* a zeroed map is fine */
/* Touches these bytes of a map in their order, so that a disk gives them as fast as it can, and their pages
 * are there. */
void file_map_fetch(const unsigned char *data, size_t size);
/* What has been read of it counts no longer as memory of this process; it can be read again. */
void file_map_rest(const FileMap *map);

/* The bytes of a regular file, owned by the arena: unlike a map, they stay whoever cuts the file. NULL with
 * an error, also when it has become shorter while it was read. */
unsigned char *file_bytes(const char *path, size_t *size, Arena *arena, Error *err);

/* The whole text of a file, NUL-terminated, owned by the arena; *size, without the NUL, may be NULL. A file
 * of more than max_size bytes is an error. */
char *file_read(const char *path, size_t max_size, Arena *arena, size_t *size, Error *err);
/* The same for a gzip or plain file (told apart by content); max_size bounds the unpacked text. */
char *file_read_gz(const char *path, size_t max_size, Arena *arena, size_t *size, Error *err);

/* Writing: bytes go to a temporary file in the same folder; file_commit syncs it, renames it and syncs the
 * folder, so a reader sees either the old file or the new one, never half of one. */
typedef struct FileWriter FileWriter;
FileWriter *file_create(const char *path, Error *err);              /* NULL on failure */
int file_append(FileWriter *writer, const void *data, size_t size); /* failure is sticky */
int file_printf(FileWriter *writer, const char *format, ...) __attribute__((format(printf, 2, 3)));
int file_commit(FileWriter *writer, Error *err); /* frees the writer; on failure the old file stays */
void file_discard(FileWriter *writer); /* frees the writer and removes the temporary file; NULL is fine */
int file_write(const char *path, const void *data, size_t size, Error *err); /* all of this in one call */

int make_folders(const char *path, Error *err); /* mkdir -p */
bool file_exists(const char *path);             /* a regular file or a link to one */
bool folder_exists(const char *path);

/* SHA-256 as 64 lower-case hexadecimal digits and a NUL. */
void digest_bytes(char out[65], const void *data, size_t size);
/* The same, but gives up soon, with "", when another thread sets *stop. */
void digest_bytes_until(char out[65], const void *data, size_t size, const atomic_bool *stop);

#endif
