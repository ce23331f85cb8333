/* text_clean.h: what CLIP does to a text before it looks for words. */
#ifndef CLIP_TEXT_TEXT_CLEAN_H
#define CLIP_TEXT_TEXT_CLEAN_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stddef.h>
#include <stdint.h>

/* The clean text as code points, owned by the arena: fixed as ftfy does, HTML's references unescaped twice,
 * each run of white space made one space, none at the ends, lower case. A text that is not UTF-8 is an error
 * that names the byte. */
int text_clean(const char *text, Arena *arena, uint32_t **clean, size_t *count, Error *err);

#endif
