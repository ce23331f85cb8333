/* stale_files.c: see stale_files.h */
#include "clip/base/stale_files.h"

#include "clip/base/file_lock.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* ".NAME.<16 hexadecimal digits>.tmp" */
static bool is_temporary(const char *name) {
    const size_t size = strlen(name), n_tail = strlen(".0123456789abcdef.tmp");
    if (name[0] != '.' || size < n_tail + 2)
        return false;
    const char *tail = name + size - n_tail;
    return tail[0] == '.' && strspn(tail + 1, "0123456789abcdef") == 16 && strcmp(tail + 17, ".tmp") == 0;
}

static bool remove_if_stale(int folder, const char *name) {
    int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return false;
    /* Removed under the lock: a writer that has just made it sees that it is gone (files.c). */
    bool removed = file_try_lock(file) == FILE_LOCKED && unlinkat(folder, name, 0) == 0;
    close(file);
    return removed;
}

int remove_stale_files(const char *folder) {
    DIR *entries = opendir(folder);
    int n = 0;
    if (!entries)
        return 0;
    for (const struct dirent *entry; (entry = readdir(entries));)
        if (is_temporary(entry->d_name))
            n += remove_if_stale(dirfd(entries), entry->d_name);
    closedir(entries);
    return n;
}
