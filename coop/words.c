/* words.c: see words.h */
#include "coop/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_words(const void *a, const void *b) {
    const Word *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

void words_nearest(Word *words, const float *vector, const TextWeights *w) {
    for (int id = 0; id < w->n_vocab; id++) {
        const float *embedding = w->token_embedding + (size_t)id * (size_t)w->width;
        double sum = 0;
        for (int c = 0; c < w->width; c++)
            sum += ((double)vector[c] - embedding[c]) * ((double)vector[c] - embedding[c]);
        words[id] = (Word){id, sqrt(sum)};
    }
    qsort(words, (size_t)w->n_vocab, sizeof *words, compare_words);
}

const char *word_text(const Tokenizer *tokenizer, int id, Arena *arena) {
    const char *word = tokenizer_word(tokenizer, id);
    size_t n = strlen(word);
    bool whole = n > 4 && strcmp(word + n - 4, "</w>") == 0;
    bool special = word[0] == '<' && word[1] == '|';
    const char *text =
        arena_printf(arena, "%.*s%s", (int)(whole ? n - 4 : n), word, whole || special ? "" : "-");
    return text ? text : "?";
}
