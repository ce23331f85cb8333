/* vocabulary.c: the letters of bytes, and what all readers of vocabularies have in common. */
#include "clip/text/vocabulary.h"

#include <unistr.h>

int vocabulary_byte(uint32_t letter) {
    if ((letter >= 33 && letter <= 126) || (letter >= 161 && letter <= 255 && letter != 173))
        return (int)letter;
    if (letter >= 256 && letter < 256 + 33) /* 0 to 32 */
        return (int)letter - 256;
    if (letter >= 256 + 33 && letter < 256 + 67) /* 127 to 160 */
        return (int)letter - 256 - 33 + 127;
    return letter == 256 + 67 ? 173 : -1;
}

uint32_t vocabulary_letter(int byte) {
    if (byte <= 32)
        return 256 + (uint32_t)byte;
    if (byte >= 127 && byte <= 160)
        return 256 + 33 + (uint32_t)byte - 127;
    return byte == 173 ? 256 + 67 : (uint32_t)byte;
}

int vocabulary_error(const Vocabulary *vocabulary, int merge, Error *err, const char *reason) {
    if (vocabulary->json)
        return error_set(err, "%s: merge %d: %s", vocabulary->path, merge + 1, reason);
    return error_set(err, "%s: line %d: %s", vocabulary->path, merge + 2, reason);
}

const char *vocabulary_check_symbol(const char *symbol, size_t size) {
    if (size == 0)
        return "an empty symbol";
    for (size_t at = 0; at < size;) {
        ucs4_t letter;
        at += (size_t)u8_mbtouc_unsafe(&letter, (const uint8_t *)symbol + at, size - at);
        if (vocabulary_byte(letter) < 0)
            return "a character that stands for no byte";
    }
    return NULL;
}
