/* shard_index.c: the members of a tar file through libarchive (ustar, GNU and pax headers), over a map of it.
 *
 * libarchive reads from one block of memory, which is the map itself, so the data that it hands out lies in
 * the map, and its place is known without a copy. Only headers are touched: data is skipped.
 */
#include "datasets/pairs/shard_index.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

enum { TAR_BLOCK = 512 };

/* In the order in which open_clip looks for an image. */
static const char *const suffixes[] = {"jpg", "png", "jpeg", "webp", "txt"};
enum { N_SUFFIXES = sizeof suffixes / sizeof *suffixes, CAPTION = N_SUFFIXES - 1 };

typedef struct {
    const FileMap *map;
    const char *path;
    struct archive *archive;
    Arena *names; /* those of the sample under way */
    ShardSampleFn sample_fn;
    void *context;
    const char *stem; /* NULL: no sample has begun */
    ShardMember members[N_SUFFIXES];
    char last[256]; /* the name of the last member that was whole, for messages; cut when longer */
} Walk;

static int cut_short(const Walk *walk, const char *name, Error *err) {
    if (!name && !*walk->last)
        return error_set(err, "%s: cut short (byte %zu)", walk->path, walk->map->size);
    return error_set(err, "%s: cut short %s %s (byte %zu)", walk->path, name ? "in" : "behind",
                     name ? name : walk->last, walk->map->size);
}

/* What libarchive has to say. */
static int archive_fails(const Walk *walk, const char *name, Error *err) {
    const char *text = archive_error_string(walk->archive);
    const la_int64_t at = archive_read_header_position(walk->archive); /* negative before the first */
    if (archive_errno(walk->archive) == ENOMEM)
        return error_memory(err);
    if (text && strstr(text, "runcated"))
        return cut_short(walk, name, err);
    if (at <= 0 && !*walk->last)
        return error_set(err, "%s: start: not a tar file (one that is compressed must be unpacked)",
                         walk->path);
    return error_set(err, "%s: byte %lld: %s", walk->path, (long long)at,
                     text ? text : "not a header of a tar file");
}

static int end_sample(Walk *walk, Error *err) {
    if (!walk->stem)
        return 0;
    ShardSample sample = {.stem = walk->stem, .caption = walk->members[CAPTION]};
    for (int i = 0; i < CAPTION && !sample.image.name; i++)
        sample.image = walk->members[i];
    int result = walk->sample_fn(walk->context, &sample, err);
    memset(walk->members, 0, sizeof walk->members);
    walk->stem = NULL;
    arena_reset(walk->names, 0);
    return result;
}

/* The suffix in a name, or NULL when the name has no stem or no dot. */
static const char *find_suffix(const char *name) {
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name, *dot = strchr(base, '.');
    return dot && dot > base ? dot + 1 : NULL;
}

static int put_member(Walk *walk, ShardMember member, Error *err) {
    const char *suffix = find_suffix(member.name);
    if (!suffix)
        return 0;
    const size_t n_stem = (size_t)(suffix - 1 - member.name);
    int kind = 0;
    while (kind < N_SUFFIXES && strcasecmp(suffix, suffixes[kind]) != 0)
        kind++;
    const bool same = walk->stem && strlen(walk->stem) == n_stem &&
                      memcmp(walk->stem, member.name, n_stem) == 0 &&
                      !(kind < N_SUFFIXES && walk->members[kind].name);
    if (!same) {
        if (end_sample(walk, err) != 0)
            return -1;
        walk->stem = arena_printf(walk->names, "%.*s", (int)n_stem, member.name);
    }
    if (kind < N_SUFFIXES) {
        walk->members[kind] = member;
        walk->members[kind].name = arena_strdup(walk->names, member.name);
    }
    return arena_failed(walk->names) ? error_memory(err) : 0;
}

/* Where the data of the entry lies. */
static int find_data(const Walk *walk, ShardMember *member, Error *err) {
    const void *data;
    size_t n;
    la_int64_t offset;
    if (member->size == 0)
        return 0;
    int status = archive_read_data_block(walk->archive, &data, &n, &offset);
    if (status != ARCHIVE_OK && status != ARCHIVE_EOF)
        return archive_fails(walk, member->name, err);
    const unsigned char *begin = walk->map->data, *at = data;
    bool inside = status == ARCHIVE_OK && offset == 0 && at >= begin && at < begin + walk->map->size;
    member->offset = inside ? (size_t)(at - begin) : 0;
    if (inside && member->size > walk->map->size - member->offset)
        return cut_short(walk, member->name, err);
    if (!inside || n != member->size)
        return error_set(err, "%s: %s: a sparse file, which is not read", walk->path, member->name);
    return 0;
}

static int read_entry(Walk *walk, struct archive_entry *entry, Error *err) {
    const char *name = archive_entry_pathname(entry);
    if (!name)
        return error_set(err, "%s: byte %zu: a member without a name", walk->path,
                         (size_t)archive_read_header_position(walk->archive));
    if (archive_entry_filetype(entry) == AE_IFREG && !archive_entry_hardlink(entry)) {
        ShardMember member = {.name = name, .size = (size_t)archive_entry_size(entry)};
        if (find_data(walk, &member, err) < 0 || put_member(walk, member, err) < 0)
            return -1;
    }
    strncpy(walk->last, name, sizeof walk->last - 1);
    return 0;
}

static int walk_entries(Walk *walk, size_t *end, Error *err) {
    struct archive_entry *entry;
    int status;
    while ((status = archive_read_next_header(walk->archive, &entry)) == ARCHIVE_OK || status == ARCHIVE_WARN)
        if (read_entry(walk, entry, err) < 0)
            return -1;
    if (status != ARCHIVE_EOF)
        return archive_fails(walk, NULL, err);
    *end = (size_t)archive_read_header_position(walk->archive);
    if (*end > walk->map->size || walk->map->size - *end < TAR_BLOCK)
        return cut_short(walk, NULL, err);
    return end_sample(walk, err);
}

int shard_walk(const FileMap *map, const char *path, ShardSampleFn sample_fn, void *context, size_t *end,
               Error *err) {
    if (map->size == 0)
        return error_set(err, "%s: start: the file is empty", path);
    Walk walk = {.map = map, .path = path, .sample_fn = sample_fn, .context = context};
    walk.names = arena_create();
    walk.archive = archive_read_new();
    int result = -1;
    if (!walk.names || !walk.archive || archive_read_support_format_tar(walk.archive) != ARCHIVE_OK)
        error_memory(err);
    else if (archive_read_open_memory(walk.archive, map->data, map->size) != ARCHIVE_OK)
        archive_fails(&walk, NULL, err);
    else
        result = walk_entries(&walk, end, err);
    archive_read_free(walk.archive);
    arena_free(walk.names);
    return result;
}
