/* mojibake_tables.h: what the repair of mojibake knows of characters and code pages.
 *
 * The classes are the data of ftfy 6.3 (Robyn Speer, Apache License 2.0: ftfy/badness.py, ftfy/chardata.py),
 * the code pages Python's, with ftfy's filling of their holes.
 */
#ifndef CLIP_TEXT_MOJIBAKE_TABLES_H
#define CLIP_TEXT_MOJIBAKE_TABLES_H

#include <stdbool.h>
#include <stdint.h>

/* Classes of the characters that mojibake is made of. */
enum {
    CHAR_COMMON = 1 << 0, /* found in many places, no sign by themselves */
    CHAR_C1 = 1 << 1,     /* the controls U+0080 to U+009F */
    CHAR_BAD = 1 << 2,    /* hardly ever found but in mojibake */
    CHAR_LAW = 1 << 3,    /* paragraph and section signs */
    CHAR_CURRENCY = 1 << 4,
    CHAR_OPENING = 1 << 5, /* punctuation that opens, among others */
    CHAR_CLOSING = 1 << 6, /* punctuation that closes */
    CHAR_NUMERIC = 1 << 7,
    CHAR_KAOMOJI = 1 << 8, /* letters of which faces are made */
    CHAR_UPPER_ACCENTED = 1 << 9,
    CHAR_LOWER_ACCENTED = 1 << 10,
    CHAR_UPPER_COMMON = 1 << 11,
    CHAR_LOWER_COMMON = 1 << 12,
    CHAR_BOX = 1 << 13,    /* box drawings */
    CHAR_LEAD_2 = 1 << 14, /* first byte of two in UTF-8 (of three, of four) in one of the code pages */
    CHAR_LEAD_3 = 1 << 15,
    CHAR_LEAD_4 = 1 << 16,
    CHAR_NEXT = 1 << 17, /* a later byte of UTF-8 in one of the code pages, or a space in place of one */
    CHAR_NEXT_STRICT = 1 << 18, /* those without what often stands beside mojibake for itself */
};

/* The classes of a code point, 0 for most. */
uint32_t mojibake_classes(uint32_t c);

/* Bytes 0 to 127 are ASCII everywhere, but in a sloppy page U+FFFD, and nothing else, has byte 0x1A. In those
 * pages bytes without a character stand for the code point of the same number. */
typedef struct {
    bool sloppy;
    bool spaces;        /* a space may have been byte 0xA0 (in MacRoman too many are just spaces) */
    uint16_t high[128]; /* the characters of bytes 128 to 255 */
} CodePage;

/* In the order in which they are tried. */
#define N_CODE_PAGES 10
extern const CodePage CODE_PAGES[N_CODE_PAGES];
#define WINDOWS_1252 (CODE_PAGES[1].high)

#endif
