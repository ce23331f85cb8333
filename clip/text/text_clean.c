/* text_clean.c: CLIP's cleaning of a text (openai/CLIP simple_tokenizer.py: basic_clean, whitespace_clean,
 * lower).
 *
 * The steps follow Python to the letter, because the ids of a prompt must not depend on who made them:
 * ftfy.fix_text (fix_text.h), html.unescape twice (html_unescape.h), str.strip, re.sub(r"\s+", " ") and
 * str.lower (full case mapping with the final sigma, Unicode chapter 3.13).
 */
#include "clip/text/text_clean.h"

#include "clip/text/fix_text.h"
#include "clip/text/html_unescape.h"

#include <stdbool.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <unistr.h>

#define CAPITAL_I_DOT 0x130
#define CAPITAL_SIGMA 0x3A3
#define SMALL_SIGMA 0x3C3
#define FINAL_SIGMA 0x3C2

/* Texts are names and sentences. The bound keeps every size that follows from one within an int. */
#define MAX_TEXT_BYTES ((size_t)1 << 28)

/* --- white space --- */

/* str.strip and re.sub("\\s+", " "). They disagree on U+001C to U+001F alone, which fix_text removes. */
static size_t collapse(uint32_t *text, size_t count) {
    size_t used = 0;
    for (size_t at = 0; at < count; at++) {
        bool space = uc_is_property_white_space(text[at]);
        if (!space || (used > 0 && text[used - 1] != ' '))
            text[used++] = space ? ' ' : text[at];
    }
    return used > 0 && text[used - 1] == ' ' ? used - 1 : used;
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

/* As Python's str.lower(). out has room for 2 * count code points. */
static size_t lower(uint32_t *out, const uint32_t *text, size_t count) {
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
    if (!points)
        return error_memory(err);
    size_t n = 0;
    for (size_t at = 0; at < size; n++) {
        ucs4_t point;
        at += (size_t)u8_mbtouc_unsafe(&point, bytes + at, size - at);
        points[n] = point;
    }
    if (fix_text(&points, &n, arena, err) < 0)
        return -1;
    n = html_unescape(points, n);
    n = html_unescape(points, n);
    n = collapse(points, n);
    *clean = ARENA_NEW(arena, uint32_t, 2 * n + 1);
    if (!*clean)
        return error_memory(err);
    *count = lower(*clean, points, n);
    return 0;
}
