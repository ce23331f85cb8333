/* tokenizer.h: CLIP's byte-pair encoding (Radford et al. 2021, openai/CLIP simple_tokenizer.py).
 *
 * Vocabulary files: `bpe_simple_vocab_16e6.txt[.gz]`, Hugging Face's `merges.txt[.gz]` or `tokenizer.json`,
 * of any size, told apart by content. Ids: 256 byte symbols, the same 256 with "</w>", the merges in order,
 * <|startoftext|>, <|endoftext|> (the highest id).
 *
 * Text is cleaned as CLIP does it: ftfy's fix_text, HTML entities unescaped twice, white space collapsed,
 * lower case.
 */
#ifndef CLIP_TEXT_TOKENIZER_H
#define CLIP_TEXT_TOKENIZER_H

#include "clip/base/error.h"

typedef struct Tokenizer Tokenizer;

/* max_merges is how many merges are used: the rows of the checkpoint's token embedding minus 514. (OpenAI's
 * file has 262,146 lines, of which CLIP uses 48,894.) A file with fewer merges is an error that names both
 * sizes. -1 takes every merge of the file, but only 48,894 of OpenAI's own. Caller frees. */
Tokenizer *tokenizer_open(const char *path, int max_merges, Error *err);
void tokenizer_free(Tokenizer *tokenizer); /* NULL is fine */

int tokenizer_size(const Tokenizer *tokenizer);    /* number of ids */
int tokenizer_surplus(const Tokenizer *tokenizer); /* merges of the vocabulary beyond max_merges */
int tokenizer_start(const Tokenizer *tokenizer);   /* <|startoftext|> */
int tokenizer_end(const Tokenizer *tokenizer);     /* <|endoftext|> */
/* SHA-256 of the merges in use, 64 hexadecimal digits. */
const char *tokenizer_digest(const Tokenizer *tokenizer);

/* The ids of a text, without start and end. Writes at most `capacity` ids and returns how many there are in
 * all (if more than `capacity`, the text is too long), or -1 with an error (text that is not UTF-8). */
int tokenizer_encode(const Tokenizer *tokenizer, const char *text, int *ids, int capacity, Error *err);

/* The text of one id, with "</w>" at the end of a word as in CLIP's vocabulary, but letters turned back into
 * the bytes that they stand for ("dog</w>"). Borrowed from the tokenizer. */
const char *tokenizer_word(const Tokenizer *tokenizer, int id);

#endif
