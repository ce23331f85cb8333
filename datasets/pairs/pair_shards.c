/* pair_shards.c: pairs from tar files (webdataset), read where they lie.
 *
 * All shards are mapped and indexed when the source is opened, so pairs come in any order, and nothing is
 * read twice. A sample without an image or a caption is left out, as open_clip does, and so is one whose
 * caption is no text; how many is said in remarks.
 */
#include "datasets/pairs/pair_source.h"

#include "clip/base/files.h"
#include "datasets/lists/lists.h"
#include "datasets/lists/remarks.h"
#include "datasets/pairs/shard_index.h"
#include "datasets/pairs/shard_names.h"

#include <limits.h>
#include <string.h>
#include <unistr.h>

typedef struct {
    int shard;
    ShardMember image, caption;
} Sample;

typedef struct {
    ShardNames names;
    FileMap *maps;   /* (names.n) */
    Sample *samples; /* (PairSource.n) */
    int capacity;
} Shards;

/* Why samples are left out. */
typedef enum { NO_IMAGE, NO_CAPTION, BAD_CAPTION, N_REASONS } Reason;
static const char *const reasons[N_REASONS] = {"without an image (.jpg, .png, .jpeg, .webp)",
                                               "without a caption (.txt)", "whose caption is not UTF-8 text"};

typedef struct {
    PairSource *source;
    Shards *shards;
    TextPool pool;
    int shard;
    struct {
        int n;
        const char *first; /* "x.tar: 000" */
    } left_out[N_REASONS];
} Opening;

/* Blanks and line ends at the end do not count. */
static size_t caption_size(const unsigned char *text, size_t size) {
    while (size > 0 && strchr(" \t\r\n", text[size - 1]) && text[size - 1])
        size--;
    return size;
}

static int get(const PairSource *source, int index, uint32_t seed, int epoch, Pair *pair, Arena *arena,
               Error *err) {
    (void)seed, (void)epoch;
    const Shards *shards = source->kind;
    const Sample *sample = &shards->samples[index];
    const unsigned char *data = shards->maps[sample->shard].data;
    char *caption = arena_alloc(arena, sample->caption.size + 1, 1);
    pair->name = arena_printf(arena, "%s: %s", shards->names.paths[sample->shard], sample->image.name);
    if (!caption || !pair->name)
        return error_memory(err);
    memcpy(caption, data + sample->caption.offset, sample->caption.size);
    pair->caption = caption;
    pair->image = data + sample->image.offset;
    pair->size = sample->image.size;
    return 0;
}

static int leave_out(Opening *opening, Reason reason, const char *stem, Error *err) {
    if (opening->left_out[reason].n++ == 0)
        opening->left_out[reason].first = arena_printf(opening->source->arena, "%s: %s",
                                                       opening->shards->names.paths[opening->shard], stem);
    return opening->left_out[reason].first ? 0 : error_memory(err);
}

static int put_sample(void *context, const ShardSample *found, Error *err) {
    Opening *opening = context;
    PairSource *source = opening->source;
    Shards *shards = opening->shards;
    if (!found->image.name && !found->caption.name) /* something else altogether */
        return 0;
    if (!found->image.name || !found->caption.name)
        return leave_out(opening, found->image.name ? NO_CAPTION : NO_IMAGE, found->stem, err);
    const unsigned char *text = shards->maps[opening->shard].data + found->caption.offset;
    const size_t size = caption_size(text, found->caption.size);
    if (size == 0)
        return leave_out(opening, NO_CAPTION, found->stem, err);
    if (memchr(text, '\0', size) || u8_check(text, size))
        return leave_out(opening, BAD_CAPTION, found->stem, err);
    if (source->n > INT_MAX / 2)
        return error_set(err, "%s: too many samples", shards->names.paths[opening->shard]);
    Sample *samples =
        arena_grow(source->arena, shards->samples, &shards->capacity, source->n + 1, sizeof *samples);
    const char *name = text_join(&opening->pool, NULL, found->image.name);
    if (!samples || !name)
        return error_memory(err);
    shards->samples = samples;
    Sample *sample = &samples[source->n++];
    *sample = (Sample){
        .shard = opening->shard, .image = found->image, .caption = {NULL, found->caption.offset, size}};
    sample->image.name = name;
    pair_source_hash_text(source, name);
    pair_source_hash(source, &sample->image.size, sizeof sample->image.size);
    pair_source_hash(source, text, size);
    pair_source_hash(source, "", 1);
    return 0;
}

/* All are there before the first is read. */
static int check_shards(const ShardNames *names, Error *err) {
    int n_missing = 0, first = 0;
    for (int i = 0; i < names->n; i++)
        if (!file_exists(names->paths[i]) && n_missing++ == 0)
            first = i;
    if (n_missing == 1)
        return error_set(err, "%s: no such shard", names->paths[first]);
    return n_missing == 0 ? 0
                          : error_set(err, "%s: no such shard (and %d more of %d are missing)",
                                      names->paths[first], n_missing - 1, names->n);
}

static int open_shard(Opening *opening, Error *err) {
    const char *path = opening->shards->names.paths[opening->shard];
    FileMap *map = &opening->shards->maps[opening->shard];
    const char *name = path_last(opening->source->arena, path);
    size_t end;
    if (!name)
        return error_memory(err);
    pair_source_hash_text(opening->source, name);
    if (file_map(map, path, err) < 0 || shard_walk(map, path, put_sample, opening, &end, err) < 0)
        return -1;
    size_t at = end;
    while (at < map->size && map->data[at] == 0)
        at++;
    if (at < map->size)
        remark(&opening->source->remarks, opening->source->arena,
               "%s: what lies behind its end mark (byte %zu) is not read", path, end);
    return 0;
}

static int open_shards(Opening *opening, const char *text, Error *err) {
    Arena *arena = opening->source->arena;
    Shards *shards = opening->shards;
    if (shard_names_expand(&shards->names, text, arena, err) < 0 || check_shards(&shards->names, err) < 0)
        return -1;
    shards->maps = ARENA_NEW(arena, FileMap, shards->names.n);
    if (!shards->maps)
        return error_memory(err);
    pair_source_hash_text(opening->source, "shards");
    for (; opening->shard < shards->names.n; opening->shard++)
        if (open_shard(opening, err) < 0)
            return -1;
    Remarks *remarks = &opening->source->remarks;
    for (Reason reason = 0; reason < N_REASONS; reason++) {
        int n = opening->left_out[reason].n;
        if (n > 0)
            remark(remarks, arena, "%s: %d sample%s %s left out (first: %s)", text, n, n == 1 ? "" : "s",
                   reasons[reason], opening->left_out[reason].first);
    }
    if (opening->left_out[NO_IMAGE].n > 0 && opening->left_out[NO_CAPTION].n > 0)
        remark(remarks, arena, "%s: an image and its caption must follow each other (tar --sort=name)", text);
    return 0;
}

static void unmap(PairSource *source) {
    Shards *shards = source->kind;
    for (int i = 0; shards && shards->maps && i < shards->names.n; i++)
        file_unmap(&shards->maps[i]);
}

PairSource *pairs_open_shards(const char *text, Error *err) {
    PairSource *source = pair_source_create(get, err);
    if (!source)
        return NULL;
    source->close = unmap;
    source->kind = ARENA_NEW(source->arena, Shards, 1);
    Opening opening = {.source = source, .shards = source->kind, .pool = {.arena = source->arena}};
    if (source->kind && open_shards(&opening, text, err) < 0) {
        pairs_close(source);
        return NULL;
    }
    return pair_source_finish(source, text, err);
}
