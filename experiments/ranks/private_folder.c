/* private_folder.c: see private_folder.h */
#define _GNU_SOURCE /* mkdtemp */
#include "experiments/ranks/private_folder.h"

#include "clip/base/file_lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PREFIX "coop-rank."
#define LOCK ".lock"
#define LEAST_ROOM 4e9

/* In a container it may be there with 64 MiB, less than the state of a training. */
static bool is_roomy(const char *path) {
    struct statvfs room;
    return access(path, W_OK | X_OK) == 0 && statvfs(path, &room) == 0 &&
           (double)room.f_bavail * (double)room.f_frsize >= LEAST_ROOM;
}

static const char *parent(void) {
    const char *own = getenv("TMPDIR");
    if (own && *own)
        return own;
    return is_roomy("/dev/shm") ? "/dev/shm" : "/tmp";
}

static void remove_entry(int folder, const char *name, int depth);

/* Follows no link. */
static void empty(int folder, int depth) {
    const int copy = dup(folder);
    DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    if (!entries) {
        if (copy >= 0)
            close(copy);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(entries));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_entry(folder, entry->d_name, depth);
    closedir(entries);
}

static void remove_entry(int folder, const char *name, int depth) {
    if (unlinkat(folder, name, 0) == 0 || depth == 0)
        return;
    const int below = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below < 0)
        return;
    empty(below, depth - 1);
    close(below);
    unlinkat(folder, name, AT_REMOVEDIR);
}

enum { DEPTH = 2 };

void private_folder_clear(const char *path) {
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return;
    empty(folder, DEPTH);
    close(folder);
}

/* Its maker holds the lock as long as it lives. */
static void remove_if_left(int above, const char *name) {
    struct stat info;
    const int folder = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return;
    const int lock = fstat(folder, &info) == 0 && info.st_uid == getuid()
                         ? openat(folder, LOCK, O_RDWR | O_NOFOLLOW | O_CLOEXEC)
                         : -1;
    if (lock >= 0 && file_try_lock(lock) == FILE_LOCKED)
        remove_entry(above, name, DEPTH);
    if (lock >= 0)
        close(lock);
    close(folder);
}

static void remove_left(const char *where) {
    DIR *entries = opendir(where);
    if (!entries)
        return;
    for (const struct dirent *entry; (entry = readdir(entries));)
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0)
            remove_if_left(dirfd(entries), entry->d_name);
    closedir(entries);
}

int private_folder_create(PrivateFolder *folder, Error *err) {
    char lock[sizeof folder->path + 16];
    const char *where = parent();
    *folder = (PrivateFolder){.lock = -1};
    remove_left(where);
    const int n = snprintf(folder->path, sizeof folder->path, "%s/" PREFIX "XXXXXX", where);
    if (n < 0 || (size_t)n >= sizeof folder->path || !mkdtemp(folder->path)) {
        folder->path[0] = '\0';
        return error_errno(err, ERROR_RUN, errno, "%s: cannot make a folder (TMPDIR names another place)",
                           where);
    }
    snprintf(lock, sizeof lock, "%s/" LOCK, folder->path);
    folder->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (folder->lock < 0 || file_try_lock(folder->lock) == FILE_LOCK_FAILED)
        return error_errno(err, ERROR_RUN, errno, "%s: cannot lock", lock);
    return 0;
}

void private_folder_remove(PrivateFolder *folder) {
    if (folder->path[0] == '\0')
        return;
    private_folder_clear(folder->path);
    rmdir(folder->path);
    if (folder->lock >= 0)
        close(folder->lock);
    *folder = (PrivateFolder){.lock = -1};
}
