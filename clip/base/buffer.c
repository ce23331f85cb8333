/* buffer.c: see buffer.h */
#include "clip/base/buffer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIN_CAPACITY ((size_t)1 << 8)
#define MAX_SIZE ((size_t)1 << 39) /* as an arena's largest block */

/* Room for `more` bytes and a NUL behind what is there. */
static bool reserve(Buffer *buffer, size_t more) {
    if (buffer->failed)
        return false;
    if (more < buffer->capacity - buffer->size)
        return true;
    char *grown = NULL;
    size_t capacity = buffer->capacity < MIN_CAPACITY ? MIN_CAPACITY : 2 * buffer->capacity;
    if (more < MAX_SIZE - buffer->size) {
        if (capacity <= buffer->size + more)
            capacity = buffer->size + more + 1;
        grown = realloc(buffer->bytes, capacity);
    }
    buffer->failed = !grown;
    if (buffer->failed)
        return false;
    buffer->bytes = grown;
    buffer->capacity = capacity;
    return true;
}

void buffer_append(Buffer *buffer, const void *data, size_t size) {
    if (size == 0 || !reserve(buffer, size))
        return;
    memcpy(buffer->bytes + buffer->size, data, size);
    buffer->size += size;
    buffer->bytes[buffer->size] = '\0';
}

void buffer_puts(Buffer *buffer, const char *text) {
    buffer_append(buffer, text, strlen(text));
}

void buffer_putc(Buffer *buffer, char byte) {
    buffer_append(buffer, &byte, 1);
}

/* Mostly the text fits into what room there is, and is formatted once. */
void buffer_vprintf(Buffer *buffer, const char *format, va_list args) {
    va_list again;
    if (buffer->failed)
        return;
    va_copy(again, args);
    size_t room = buffer->capacity - buffer->size;
    char *end = room > 0 ? buffer->bytes + buffer->size : NULL;
    int length = vsnprintf(end, room, format, args);
    buffer->failed = length < 0;
    if (length >= 0 && (size_t)length < room)
        buffer->size += (size_t)length;
    else if (length >= 0 && reserve(buffer, (size_t)length)) {
        buffer->failed = vsnprintf(buffer->bytes + buffer->size, (size_t)length + 1, format, again) != length;
        buffer->size += (size_t)length;
    }
    va_end(again);
}

void buffer_printf(Buffer *buffer, const char *format, ...) {
    va_list args;
    va_start(args, format);
    buffer_vprintf(buffer, format, args);
    va_end(args);
}

const char *buffer_text(Buffer *buffer) {
    if (buffer->failed)
        return NULL;
    return buffer->bytes ? buffer->bytes : "";
}

char *buffer_take(Buffer *buffer, Arena *arena) {
    const char *text = buffer_text(buffer);
    char *copy = text ? arena_alloc(arena, buffer->size + 1, 1) : NULL;
    if (copy)
        memcpy(copy, text, buffer->size + 1);
    buffer_free(buffer);
    return copy;
}

void buffer_free(Buffer *buffer) {
    free(buffer->bytes);
    *buffer = (Buffer){0};
}
