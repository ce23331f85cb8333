/* mojibake.c: see mojibake.h
 *
 * As long as a text looks bad (badness.h) and a step changes it:
 *
 *   1. The first code page that has all its characters, and whose bytes are UTF-8 (mojibake_bytes.h), is
 * undone.
 *   2. Else stretches within it that look like UTF-8 in one of the code pages are repaired on their own.
 *   3. Else C1 controls are read as Windows-1252.
 *
 * Source: ftfy 6.3 (Robyn Speer), ftfy/__init__.py and ftfy/fixes.py. Its step between 2 and 3, Latin-1 that
 * was Windows-1252, does what 3 does.
 */
#include "clip/text/mojibake.h"

#include "clip/text/badness.h"
#include "clip/text/mojibake_bytes.h"
#include "clip/text/mojibake_tables.h"

#include <assert.h>
#include <string.h>

#define REPLACEMENT 0xFFFD
#define SUBSTITUTE 0x1A

/* --- code pages --- */

static bool encode_character(const CodePage *page, uint32_t c, uint8_t *byte) {
    if (c < 0x80) {
        *byte = (uint8_t)c;
        return c != SUBSTITUTE || !page->sloppy;
    }
    if (c == REPLACEMENT && page->sloppy) {
        *byte = SUBSTITUTE;
        return true;
    }
    for (int i = 0; i < 128; i++) {
        if (page->high[i] == c) {
            *byte = (uint8_t)(0x80 + i);
            return true;
        }
    }
    return false;
}

static bool encode(const CodePage *page, uint8_t *bytes, const uint32_t *text, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!encode_character(page, text[i], bytes + i))
            return false;
    return true;
}

/* Room for the bytes of a text and what becomes of them: 3 for each character, since only two characters, or
 * U+FFFD, become three bytes. */
typedef struct {
    uint8_t *bytes, *spare;
    uint32_t *decoded;
} Room;

static bool undo_page(const CodePage *page, uint32_t *text, size_t *count, Room room) {
    size_t size = *count, n;
    if (!encode(page, room.bytes, text, size))
        return false;
    if (page->spaces) {
        size = bytes_restore_a0(room.spare, room.bytes, size);
        memcpy(room.bytes, room.spare, size);
    }
    if (page->sloppy) {
        size = bytes_replace_lossy(room.spare, room.bytes, size);
        memcpy(room.bytes, room.spare, size);
    }
    if (!bytes_decode(room.decoded, &n, room.bytes, size))
        return false;
    assert(n <= *count);
    memcpy(text, room.decoded, n * sizeof *text);
    *count = n;
    return true;
}

static int undo_any_page(uint32_t *text, size_t *count, bool *undone, Arena *arena, Error *err) {
    size_t mark = arena_mark(arena);
    Room room = {.bytes = ARENA_NEW(arena, uint8_t, 3 * *count),
                 .spare = ARENA_NEW(arena, uint8_t, 3 * *count),
                 .decoded = ARENA_NEW(arena, uint32_t, 3 * *count)};
    if (arena_failed(arena))
        return error_memory(err);
    *undone = false;
    for (int page = 0; page < N_CODE_PAGES && !*undone; page++)
        *undone = undo_page(&CODE_PAGES[page], text, count, room);
    arena_reset(arena, mark);
    return 0;
}

/* --- stretches --- */

static bool are_next(const uint32_t *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!(mojibake_classes(text[i]) & CHAR_NEXT))
            return false;
    return true;
}

/* How many characters at text[0] look like sequences of UTF-8, one behind the other. */
static size_t utf8_like(const uint32_t *text, size_t count) {
    size_t at = 0;
    while (at < count) {
        uint32_t lead = mojibake_classes(text[at]);
        size_t n = lead & CHAR_LEAD_2 ? 2 : lead & CHAR_LEAD_3 ? 3 : lead & CHAR_LEAD_4 ? 4 : 0;
        if (n == 0 || n > count - at || !are_next(text + at + 1, n - 1))
            break;
        at += n;
    }
    return at;
}

/* A stretch does not begin right behind what may be the end of another sequence: half a repair is worse. */
static int repair_stretches(uint32_t *text, size_t *count, Arena *arena, Error *err) {
    size_t used = 0, length;
    uint32_t before = 0;
    for (size_t at = 0; at < *count; at += length) {
        length = mojibake_classes(before) & CHAR_NEXT_STRICT ? 0 : utf8_like(text + at, *count - at);
        size_t n = length;
        if (length == 0)
            n = length = 1;
        before = text[at + length - 1];
        bool whole = length == *count; /* it was tried already */
        if (length > 1 && !whole && badness_found(text + at, length) &&
            mojibake_repair(text + at, &n, arena, err) < 0)
            return -1;
        memmove(text + used, text + at, n * sizeof *text);
        used += n;
    }
    *count = used;
    return 0;
}

/* --- all of it --- */

uint32_t mojibake_c1(uint32_t c) {
    return c >= 0x80 && c <= 0x9F ? WINDOWS_1252[c - 0x80] : c;
}

static bool is_same(const uint32_t *a, size_t n_a, const uint32_t *b, size_t n_b) {
    return n_a == n_b && memcmp(a, b, n_a * sizeof *a) == 0;
}

/* One step; before is a copy of the text. */
static int repair_once(uint32_t *text, size_t *count, const uint32_t *before, Arena *arena, Error *err) {
    size_t n = *count;
    bool undone;
    if (undo_any_page(text, count, &undone, arena, err) < 0)
        return -1;
    if (undone)
        return 0;
    if (repair_stretches(text, count, arena, err) < 0)
        return -1;
    if (is_same(text, *count, before, n))
        for (size_t i = 0; i < n; i++)
            text[i] = mojibake_c1(text[i]);
    return 0;
}

int mojibake_repair(uint32_t *text, size_t *count, Arena *arena, Error *err) {
    if (!badness_found(text, *count))
        return 0;
    size_t mark = arena_mark(arena), n;
    uint32_t *before = ARENA_NEW(arena, uint32_t, *count);
    if (!before)
        return error_memory(err);
    do {
        n = *count;
        memcpy(before, text, n * sizeof *text);
        if (repair_once(text, count, before, arena, err) < 0)
            return -1;
    } while (!is_same(text, *count, before, n) && badness_found(text, *count));
    arena_reset(arena, mark);
    return 0;
}
