/* words.h: the vocabulary words nearest to a learned vector (Zhou et al. 2022, table 4: Euclidean distance).
 */
#ifndef COOP_WORDS_H
#define COOP_WORDS_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"
#include "clip/checkpoint/model.h"
#include "clip/text/tokenizer.h"

typedef struct {
    int id;
    double distance;
} Word;

/* words (V): the whole vocabulary, the word nearest to the vector (C) first; of equally near ones the lower
 * id first. */
void words_nearest(Word *words, const float *vector, const TextWeights *w);

/* words (n, top): of each vector (n, C) the first `top` (at most V) of that list, the same bits. One product
 * for many vectors finds the candidates, so it takes a small part of the time. -1 when memory is out. */
int words_nearest_few(Word *words, int top, const float *vectors, int n, const TextWeights *w, Pool *pool,
                      Arena *arena);

/* "dog</w>" as "dog"; a piece that ends inside a word gets a hyphen: "retr-". Some pieces are single bytes,
 * not UTF-8: make the text printable before it is shown. Owned by the arena; "?" when memory is out. */
const char *word_text(const Tokenizer *tokenizer, int id, Arena *arena);

#endif
