/* badness.c: see badness.h
 *
 * Read in another encoding, UTF-8 becomes sequences that are rare in any language: "Ã©", "â€œ", "вЂ". They
 * are listed here, most of them by the classes of their characters. The list is the data of ftfy 6.3 (Robyn
 * Speer, Apache License 2.0: ftfy/badness.py).
 */
#include "clip/text/badness.h"

#include "clip/text/mojibake_tables.h"

#include <string.h>
#include <uchar.h>
#include <unictype.h>

#define MAX_SEQUENCE 7

/* Classes beside those of mojibake_tables.h; white space and words as Python's \s and \w. */
enum {
    SMALL = 1 << 24, /* a to z */
    CAPITAL = 1 << 25,
    NOT_LETTER = 1 << 26, /* neither of them */
    WHITE = 1 << 27,
    WORD = 1 << 28,
    NOT_NEWLINE = 1 << 29,
};

/* A character of one of the classes, or one of the characters named. */
typedef struct {
    uint32_t classes;
    const char32_t *also;
} Set;

#define OF(classes)                                                                                          \
    { classes, NULL }
#define ONE(characters)                                                                                      \
    { 0, characters }
#define EITHER(classes, characters)                                                                          \
    { classes, characters }
#define ACCENTED (CHAR_LOWER_ACCENTED | CHAR_UPPER_ACCENTED)
#define PUNCTUATION (CHAR_OPENING | CHAR_CLOSING)

/* clang-format off */
static const Set BAD_SEQUENCES[][MAX_SEQUENCE + 1] = { /* each ends with an empty set */
    /* A control, or two characters that do not stand together. */
    {OF(CHAR_C1)},
    {OF(CHAR_BAD | ACCENTED | CHAR_BOX | PUNCTUATION | CHAR_CURRENCY | CHAR_NUMERIC | CHAR_LAW),
     OF(CHAR_BAD)},
    {OF(SMALL | CAPITAL), OF(CHAR_LOWER_COMMON | CHAR_UPPER_COMMON), OF(CHAR_BAD)},
    {OF(CHAR_BAD), OF(ACCENTED | CHAR_BOX | PUNCTUATION | CHAR_CURRENCY | CHAR_NUMERIC | CHAR_LAW)},
    {OF(CHAR_LOWER_ACCENTED | CHAR_LOWER_COMMON | CHAR_BOX | CHAR_CLOSING | CHAR_CURRENCY | CHAR_NUMERIC),
     OF(CHAR_UPPER_ACCENTED)},
    {OF(CHAR_BOX | CHAR_CLOSING | CHAR_CURRENCY | CHAR_NUMERIC), OF(CHAR_LOWER_ACCENTED)},
    {OF(CHAR_LOWER_ACCENTED | CHAR_BOX | CHAR_CLOSING), OF(CHAR_CURRENCY)},
    {OF(WHITE), OF(CHAR_UPPER_ACCENTED), OF(CHAR_CURRENCY)},
    {OF(CHAR_UPPER_ACCENTED | CHAR_BOX), OF(CHAR_NUMERIC | CHAR_LAW)},
    {OF(ACCENTED | CHAR_BOX | CHAR_CURRENCY | CHAR_CLOSING), OF(CHAR_OPENING), OF(CHAR_NUMERIC)},
    {OF(ACCENTED | CHAR_CURRENCY | CHAR_NUMERIC | CHAR_BOX | CHAR_LAW), OF(CHAR_CLOSING), OF(CHAR_OPENING)},
    {OF(CHAR_CURRENCY | CHAR_NUMERIC | CHAR_BOX), OF(CHAR_OPENING)},
    {OF(SMALL), OF(CHAR_UPPER_ACCENTED), OF(CHAR_OPENING | CHAR_CURRENCY)},
    {OF(CHAR_BOX), OF(CHAR_KAOMOJI)},
    {OF(ACCENTED | CHAR_CURRENCY | CHAR_NUMERIC | PUNCTUATION | CHAR_LAW), OF(CHAR_BOX)},
    {OF(CHAR_BOX), OF(CHAR_CLOSING)},
    {OF(ACCENTED), OF(PUNCTUATION), OF(WORD)},
    {ONE(U"Œœ"), OF(NOT_LETTER)},
    {OF(CHAR_UPPER_ACCENTED), ONE(U"°")},
    /* Windows-1252, of Latin letters, Arabic and scripts of South Asia. */
    {ONE(U"ÂÃÎÐ"), EITHER(PUNCTUATION, U"€œŠš¢£Ÿž\u00A0\u00AD®©°·»–—´")},
    {ONE(U"×"), ONE(U"²³")},
    {ONE(U"ØÙ"), EITHER(CHAR_COMMON | CHAR_CURRENCY | CHAR_BAD | CHAR_NUMERIC | CHAR_OPENING, U"ŸŠ®°µ»"),
     ONE(U"ØÙ"), EITHER(CHAR_COMMON | CHAR_CURRENCY | CHAR_BAD | CHAR_NUMERIC | CHAR_OPENING, U"ŸŠ®°µ»")},
    {ONE(U"à"), ONE(U"²µ¹¼½¾")},
    {OF(SMALL), ONE(U"ÃÂ"), ONE(U" ")},
    {OF(SMALL), OF(WHITE), ONE(U"ÃÂ"), ONE(U" ")},
    {EITHER(SMALL | CHAR_CLOSING, U".,?!"), ONE(U"Â"), EITHER(PUNCTUATION, U" ")},
    /* MacRoman. */
    {ONE(U"√"), ONE(U"±∂†≠®™´≤≥¥µø")},
    {ONE(U"≈"), ONE(U"°¢")},
    {ONE(U"‚"), ONE(U"Ä"), ONE(U"ìîïòôúùû†°¢π")},
    {ONE(U"‚"), ONE(U"âó"), ONE(U"àä°ê")},
    /* Windows-1251 (Cyrillic letters throughout); the last is three layers deep. */
    {ONE(U"в"), ONE(U"Ђ")},
    {ONE(U"ВГРС"), EITHER(CHAR_C1 | CHAR_BAD | PUNCTUATION | CHAR_CURRENCY, U"°µ"), ONE(U"ВГРС")},
    {ONE(U"Г"), ONE(U"ў"), ONE(U"В"), ONE(U"Ђ"), ONE(U"В"), OF(NOT_NEWLINE), EITHER(SMALL | CAPITAL, U" ")},
    /* Windows-1253 (Greek letters). */
    {ONE(U"β"), ONE(U"€"), ONE(U"™\u00A0Ά\u00AD®°")},
    {ONE(U"ΒΓΞΟ"), EITHER(CHAR_C1 | CHAR_BAD | PUNCTUATION | CHAR_CURRENCY, U"°"), ONE(U"ΒΓΞΟ")},
};
/* clang-format on */

static uint32_t classes_of(uint32_t c) {
    uint32_t classes = mojibake_classes(c);
    if (c >= 'a' && c <= 'z')
        classes |= SMALL;
    else if (c >= 'A' && c <= 'Z')
        classes |= CAPITAL;
    else
        classes |= NOT_LETTER;
    if (c != '\n')
        classes |= NOT_NEWLINE;
    if (uc_is_property_white_space(c) || (c >= 0x1C && c <= 0x1F))
        classes |= WHITE;
    if (c == '_' || uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N))
        classes |= WORD;
    return classes;
}

static bool is_in(const Set *set, uint32_t c, uint32_t classes) {
    if (set->classes & classes)
        return true;
    for (const char32_t *other = set->also; other && *other; other++)
        if (*other == c)
            return true;
    return false;
}

/* classes are those of the first MAX_SEQUENCE characters. */
static bool starts_with(const uint32_t *text, size_t count, const uint32_t *classes, const Set *sequence) {
    size_t n = 0;
    while (sequence[n].classes || sequence[n].also) {
        if (n == count || !is_in(&sequence[n], text[n], classes[n]))
            return false;
        n++;
    }
    return true;
}

static bool is_ascii(const uint32_t *text, size_t count) {
    uint32_t all = 0;
    for (size_t i = 0; i < count; i++)
        all |= text[i];
    return all < 0x80;
}

bool badness_found(const uint32_t *text, size_t count) {
    if (is_ascii(text, count)) /* no sequence is */
        return false;
    if (count >= 2 && (text[0] == U'Ã' || text[0] == U'Â') && text[1] == ' ') /* at the start alone */
        return true;
    uint32_t classes[MAX_SEQUENCE] = {0};
    for (size_t at = 0; at < MAX_SEQUENCE && at < count; at++)
        classes[at] = classes_of(text[at]);
    for (size_t at = 0; at < count; at++) {
        for (size_t s = 0; s < sizeof BAD_SEQUENCES / sizeof BAD_SEQUENCES[0]; s++)
            if (starts_with(text + at, count - at, classes, BAD_SEQUENCES[s]))
                return true;
        memmove(classes, classes + 1, (MAX_SEQUENCE - 1) * sizeof *classes);
        classes[MAX_SEQUENCE - 1] = at + MAX_SEQUENCE < count ? classes_of(text[at + MAX_SEQUENCE]) : 0;
    }
    return false;
}
