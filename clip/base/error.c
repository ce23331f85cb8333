/* error.c: one line of text that is safe to print.
 *
 * File names and tensor names end up in messages, and they come from outside. So the text is cleaned after it
 * is formatted: control characters (C0, DEL, and C1 in its UTF-8 form, which some terminals obey) and bytes
 * that are not UTF-8 become '?', and a text that is too long is cut before the character that does not fit.
 */
#include "clip/base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistr.h>

static bool is_control(ucs4_t letter) {
    return letter < 0x20 || (letter >= 0x7f && letter < 0xa0);
}

/* Room for a text before it is cleaned, which at most halves it (C1): if this much is not enough and cuts a
 * character in two, that happens past the end of the cleaned text. */
#define RAW_SIZE (2 * sizeof((Error *)0)->text + 4)

/* Copies as many whole characters of text as fit. */
static void clean(char *out, size_t size, const char *text) {
    const unsigned char *in = (const unsigned char *)text;
    size_t n = 0;
    while (*in) {
        ucs4_t letter = 0;
        const int length = u8_strmbtouc(&letter, in);
        const bool shown = length > 0 && !is_control(letter);
        const size_t taken = length > 0 ? (size_t)length : 1, given = shown ? taken : 1;
        if (n + given >= size)
            break;
        if (shown)
            memcpy(out + n, in, taken);
        else
            out[n] = '?';
        n += given;
        in += taken;
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
    return error_run(err, "out of memory");
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
