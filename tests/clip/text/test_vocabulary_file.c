/* test_vocabulary_file.c: clip/text/vocabulary_file.c and vocabulary_text.c: merges.txt and OpenAI's file,
 * and what broken ones get. */
#include "clip/text/vocabulary_file.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#define FIXTURE "tests/fixtures/merges.txt.gz"

static void test_fixture(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Vocabulary vocabulary;
    assert_int_equal(vocabulary_read(&vocabulary, FIXTURE, 204, arena, NULL), 0);
    assert_int_equal(vocabulary.n_merges, 204);
    assert_false(vocabulary.cut);
    assert_false(vocabulary.json);
    assert_string_equal(vocabulary.merges[0].left, "o");
    assert_string_equal(vocabulary.merges[0].right, "f</w>");
    assert_int_equal(vocabulary_read(&vocabulary, FIXTURE, -1, arena, NULL), 0);
    assert_int_equal(vocabulary.n_merges, 204);
    assert_int_equal(vocabulary_read(&vocabulary, FIXTURE, 10, arena, NULL), 0);
    assert_int_equal(vocabulary.n_merges, 10);
    assert_true(vocabulary.cut);
    arena_free(arena);
}

/* Reads a file of these bytes. Returns the vocabulary's number of merges, or -1 with *err set. */
static int read_bytes(void **state, const void *bytes, size_t size, int max_merges, Error *err) {
    char path[4096];
    scratch_file(scratch_path(state, "v.txt", path, sizeof path), bytes, size);
    Arena *arena = arena_create();
    Vocabulary vocabulary;
    int status = vocabulary_read(&vocabulary, path, max_merges, arena, err);
    int n = status == 0 ? vocabulary.n_merges : -1;
    arena_free(arena);
    return n;
}

static void test_accepted(void **state) {
    static const char *const TEXTS[] = {"#version: 0.2\na b\nab c</w>\n", "#version: 0.2\na b\nab c</w>",
                                        "#version: 0.2\r\na b\r\nab c</w>\r\n\r\n",
                                        "\"bpe_simple_vocab_16e6.txt#version: 0.2\na  b\n ab\tc</w> \n\n \n"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
        assert_int_equal(read_bytes(state, TEXTS[i], strlen(TEXTS[i]), -1, NULL), 2);
    assert_int_equal(read_bytes(state, "#version: 0.2", 13, -1, NULL), 0);
}

static void check_rejected(void **state, const void *bytes, size_t size, int max_merges, const char *reason) {
    Error err = {0};
    char path[4096], message[5000];
    assert_int_equal(read_bytes(state, bytes, size, max_merges, &err), -1);
    snprintf(message, sizeof message, "%s: %s", scratch_path(state, "v.txt", path, sizeof path), reason);
    assert_string_equal(err.text, message);
    assert_int_equal(err.kind, ERROR_INPUT);
}

#define REJECTED(text, max_merges, reason) check_rejected(state, text, sizeof(text) - 1, max_merges, reason)

static void test_rejected(void **state) {
    REJECTED("", -1, "line 1: no header (\"#version: 0.2\") of a vocabulary");
    REJECTED("a b\nc d\n", -1, "line 1: no header (\"#version: 0.2\") of a vocabulary");
    REJECTED("#version: 0.2\na b\nab\nc d\n", -1, "line 3: one word where a merge has two");
    REJECTED("#version: 0.2\na b\n\nc d\n", -1, "line 3: no merge");
    REJECTED("#version: 0.2\na b c\n", -1, "line 2: more than two words");
    REJECTED("#version: 0.2\na b\nc \xE2\x82\xAC\n", -1, "line 3: a character that stands for no byte");
    REJECTED("#version: 0.2\na b\0\n", -1, "line 2: a character that stands for no byte");
    REJECTED("#version: 0.2\na b\nc \xC3\n", -1, "line 3: not UTF-8");
    REJECTED("#version: 0.2\na b\nc d\n\xFF\xFE\n", 1, "line 4: not UTF-8");
    REJECTED("\x89PNG\r\n", -1, "line 1: not UTF-8");
    REJECTED("#version: 0.2\na b\nc d\n", 3, "2 merges where the checkpoint's 517 tokens need 3");
    REJECTED("#version: 0.2", 204, "0 merges where the checkpoint's 718 tokens need 204");
}

static void test_cut_gzip(void **state) {
    unsigned char bytes[65536];
    FILE *file = fopen(FIXTURE, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_in_range(size, 100, sizeof bytes - 1);
    Error err = {0};
    for (size_t cut = 3; cut < size; cut += 1 + size / 50) { /* from 3 on it is gzip by its first bytes */
        err = (Error){0};
        assert_int_equal(read_bytes(state, bytes, cut, 204, &err), -1);
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_non_null(strstr(err.text, "v.txt: "));
    }
    assert_int_equal(read_bytes(state, bytes, size, 204, &err), 204);
}

/* A file that calls itself OpenAI's stops at 48,894 merges, another goes on, and 300,000 are enough. */
static void test_many_merges(void **state) {
    enum { LINES = 300001 };
    char path[4096];
    scratch_path(state, "many.txt.gz", path, sizeof path);
    for (int openai = 0; openai < 2; openai++) {
        for (int lines = 60000; lines <= LINES; lines += LINES - 60000) {
            gzFile file = gzopen(path, "wb1");
            assert_non_null(file);
            gzputs(file, openai ? "\"bpe_simple_vocab_16e6.txt#version: 0.2\n" : "#version: 0.2\n");
            for (int i = 0; i < lines; i++)
                gzprintf(file, "%d x\n", i);
            assert_int_equal(gzclose(file), Z_OK);
            Arena *arena = arena_create();
            Vocabulary vocabulary;
            Error err = {0};
            int status = vocabulary_read(&vocabulary, path, -1, arena, &err);
            if (openai || lines == 60000) {
                assert_int_equal(status, 0);
                assert_int_equal(vocabulary.n_merges, openai ? 48894 : 60000);
            } else {
                assert_int_equal(status, -1);
                assert_non_null(strstr(err.text, "many.txt.gz: line 300002: more than 300000 merges"));
            }
            arena_free(arena);
        }
    }
}

static void test_missing_file(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Vocabulary vocabulary;
    Error err = {0};
    assert_int_equal(vocabulary_read(&vocabulary, "tests/fixtures/absent", -1, arena, &err), -1);
    assert_non_null(strstr(err.text, "tests/fixtures/absent: "));
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixture),     cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_rejected),    cmocka_unit_test(test_cut_gzip),
        cmocka_unit_test(test_many_merges), cmocka_unit_test(test_missing_file),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
