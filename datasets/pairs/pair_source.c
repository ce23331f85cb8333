/* pair_source.c: what all sources of pairs have in common. */
#include "datasets/pairs/pair_source.h"

#include "clip/base/files.h"

#include <assert.h>
#include <string.h>

/* No picture is larger; a file that is would only fill the memory. */
#define MAX_IMAGE_BYTES ((size_t)1 << 30)

PairSource *pair_source_create(PairGetFn get, Error *err) {
    Arena *arena = arena_create();
    PairSource *source = ARENA_NEW(arena, PairSource, 1);
    if (!source) {
        arena_free(arena);
        error_memory(err);
        return NULL;
    }
    source->arena = arena;
    source->get = get;
    sha256_init(&source->sha);
    return source;
}

void pair_source_hash(PairSource *source, const void *data, size_t size) {
    sha256_update(&source->sha, size, data);
}

void pair_source_hash_text(PairSource *source, const char *text) {
    pair_source_hash(source, text, strlen(text) + 1);
}

PairSource *pair_source_finish(PairSource *source, const char *name, Error *err) {
    unsigned char digest[SHA256_DIGEST_SIZE];
    sha256_digest(&source->sha, sizeof digest, digest);
    for (int i = 0; i < SHA256_DIGEST_SIZE; i++) {
        source->digest[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        source->digest[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    if (arena_failed(source->arena))
        error_memory(err);
    else if (source->n == 0)
        error_set(err, "%s: no pairs of an image and a caption%s%s", name, source->remarks.n > 0 ? "; " : "",
                  source->remarks.n > 0 ? source->remarks.lines[0] : "");
    else
        return source;
    pairs_close(source);
    return NULL;
}

void pairs_close(PairSource *source) {
    if (!source)
        return;
    if (source->close)
        source->close(source);
    arena_free(source->arena);
}

int pairs_count(const PairSource *source) {
    return source->n;
}

const char *pairs_remark(const PairSource *source, int index) {
    return index < source->remarks.n ? source->remarks.lines[index] : NULL;
}

const char *pairs_digest(const PairSource *source) {
    return source->digest;
}

int pairs_get(const PairSource *source, int index, uint32_t seed, int epoch, Pair *pair, Arena *arena,
              Error *err) {
    assert(0 <= index && index < source->n);
    *pair = (Pair){0};
    return source->get(source, index, seed, epoch, pair, arena, err);
}

int pair_read_file(Pair *pair, const char *path, Arena *arena, Error *err) {
    FileMap map;
    if (!path)
        return error_memory(err);
    if (file_map(&map, path, err) < 0)
        return -1;
    int result = 0;
    unsigned char *image = map.size <= MAX_IMAGE_BYTES ? arena_alloc(arena, map.size, 1) : NULL;
    if (map.size > MAX_IMAGE_BYTES)
        result = error_set(err, "%s: too large: over %zu bytes", path, MAX_IMAGE_BYTES);
    else if (!image)
        result = error_memory(err);
    else if (map.size > 0)
        memcpy(image, map.data, map.size);
    pair->name = path;
    pair->image = image;
    pair->size = map.size;
    file_unmap(&map);
    return result;
}
