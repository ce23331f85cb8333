/* photo_source.c: see photo_source.h */
#include "experiments/find/photo_source.h"

#include "clip/base/text_map.h"
#include "datasets/pairs/tar_members.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { HANDED_OUT = INT_MAX };

/* A tar file that is open as long as the source is: images of its members may still wait to be decoded. */
typedef struct Tar Tar;
struct Tar {
    FileMap map;
    char *path;
    TarReader reader;
    int64_t changed_ns;
    Tar *before;
};

struct PhotoSource {
    const PhotoIndex *index;
    StreamNextFn next;
    void *context;
    Arena *arena;
    TextMap names;       /* "path" or "path\nmember" -> the entry that lives, or HANDED_OUT */
    TextMap tars;        /* paths of those that were read to their end */
    DigestMap contents;  /* -> the entry */
    unsigned char *seen; /* (n): an input of this update */
    unsigned char *kept; /* (n): its content is that of a new path */
    char *folder, *real; /* of the last path: as it was named, and from the root */
    Tar *tar, *last_tar; /* that is being read; all, the last one first */
    atomic_long same, files;
};

/* --- what there is --- */

static const char *key_of(const char *path, const char *member, Arena *arena) {
    return member ? arena_printf(arena, "%s\n%s", path, member) : path;
}

static int learn_index(PhotoSource *source, Error *err) {
    const PhotoIndex *index = source->index;
    if (index->n >= HANDED_OUT)
        return error_run(err, "%s: more entries than this program can add to", index->path);
    source->seen = arena_alloc(source->arena, (size_t)index->n + 1, 1);
    source->kept = arena_alloc(source->arena, (size_t)index->n + 1, 1);
    for (uint64_t i = 0; i < index->n; i++) {
        IndexEntry entry;
        if (photo_index_is_dead(index, i))
            continue;
        if (photo_index_entry(index, i, &entry, err) < 0)
            return -1;
        const char *key = key_of(entry.path, entry.member, source->arena);
        if (!key || text_map_put(&source->names, key, (int)i) < 0 ||
            digest_map_put(&source->contents, &entry.digest, (DigestValue){.number = (size_t)i}) < 0)
            return error_memory(err);
    }
    return arena_failed(source->arena) ? error_memory(err) : 0;
}

PhotoSource *photo_source_open(const PhotoIndex *index, StreamNextFn next, void *context, Error *err) {
    Arena *arena = arena_create();
    PhotoSource *source = ARENA_NEW(arena, PhotoSource, 1);
    if (!source) {
        arena_free(arena);
        error_memory(err);
        return NULL;
    }
    source->index = index;
    source->next = next;
    source->context = context;
    source->arena = source->names.arena = source->tars.arena = source->contents.arena = arena;
    if (learn_index(source, err) == 0)
        return source;
    photo_source_close(source);
    return NULL;
}

void photo_source_close(PhotoSource *source) {
    if (!source)
        return;
    for (Tar *tar = source->last_tar, *before; tar; tar = before) {
        before = tar->before;
        file_unmap(&tar->map);
        arena_free(tar->reader.arena);
        free(tar->path);
        free(tar);
    }
    free(source->folder);
    free(source->real);
    arena_free(source->arena);
}

/* --- paths --- */

/* The same file from the root, malloc'd: its folder without links and dots. NULL when memory is out. */
static char *from_root(PhotoSource *source, const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *folder = slash == path ? strdup("/") : slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
    if (!folder)
        return NULL;
    if (!source->folder || strcmp(folder, source->folder) != 0) {
        free(source->folder);
        free(source->real);
        source->folder = folder;
        source->real = realpath(folder, NULL);
    } else {
        free(folder);
    }
    if (!source->real)
        return strdup(path);
    const size_t n = strlen(source->real), m = strlen(name);
    const bool gap = source->real[n - 1] != '/';
    char *whole = malloc(n + gap + m + 1);
    if (!whole)
        return NULL;
    memcpy(whole, source->real, n);
    whole[n] = '/';
    memcpy(whole + n + gap, name, m + 1);
    return whole;
}

/* --- the next one --- */

/* Whether an input must be looked at; input->path and note.text say which it is, and so do size and time. */
static bool is_news(PhotoSource *source, StreamInput *input, uint64_t size, int64_t changed_ns) {
    const char *key = key_of(input->path, input->note.text, source->arena);
    int *value = key ? text_map_find(&source->names, key) : NULL;
    input->note.numbers[PHOTO_SIZE] = size;
    input->note.numbers[PHOTO_CHANGED_NS] = (uint64_t)changed_ns;
    if (!key)
        return error_memory(&input->err) < 0;
    if (!value) {
        const char *copy = input->note.text ? key : arena_strdup(source->arena, key);
        if (!copy || text_map_put(&source->names, copy, HANDED_OUT) < 0)
            error_memory(&input->err);
        return true;
    }
    if (*value == HANDED_OUT || source->seen[*value])
        return false; /* named twice */
    source->seen[*value] = 1;
    IndexEntry entry;
    if (photo_index_entry(source->index, (uint64_t)*value, &entry, &input->err) < 0)
        return true;
    if (entry.size == size && entry.changed_ns == changed_ns) {
        atomic_fetch_add(&source->same, 1);
        return false;
    }
    input->note.numbers[PHOTO_OLD] = (uint64_t)*value + 1;
    return true;
}

static int64_t changed_ns(const struct stat *info) {
    return (int64_t)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec;
}

static bool is_tar(const char *path) {
    const size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".tar") == 0;
}

/* The input becomes its members, unless it cannot be read. */
static int open_tar(PhotoSource *source, StreamInput *input, const struct stat *info) {
    Tar *tar = calloc(1, sizeof *tar);
    if (!tar)
        return error_memory(&input->err);
    *tar = (Tar){.path = input->path, .changed_ns = changed_ns(info), .before = source->last_tar};
    tar->reader = (TarReader){.map = &tar->map, .path = tar->path, .arena = arena_create()};
    if (!tar->reader.arena || file_map(&tar->map, tar->path, &input->err) < 0) {
        if (!tar->reader.arena)
            error_memory(&input->err);
        arena_free(tar->reader.arena);
        free(tar);
        return -1;
    }
    source->tar = source->last_tar = tar;
    return 0;
}

/* The next member that is news; false at the end of the tar file. */
static bool next_member(PhotoSource *source, StreamInput *input) {
    Tar *tar = source->tar;
    TarMember member = {0};
    *input = (StreamInput){0};
    for (;;) {
        const int found = tar_next(&tar->reader, &member, &input->err);
        if (found <= 0) {
            const char *path = found == 0 ? arena_strdup(source->arena, tar->path) : NULL;
            source->tar = NULL;
            if (found == 0 && (!path || text_map_put(&source->tars, path, 1) < 0))
                error_memory(&input->err);
            if (input->err.kind == ERROR_NONE)
                return false;
            input->path = strdup(tar->path);
            return true;
        }
        if (!member.is_file || member.size == 0)
            continue;
        *input = (StreamInput){.path = strdup(tar->path),
                               .is_found = true,
                               .bytes = tar->map.data + member.offset,
                               .size = member.size,
                               .note.text = arena_strdup(source->arena, member.name)};
        if (!input->path || !input->note.text)
            error_memory(&input->err);
        else if (!is_news(source, input, member.size, tar->changed_ns)) {
            free(input->path);
            continue;
        }
        return true;
    }
}

/* The next file that is news; false when it was none, or a tar file. */
static bool next_file(PhotoSource *source, StreamInput *input) {
    struct stat info;
    source->next(source->context, input);
    if (!input->path || input->err.kind != ERROR_NONE)
        return true;
    char *path = from_root(source, input->path);
    free(input->path);
    input->path = path;
    if (!path) {
        error_memory(&input->err);
        return true;
    }
    if (stat(path, &info) < 0) {
        error_errno(&input->err, ERROR_INPUT, errno, "%s: cannot open", path);
        return true;
    }
    atomic_fetch_add(&source->files, 1);
    if (is_tar(path))
        return open_tar(source, input, &info) < 0;
    if (is_news(source, input, (uint64_t)info.st_size, changed_ns(&info)))
        return true;
    free(path);
    return false;
}

void photo_source_next(void *context, StreamInput *input) {
    PhotoSource *source = context;
    for (;;) {
        *input = (StreamInput){0};
        if (source->tar ? next_member(source, input) : next_file(source, input))
            return;
    }
}

bool photo_source_known(void *context, const Digest *digest) {
    const PhotoSource *source = context;
    return digest_map_find(&source->contents, digest) != NULL;
}

uint64_t photo_source_entry_of(PhotoSource *source, const Digest *digest) {
    const size_t number = digest_map_find(&source->contents, digest)->number;
    source->kept[number] = 1;
    return (uint64_t)number;
}

long photo_source_same(const PhotoSource *source) {
    return atomic_load(&source->same);
}

long photo_source_files(const PhotoSource *source) {
    return atomic_load(&source->files);
}

/* --- what is gone --- */

static bool is_below(const char *path, const char *folder) {
    const size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && (path[n] == '/' || (n > 0 && folder[n - 1] == '/'));
}

bool photo_source_is_gone(const PhotoSource *source, uint64_t number, const char *const *folders, int n) {
    IndexEntry entry;
    struct stat info;
    if (source->seen[number] || photo_index_is_dead(source->index, number) ||
        photo_index_entry(source->index, number, &entry, NULL) < 0)
        return false;
    if (entry.member && text_map_find(&source->tars, entry.path))
        return true;
    bool in_reach = source->kept[digest_map_find(&source->contents, &entry.digest)->number];
    for (int i = 0; i < n && !in_reach; i++)
        in_reach = is_below(entry.path, folders[i]);
    return in_reach && lstat(entry.path, &info) < 0 && (errno == ENOENT || errno == ENOTDIR);
}
