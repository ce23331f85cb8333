/* private_folder.h: a folder of this process alone, in memory where there is a file system for that. */
#ifndef EXPERIMENTS_RANKS_PRIVATE_FOLDER_H
#define EXPERIMENTS_RANKS_PRIVATE_FOLDER_H

#include "clip/base/error.h"

typedef struct {
    char path[512];
    int lock; /* an open file: who finds it unlocked may remove the folder */
} PrivateFolder;

/* Makes it in $TMPDIR, else in /dev/shm where 4 GB are free, else in /tmp, and removes those there that
 * processes of this user have left when they were killed. */
int private_folder_create(PrivateFolder *folder, Error *err);
/* Removes it with all that is in it (files and folders of files). A zeroed one is fine. */
void private_folder_remove(PrivateFolder *folder);
/* Removes what is in the folder below it. */
void private_folder_clear(const char *path);

#endif
