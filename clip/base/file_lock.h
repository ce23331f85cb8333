/* file_lock.h: the advisory lock of an open file (flock), which the kernel drops when its holder dies. */
#ifndef CLIP_BASE_FILE_LOCK_H
#define CLIP_BASE_FILE_LOCK_H

typedef enum {
    FILE_LOCKED,
    FILE_BUSY,    /* another holds it; only without waiting */
    FILE_NO_LOCK, /* this file system knows none (some on networks do not) */
    FILE_LOCK_FAILED
} FileLock;

/* Takes the lock; closing the file gives it back. Says in errno why it failed. */
FileLock file_lock(int file);     /* waits for it */
FileLock file_try_lock(int file); /* does not */

#endif
