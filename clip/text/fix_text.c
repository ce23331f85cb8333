/* fix_text.c: see fix_text.h
 *
 * A text is divided into segments, its lines. A segment goes through these steps until none changes it:
 *
 *   1. character references, unless a '<' says that the text is HTML (from the first segment with one on);
 *   2. mojibake (mojibake.h);
 *   3. character by character: C1 controls as Windows-1252, ligatures of Latin letters apart, full and half
 *      width to the usual one, curly quotes straight, line breaks to '\n';
 *   4. terminal escapes ("\33[1;31m") and control characters away;
 *   5. Unicode's normalization form C.
 *
 * ftfy's step for surrogates has nothing to do: UTF-8 holds none, and
 * none of the other steps makes one. Source: ftfy 6.3 (Robyn Speer), ftfy/__init__.py and ftfy/fixes.py.
 */
#include "clip/text/fix_text.h"

#include "clip/text/html_unescape.h"
#include "clip/text/mojibake.h"

#include <stdbool.h>
#include <string.h>
#include <unictype.h>
#include <uninorm.h>

#define MAX_SEGMENT 1000000
#define ESCAPE 0x1B
#define IDEOGRAPHIC_SPACE 0x3000
#define LONG_S_T 0xFB05
#define LONG_S 0x17F
#define FIRST_NOT_NFC 0x300 /* below it, form C changes nothing */

/* A segment on its way. text and spare have room for all that it can become. */
typedef struct {
    uint32_t *text, *spare, *before;
    size_t count, capacity;
} Segment;

/* --- character by character --- */

static bool is_ligature(uint32_t c) {
    return c == 0x132 || c == 0x133 || c == 0x149 || (c >= 0x1C4 && c <= 0x1CC) ||
           (c >= 0x1F1 && c <= 0x1F3) || (c >= 0xFB00 && c <= 0xFB06);
}

static bool is_odd_width(uint32_t c) {
    return c == IDEOGRAPHIC_SPACE || (c >= 0xFF01 && c <= 0xFFEF);
}

/* The letters of a ligature, or the usual form of another width, into out (room for FIX_TEXT_MAX_GROWTH).
 * Returns how many, 0 on failure. */
static size_t take_apart(uint32_t c, uint32_t *out) {
    if (c == LONG_S_T) { /* form KC makes it "st" */
        out[0] = LONG_S;
        out[1] = 't';
        return 2;
    }
    size_t n = FIX_TEXT_MAX_GROWTH;
    return u32_normalize(UNINORM_NFKC, &c, 1, out, &n) == out ? n : 0;
}

static uint32_t plain_character(uint32_t c) {
    if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B))
        return '\'';
    if (c >= 0x201C && c <= 0x201F)
        return '"';
    return c == '\r' || c == 0x2028 || c == 0x2029 ? '\n' : c;
}

static void swap_texts(Segment *segment) {
    uint32_t *text = segment->text;
    segment->text = segment->spare;
    segment->spare = text;
}

static int fix_characters(Segment *segment, Error *err) {
    uint32_t *out = segment->spare;
    size_t used = 0;
    for (size_t at = 0; at < segment->count; at++) {
        uint32_t c = mojibake_c1(segment->text[at]);
        if (c == '\r' && at + 1 < segment->count && segment->text[at + 1] == '\n')
            continue;
        size_t n = 1;
        if (is_ligature(c) || is_odd_width(c))
            n = take_apart(c, out + used);
        else
            out[used] = c;
        if (n == 0)
            return error_memory(err);
        for (size_t i = 0; i < n; i++, used++)
            out[used] = plain_character(out[used]);
    }
    swap_texts(segment);
    segment->count = used;
    return 0;
}

/* --- what nobody sees --- */

static bool is_removed_control(uint32_t c) {
    return (c < 0x20 && c != '\t' && c != '\n' && c != '\f' && c != '\r') || c == 0x7F ||
           (c >= 0x206A && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC);
}

/* The length of the terminal escape at text[0], 0 when it is none. Its digits may be those of any script. */
static size_t terminal_escape(const uint32_t *text, size_t count) {
    if (count < 3 || text[0] != ESCAPE || text[1] != '[')
        return 0;
    size_t at = 2;
    while (at < count && (text[at] == ';' || uc_is_general_category(text[at], UC_DECIMAL_DIGIT_NUMBER)))
        at++;
    bool letter =
        at < count && ((text[at] >= 'a' && text[at] <= 'z') || (text[at] >= 'A' && text[at] <= 'Z'));
    return letter ? at + 1 : 0;
}

static void remove_invisible(Segment *segment) {
    size_t used = 0;
    for (size_t at = 0; at < segment->count;) {
        size_t length = terminal_escape(segment->text + at, segment->count - at);
        if (length == 0 && !is_removed_control(segment->text[at]))
            segment->text[used++] = segment->text[at];
        at += length == 0 ? 1 : length;
    }
    segment->count = used;
}

static int compose(Segment *segment, Error *err) {
    size_t at = 0, n = segment->capacity;
    while (at < segment->count && segment->text[at] < FIRST_NOT_NFC)
        at++;
    if (at == segment->count)
        return 0;
    if (u32_normalize(UNINORM_NFC, segment->text, segment->count, segment->spare, &n) != segment->spare)
        return error_memory(err);
    swap_texts(segment);
    segment->count = n;
    return 0;
}

/* --- all of it --- */

static int fix_segment(Segment *segment, bool references, Arena *arena, Error *err) {
    size_t count_before;
    do {
        count_before = segment->count;
        memcpy(segment->before, segment->text, segment->count * sizeof *segment->text);
        if (references)
            segment->count = html_unescape_closed(segment->text, segment->count);
        if (mojibake_repair(segment->text, &segment->count, arena, err) < 0 ||
            fix_characters(segment, err) < 0)
            return -1;
        remove_invisible(segment);
        if (compose(segment, err) < 0)
            return -1;
    } while (segment->count != count_before ||
             memcmp(segment->before, segment->text, segment->count * sizeof *segment->text) != 0);
    return 0;
}

static size_t segment_length(const uint32_t *text, size_t count) {
    size_t most = count < MAX_SEGMENT ? count : MAX_SEGMENT, n = 0;
    while (n < most && text[n] != '\n')
        n++;
    return n < most ? n + 1 : most;
}

static bool holds(const uint32_t *text, size_t count, uint32_t c) {
    for (size_t i = 0; i < count; i++)
        if (text[i] == c)
            return true;
    return false;
}

/* Nothing would change: ASCII without references, escapes and carriage returns. */
static bool is_plain(const uint32_t *text, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (text[i] >= 0x80 || text[i] == '&' || text[i] == '\r' || is_removed_control(text[i]))
            return false;
    return true;
}

int fix_text(uint32_t **text, size_t *count, Arena *arena, Error *err) {
    if (is_plain(*text, *count))
        return 0;
    uint32_t *out = ARENA_NEW(arena, uint32_t, *count * FIX_TEXT_MAX_GROWTH);
    size_t used = 0, mark = arena_mark(arena);
    bool references = true;
    for (size_t at = 0, n; at < *count; at += n) {
        n = segment_length(*text + at, *count - at);
        Segment segment = {.count = n, .capacity = n * FIX_TEXT_MAX_GROWTH};
        segment.text = ARENA_NEW(arena, uint32_t, segment.capacity);
        segment.spare = ARENA_NEW(arena, uint32_t, segment.capacity);
        segment.before = ARENA_NEW(arena, uint32_t, segment.capacity);
        if (arena_failed(arena))
            return error_memory(err);
        memcpy(segment.text, *text + at, n * sizeof **text);
        references = references && !holds(segment.text, n, '<');
        if (fix_segment(&segment, references, arena, err) < 0)
            return -1;
        memcpy(out + used, segment.text, segment.count * sizeof *out);
        used += segment.count;
        arena_reset(arena, mark);
    }
    *text = out;
    *count = used;
    return 0;
}
