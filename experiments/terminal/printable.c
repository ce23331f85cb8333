/* printable.c: see printable.h */
#include "experiments/terminal/printable.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistr.h>

/* The bytes of the letter at text; 0 when it must not be printed. */
static int printable_bytes(const char *text) {
    ucs4_t letter;
    int n = u8_strmbtouc(&letter, (const uint8_t *)text);
    bool control = letter < 0x20 || (letter >= 0x7f && letter < 0xa0);
    return n > 0 && !control ? n : 0;
}

const char *printable(const char *text, Arena *arena) {
    const char *at = text;
    for (int n; *at && (n = printable_bytes(at)) > 0;)
        at += n;
    if (*at == '\0')
        return text;
    char *copy = ARENA_NEW(arena, char, 4 * strlen(text) + 1), *out = copy;
    if (!copy)
        return "?";
    for (at = text; *at;) {
        int n = printable_bytes(at);
        if (n > 0)
            out = (char *)memcpy(out, at, (size_t)n) + n;
        else
            out += sprintf(out, "\\x%02X", (unsigned char)*at);
        at += n > 0 ? n : 1;
    }
    return copy;
}
