/* printable.c: see printable.h */
#define _GNU_SOURCE /* vasprintf */

#include "experiments/terminal/printable.h"

#include "clip/base/visible.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

enum { USUAL_LINE = 8192 }; /* two paths */

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

static void put_printable(FILE *out, const char *text) {
    for (const char *at = text; *at;) {
        int n = visible_bytes(at);
        if (n > 0)
            fwrite(at, 1, (size_t)n, out);
        else
            fprintf(out, "\\x%02X", (unsigned char)*at);
        at += n > 0 ? n : 1;
    }
}

/* A line of usual length needs no memory: most of what is said when there is none is said here. */
void vprint_line(FILE *out, const char *format, va_list args) {
    char usual[USUAL_LINE], *line = NULL;
    va_list again;
    va_copy(again, args);
    if (vsnprintf(usual, sizeof usual, format, args) < USUAL_LINE)
        put_printable(out, usual);
    else if (vasprintf(&line, format, again) >= 0) {
        put_printable(out, line);
        free(line);
    } else {
        put_printable(out, usual);
        fputs("... (cut: out of memory)", out);
    }
    va_end(again);
    putc('\n', out);
}

void print_line(FILE *out, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vprint_line(out, format, args);
    va_end(args);
}

void print_json_line(FILE *out, const char *json) {
    while (*json) {
        ucs4_t letter;
        int visible = visible_bytes(json), n = u8_strmbtouc(&letter, (const uint8_t *)json);
        if (visible > 0)
            fwrite(json, 1, (size_t)visible, out);
        else
            fprintf(out, "\\u%04X", n > 0 ? (unsigned)letter : 0xFFFD);
        json += n > 0 ? n : 1;
    }
    putc('\n', out);
}

int print_json_value(FILE *out, json_t *value, Error *err) {
    char *text = json_ran_out() ? NULL : json_write(value, JSON_COMPACT);
    json_decref(value);
    if (!text)
        return error_memory(err);
    print_json_line(out, text);
    free(text);
    return 0;
}

void grouped_number(double n, char out[32]) {
    char digits[24];
    size_t length = (size_t)snprintf(digits, sizeof digits, "%.0f", fmin(n, 1e15)), at = 0;
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}
