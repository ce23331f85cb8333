/* bench_letters.h: a vocabulary that makes a token of each letter. */
#ifndef EXPERIMENTS_BENCH_BENCH_LETTERS_H
#define EXPERIMENTS_BENCH_BENCH_LETTERS_H

#include "clip/base/arena.h"
#include "clip/text/tokenizer.h"

/* The arena is needed only meanwhile. Caller frees. */
Tokenizer *bench_letters(Arena *arena, Error *err);

#endif
