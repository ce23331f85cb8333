/* tar_members.h: the members of a tar file in memory, one by one. */
#ifndef DATASETS_PAIRS_TAR_MEMBERS_H
#define DATASETS_PAIRS_TAR_MEMBERS_H

#include "clip/base/files.h"

/* Start with {.map, .path, .arena = one of its own}. */
typedef struct {
    const FileMap *map;
    const char *path; /* for messages */
    Arena *arena;     /* of the name */
    size_t at;        /* where the next header lies; at the end: the end mark */
    char last[256];   /* the name of the last member that was whole, for messages; cut when longer */
} TarReader;

typedef struct {
    const char *name; /* as its bytes are; good until the next call */
    bool is_file;     /* else a folder, a link, ... */
    size_t offset, size;
} TarMember;

/* 1: the next member; 0: the end mark; -1: the file is cut short or damaged, or the member is a sparse file.
 */
int tar_next(TarReader *reader, TarMember *member, Error *err);

#endif
