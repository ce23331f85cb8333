/* vocabulary_file.h: reads a vocabulary file, whichever of the three kinds it is. */
#ifndef CLIP_TEXT_VOCABULARY_FILE_H
#define CLIP_TEXT_VOCABULARY_FILE_H

#include "clip/base/arena.h"
#include "clip/text/vocabulary.h"

/* Reads a vocabulary file of any of the three kinds; max_merges as tokenizer_open's. All of it is owned by
 * the arena; path is borrowed. */
int vocabulary_read(Vocabulary *vocabulary, const char *path, int max_merges, Arena *arena, Error *err);

#endif
