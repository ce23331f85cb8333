/* captions.c: see captions.h */
#include "experiments/pretrain/captions.h"

#include <string.h>

static int tokenize(Captions *captions, int i, const Tokenizer *tokenizer, const char *text, int n_positions,
                    Arena *arena, Error *err) {
    int *ids = ARENA_NEW(arena, int, n_positions);
    if (!ids)
        return error_memory(err);
    int n = tokenizer_encode(tokenizer, text, ids + 1, n_positions - 2, err);
    if (n < 0)
        return error_prefix(err, "caption '%.60s%s'", text, strlen(text) > 60 ? "..." : "");
    if (n > n_positions - 2) {
        captions->n_cut++;
        n = n_positions - 2;
    }
    ids[0] = tokenizer_start(tokenizer);
    ids[n + 1] = tokenizer_end(tokenizer);
    captions->tokens[i] = ids;
    captions->lengths[i] = n + 2;
    return 0;
}

int captions_tokenize(Captions *captions, const Tokenizer *tokenizer, const char *const *texts, int n,
                      int n_positions, Arena *arena, Error *err) {
    *captions = (Captions){.tokens = ARENA_NEW(arena, int *, n), .lengths = ARENA_NEW(arena, int, n)};
    if (arena_failed(arena))
        return error_memory(err);
    for (int i = 0; i < n; i++)
        if (tokenize(captions, i, tokenizer, texts[i], n_positions, arena, err) < 0)
            return -1;
    return 0;
}
