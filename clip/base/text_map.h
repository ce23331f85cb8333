/* text_map.h: a map from texts to small numbers, for lists that are searched by name. */
#ifndef CLIP_BASE_TEXT_MAP_H
#define CLIP_BASE_TEXT_MAP_H

#include "clip/base/arena.h"

#include <stdbool.h>

typedef struct {
    const char *text; /* NULL: the slot is free */
    int value;
} TextMapSlot;

/* Start with (TextMap){.arena = arena}; all memory is the arena's. Not for several threads at once. */
typedef struct {
    Arena *arena;
    TextMapSlot *slots; /* (n_slots) a power of two, at most three quarters of it in use */
    int n_slots, n;
} TextMap;

/* The value of a text, or NULL; the caller may change it. Borrowed until the next put. */
int *text_map_find(const TextMap *map, const char *text);

/* Gives a text a value, in place of the one that it may have. The text is borrowed and must stay as it is.
 * -1 when memory is out. */
int text_map_put(TextMap *map, const char *text, int value);

#endif
