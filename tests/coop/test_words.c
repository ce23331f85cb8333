/* test_words.c: the order of the nearest words, against distances worked out by hand, and their texts. */
#include "clip/base/random.h"
#include "coop/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* A product and a few distances find what all distances do, words that are the same, and words and vectors
 * that no product can hold, among them. */
static void few_as_all(void **state) {
    (void)state;
    enum { MANY = 3000, WIDTH = 24, N = 130, TOP = 5 };
    Arena *arena = arena_create();
    float *embedding = arena_floats(arena, MANY, WIDTH), *vectors = arena_floats(arena, N, WIDTH);
    Word *all = ARENA_NEW(arena, Word, MANY), *few = ARENA_NEW(arena, Word, N * TOP);
    Rng rng;
    rng_seed(&rng, (uint32_t[]){1}, 1);
    for (int i = 0; i < MANY * WIDTH; i++)
        embedding[i] = (float)rng_normal(&rng);
    for (int i = 0; i < N * WIDTH; i++)
        vectors[i] = (float)rng_normal(&rng) * (i < 40 * WIDTH ? 1e-4f : 1);
    memcpy(embedding + 2000 * WIDTH, embedding, 900 * WIDTH * sizeof *embedding);
    memcpy(vectors, embedding + 7 * WIDTH, WIDTH * sizeof *vectors);
    for (int c = 0; c < WIDTH; c++)
        vectors[WIDTH + c] = 3e38f;
    const TextWeights w = {.n_vocab = MANY, .width = WIDTH, .token_embedding = embedding};
    assert_int_equal(words_nearest_few(few, TOP, vectors, N, &w, NULL, arena), 0);
    for (int i = 0; i < N; i++) {
        words_nearest(all, vectors + i * WIDTH, &w);
        for (int k = 0; k < TOP; k++) {
            assert_int_equal(few[i * TOP + k].id, all[k].id);
            assert_true(few[i * TOP + k].distance == all[k].distance);
        }
    }
    assert_int_equal(few[0].id, 7);
    assert_int_equal(few[1].id, 2007);
    arena_free(arena);
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
                                       cmocka_unit_test(few_as_all),
                                       cmocka_unit_test(words_pieces_and_marks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
