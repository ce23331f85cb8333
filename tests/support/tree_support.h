/* tree_support.h: random sets of prompts, for the tests of the prefix tree and of what is computed on it. */
#ifndef TESTS_SUPPORT_TREE_SUPPORT_H
#define TESTS_SUPPORT_TREE_SUPPORT_H

#include "clip/base/arena.h"
#include "clip/text/token_tree.h"

#include <stdbool.h>
#include <stdint.h>

enum { TREE_VOCABULARY = 60, TREE_START = 58, TREE_END = 59 };

typedef enum {
    PROMPTS_TEXTS,  /* templates filled with names: no contexts */
    PROMPTS_END,    /* SOS, contexts, name, EOS */
    PROMPTS_MIDDLE, /* SOS, contexts, name, contexts, EOS */
    PROMPTS_FRONT,  /* SOS, name, contexts, EOS */
    PROMPTS_CSC,    /* SOS, contexts of the class, name, EOS */
    PROMPTS_LOOSE,  /* any symbols anywhere; prompts that begin others, equal prompts, several roots */
    PROMPTS_KINDS
} PromptKind;

typedef struct {
    const int **symbols; /* (n) of (lengths[i]) */
    int *lengths;        /* (n) */
    int n, n_contexts;   /* rows of the table of contexts */
} PromptSet;

/* n prompts, owned by the arena. Names share first tokens with others, so trees have branches inside names.
 */
PromptSet prompts_random(PromptKind kind, int n, uint32_t seed, Arena *arena);

/* Their tree; fails the test when it cannot be built. */
void prompts_tree(TokenTree *tree, const PromptSet *prompts, Arena *arena);

#endif
