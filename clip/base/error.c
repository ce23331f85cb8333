/* error.c: one line of text that is safe to print.
 *
 * File names and tensor names end up in messages, and they come from outside. So the text is cleaned after it
 * is formatted: what is not visible (visible.h) becomes '?', and a text that is too long is cut before the
 * character that does not fit.
 */
#include "clip/base/error.h"

#include "clip/base/visible.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistr.h>

/* Room for a text before it is cleaned, after which at least a third is left (a mark of direction has three
 * bytes): if this much is not enough and cuts a character in two, that happens past the end of the cleaned
 * text. */
#define RAW_SIZE (3 * sizeof((Error *)0)->text + 4)

/* The bytes of the character at text, or 1 where there is none. */
static size_t character_bytes(const char *text) {
    const int n = u8_strmblen((const uint8_t *)text);
    return n > 0 ? (size_t)n : 1;
}

/* Copies as many whole characters of text as fit. */
static void clean(char *out, size_t size, const char *in) {
    size_t n = 0;
    while (*in) {
        const size_t shown = (size_t)visible_bytes(in), given = shown > 0 ? shown : 1;
        if (n + given >= size)
            break;
        if (shown > 0)
            memcpy(out + n, in, shown);
        else
            out[n] = '?';
        n += given;
        in += character_bytes(in);
    }
    out[n] = '\0';
}

/* Arguments may point into err->text, so it is written last. */
static void set(Error *err, ErrorKind kind, const char *format, va_list args) {
    char raw[RAW_SIZE];
    if (!err)
        return;
    if (vsnprintf(raw, sizeof raw, format, args) < 0)
        snprintf(raw, sizeof raw, "an error whose text cannot be shown");
    err->kind = kind;
    err->is_memory = false;
    clean(err->text, sizeof err->text, raw);
}

int error_set(Error *err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    set(err, ERROR_INPUT, format, args);
    va_end(args);
    return -1;
}

int error_usage(Error *err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    set(err, ERROR_USAGE, format, args);
    va_end(args);
    return -1;
}

int error_run(Error *err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    set(err, ERROR_RUN, format, args);
    va_end(args);
    return -1;
}

int error_memory(Error *err) {
    error_run(err, "out of memory");
    if (err)
        err->is_memory = true;
    return -1;
}

/* A lack of descriptors is no more the fault of a file than one of memory. */
int error_errno(Error *err, ErrorKind kind, int reason, const char *format, ...) {
    if (!err)
        return -1;
    va_list args;
    va_start(args, format);
    set(err, reason == ENOMEM || reason == EMFILE || reason == ENFILE ? ERROR_RUN : kind, format, args);
    va_end(args);
    err->is_memory = reason == ENOMEM;
    const char *why = reason == ENOMEM ? "out of memory" : strerror(reason);
    char raw[RAW_SIZE];
    snprintf(raw, sizeof raw, "%s: %s", err->text, why);
    clean(err->text, sizeof err->text, raw);
    return -1;
}

int error_prefix(Error *err, const char *format, ...) {
    char prefix[RAW_SIZE];
    va_list args;
    if (!err)
        return -1;
    assert(err->kind != ERROR_NONE);
    va_start(args, format);
    if (vsnprintf(prefix, sizeof prefix, format, args) < 0)
        snprintf(prefix, sizeof prefix, "?");
    va_end(args);

    char raw[RAW_SIZE + sizeof err->text + 2];
    snprintf(raw, sizeof raw, "%s: %s", prefix, err->text);
    clean(err->text, sizeof err->text, raw);
    return -1;
}
