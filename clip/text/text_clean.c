/* text_clean.c: CLIP's cleaning of a text (openai/CLIP simple_tokenizer.py: basic_clean, whitespace_clean,
 * lower).
 *
 * ftfy's repair of mojibake, which comes first there, is left out. The steps follow Python to the letter,
 * because the ids of a prompt must not depend on who made them: html.unescape (the HTML standard's references
 * with Python's treatment of broken ones), str.strip, re.sub(r"\s+", " ") and str.lower (full case mapping
 * with the final sigma, Unicode chapter 3.13).
 */
#include "clip/text/text_clean.h"

#include "clip/text/html_entities.h"

#include <stdbool.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <unistr.h>

#define REPLACEMENT 0xFFFD
#define MAX_CODE_POINT 0x10FFFF
#define CAPITAL_I_DOT 0x130
#define CAPITAL_SIGMA 0x3A3
#define SMALL_SIGMA 0x3C3
#define FINAL_SIGMA 0x3C2

/* Texts are names and sentences. The bound keeps every size that follows from one within an int. */
#define MAX_TEXT_BYTES ((size_t)1 << 28)

/* --- HTML references --- */

/* The Windows-1252 characters that the standard reads for &#128; to &#159;. */
static const uint16_t WINDOWS_1252[32] = {
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178,
};

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

/* A reference that starts at text[0] == '&' and text[1] == '#'. Returns its length, or 0 when it is not
 * one; writes *n_out code points (0 or 1) to out. */
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
    else if (value >= 0x80 && value <= 0x9F)
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

/* The same for a named reference: the whole name when ';' ends it, else the longest bare name that the text
 * starts with ("&notit;" is "¬it;"). out has room for 2. */
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
            out[0] = entity->first;
            out[1] = entity->second;
            *n_out = entity->second != 0 ? 2 : 1;
            return 1 + n + (whole ? 1 : 0);
        }
    }
    return 0;
}

size_t text_unescape(uint32_t *text, size_t count) {
    size_t used = 0;
    for (size_t at = 0; at < count;) {
        size_t length = 0, n = 0;
        uint32_t found[2];
        if (text[at] == '&' && at + 1 < count) {
            length = text[at + 1] == '#' ? numeric_reference(text + at, count - at, found, &n)
                                         : named_reference(text + at, count - at, found, &n);
        }
        if (length == 0) {
            text[used++] = text[at++];
            continue;
        }
        /* A reference is never shorter than what it stands for, so this stays behind the read position. */
        memcpy(text + used, found, n * sizeof *text);
        used += n;
        at += length;
    }
    return used;
}

/* --- white space --- */

/* Python's str.strip() takes the four separators U+001C to U+001F too; the regular expression \s does not. */
static bool is_strippable(uint32_t c) {
    return uc_is_property_white_space(c) || (c >= 0x1C && c <= 0x1F);
}

size_t text_collapse(uint32_t *text, size_t count) {
    size_t begin = 0, used = 0;
    while (begin < count && is_strippable(text[begin]))
        begin++;
    while (count > begin && is_strippable(text[count - 1]))
        count--;
    for (size_t at = begin; at < count; at++) {
        bool space = uc_is_property_white_space(text[at]);
        if (!space || !uc_is_property_white_space(text[at - 1])) /* the first one is not a space */
            text[used++] = space ? ' ' : text[at];
    }
    return used;
}

/* --- lower case --- */

/* Is the capital sigma at text[at] the last letter of a word: a cased letter before it and none after it, not
 * counting case-ignorable marks (Unicode's condition Final_Sigma)? */
static bool is_final_sigma(const uint32_t *text, size_t count, size_t at) {
    size_t before = at, after = at + 1;
    while (before > 0 && uc_is_property_case_ignorable(text[before - 1]))
        before--;
    if (before == 0 || !uc_is_property_cased(text[before - 1]))
        return false;
    while (after < count && uc_is_property_case_ignorable(text[after]))
        after++;
    return after == count || !uc_is_property_cased(text[after]);
}

size_t text_lower(uint32_t *out, const uint32_t *text, size_t count) {
    size_t used = 0;
    for (size_t at = 0; at < count; at++) {
        if (text[at] == CAPITAL_SIGMA) {
            out[used++] = is_final_sigma(text, count, at) ? FINAL_SIGMA : SMALL_SIGMA;
        } else if (text[at] == CAPITAL_I_DOT) { /* the only code point whose lower case is two */
            out[used++] = 'i';
            out[used++] = 0x307;
        } else {
            out[used++] = uc_tolower(text[at]);
        }
    }
    return used;
}

/* --- all of it --- */

int text_clean(const char *text, Arena *arena, uint32_t **clean, size_t *count, Error *err) {
    size_t size = strlen(text);
    if (size > MAX_TEXT_BYTES)
        return error_set(err, "a text of %zu bytes is too long", size);
    const uint8_t *bytes = (const uint8_t *)text;
    const uint8_t *bad = u8_check(bytes, size);
    if (bad)
        return error_set(err, "byte %zu: the text is not UTF-8", (size_t)(bad - bytes) + 1);
    uint32_t *points = ARENA_NEW(arena, uint32_t, size + 1);
    *clean = ARENA_NEW(arena, uint32_t, 2 * size + 1);
    if (arena_failed(arena))
        return error_memory(err);
    size_t n = 0;
    for (size_t at = 0; at < size; n++) {
        ucs4_t point;
        at += (size_t)u8_mbtouc_unsafe(&point, bytes + at, size - at);
        points[n] = point;
    }
    n = text_unescape(points, n);
    n = text_unescape(points, n);
    n = text_collapse(points, n);
    *count = text_lower(*clean, points, n);
    return 0;
}
