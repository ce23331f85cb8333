/* arena.h: the one allocator. Blocks are 64-byte aligned, zeroed, and freed together.
 *
 *     Arena *arena = arena_create();
 *     size_t mark = arena_mark(arena);
 *     float *x = arena_floats(arena, n, C);   // (n, C)
 *     int *y = ARENA_NEW(arena, int, n);
 *     if (arena_failed(arena)) { ... error_memory(err); }
 *     ...
 *     arena_reset(arena, mark);               // x and y are gone
 *     arena_free(arena);
 *
 * Failure is sticky (the idea of zstd's workspace): a failed allocation returns NULL and every later one does
 * too, so a function may allocate all that it needs and ask arena_failed() once, before it touches any of it.
 * An arena that could not be created (NULL) counts as failed. Sizes are checked products: an overflow fails
 * as running out of memory does.
 */
#ifndef CLIP_BASE_ARENA_H
#define CLIP_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Arena Arena;

Arena *arena_create(void);     /* NULL when out of memory; caller frees with arena_free */
void arena_free(Arena *arena); /* NULL is fine */

/* count * size bytes, zeroed, 64-byte aligned, owned by the arena. A count of 0 gives a valid pointer. */
void *arena_alloc(Arena *arena, size_t count, size_t size);
#define ARENA_NEW(arena, type, count) ((type *)arena_alloc((arena), (size_t)(count), sizeof(type)))
float *arena_floats(Arena *arena, size_t rows, size_t columns); /* (rows, columns), zeroed */
/* Room for `needed` elements of `size` bytes in an array that holds *capacity (0 at first, with array NULL):
 * the array itself when they fit, else a larger copy, zeroed behind what was there, with *capacity at least
 * doubled. NULL on failure, and nothing is changed. */
void *arena_grow(Arena *arena, void *array, int *capacity, int needed, size_t size);
char *arena_strdup(Arena *arena, const char *text); /* a copy, owned by the arena */
char *arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool arena_failed(const Arena *arena); /* an allocation since the last reset has failed */
size_t arena_used(const Arena *arena); /* bytes handed out and not yet reset */
size_t arena_mark(const Arena *arena);
void arena_reset(Arena *arena, size_t mark); /* frees all blocks allocated after the mark; clears a failure */

#endif
