/* captions.h: captions as the tokens that the text tower takes. */
#ifndef EXPERIMENTS_PRETRAIN_CAPTIONS_H
#define EXPERIMENTS_PRETRAIN_CAPTIONS_H

#include "clip/base/arena.h"
#include "clip/text/tokenizer.h"

typedef struct {
    int **tokens; /* (n) from SOS to EOS */
    int *lengths; /* (n) */
    int n_cut;    /* that were too long: they keep their first tokens and EOS, as in OpenCLIP */
} Captions;

/* All is owned by the arena. A text that is not UTF-8 is an error that shows it. */
int captions_tokenize(Captions *captions, const Tokenizer *tokenizer, const char *const *texts, int n,
                      int n_positions, Arena *arena, Error *err);

#endif
