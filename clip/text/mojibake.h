/* mojibake.h: repairs text that is UTF-8 read in another encoding ("cafÃ©" was "café"), as ftfy 6.3's
 * fix_encoding does, to the letter. */
#ifndef CLIP_TEXT_MOJIBAKE_H
#define CLIP_TEXT_MOJIBAKE_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stddef.h>
#include <stdint.h>

/* In place; the text never grows. The arena is as before afterwards. */
int mojibake_repair(uint32_t *text, size_t *count, Arena *arena, Error *err);

/* A control U+0080 to U+009F as the character that Windows-1252 has there; others stay. */
uint32_t mojibake_c1(uint32_t c);

#endif
