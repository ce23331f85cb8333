/* text_map.c: open addressing with linear probing; hashes are 64-bit FNV-1a. */
#include "clip/base/text_map.h"

#include <stdint.h>
#include <string.h>

enum { FEWEST_SLOTS = 64 };

static uint64_t hash(const char *text) {
    uint64_t sum = 0xcbf29ce484222325u;
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        sum = (sum ^ *at) * 0x100000001b3u;
    return sum ^ sum >> 32;
}

/* The slot of the text, or the free one where it would go. */
static TextMapSlot *slot_of(const TextMap *map, const char *text) {
    size_t mask = (size_t)map->n_slots - 1, at = (size_t)hash(text) & mask;
    while (map->slots[at].text && strcmp(map->slots[at].text, text) != 0)
        at = (at + 1) & mask;
    return &map->slots[at];
}

static int grow(TextMap *map) {
    TextMap larger = {
        .arena = map->arena, .n_slots = map->n_slots ? 2 * map->n_slots : FEWEST_SLOTS, .n = map->n};
    larger.slots = ARENA_NEW(map->arena, TextMapSlot, larger.n_slots);
    if (!larger.slots)
        return -1;
    for (int i = 0; i < map->n_slots; i++)
        if (map->slots[i].text)
            *slot_of(&larger, map->slots[i].text) = map->slots[i];
    *map = larger;
    return 0;
}

int *text_map_find(const TextMap *map, const char *text) {
    TextMapSlot *slot = map->n > 0 ? slot_of(map, text) : NULL;
    return slot && slot->text ? &slot->value : NULL;
}

int text_map_put(TextMap *map, const char *text, int value) {
    if (map->n >= map->n_slots / 4 * 3 && grow(map) < 0)
        return -1;
    TextMapSlot *slot = slot_of(map, text);
    map->n += !slot->text;
    *slot = (TextMapSlot){text, value};
    return 0;
}
