/* lock.c: an advisory lock (flock) on FOLDER/.lock, which stays behind empty. */
#include "experiments/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct Lock {
    int file;
};

Lock *lock_take(const char *folder, Error *err) {
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/.lock", folder);
    int file = n > 0 && (size_t)n < sizeof path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (file < 0) {
        error_run(err, "%s: cannot lock: %s", folder, strerror(errno));
        return NULL;
    }
    Lock *lock = malloc(sizeof *lock);
    if (!lock || flock(file, LOCK_EX | LOCK_NB) < 0) {
        if (lock && errno == EWOULDBLOCK)
            error_run(err, "%s: another run is at work in this folder", folder);
        else
            error_run(err, "%s: cannot lock: %s", folder, strerror(errno));
        close(file);
        free(lock);
        return NULL;
    }
    lock->file = file;
    return lock;
}

void lock_release(Lock *lock) {
    if (!lock)
        return;
    close(lock->file);
    free(lock);
}
