/* shard_index.c: the members of a tar file, put together to samples. Only headers are touched: data is
 * skipped.
 */
#include "datasets/pairs/shard_index.h"

#include "datasets/pairs/tar_members.h"

#include <string.h>
#include <strings.h>

/* In the order in which open_clip looks for an image. */
static const char *const suffixes[] = {"jpg", "png", "jpeg", "webp", "txt"};
enum { N_SUFFIXES = sizeof suffixes / sizeof *suffixes, CAPTION = N_SUFFIXES - 1 };

typedef struct {
    Arena *names; /* those of the sample under way */
    ShardSampleFn sample_fn;
    void *context;
    const char *stem; /* NULL: no sample has begun */
    ShardMember members[N_SUFFIXES];
} Walk;

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

int shard_walk(const FileMap *map, const char *path, ShardSampleFn sample_fn, void *context, size_t *end,
               Error *err) {
    if (map->size == 0)
        return error_set(err, "%s: start: the file is empty", path);
    Walk walk = {.sample_fn = sample_fn, .context = context, .names = arena_create()};
    TarReader reader = {.map = map, .path = path, .arena = arena_create()};
    TarMember member;
    int result = walk.names && reader.arena ? 1 : error_memory(err);
    while (result > 0 && (result = tar_next(&reader, &member, err)) > 0)
        if (member.is_file &&
            put_member(&walk, (ShardMember){member.name, member.offset, member.size}, err) < 0)
            result = -1;
    if (result == 0)
        result = end_sample(&walk, err);
    *end = reader.at;
    arena_free(walk.names);
    arena_free(reader.arena);
    return result;
}
