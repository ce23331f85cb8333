/* text_words.c: the words of a text (openai/CLIP simple_tokenizer.py, the pattern of SimpleTokenizer).
 *
 * The pattern there, ignoring case:
 *     <\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+
 * The text is in lower case already, so "ignoring case" leaves two effects. The long s, U+017F, counts as an
 * s in the words that are spelled out. And U+0345, the Greek iota subscript, which is not a letter but has a
 * letter as its capital, fits neither of the two runs: it is passed over like a space.
 *
 * Unicode's categories come from libunistring, which may be older than a letter: the ranges that were added
 * after Unicode 14.0 are listed here.
 */
#include "clip/text/text_words.h"

#include <stdbool.h>
#include <unictype.h>

#define LONG_S 0x17F
#define IOTA_BELOW 0x345

typedef struct {
    uint32_t first, last;
} Range;

static const Range LATER_LETTERS[] = {
    {0x558, 0x558},     {0x58B, 0x58C},     {0x88F, 0x88F},     {0xC5C, 0xC5C},     {0xCDC, 0xCDC},
    {0x1C89, 0x1C8A},   {0x208F, 0x208F},   {0x209D, 0x209F},   {0xA7CB, 0xA7CF},   {0xA7D2, 0xA7D2},
    {0xA7D4, 0xA7D4},   {0xA7DA, 0xA7DD},   {0xA7E2, 0xA7E2},   {0xA7F1, 0xA7F1},   {0xAB6C, 0xAB6D},
    {0x105C0, 0x105F3}, {0x107BB, 0x107BF}, {0x10940, 0x10959}, {0x10D4A, 0x10D65}, {0x10D6F, 0x10D85},
    {0x10EC2, 0x10EC7}, {0x10ED9, 0x10EEE}, {0x1123F, 0x11240}, {0x11380, 0x11389}, {0x1138B, 0x1138B},
    {0x1138E, 0x1138E}, {0x11390, 0x113B5}, {0x113B7, 0x113B7}, {0x113D1, 0x113D1}, {0x113D3, 0x113D3},
    {0x11B0A, 0x11B0A}, {0x11BC0, 0x11BE0}, {0x11DB0, 0x11DDB}, {0x11DF1, 0x11DF1}, {0x11F02, 0x11F02},
    {0x11F04, 0x11F10}, {0x11F12, 0x11F33}, {0x1342F, 0x1342F}, {0x13441, 0x13446}, {0x13460, 0x143FA},
    {0x16100, 0x1611D}, {0x16D40, 0x16D6C}, {0x16EA0, 0x16EB8}, {0x16EBB, 0x16ED3}, {0x16FF2, 0x16FF3},
    {0x187F8, 0x187FF}, {0x18CD6, 0x18CDA}, {0x18CFF, 0x18CFF}, {0x18D09, 0x18D20}, {0x18D80, 0x18DF2},
    {0x18E00, 0x19191}, {0x191A0, 0x191D2}, {0x1B123, 0x1B128}, {0x1B132, 0x1B132}, {0x1B155, 0x1B155},
    {0x1B168, 0x1B168}, {0x1D6A6, 0x1D6A6}, {0x1DF1F, 0x1DF81}, {0x1DF90, 0x1DF96}, {0x1DFCD, 0x1DFFF},
    {0x1E030, 0x1E06D}, {0x1E4D0, 0x1E4EB}, {0x1E5D0, 0x1E5ED}, {0x1E5F0, 0x1E5F0}, {0x1E6C0, 0x1E6DE},
    {0x1E6E0, 0x1E6E2}, {0x1E6E4, 0x1E6E5}, {0x1E6E7, 0x1E6ED}, {0x1E6F0, 0x1E6F4}, {0x1E6FE, 0x1E6FF},
    {0x2B739, 0x2B73F}, {0x2B81E, 0x2B81E}, {0x2CEA2, 0x2CEAD}, {0x2EBF0, 0x2EE5D}, {0x31350, 0x33479},
    {0x3D000, 0x3FC3F},
};

static const Range LATER_NUMBERS[] = {
    {0x10D40, 0x10D49}, {0x116D0, 0x116E3}, {0x11BF0, 0x11BF9}, {0x11DE0, 0x11DE9}, {0x11F50, 0x11F59},
    {0x1246F, 0x1246F}, {0x12475, 0x1247F}, {0x12550, 0x12686}, {0x16130, 0x16139}, {0x16D70, 0x16D79},
    {0x16FF4, 0x16FF6}, {0x1CCF0, 0x1CCF9}, {0x1D2C0, 0x1D2D3}, {0x1E4F0, 0x1E4F9}, {0x1E5F1, 0x1E5FA},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef enum { GAP, LETTER, NUMBER, OTHER } Kind;

static bool in_ranges(const Range *ranges, size_t n, uint32_t c) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && c >= ranges[low].first;
}

static Kind kind_of(uint32_t c) {
    if (c == IOTA_BELOW || uc_is_property_white_space(c))
        return GAP;
    if (uc_is_general_category(c, UC_CATEGORY_L) || in_ranges(LATER_LETTERS, COUNT(LATER_LETTERS), c))
        return LETTER;
    if (uc_is_general_category(c, UC_CATEGORY_N) || in_ranges(LATER_NUMBERS, COUNT(LATER_NUMBERS), c))
        return NUMBER;
    return OTHER;
}

static const char *const WORDS[] = {
    "<|startoftext|>", "<|endoftext|>", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};

/* The length of the spelled-out word that the text starts with, or 0 when there is none. No two of them can
 * begin at the same place, so their order does not matter. */
static size_t spelled_out(const uint32_t *text, size_t count) {
    for (size_t w = 0; w < COUNT(WORDS); w++) {
        size_t n = 0;
        while (WORDS[w][n] != '\0' && n < count &&
               (text[n] == (unsigned char)WORDS[w][n] || (text[n] == LONG_S && WORDS[w][n] == 's')))
            n++;
        if (WORDS[w][n] == '\0')
            return n;
    }
    return 0;
}

size_t text_word(const uint32_t *text, size_t count, size_t *at) {
    size_t begin = *at;
    Kind kind = GAP;
    while (begin < count && (kind = kind_of(text[begin])) == GAP)
        begin++;
    *at = begin;
    if (begin == count)
        return 0;
    size_t length = kind == OTHER ? spelled_out(text + begin, count - begin) : 0;
    if (length > 0)
        return length;
    length = 1;
    while (kind != NUMBER && begin + length < count && kind_of(text[begin + length]) == kind)
        length++;
    return length;
}
