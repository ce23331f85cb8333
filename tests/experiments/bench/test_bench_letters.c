/* test_bench_letters.c: each letter of a word is a token, and the folder of the vocabulary is gone. */
#include "experiments/bench/bench_letters.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void letters_are_tokens(void **state) {
    int ids[16];
    Error err = {0};
    Arena *arena = arena_create();
    setenv("TMPDIR", *state, 1);
    Tokenizer *tokenizer = bench_letters(arena, &err);
    unsetenv("TMPDIR");
    assert_non_null(tokenizer);
    assert_int_equal(scratch_count(state), 0);
    assert_int_equal(tokenizer_encode(tokenizer, "abc z.", ids, 16, &err), 5);
    assert_true(ids[0] != ids[1] && ids[1] != ids[2]);
    tokenizer_free(tokenizer);
    setenv("TMPDIR", "/nowhere/at/all", 1);
    assert_null(bench_letters(arena, &err));
    unsetenv("TMPDIR");
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(letters_are_tokens, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
