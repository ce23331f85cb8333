/* vocabulary.h: the merges of a CLIP vocabulary file, and the letters that such files write bytes with. Files
 * are read by vocabulary_file.h.
 *
 * Every byte has a letter: printable Latin-1 bytes are their own, the other 68 take U+0100 and on in order
 * ("Ġ" is the space), so that a merge line never holds a blank or a control character (Radford et al. 2019).
 */
#ifndef CLIP_TEXT_VOCABULARY_H
#define CLIP_TEXT_VOCABULARY_H

#include "clip/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *left, *right; /* in the letters of the file, UTF-8 */
} Merge;

/* What a tokenizer.json says about one token. */
typedef struct {
    const char *token;
    int id;
} ListedToken;

typedef struct {
    const char *path;
    bool json;           /* a tokenizer.json: merges are numbered, not lines */
    bool cut;            /* the file holds more merges than are in use */
    int n_merges;        /* in use */
    int n_surplus;       /* not in use; 0 for OpenAI's own file, of which any beginning is a vocabulary */
    Merge *merges;       /* (n_merges) */
    int n_listed;        /* 0 but for a tokenizer.json */
    ListedToken *listed; /* (n_listed) */
} Vocabulary;

/* Sets the error "FILE: line N: reason" for a merge (counted from 0). Returns -1. */
int vocabulary_error(const Vocabulary *vocabulary, int merge, Error *err, const char *reason);

int vocabulary_byte(uint32_t letter); /* -1 when no byte has this letter */
uint32_t vocabulary_letter(int byte);

/* NULL when `size` bytes of valid UTF-8 are one or more letters of bytes, else what is wrong. */
const char *vocabulary_check_symbol(const char *symbol, size_t size);

#endif
