/* buffer.h: a text or bytes that grow at the end.
 *
 *     Buffer out = {0};
 *     buffer_printf(&out, "%d images\n", n);
 *     const char *text = buffer_text(&out); // NULL when memory ran out anywhere on the way
 *     ...
 *     buffer_free(&out);
 *
 * Failure is sticky: after an append that found no memory, all later ones do nothing, and what is there
 * counts as nothing. So a text is written without looking, and asked for once, at its end.
 */
#ifndef CLIP_BASE_BUFFER_H
#define CLIP_BASE_BUFFER_H

#include "clip/base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* A zeroed Buffer is empty. */
typedef struct {
    char *bytes; /* (capacity), malloc'd; behind the `size` in use there is a NUL */
    size_t size, capacity;
    bool failed;
} Buffer;

void buffer_append(Buffer *buffer, const void *data, size_t size);
void buffer_puts(Buffer *buffer, const char *text);
void buffer_putc(Buffer *buffer, char byte);
void buffer_printf(Buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_vprintf(Buffer *buffer, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* All that was appended, with a NUL behind it; NULL after a failure. Owned by the buffer, good until the next
 * append. */
const char *buffer_text(Buffer *buffer);
/* The same as a copy, owned by the arena; NULL on failure. Frees the buffer. */
char *buffer_take(Buffer *buffer, Arena *arena);
void buffer_free(Buffer *buffer); /* empty again, and without failure */

#endif
