/* arena.c: a stack of blocks in a chain of chunks.
 *
 *     chunk 0               chunk 1                           chunk 2 (spare)
 *     [block|block|unused]  [block|block|stale......|fresh.]  [stale.....|fresh.]
 *     0                     ^start      ^used       ^touched
 *
 * Blocks never move, so the arena grows by whole chunks, each as large as all before it; a block that is
 * bigger gets one with room for some more like it, which costs nothing until it is touched. A mark is a
 * position: the number of bytes handed out before it, counted through all chunks. After a reset the chunks
 * stay as spares, for the next training step asks for the same blocks again. Bytes up to `touched` have been
 * handed out before and are cleared before they are handed out again; the others are still zero from calloc,
 * which for large chunks means pages that the kernel has not even provided yet.
 *
 * With -DARENA_MALLOC every block comes from malloc on its own, so that AddressSanitizer and valgrind see an
 * access beyond its last byte, or after a reset.
 */
#define _GNU_SOURCE /* madvise */
#include "clip/base/arena.h"

#include "clip/base/minimum.h"

#include <assert.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ALIGNMENT ((size_t)64)
/* No block is larger than 512 GiB. That is below the largest request (1 TiB) that AddressSanitizer's malloc
 * answers with NULL or memory; it stops the program at larger ones. */
#define MAX_BLOCK ((size_t)1 << 39)
#define MIN_CHUNK ((size_t)1 << 16)
#define MAX_CHUNK ((size_t)1 << 26)
#define LARGE ((size_t)1 << 22)
#define FOLLOWERS 5     /* blocks as large as the first of a chunk, for which it has room: a ResNet has 4.5 */
#define MIN_ELEMENTS 16 /* of a growing array */

/* Bytes that a block takes from the arena: at least some, so that each block has its own address. */
static size_t block_span(size_t size) {
    return size == 0 ? ALIGNMENT : (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

#ifndef ARENA_MALLOC

typedef struct Chunk Chunk;
struct Chunk {
    Chunk *below;         /* the chunk before it in use, or the next spare */
    unsigned char *bytes; /* (capacity), aligned, behind this header */
    size_t capacity, used, touched;
    size_t start; /* position of its first byte in the arena */
};

struct Arena {
    Chunk *top;      /* the chunk that blocks are taken from */
    Chunk *spare;    /* chunks that a reset has emptied, the earliest first */
    size_t capacity; /* of the chunks in use */
    bool failed;
};

/* Large chunks come in large pages where the kernel has them: a page that is touched for the first time costs
 * as much as a thousand products, and weights in small ones want more translations than a processor keeps. */
static void ask_for_large_pages(void *memory, size_t size) {
#ifdef MADV_HUGEPAGE
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE),
                    start = ((uintptr_t)memory + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)memory + size) / page * page;
    if (size >= LARGE && end > start)
        madvise((void *)start, end - start, MADV_HUGEPAGE); /* advice alone */
#else
    (void)memory, (void)size;
#endif
}

static Chunk *chunk_create(size_t capacity) {
    const size_t size = sizeof(Chunk) + ALIGNMENT + capacity;
    unsigned char *memory = calloc(1, size);
    if (!memory)
        return NULL;
    ask_for_large_pages(memory, size);
    Chunk *chunk = (Chunk *)(void *)memory;
    size_t offset = sizeof(Chunk) + ALIGNMENT - 1;
    offset -= ((uintptr_t)memory + offset) % ALIGNMENT;
    chunk->bytes = memory + offset;
    chunk->capacity = capacity;
    return chunk;
}

static void chunks_free(Chunk *chunk) {
    while (chunk) {
        Chunk *below = chunk->below;
        free(chunk);
        chunk = below;
    }
}

Arena *arena_create(void) {
    return calloc(1, sizeof(Arena));
}

void arena_free(Arena *arena) {
    if (!arena)
        return;
    chunks_free(arena->top);
    chunks_free(arena->spare);
    free(arena);
}

/* The first spare with room for span bytes, taken out of the list; NULL if there is none. */
static Chunk *spare_take(Arena *arena, size_t span) {
    for (Chunk **link = &arena->spare; *link; link = &(*link)->below) {
        Chunk *chunk = *link;
        if (chunk->capacity >= span) {
            *link = chunk->below;
            return chunk;
        }
    }
    return NULL;
}

/* Puts a chunk with room for span bytes on top. */
static int add_chunk(Arena *arena, size_t span) {
    Chunk *chunk = spare_take(arena, span);
    if (!chunk) {
        /* Spares that are too small would only add to the peak. */
        chunks_free(arena->spare);
        arena->spare = NULL;
        const size_t capacity = min_size(max_size(arena->capacity, FOLLOWERS * span), MAX_CHUNK);
        chunk = chunk_create(max_size(span, max_size(capacity, MIN_CHUNK)));
        if (!chunk)
            chunk = chunk_create(max_size(span, MIN_CHUNK)); /* no room for others to follow */
        if (!chunk)
            return -1;
    }
    chunk->start = arena_used(arena);
    chunk->used = 0;
    chunk->below = arena->top;
    arena->top = chunk;
    arena->capacity += chunk->capacity;
    return 0;
}

static void *block_take(Arena *arena, size_t size) {
    size_t span = block_span(size);
    Chunk *chunk = arena->top;
    if (!chunk || chunk->capacity - chunk->used < span) {
        if (add_chunk(arena, span))
            return NULL;
        chunk = arena->top;
    }
    unsigned char *block = chunk->bytes + chunk->used;
    if (chunk->touched > chunk->used) {
        size_t stale = chunk->touched - chunk->used;
        memset(block, 0, stale < span ? stale : span);
    }
    chunk->used += span;
    if (chunk->touched < chunk->used)
        chunk->touched = chunk->used;
    return block;
}

size_t arena_used(const Arena *arena) {
    return arena->top ? arena->top->start + arena->top->used : 0;
}

void arena_reset(Arena *arena, size_t mark) {
    assert(mark <= arena_used(arena));
    while (arena->top && arena->top->start >= mark) {
        Chunk *chunk = arena->top;
        arena->top = chunk->below;
        arena->capacity -= chunk->capacity;
        chunk->below = arena->spare;
        arena->spare = chunk;
    }
    if (arena->top && arena->top->start + arena->top->used > mark)
        arena->top->used = mark - arena->top->start;
    arena->failed = false;
}

#else /* ARENA_MALLOC */

typedef struct Block Block;
struct Block {
    Block *below;
    void *bytes;
    size_t start; /* position of its first byte in the arena */
};

struct Arena {
    Block *top;
    size_t used;
    bool failed;
};

Arena *arena_create(void) {
    return calloc(1, sizeof(Arena));
}

void arena_free(Arena *arena) {
    if (!arena)
        return;
    arena_reset(arena, 0);
    free(arena);
}

/* Exactly size bytes are asked for, not span, so that access to one byte too many is caught. */
static void *block_take(Arena *arena, size_t size) {
    Block *block = calloc(1, sizeof *block);
    if (!block)
        return NULL;
    if (posix_memalign(&block->bytes, ALIGNMENT, size)) {
        free(block);
        return NULL;
    }
    memset(block->bytes, 0, size);
    block->below = arena->top;
    block->start = arena->used;
    arena->top = block;
    arena->used += block_span(size);
    return block->bytes;
}

size_t arena_used(const Arena *arena) {
    return arena->used;
}

void arena_reset(Arena *arena, size_t mark) {
    assert(mark <= arena->used);
    while (arena->top && arena->top->start >= mark) {
        Block *block = arena->top;
        arena->top = block->below;
        free(block->bytes);
        free(block);
    }
    arena->used = mark;
    arena->failed = false;
}

#endif

void *arena_alloc(Arena *arena, size_t count, size_t size) {
    size_t bytes;
    if (!arena || arena->failed)
        return NULL;
    void *block = NULL;
    if (!__builtin_mul_overflow(count, size, &bytes) && bytes <= MAX_BLOCK)
        block = block_take(arena, bytes);
    arena->failed = !block;
    return block;
}

float *arena_floats(Arena *arena, size_t rows, size_t columns) {
    size_t count;
    if (__builtin_mul_overflow(rows, columns, &count))
        count = SIZE_MAX; /* fails below */
    return arena_alloc(arena, count, sizeof(float));
}

void *arena_grow(Arena *arena, void *array, int *capacity, int needed, size_t size) {
    if (needed <= *capacity)
        return array;
    int doubled = *capacity > INT_MAX / 2 ? INT_MAX : 2 * *capacity;
    int wanted = doubled < MIN_ELEMENTS ? MIN_ELEMENTS : doubled;
    wanted = wanted < needed ? needed : wanted;
    void *grown = arena_alloc(arena, (size_t)wanted, size);
    if (!grown)
        return NULL;
    if (*capacity > 0)
        memcpy(grown, array, (size_t)*capacity * size);
    *capacity = wanted;
    return grown;
}

char *arena_strdup(Arena *arena, const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = arena_alloc(arena, size, 1);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

char *arena_printf(Arena *arena, const char *format, ...) {
    va_list args;
    char *text = NULL;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) {
        if (arena)
            arena->failed = true;
        return NULL;
    }
    text = arena_alloc(arena, (size_t)length + 1, 1);
    if (!text)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

bool arena_failed(const Arena *arena) {
    return !arena || arena->failed;
}

size_t arena_mark(const Arena *arena) {
    return arena_used(arena);
}
