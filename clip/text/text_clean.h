/* text_clean.h: what CLIP does to a text before it looks for words. */
#ifndef CLIP_TEXT_TEXT_CLEAN_H
#define CLIP_TEXT_TEXT_CLEAN_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stddef.h>
#include <stdint.h>

/* The clean text as code points, owned by the arena: HTML entities unescaped twice, each run of white space
 * made one space, none at the ends, lower case. A text that is not UTF-8 is an error that names the byte. */
int text_clean(const char *text, Arena *arena, uint32_t **clean, size_t *count, Error *err);

/* The single steps, in place; each returns the new length. */
size_t text_unescape(uint32_t *text, size_t count); /* once, as Python's html.unescape */
size_t text_collapse(uint32_t *text, size_t count);

/* As Python's str.lower(). out has room for 2 * count code points. */
size_t text_lower(uint32_t *out, const uint32_t *text, size_t count);

#endif
