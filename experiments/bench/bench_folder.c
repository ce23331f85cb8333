/* bench_folder.c: see bench_folder.h */
#define _GNU_SOURCE /* nftw */
#include "experiments/bench/bench_folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

static const char *parent(void) {
    const char *given = getenv("TMPDIR");
    return given && *given ? given : "/tmp";
}

int bench_folder_make(char path[BENCH_PATH], Error *err) {
    *path = '\0';
    char name[BENCH_PATH];
    if (snprintf(name, sizeof name, "%s/coop-bench-XXXXXX", parent()) >= BENCH_PATH)
        return error_run(err, "%.100s...: too long a path", parent());
    if (!mkdtemp(name))
        return error_run(err, "%s: cannot make a folder: %s", parent(), strerror(errno));
    strcpy(path, name);
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info, (void)kind, (void)place;
    remove(path);
    return 0;
}

void bench_folder_remove(const char *path) {
    if (*path)
        nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

bool bench_folder_room(double bytes) {
    struct statvfs disk;
    return statvfs(parent(), &disk) == 0 && (double)disk.f_bavail * (double)disk.f_frsize > bytes;
}
