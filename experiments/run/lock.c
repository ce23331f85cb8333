/* lock.c: an advisory lock (flock) on FOLDER/.lock, which is left behind, empty. */
#include "experiments/run/lock.h"

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

int lock_take(Lock **lock, const char *folder, bool create, Error *err) {
    char path[4096];
    *lock = NULL;
    int n = snprintf(path, sizeof path, "%s/.lock", folder);
    if (n < 0 || (size_t)n >= sizeof path)
        return error_run(err, "%s: cannot lock: %s", folder, strerror(ENAMETOOLONG));
    int file = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0666);
    if (file < 0 && !create && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (file < 0)
        return error_run(err, "%s: cannot lock: %s", folder, strerror(errno));
    *lock = malloc(sizeof **lock);
    int reason = !*lock ? ENOMEM : flock(file, LOCK_EX | LOCK_NB) < 0 ? errno : 0;
    if (reason == 0) {
        (*lock)->file = file;
        return 0;
    }
    close(file);
    free(*lock);
    *lock = NULL;
    if (reason == EWOULDBLOCK)
        return error_run(err, "%s: another run is at work in this folder", folder);
    return error_run(err, "%s: cannot lock: %s", folder, strerror(reason));
}

void lock_release(Lock *lock) {
    if (!lock)
        return;
    close(lock->file);
    free(lock);
}
