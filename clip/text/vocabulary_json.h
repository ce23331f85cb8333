/* vocabulary_json.h: Hugging Face's tokenizer.json. */
#ifndef CLIP_TEXT_VOCABULARY_JSON_H
#define CLIP_TEXT_VOCABULARY_JSON_H

#include "clip/base/arena.h"
#include "clip/text/vocabulary.h"

/* Reads model.merges, as "a b" or ["a", "b"], and model.vocab. max_merges as in tokenizer_open; everything is
 * owned by the arena. */
int vocabulary_read_json(Vocabulary *vocabulary, const char *text, size_t size, int max_merges, Arena *arena,
                         Error *err);

#endif
