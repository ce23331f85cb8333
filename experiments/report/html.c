/* html.c: see html.h */
#include "experiments/report/html.h"

#include "experiments/terminal/printable.h"

#include <nettle/base64.h>
#include <stdarg.h>
#include <string.h>

void html_reset(Html *html, size_t mark) {
    html->failed |= arena_failed(html->arena);
    arena_reset(html->arena, mark);
}

void html_markup(Html *html, const char *format, ...) {
    va_list args;
    va_start(args, format);
    buffer_vprintf(&html->out, format, args);
    va_end(args);
}

void html_text(Html *html, const char *text) {
    size_t mark = arena_mark(html->arena);
    for (const char *at = printable(text, html->arena); *at; at++) {
        switch (*at) {
        case '&':
            buffer_puts(&html->out, "&amp;");
            break;
        case '<':
            buffer_puts(&html->out, "&lt;");
            break;
        case '>':
            buffer_puts(&html->out, "&gt;");
            break;
        case '"':
            buffer_puts(&html->out, "&quot;");
            break;
        case '\'':
            buffer_puts(&html->out, "&#39;");
            break;
        default:
            buffer_putc(&html->out, *at);
        }
    }
    html_reset(html, mark);
}

void html_class(Html *html, const char *name) {
    size_t mark = arena_mark(html->arena);
    char *copy = arena_strdup(html->arena, name);
    for (char *at = copy; at && *at; at++)
        if (*at == '_')
            *at = ' ';
    html_text(html, copy ? copy : name);
    html_reset(html, mark);
}

void html_element(Html *html, const char *tag, const char *text) {
    html_markup(html, "<%s>", tag);
    html_text(html, text);
    html_markup(html, "</%.*s>", (int)strcspn(tag, " "), tag);
}

void html_note(Html *html, const Error *err) {
    if (err->kind == ERROR_RUN)
        html->failed = true;
    else
        html_element(html, "p class=\"note\"", err->text);
}

void html_data_uri(Html *html, const char *type, const unsigned char *data, size_t size) {
    enum { CHUNK = 3 * 256 }; /* a multiple of 3 needs no padding */
    char text[BASE64_ENCODE_RAW_LENGTH(CHUNK)];
    html_markup(html, "data:%s;base64,", type);
    for (size_t at = 0; at < size; at += CHUNK) {
        size_t n = size - at < CHUNK ? size - at : CHUNK;
        base64_encode_raw(text, n, data + at);
        buffer_append(&html->out, text, BASE64_ENCODE_RAW_LENGTH(n));
    }
}
