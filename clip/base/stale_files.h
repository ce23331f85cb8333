/* stale_files.h: temporary files of FileWriters (files.h) that died before they were done. */
#ifndef CLIP_BASE_STALE_FILES_H
#define CLIP_BASE_STALE_FILES_H

/* Removes those in a folder, not below it, and returns how many. A writer holds the lock of its file
 * (file_lock.h), so none is taken from one that is at work, in whatever process. Where there are no locks,
 * all stay. */
int remove_stale_files(const char *folder);

#endif
