/* error.c: one line of text that is safe to print.
 *
 * File names and tensor names end up in messages, and they come from outside. So the text is cleaned after it
 * is formatted: control characters (C0, DEL, and C1 in its UTF-8 form, which some terminals obey) and bytes
 * that are not UTF-8 become '?', and a text that is too long is cut before the character that does not fit.
 * UTF-8 as in RFC 3629, section 4.
 */
#include "clip/base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* The length of the UTF-8 character at text (NUL-terminated), or 0 if there is none. */
static size_t utf8_length(const unsigned char *text) {
    size_t length;
    unsigned low = 0x80, high = 0xBF; /* bounds of the second byte: no overlong forms, no surrogates */
    if (text[0] < 0x80)
        return 1;
    if (text[0] >= 0xC2 && text[0] <= 0xDF) {
        length = 2;
    } else if (text[0] >= 0xE0 && text[0] <= 0xEF) {
        length = 3;
        low = text[0] == 0xE0 ? 0xA0 : low;
        high = text[0] == 0xED ? 0x9F : high;
    } else if (text[0] >= 0xF0 && text[0] <= 0xF4) {
        length = 4;
        low = text[0] == 0xF0 ? 0x90 : low;
        high = text[0] == 0xF4 ? 0x8F : high;
    } else {
        return 0;
    }
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

static int is_control(const unsigned char *text) {
    return text[0] < 0x20 || text[0] == 0x7F || (text[0] == 0xC2 && text[1] < 0xA0);
}

/* Room for a text before it is cleaned, which at most halves it (C1): if this much is not enough and cuts a
 * character in two, that happens past the end of the cleaned text. */
#define RAW_SIZE (2 * sizeof((Error *)0)->text + 4)

/* Copies as many whole characters of text as fit. */
static void clean(char *out, size_t size, const char *text) {
    const unsigned char *in = (const unsigned char *)text;
    size_t n = 0;
    while (*in) {
        size_t length = utf8_length(in);
        size_t taken = length ? length : 1;
        size_t shown = length == 0 || is_control(in) ? 1 : length;
        if (n + shown >= size)
            break;
        if (length == 0 || is_control(in))
            out[n] = '?';
        else
            memcpy(out + n, in, length);
        n += shown;
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
