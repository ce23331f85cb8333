/* tree_support.c: see tree_support.h */
#include "tests/support/tree_support.h"

#include "clip/base/random.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { N_CTX = 3, MAX_NAME = 5, MAX_LENGTH = 16, N_TEMPLATES = 3 };

/* Names of one to MAX_NAME tokens; half of all begin with one of four tokens. */
static int add_name(int *out, Rng *rng) {
    int length = 1 + (int)rng_below(rng, MAX_NAME);
    for (int i = 0; i < length; i++)
        out[i] = i == 0 && rng_below(rng, 2) == 0 ? (int)rng_below(rng, 4) : (int)rng_below(rng, 50);
    return length;
}

static int add_contexts(int *out, int first, int n) {
    for (int m = 0; m < n; m++)
        out[m] = SYMBOL_CONTEXT(first + m);
    return n;
}

static int loose_prompt(int *out, Rng *rng) {
    int length = 1 + (int)rng_below(rng, MAX_LENGTH);
    for (int i = 0; i < length; i++)
        out[i] = rng_below(rng, 10) == 0 ? SYMBOL_CONTEXT((int)rng_below(rng, 4)) : (int)rng_below(rng, 3);
    return length;
}

static int class_prompt(int *out, PromptKind kind, int k, Rng *rng) {
    int n = 0, row = kind == PROMPTS_CSC ? k * N_CTX : 0;
    int before = kind == PROMPTS_FRONT ? 0 : kind == PROMPTS_MIDDLE ? 1 : N_CTX;
    out[n++] = TREE_START;
    if (kind == PROMPTS_TEXTS) {
        int template = k % N_TEMPLATES;
        for (int i = 0; i <= template; i++)
            out[n++] = 50 + template;
    } else {
        n += add_contexts(out + n, row, before);
    }
    n += add_name(out + n, rng);
    if (kind != PROMPTS_TEXTS)
        n += add_contexts(out + n, row + before, N_CTX - before);
    out[n++] = TREE_END;
    return n;
}

PromptSet prompts_random(PromptKind kind, int n, uint32_t seed, Arena *arena) {
    Rng rng;
    rng_stream(&rng, seed, STREAM_BENCH, (uint32_t)kind, (uint32_t)n);
    PromptSet set = {.symbols = ARENA_NEW(arena, const int *, n),
                     .lengths = ARENA_NEW(arena, int, n),
                     .n = n,
                     .n_contexts = kind == PROMPTS_CSC ? n * N_CTX : 4};
    for (int k = 0; k < n; k++) {
        int *symbols = ARENA_NEW(arena, int, 2 + N_CTX + MAX_NAME + MAX_LENGTH);
        set.lengths[k] =
            kind == PROMPTS_LOOSE ? loose_prompt(symbols, &rng) : class_prompt(symbols, kind, k, &rng);
        set.symbols[k] = symbols;
    }
    return set;
}

void prompts_tree(TokenTree *tree, const PromptSet *prompts, Arena *arena) {
    Error err = {0};
    if (token_tree_build(tree, prompts->symbols, prompts->lengths, prompts->n, arena, &err) < 0)
        fail_msg("%s", err.text);
}
