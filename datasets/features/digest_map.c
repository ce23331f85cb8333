/* digest_map.c: open addressing with linear probing, at most half full. A digest is its own hash. */
#include "datasets/features/digest_map.h"

#include "clip/base/files.h"

#include <string.h>

#define MIN_CAPACITY 64

static unsigned hex_value(char digit) {
    return digit <= '9' ? (unsigned)(digit - '0') : (unsigned)(digit - 'a') + 10;
}

Digest digest_of(const void *data, size_t size) {
    char hex[65];
    Digest digest;
    digest_bytes(hex, data, size);
    for (size_t i = 0; i < sizeof digest.bytes; i++)
        digest.bytes[i] = (unsigned char)(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
    return digest;
}

bool digest_equal(const Digest *a, const Digest *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* The slot of the key, or the free one where it would go. */
static DigestSlot *probe(DigestSlot *slots, size_t capacity, const Digest *key) {
    size_t hash;
    memcpy(&hash, key->bytes, sizeof hash);
    for (size_t i = hash & (capacity - 1);; i = (i + 1) & (capacity - 1))
        if (!slots[i].used || digest_equal(&slots[i].key, key))
            return &slots[i];
}

DigestValue *digest_map_find(const DigestMap *map, const Digest *key) {
    if (map->capacity == 0)
        return NULL;
    DigestSlot *slot = probe(map->slots, map->capacity, key);
    return slot->used ? &slot->value : NULL;
}

static int grow(DigestMap *map) {
    size_t capacity = map->capacity ? 2 * map->capacity : MIN_CAPACITY;
    DigestSlot *slots = ARENA_NEW(map->arena, DigestSlot, capacity);
    if (arena_failed(map->arena))
        return -1;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].used)
            *probe(slots, capacity, &map->slots[i].key) = map->slots[i];
    map->slots = slots;
    map->capacity = capacity;
    return 0;
}

int digest_map_put(DigestMap *map, const Digest *key, DigestValue value) {
    if (map->count >= map->capacity / 2 && grow(map) != 0)
        return -1;
    DigestSlot *slot = probe(map->slots, map->capacity, key);
    map->count += !slot->used;
    *slot = (DigestSlot){*key, true, value};
    return 0;
}
