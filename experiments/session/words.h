/* words.h: the vocabulary words nearest to a learned vector (Zhou et al. 2022, table 4: Euclidean distance).
 */
#ifndef EXPERIMENTS_SESSION_WORDS_H
#define EXPERIMENTS_SESSION_WORDS_H

#include "experiments/session/model.h"

typedef struct {
    int id;
    double distance;
} Word;

/* Opens the text tower that a prompt was learned with, and its vocabulary, and checks that they are those.
 * path is the prompt's; weights and vocab may be NULL: where they were, and beside them. Caller closes the
 * model, also after a failure. */
int words_open(Model *model, const Prompt *prompt, const char *path, const char *weights, const char *vocab,
               int n_threads, Error *err);

/* All words (V) of the vocabulary, the nearest to the vector (C) first; of equally near ones the lower id. */
void words_nearest(Word *words, const float *vector, const TextWeights *w);

/* "dog</w>" as "dog"; a piece inside a word keeps a hyphen: "retr-". Owned by the arena. */
const char *word_text(const Tokenizer *tokenizer, int id, Arena *arena);

#endif
