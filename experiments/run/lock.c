/* lock.c: an advisory lock (flock) on FOLDER/.lock, which is left behind, empty. */
#include "experiments/run/lock.h"

#include "clip/base/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A run that was killed while it started gnuplot leaves a child that holds the lock until its exec. */
enum { N_TRIES = 25, MS_BETWEEN = 20 };

struct Lock {
    int file;
};

static FileLock try_for_a_moment(int file) {
    FileLock got = file_try_lock(file);
    for (int i = 1; i < N_TRIES && got == FILE_BUSY; i++) {
        nanosleep(&(struct timespec){.tv_nsec = MS_BETWEEN * 1000000L}, NULL);
        got = file_try_lock(file);
    }
    return got;
}

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
    if (!*lock) {
        close(file);
        return error_memory(err);
    }
    const FileLock got = try_for_a_moment(file);
    const int reason = errno;
    if (got == FILE_NO_LOCK)
        fprintf(stderr, "note: %s: cannot lock: %s; nothing keeps a second run out of this folder\n", folder,
                strerror(reason));
    if (got == FILE_LOCKED || got == FILE_NO_LOCK) {
        (*lock)->file = file;
        return 0;
    }
    close(file);
    free(*lock);
    *lock = NULL;
    if (got == FILE_BUSY)
        return error_run(err, "%s: another run is at work in this folder", folder);
    return error_run(err, "%s: cannot lock: %s", folder, strerror(reason));
}

void lock_release(Lock *lock) {
    if (!lock)
        return;
    close(lock->file);
    free(lock);
}
