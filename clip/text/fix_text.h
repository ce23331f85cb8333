/* fix_text.h: what ftfy 6.3's fix_text does with its defaults, to the letter: CLIP's tokenizer applies it
 * first. */
#ifndef CLIP_TEXT_FIX_TEXT_H
#define CLIP_TEXT_FIX_TEXT_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stddef.h>
#include <stdint.h>

/* No code point becomes more than this many. */
#define FIX_TEXT_MAX_GROWTH 3

/* Fixes the code points *text in place, or makes *text a new array, owned by the arena. */
int fix_text(uint32_t **text, size_t *count, Arena *arena, Error *err);

#endif
