/* Files of a folder in the order in which they are taken; more by way of names and paths in
 * tests/clip/checkpoint/test_locate.c. */
#include "clip/named/checkpoint_folder.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Each file that is added goes before those that are there. */
static void test_order(void **state) {
    static const char *const weights[] = {"any.pt",
                                          "pytorch_model.bin.index.json",
                                          "pytorch_model.bin",
                                          "open_clip_pytorch_model.bin",
                                          "a.safetensors.index.json",
                                          "model.safetensors",
                                          "open_clip_model.safetensors"};
    static const char *const vocabularies[] = {"tokenizer.json", "bpe_simple_vocab_16e6.txt",
                                               "bpe_simple_vocab_16e6.txt.gz", "merges.txt.gz", "merges.txt"};
    char path[512];
    Error err = {0};
    Arena *arena = arena_create();
    assert_null(checkpoint_weights(*state, arena, &err));
    assert_non_null(strstr(err.text, ": no checkpoint in it: "));
    assert_null(checkpoint_vocabulary(*state, arena));
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
        scratch_file(scratch_path(state, weights[i], path, sizeof path), "x", 1);
        assert_string_equal(checkpoint_weights(*state, arena, &err), path);
        assert_string_equal(checkpoint_file(*state, weights[i], arena), path);
    }
    for (size_t i = 0; i < sizeof vocabularies / sizeof *vocabularies; i++) {
        scratch_file(scratch_path(state, vocabularies[i], path, sizeof path), "x", 1);
        assert_string_equal(checkpoint_vocabulary(*state, arena), path);
    }
    assert_null(checkpoint_file(*state, "config.json", arena));
    assert_string_equal(checkpoint_snapshot(*state, arena), *state);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
