/* text_words.h: CLIP's division of a clean text into words. */
#ifndef CLIP_TEXT_TEXT_WORDS_H
#define CLIP_TEXT_TEXT_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* The length of the first word of text[0..count) that starts at *at or later, or 0 when there is none; *at
 * becomes its start. A word is <|startoftext|> or <|endoftext|>, an English contraction ('s), a run of
 * letters, a single digit, or a run of anything that is neither a letter, a number nor white space. */
size_t text_word(const uint32_t *text, size_t count, size_t *at);

#endif
