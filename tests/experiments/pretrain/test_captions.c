/* test_captions.c: captions are cut as OpenCLIP cuts them, and one that is no text is shown. */
#include "experiments/pretrain/captions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define VOCABULARY "experiments/demo/merges.txt"

static void long_captions_keep_their_end(void **state) {
    (void)state;
    static const char *const texts[] = {"a dog", "a dog in a red boat on a lake with a bird"};
    Arena *arena = arena_create();
    Error err = {0};
    Captions captions, whole;
    Tokenizer *tokenizer = tokenizer_open(VOCABULARY, -1, &err);
    assert_non_null(tokenizer);
    assert_int_equal(captions_tokenize(&whole, tokenizer, texts, 2, 77, arena, &err), 0);
    assert_int_equal(captions_tokenize(&captions, tokenizer, texts, 2, 8, arena, &err), 0);
    assert_true(whole.n_cut == 0 && captions.n_cut == 1);
    assert_true(captions.lengths[0] == whole.lengths[0] && captions.lengths[1] == 8);
    assert_memory_equal(captions.tokens[0], whole.tokens[0], (size_t)whole.lengths[0] * sizeof(int));
    assert_memory_equal(captions.tokens[1], whole.tokens[1], 7 * sizeof(int));
    assert_int_equal(captions.tokens[1][7], tokenizer_end(tokenizer));
    assert_int_equal(captions.tokens[1][0], tokenizer_start(tokenizer));
    tokenizer_free(tokenizer);
    arena_free(arena);
}

static void what_is_no_text_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"a dog", "a \xff dog"};
    Arena *arena = arena_create();
    Error err = {0};
    Captions captions;
    Tokenizer *tokenizer = tokenizer_open(VOCABULARY, -1, &err);
    assert_int_equal(captions_tokenize(&captions, tokenizer, texts, 2, 77, arena, &err), -1);
    assert_non_null(strstr(err.text, "caption 'a"));
    tokenizer_free(tokenizer);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(long_captions_keep_their_end),
                                       cmocka_unit_test(what_is_no_text_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
