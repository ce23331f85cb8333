/* lock.h: keeps two runs off one output folder. */
#ifndef EXPERIMENTS_LOCK_H
#define EXPERIMENTS_LOCK_H

#include "clip/base/error.h"

typedef struct Lock Lock;

/* NULL with ERROR_RUN when another process holds the folder. The kernel drops the lock of a process that
 * dies. */
Lock *lock_take(const char *folder, Error *err);
void lock_release(Lock *lock); /* NULL is fine */

#endif
