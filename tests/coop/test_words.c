/* test_words.c: the order of the nearest words, against distances worked out by hand, and their texts. */
#include "coop/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { V = 4, C = 2 };

static void nearest_first_and_lower_id_first(void **state) {
    (void)state;
    const float embedding[V * C] = {3, 4, 0, 1, 0, 0, 1, 0}, origin[C] = {0, 0};
    const TextWeights w = {.n_vocab = V, .width = C, .token_embedding = embedding};
    const int ids[V] = {2, 1, 3, 0}; /* 1 and 3 are equally near */
    const double distances[V] = {0, 1, 1, 5};
    Word words[V];
    words_nearest(words, origin, &w);
    for (int i = 0; i < V; i++) {
        assert_int_equal(words[i].id, ids[i]);
        assert_true(words[i].distance == distances[i]);
    }
}

/* Tokens 0 .. 255 are the bytes inside a word, 256 .. 511 the same at its end; the last two start and end. */
static void words_pieces_and_marks(void **state) {
    (void)state;
    Error err = {0};
    Arena *arena = arena_create();
    Tokenizer *tokenizer = tokenizer_open("tests/fixtures/merges.txt.gz", 0, &err);
    assert_non_null(tokenizer);
    assert_string_equal(word_text(tokenizer, 0, arena), "!-");
    assert_string_equal(word_text(tokenizer, 256, arena), "!");
    assert_string_equal(word_text(tokenizer, 512, arena), "<|startoftext|>");
    assert_string_equal(word_text(tokenizer, 513, arena), "<|endoftext|>");
    tokenizer_free(tokenizer);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nearest_first_and_lower_id_first),
                                       cmocka_unit_test(words_pieces_and_marks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
