/* html_unescape.c: see html_unescape.h. Numbers follow the HTML standard ("numeric character reference end
 * state"), names the table of html_entities.c. */
#include "clip/text/html_unescape.h"

#include "clip/text/html_entities.h"
#include "clip/text/mojibake_tables.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>

#define REPLACEMENT 0xFFFD
#define MAX_CODE_POINT 0x10FFFF
#define MAX_FOUND 8   /* no reference stands for more code points, nor does their upper case */
#define MAX_CLOSED 24 /* letters and digits between '&' or "&#" and ';' */

/* What the reference at text[0] == '&' stands for goes to out (room for MAX_FOUND), how many code points that
 * is to *n_out. Returns its length, 0 when there is none. It is never shorter than what it stands for. */
typedef size_t Reference(const uint32_t *text, size_t count, uint32_t *out, size_t *n_out);

/* --- the standard's --- */

/* Control characters and noncharacters, which a numeric reference must not name; it vanishes. */
static bool is_forbidden(uint32_t c) {
    return (c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F ||
           (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
}

static int digit_value(uint32_t c, uint32_t base) {
    uint32_t value = base;
    if (c >= '0' && c <= '9')
        value = c - '0';
    else if (c >= 'a' && c <= 'f')
        value = c - 'a' + 10;
    else if (c >= 'A' && c <= 'F')
        value = c - 'A' + 10;
    return value < base ? (int)value : -1;
}

static size_t numeric_reference(const uint32_t *text, size_t count, uint32_t *out, size_t *n_out) {
    size_t at = 2;
    uint32_t base = 10, value = 0;
    if (at < count && (text[at] == 'x' || text[at] == 'X')) {
        base = 16;
        at++;
    }
    size_t first = at;
    for (; at < count && digit_value(text[at], base) >= 0; at++)
        if (value <= MAX_CODE_POINT)
            value = value * base + (uint32_t)digit_value(text[at], base);
    if (at == first)
        return 0;
    if (at < count && text[at] == ';')
        at++;
    *n_out = 1;
    if (value == 0 || value > MAX_CODE_POINT || (value >= 0xD800 && value <= 0xDFFF))
        *out = REPLACEMENT;
    else if (value >= 0x80 && value <= 0x9F) /* the standard reads these as Windows-1252 too */
        *out = WINDOWS_1252[value - 0x80];
    else if (is_forbidden(value))
        *n_out = 0;
    else
        *out = value;
    return at;
}

static bool is_name_letter(uint32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static size_t entity_points(const HtmlEntity *entity, uint32_t *out) {
    out[0] = entity->first;
    out[1] = entity->second;
    return entity->second != 0 ? 2 : 1;
}

/* The whole name when ';' ends it, else the longest bare name that the text starts with ("&notit;" is
 * "¬it;"). */
static size_t named_reference(const uint32_t *text, size_t count, uint32_t *out, size_t *n_out) {
    char name[HTML_ENTITY_MAX_NAME + 1];
    size_t size = 0;
    while (size < HTML_ENTITY_MAX_NAME && 1 + size < count && is_name_letter(text[1 + size])) {
        name[size] = (char)text[1 + size];
        size++;
    }
    bool closed = 1 + size < count && text[1 + size] == ';';
    for (size_t n = size; n >= 2; n--) {
        const HtmlEntity *entity = html_entity_find(name, n);
        bool whole = closed && n == size;
        if (entity && (whole || entity->bare)) {
            *n_out = entity_points(entity, out);
            return 1 + n + (whole ? 1 : 0);
        }
    }
    return 0;
}

static size_t any_reference(const uint32_t *text, size_t count, uint32_t *out, size_t *n_out) {
    return text[1] == '#' ? numeric_reference(text, count, out, n_out)
                          : named_reference(text, count, out, n_out);
}

/* --- ftfy's --- */

/* The lower-case letters of an upper-case name; false when it is none. */
static bool lower_name(char *lower, const uint32_t *name, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (name[i] >= 'a' && name[i] <= 'z')
            return false;
        lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i]);
    }
    return true;
}

static size_t capital_reference(const uint32_t *name, size_t size, uint32_t *out, size_t *n_out) {
    char lower[MAX_CLOSED];
    uint32_t small[2];
    const HtmlEntity *entity = lower_name(lower, name, size) ? html_entity_find(lower, size) : NULL;
    if (!entity)
        return 0;
    *n_out = MAX_FOUND;
    return u32_toupper(small, entity_points(entity, small), NULL, NULL, out, n_out) == out ? size + 2 : 0;
}

static size_t closed_reference(const uint32_t *text, size_t count, uint32_t *out, size_t *n_out) {
    size_t first = text[1] == '#' ? 2 : 1, end = first;
    while (end < count && end - first < MAX_CLOSED && is_name_letter(text[end]))
        end++;
    if (end == first || end == count || text[end] != ';')
        return 0;
    size_t length = any_reference(text, end + 1, out, n_out);
    if (length == 0 && first == 1)
        return capital_reference(text + 1, end - 1, out, n_out);
    bool is_semicolon = *n_out == 1 && *out == ';' && first == 2; /* ftfy takes it for one left over */
    return length == end + 1 && !is_semicolon ? length : 0;
}

/* --- both --- */

static size_t unescape(uint32_t *text, size_t count, Reference *reference) {
    size_t used = 0;
    for (size_t at = 0; at < count;) {
        size_t length = 0, n = 0;
        uint32_t found[MAX_FOUND];
        if (text[at] == '&' && at + 1 < count)
            length = reference(text + at, count - at, found, &n);
        if (length == 0) {
            text[used++] = text[at++];
            continue;
        }
        memcpy(text + used, found, n * sizeof *text);
        used += n;
        at += length;
    }
    return used;
}

size_t html_unescape(uint32_t *text, size_t count) {
    return unescape(text, count, any_reference);
}

size_t html_unescape_closed(uint32_t *text, size_t count) {
    return unescape(text, count, closed_reference);
}
