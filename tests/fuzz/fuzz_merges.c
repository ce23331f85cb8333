/* fuzz_merges.c: vocabularies of every kind, plain and gzipped. The bytes also are the text that the
 * vocabulary is used on. */
#include "tests/fuzz/fuzz.h"

#include "clip/text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY = 32 };

/* A text that is not UTF-8 is refused without a file's name, and that is right. */
static void use(const Tokenizer *tokenizer, const uint8_t *data, size_t size, Arena *arena) {
    int ids[CAPACITY], n_ids = tokenizer_size(tokenizer);
    char *text = ARENA_NEW(arena, char, size + 1);
    if (!text)
        return;
    memcpy(text, data, size);
    int n = tokenizer_encode(tokenizer, text, ids, CAPACITY, NULL);
    for (int i = 0; i < n && i < CAPACITY; i++)
        if (ids[i] < 0 || ids[i] >= n_ids || !tokenizer_word(tokenizer, ids[i])[0])
            abort();
    for (int id = 0; id < n_ids; id++)
        if (!tokenizer_word(tokenizer, id))
            abort();
    if (tokenizer_end(tokenizer) != n_ids - 1 || strlen(tokenizer_digest(tokenizer)) != 64)
        abort();
}

int fuzz_merges(const uint8_t *data, size_t size) {
    FuzzFile input;
    fuzz_open(&input, data, size);
    Tokenizer *tokenizer = tokenizer_open(input.path, -1, &input.err);
    if (tokenizer)
        use(tokenizer, data, size, input.arena);
    tokenizer_free(tokenizer);
    return fuzz_close(&input, tokenizer != NULL, NULL);
}

FUZZ_ENTRY(fuzz_merges)
