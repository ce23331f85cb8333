/* digest_map.h: SHA-256 digests, and a hash map from them. */
#ifndef DATASETS_FEATURES_DIGEST_MAP_H
#define DATASETS_FEATURES_DIGEST_MAP_H

#include "clip/base/arena.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    unsigned char bytes[32];
} Digest;

Digest digest_of(const void *data, size_t size);
bool digest_equal(const Digest *a, const Digest *b);

typedef union {
    size_t number;
    void *pointer;
} DigestValue;

typedef struct {
    Digest key;
    bool used;
    DigestValue value;
} DigestSlot;

/* {.arena = arena} is an empty map; what it holds is owned by the arena. */
typedef struct {
    Arena *arena;
    size_t capacity, count; /* capacity is a power of two, or 0 */
    DigestSlot *slots;      /* (capacity) */
} DigestMap;

/* NULL when absent; valid until the next put. */
DigestValue *digest_map_find(const DigestMap *map, const Digest *key);
/* Replaces the value of a key that is there. -1 when there is no memory. */
int digest_map_put(DigestMap *map, const Digest *key, DigestValue value);

#endif
