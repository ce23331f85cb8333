/* vocabulary_text.h: OpenAI's `bpe_simple_vocab_16e6.txt` and Hugging Face's `merges.txt`. */
#ifndef CLIP_TEXT_VOCABULARY_TEXT_H
#define CLIP_TEXT_VOCABULARY_TEXT_H

#include "clip/base/arena.h"
#include "clip/text/vocabulary.h"

/* Reads the merges of valid UTF-8 text (size, and a NUL), which is cut into strings in place: the merges
 * borrow it. max_merges as in tokenizer_open; the table of merges is owned by the arena. */
int vocabulary_read_text(Vocabulary *vocabulary, char *text, size_t size, int max_merges, Arena *arena,
                         Error *err);

#endif
