/* badness.h: does a text look like mojibake? ftfy 6.3's judgement, to the letter. */
#ifndef CLIP_TEXT_BADNESS_H
#define CLIP_TEXT_BADNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is there a sequence of characters that hardly anybody writes? */
bool badness_found(const uint32_t *text, size_t count);

#endif
