/* bpe.h: byte-pair encoding of one word (Sennrich et al. 2016; CLIP's variant, with an end-of-word mark). */
#ifndef CLIP_TEXT_BPE_H
#define CLIP_TEXT_BPE_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/text/vocabulary.h"

#define BPE_BYTES 256
#define BPE_BASE (2 * BPE_BYTES) /* ids before the first merge */

typedef struct Bpe Bpe;

/* The tables of a vocabulary, owned by the arena; they borrow the vocabulary's strings. A merge that is in
 * the file twice is an error. */
Bpe *bpe_build(const Vocabulary *vocabulary, Arena *arena, Error *err);

int bpe_size(const Bpe *bpe);                       /* number of ids, including the two special ones */
const char *bpe_spelling(const Bpe *bpe, int id);   /* in the letters of the vocabulary file, UTF-8 */
int bpe_find(const Bpe *bpe, const char *spelling); /* the id, -1 when there is none */

/* Writes the ids of a word of `size` >= 1 bytes to ids, which has room for `size`. Returns how many there
 * are, or -1 with an error. */
int bpe_encode(const Bpe *bpe, const unsigned char *word, int size, Arena *scratch, int *ids, Error *err);

#endif
