/* words.c: see words.h */
#include "coop/words.h"

#include "clip/math/gemm.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_words(const void *a, const void *b) {
    const Word *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static double distance(const float *vector, const float *embedding, int width) {
    double sum = 0;
    for (int c = 0; c < width; c++)
        sum += ((double)vector[c] - embedding[c]) * ((double)vector[c] - embedding[c]);
    return sqrt(sum);
}

void words_nearest(Word *words, const float *vector, const TextWeights *w) {
    for (int id = 0; id < w->n_vocab; id++)
        words[id] =
            (Word){id, distance(vector, w->token_embedding + (size_t)id * (size_t)w->width, w->width)};
    qsort(words, (size_t)w->n_vocab, sizeof *words, compare_words);
}

/* --- the few nearest of many vectors --- */

enum { CHUNK = 64 /* vectors of one product */ };

static double square(const float *vector, int width) {
    double sum = 0;
    for (int c = 0; c < width; c++)
        sum += (double)vector[c] * vector[c];
    return sum;
}

/* The top-th smallest of values (n); INFINITY when fewer are numbers. */
static float smallest(const float *values, int n, float *least, int top) {
    int kept = 0;
    for (int i = 0; i < n; i++) {
        if (!(values[i] < (kept < top ? INFINITY : least[top - 1])))
            continue;
        int at = kept < top ? kept++ : top - 1;
        for (; at > 0 && least[at - 1] > values[i]; at--)
            least[at] = least[at - 1];
        least[at] = values[i];
    }
    return kept < top ? INFINITY : least[top - 1];
}

/* What the product cannot rule out is measured as words_nearest does. all (V), least (top) are scratch. */
static void pick(Word *words, int top, const float *vector, const float *rough, double margin,
                 const TextWeights *w, Word *all, float *least) {
    double limit = smallest(rough, w->n_vocab, least, top) + margin;
    int n = 0;
    for (int id = 0; id < w->n_vocab && isfinite(limit); id++)
        if (rough[id] <= limit) {
            const float *embedding = w->token_embedding + (size_t)id * (size_t)w->width;
            all[n++] = (Word){id, distance(vector, embedding, w->width)};
        }
    if (n > 0)
        qsort(all, (size_t)n, sizeof *all, compare_words);
    else
        words_nearest(all, vector, w); /* numbers that no product can hold */
    memcpy(words, all, (size_t)top * sizeof *all);
}

int words_nearest_few(Word *words, int top, const float *vectors, int n, const TextWeights *w, Pool *pool,
                      Arena *arena) {
    const int V = w->n_vocab, C = w->width;
    size_t mark = arena_mark(arena);
    float *halves = ARENA_NEW(arena, float, V);           /* -|e|^2 / 2 */
    float *rough = arena_floats(arena, CHUNK, (size_t)V); /* (CHUNK, V): v e - |e|^2 / 2 */
    float *least = ARENA_NEW(arena, float, top);
    Word *all = ARENA_NEW(arena, Word, V);
    bool failed = arena_failed(arena);
    double longest = 0;
    for (int id = 0; id < V && !failed; id++) {
        double norm = square(w->token_embedding + (size_t)id * (size_t)C, C);
        halves[id] = (float)(-norm / 2);
        longest = fmax(longest, norm);
    }
    for (int first = 0; first < n && !failed; first += CHUNK) {
        const float *chunk = vectors + (size_t)first * (size_t)C;
        int size = n - first < CHUNK ? n - first : CHUNK;
        linear_forward(pool, rough, chunk, w->token_embedding, halves, size, C, V, false);
        for (int i = 0; i < size; i++) {
            const float *vector = chunk + (size_t)i * (size_t)C;
            float *row = rough + (size_t)i * (size_t)V;
            for (int id = 0; id < V; id++)
                row[id] = -row[id];
            double margin = 4.0 * C * FLT_EPSILON * (square(vector, C) + longest);
            pick(words + (size_t)(first + i) * (size_t)top, top, vector, row, margin, w, all, least);
        }
    }
    arena_reset(arena, mark);
    return failed ? -1 : 0;
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
