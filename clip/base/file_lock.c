/* file_lock.c: see file_lock.h */
#include "clip/base/file_lock.h"

#include <errno.h>
#include <sys/file.h>

static FileLock take(int file, int how) {
    int result;
    do {
        result = flock(file, how);
    } while (result < 0 && errno == EINTR);
    if (result == 0)
        return FILE_LOCKED;
    if (errno == EWOULDBLOCK)
        return FILE_BUSY;
    return errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS ? FILE_NO_LOCK : FILE_LOCK_FAILED;
}

FileLock file_lock(int file) {
    return take(file, LOCK_EX);
}

FileLock file_try_lock(int file) {
    return take(file, LOCK_EX | LOCK_NB);
}
