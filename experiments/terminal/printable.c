/* printable.c: see printable.h */
#define _GNU_SOURCE /* vasprintf */

#include "experiments/terminal/printable.h"

#include "clip/base/visible.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *printable(const char *text, Arena *arena) {
    const char *at = text;
    for (int n; *at && (n = visible_bytes(at)) > 0;)
        at += n;
    if (*at == '\0')
        return text;
    char *copy = ARENA_NEW(arena, char, 4 * strlen(text) + 1), *out = copy;
    if (!copy)
        return "?";
    for (at = text; *at;) {
        int n = visible_bytes(at);
        if (n > 0)
            out = (char *)memcpy(out, at, (size_t)n) + n;
        else
            out += sprintf(out, "\\x%02X", (unsigned char)*at);
        at += n > 0 ? n : 1;
    }
    return copy;
}

void vprint_line(FILE *out, const char *format, va_list args) {
    char *line = NULL;
    if (vasprintf(&line, format, args) < 0)
        line = NULL;
    for (const char *at = line ? line : "out of memory"; *at;) {
        int n = visible_bytes(at);
        if (n > 0)
            fwrite(at, 1, (size_t)n, out);
        else
            fprintf(out, "\\x%02X", (unsigned char)*at);
        at += n > 0 ? n : 1;
    }
    putc('\n', out);
    free(line);
}

void print_line(FILE *out, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vprint_line(out, format, args);
    va_end(args);
}
