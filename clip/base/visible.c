/* visible.c: see visible.h */
#include "clip/base/visible.h"

#include <stdbool.h>
#include <unistr.h>

static bool acts(ucs4_t letter) {
    bool control = letter < 0x20 || (letter >= 0x7f && letter < 0xa0);
    bool separator = letter == 0x2028 || letter == 0x2029 || letter == 0xfeff;
    bool direction = letter == 0x61c || letter == 0x200e || letter == 0x200f ||
                     (letter >= 0x202a && letter <= 0x202e) || (letter >= 0x2066 && letter <= 0x2069);
    return control || separator || direction;
}

int visible_bytes(const char *text) {
    ucs4_t letter;
    int n = u8_strmbtouc(&letter, (const uint8_t *)text);
    return n > 0 && !acts(letter) ? n : 0;
}
