/* file_digests.c: digests of files by path. A remembered digest holds while size, inode and times are the
 * same; one taken within a second of a change is not remembered, because clocks of file systems are coarse.
 */
#include "datasets/features/file_digests.h"

#include "clip/base/files.h"
#include "datasets/images/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define MAX_FILE ((size_t)1 << 30)

struct FileDigests {
    Arena *arena;
    DigestMap paths; /* the digest of a path -> FileDigest * */
};

FileDigests *file_digests_create(void) {
    FileDigests *digests = calloc(1, sizeof *digests);
    if (digests) {
        digests->arena = arena_create();
        digests->paths.arena = digests->arena;
        if (!digests->arena) {
            free(digests);
            return NULL;
        }
    }
    return digests;
}

void file_digests_free(FileDigests *digests) {
    if (digests) {
        arena_free(digests->arena);
        free(digests);
    }
}

unsigned char *image_file_read(const char *path, size_t *size, Arena *arena, Error *err) {
    return (unsigned char *)file_read(path, MAX_FILE, arena, size, err);
}

static FileDigest look(const struct stat *info) {
    struct timespec changed = info->st_mtim, now;
    if (info->st_ctim.tv_sec > changed.tv_sec ||
        (info->st_ctim.tv_sec == changed.tv_sec && info->st_ctim.tv_nsec > changed.tv_nsec))
        changed = info->st_ctim;
    clock_gettime(CLOCK_REALTIME, &now);
    return (FileDigest){.size = info->st_size,
                        .changed_s = changed.tv_sec,
                        .changed_ns = changed.tv_nsec,
                        .inode = info->st_ino,
                        .settled = now.tv_sec > changed.tv_sec + 1};
}

static bool looks_same(const FileDigest *a, const FileDigest *b) {
    return a->size == b->size && a->changed_s == b->changed_s && a->changed_ns == b->changed_ns &&
           a->inode == b->inode;
}

int file_digests_get(FileDigest *out, const FileDigests *digests, const char *path, Arena *arena,
                     Error *err) {
    struct stat info;
    if (stat(path, &info) != 0)
        return error_set(err, "%s: cannot open: %s", path, strerror(errno));
    *out = look(&info);
    Digest key = digest_of(path, strlen(path));
    const DigestValue *value = digest_map_find(&digests->paths, &key);
    if (value && looks_same(out, value->pointer)) {
        *out = *(const FileDigest *)value->pointer;
        return 0;
    }
    size_t mark = arena_mark(arena), size;
    const unsigned char *data = image_file_read(path, &size, arena, err);
    int result = data ? image_check(data, size, path, arena, err) : -1;
    if (result == 0)
        out->digest = digest_of(data, size);
    arena_reset(arena, mark);
    return result;
}

int file_digests_keep(FileDigests *digests, const char *path, const FileDigest *digest, Error *err) {
    if (!digest->settled)
        return 0;
    Digest key = digest_of(path, strlen(path));
    const DigestValue *value = digest_map_find(&digests->paths, &key);
    if (value) {
        *(FileDigest *)value->pointer = *digest;
        return 0;
    }
    FileDigest *kept = ARENA_NEW(digests->arena, FileDigest, 1);
    if (arena_failed(digests->arena))
        return error_memory(err);
    *kept = *digest;
    if (digest_map_put(&digests->paths, &key, (DigestValue){.pointer = kept}) != 0)
        return error_memory(err);
    return 0;
}
