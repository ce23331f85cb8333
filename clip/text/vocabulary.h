/* vocabulary.h: the merges of a CLIP vocabulary, and the letters that its files write bytes with.
 * (vocabulary_file.h reads the files.)
 *
 * Every byte has a letter: printable Latin-1 bytes are their own, the other 68 take U+0100 and up, in order
 * ("Ġ" is the space), so that a merge line never holds a blank or a control character (Radford et al. 2019).
 */
#ifndef CLIP_TEXT_VOCABULARY_H
#define CLIP_TEXT_VOCABULARY_H

#include "clip/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *left, *right; /* in letters, UTF-8 */
} Merge;

/* What a tokenizer.json says about one token. */
typedef struct {
    const char *token;
    int id;
} ListedToken;

typedef struct {
    const char *path;
    bool json;     /* from a tokenizer.json: messages count merges, not lines */
    bool cut;      /* the file holds more merges than are in use */
    int n_merges;  /* in use */
    int n_surplus; /* not in use, though they are of the vocabulary: of OpenAI's own file, its beginning is */
    Merge *merges; /* (n_merges) */
    int n_listed;  /* 0 except for a tokenizer.json */
    ListedToken *listed; /* (n_listed) */
} Vocabulary;

/* Sets the error "FILE: line N: reason" for a merge (counted from 0). Returns -1. */
int vocabulary_error(const Vocabulary *vocabulary, int merge, Error *err, const char *reason);

int vocabulary_byte(uint32_t letter); /* -1 if no byte has this letter */
uint32_t vocabulary_letter(int byte);

/* NULL if `size` bytes of valid UTF-8 are one or more letters of bytes, else what is wrong. */
const char *vocabulary_check_symbol(const char *symbol, size_t size);

#endif
