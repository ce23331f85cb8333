/* mojibake_bytes.c: see mojibake_bytes.h
 *
 * Source: ftfy 6.3 (Robyn Speer), ftfy/fixes.py, ftfy/chardata.py and ftfy/bad_codecs/utf8_variants.py. A
 * pattern there that ends in '$' also takes a last newline for its end, and so does this.
 */
#include "clip/text/mojibake_bytes.h"

#include <string.h>
#include <unistr.h>

#define LOST 0x1A /* the byte of U+FFFD in a sloppy code page */
#define MAX_LOSSY 6

static bool within(uint8_t byte, uint8_t first, uint8_t last) {
    return byte >= first && byte <= last;
}

static bool is_next(uint8_t byte) {
    return within(byte, 0x80, 0xBF);
}

static bool is_one_of(uint8_t byte, const char *bytes) {
    return byte != 0 && strchr(bytes, byte);
}

/* --- spaces --- */

/* 0x85 and 0xA0 would make sequences with a space too unlikely. */
static bool is_next_to_space(uint8_t byte) {
    return is_next(byte) && byte != 0x85 && byte != 0xA0;
}

/* The length of the sequence at bytes[0] that a space for 0xA0 broke, 0 when there is none. */
static size_t broken_sequence(const uint8_t *bytes, size_t size) {
    if (size >= 2 && is_one_of(bytes[0], "\xC2\xC3\xC5\xCE\xD0\xD9") && bytes[1] == ' ')
        return 2;
    if (size >= 3 && (bytes[0] == 0xE2 || bytes[0] == 0xE3) && bytes[1] == ' ' && is_next_to_space(bytes[2]))
        return 3;
    if (size >= 3 && within(bytes[0], 0xE0, 0xE3) && is_next_to_space(bytes[1]) && bytes[2] == ' ')
        return 3;
    if (size < 4 || bytes[0] != 0xF0)
        return 0;
    int spaces = 0, others = 0;
    for (int i = 1; i < 4; i++) {
        spaces += bytes[i] == ' ';
        others += is_next(bytes[i]);
    }
    return spaces == 1 && others == 2 ? 4 : 0;
}

/* "Ã la" was "à la", "Ã s" was "às": a space behind C3 stays unless the word goes on as these do. */
static bool is_word_a_grave(const uint8_t *bytes, size_t size) {
    static const char *const REST[] = {" ", "quele", "quela", "quilo", "s "};
    if (size < 2 || bytes[0] != 0xC3 || bytes[1] != ' ')
        return false;
    for (size_t i = 0; i < sizeof REST / sizeof REST[0]; i++) {
        size_t n = strlen(REST[i]);
        if (size - 2 >= n && memcmp(bytes + 2, REST[i], n) == 0)
            return false;
    }
    return true;
}

size_t bytes_restore_a0(uint8_t *out, const uint8_t *bytes, size_t size) {
    size_t used = 0;
    for (size_t at = 0; at < size;) {
        if (is_word_a_grave(bytes + at, size - at)) {
            memcpy(out + used, "\xC3\xA0 ", 3);
            used += 3;
            at += 2;
        } else {
            out[used++] = bytes[at++];
        }
    }
    for (size_t at = 0; at < used;) {
        size_t length = broken_sequence(out + at, used - at);
        for (size_t i = at; i < at + length; i++)
            out[i] = out[i] == ' ' ? 0xA0 : out[i];
        at += length == 0 ? 1 : length;
    }
    return used;
}

/* --- lost bytes --- */

/* Later bytes of a sequence, at least one of them lost, not more than max_marks of them as '?'. */
static bool are_lossy(const uint8_t *bytes, size_t n, size_t max_marks) {
    size_t lost = 0, marks = 0, kept = 0;
    for (size_t i = 0; i < n; i++) {
        lost += bytes[i] == LOST;
        marks += bytes[i] == '?';
        kept += is_next(bytes[i]);
    }
    return lost + marks + kept == n && lost + marks > 0 && marks <= max_marks;
}

/* The length of the sequence at bytes[0] of which bytes are lost, 0 when there is none. */
static size_t lossy_sequence(const uint8_t *bytes, size_t size) {
    uint8_t first = bytes[0];
    if (size >= 2 && within(first, 0xC2, 0xDF) && (bytes[1] == LOST || (bytes[1] == '?' && first <= 0xC3)))
        return 2;
    if (size >= MAX_LOSSY && first == 0xED && within(bytes[1], 0xA0, 0xAF) && bytes[3] == 0xED &&
        within(bytes[4], 0xB0, 0xBF) && are_lossy((const uint8_t[]){bytes[2], bytes[5]}, 2, 2))
        return MAX_LOSSY; /* a pair of surrogates */
    if (size >= 3 && within(first, 0xE0, 0xEF) && are_lossy(bytes + 1, 2, 1))
        return 3;
    if (size >= 4 && within(first, 0xF0, 0xF4) && are_lossy(bytes + 1, 3, 1))
        return 4;
    return first == LOST;
}

size_t bytes_replace_lossy(uint8_t *out, const uint8_t *bytes, size_t size) {
    size_t used = 0;
    for (size_t at = 0; at < size;) {
        size_t length = lossy_sequence(bytes + at, size - at);
        if (length == 0) {
            out[used++] = bytes[at++];
            continue;
        }
        memcpy(out + used, "\xEF\xBF\xBD", 3);
        used += 3;
        at += length;
    }
    return used;
}

/* --- reading --- */

static bool is_java_null(const uint8_t *bytes, size_t size) {
    return size >= 2 && bytes[0] == 0xC0 && (bytes[1] == 0x80 || (bytes[1] == '\n' && size == 2));
}

static bool is_surrogate_pair(const uint8_t *bytes, size_t size) {
    return size >= 6 && bytes[0] == 0xED && within(bytes[1], 0xA0, 0xAF) && is_next(bytes[2]) &&
           bytes[3] == 0xED && within(bytes[4], 0xB0, 0xBF) &&
           (is_next(bytes[5]) || (bytes[5] == '\n' && size == 6));
}

static uint32_t surrogate_pair(const uint8_t *bytes) {
    return 0x10000u + ((bytes[1] & 0x0Fu) << 16) + ((bytes[2] & 0x3Fu) << 10) + ((bytes[4] & 0x0Fu) << 6) +
           (bytes[5] & 0x3Fu);
}

bool bytes_decode(uint32_t *out, size_t *count, const uint8_t *bytes, size_t size) {
    size_t used = 0;
    for (size_t at = 0; at < size; used++) {
        if (is_java_null(bytes + at, size - at)) {
            out[used] = 0;
            at += 2;
        } else if (is_surrogate_pair(bytes + at, size - at)) {
            out[used] = surrogate_pair(bytes + at);
            at += 6;
        } else {
            ucs4_t c;
            int n = u8_mbtoucr(&c, bytes + at, size - at);
            if (n <= 0)
                return false;
            out[used] = c;
            at += (size_t)n;
        }
    }
    *count = used;
    return true;
}
