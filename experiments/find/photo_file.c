/* photo_file.c: see photo_file.h */
#include "experiments/find/photo_file.h"

#include "datasets/features/file_digests.h"
#include "datasets/pairs/tar_members.h"

#include <string.h>
#include <sys/stat.h>

PhotoState photo_state(const IndexEntry *entry) {
    struct stat info;
    if (stat(entry->path, &info) < 0)
        return PHOTO_GONE;
    const int64_t changed_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    const bool same_size = entry->member || (uint64_t)info.st_size == entry->size;
    return same_size && changed_ns == entry->changed_ns ? PHOTO_THERE : PHOTO_CHANGED;
}

static unsigned char *member_bytes(const IndexEntry *entry, const FileMap *map, size_t *size, Arena *arena,
                                   Error *err) {
    TarReader reader = {.map = map, .path = entry->path, .arena = arena_create()};
    TarMember member = {0};
    int found = -1;
    unsigned char *bytes = NULL;
    if (!reader.arena)
        error_memory(err);
    else
        while ((found = tar_next(&reader, &member, err)) > 0 &&
               !(member.is_file && strcmp(member.name, entry->member) == 0))
            ;
    if (found == 0)
        error_set(err, "%s: no member %s", entry->path, entry->member);
    if (found > 0 && !(bytes = ARENA_NEW(arena, unsigned char, member.size)))
        error_memory(err);
    if (bytes) {
        memcpy(bytes, map->data + member.offset, member.size);
        *size = member.size;
    }
    arena_free(reader.arena);
    return bytes;
}

unsigned char *photo_bytes(const IndexEntry *entry, size_t *size, Arena *arena, Error *err) {
    FileMap map;
    if (!entry->member)
        return image_file_read(entry->path, size, arena, err);
    if (file_map(&map, entry->path, err) < 0)
        return NULL;
    unsigned char *bytes = member_bytes(entry, &map, size, arena, err);
    file_unmap(&map);
    return bytes;
}

const char *photo_name(const IndexEntry *entry, Arena *arena) {
    const char *name =
        entry->member ? arena_printf(arena, "%s: %s", entry->path, entry->member) : entry->path;
    return name ? name : "?";
}
