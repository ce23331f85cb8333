/* Reading of tokenizer.json, and what broken ones get. */
#include "clip/text/vocabulary_file.h"
#include "clip/text/vocabulary_json.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int read_json(Vocabulary *vocabulary, const char *text, int max_merges, Arena *arena, Error *err) {
    *vocabulary = (Vocabulary){.path = "V.json", .json = true};
    return vocabulary_read_json(vocabulary, text, strlen(text), max_merges, arena, err);
}

static void test_both_spellings_of_merges(void **state) {
    (void)state;
    Arena *arena = arena_create();
    static const char *const TEXTS[] = {
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"!\": 0, \"ab\": 512}, \"merges\": [\"a b\", \"\\u0120 "
        "c</w>\"]}}",
        "{\"version\": \"1.0\", \"model\": {\"vocab\": {\"!\": 0, \"ab\": 512}, \"merges\": "
        "[[\"a\", \"b\"], [\"\xC4\xA0\", \"c</w>\"]]}}"};
    for (int i = 0; i < 2; i++) {
        Vocabulary vocabulary;
        assert_int_equal(read_json(&vocabulary, TEXTS[i], -1, arena, NULL), 0);
        assert_int_equal(vocabulary.n_merges, 2);
        assert_string_equal(vocabulary.merges[0].left, "a");
        assert_string_equal(vocabulary.merges[0].right, "b");
        assert_string_equal(vocabulary.merges[1].left, "\xC4\xA0");
        assert_string_equal(vocabulary.merges[1].right, "c</w>");
        assert_int_equal(vocabulary.n_listed, 2);
        assert_string_equal(vocabulary.listed[1].token, "ab");
        assert_int_equal(vocabulary.listed[1].id, 512);
        assert_int_equal(read_json(&vocabulary, TEXTS[i], 1, arena, NULL), 0);
        assert_int_equal(vocabulary.n_merges, 1);
        assert_true(vocabulary.cut);
    }
    arena_free(arena);
}

static void check_rejected(const char *text, const char *reason) {
    Arena *arena = arena_create();
    Vocabulary vocabulary;
    Error err = {0};
    assert_int_equal(read_json(&vocabulary, text, -1, arena, &err), -1);
    assert_non_null(strstr(err.text, reason));
    assert_ptr_equal(strstr(err.text, "V.json: "), err.text);
    assert_int_equal(err.kind, ERROR_INPUT);
    arena_free(arena);
}

static void test_rejected(void **state) {
    (void)state;
    check_rejected("{", "line 1: ");
    check_rejected("{\n\"a\": 1,\n\"a\": 2}", "line 3: duplicate object key");
    check_rejected("{}", "model: missing");
    check_rejected("{\"model\": []}", "model: missing");
    check_rejected("{\"model\": {\"type\": \"WordPiece\", \"merges\": []}}", "model.type: not BPE");
    check_rejected("{\"model\": {\"type\": 3, \"merges\": []}}", "model.type: not BPE");
    check_rejected("{\"model\": {}}", "model.merges: missing or no list");
    check_rejected("{\"model\": {\"merges\": [], \"vocab\": []}}", "model.vocab: no object");
    check_rejected("{\"model\": {\"merges\": [], \"vocab\": {\"a\": -1}}}", "model.vocab: the id of \"a\"");
    check_rejected("{\"model\": {\"merges\": [], \"vocab\": {\"a\": 4294967296}}}",
                   "model.vocab: the id of \"a\"");
    check_rejected("{\"model\": {\"merges\": [], \"vocab\": {\"a\": \"1\"}}}",
                   "model.vocab: the id of \"a\"");
    check_rejected("{\"model\": {\"merges\": [\"a b\", \"ab\"]}}", "merge 2: one word where a merge has two");
    check_rejected("{\"model\": {\"merges\": [\"a \"]}}", "merge 1: an empty symbol");
    check_rejected("{\"model\": {\"merges\": [\"a b c\"]}}", "merge 1: a character that stands for no byte");
    check_rejected("{\"model\": {\"merges\": [[\"a\", \"\"]]}}", "merge 1: an empty symbol");
    check_rejected("{\"model\": {\"merges\": [[\"a\"]]}}", "merge 1: neither \"a b\" nor [\"a\", \"b\"]");
    check_rejected("{\"model\": {\"merges\": [[\"a\", 3]]}}", "merge 1: neither \"a b\" nor [\"a\", \"b\"]");
    check_rejected("{\"model\": {\"merges\": [null]}}", "merge 1: neither \"a b\" nor [\"a\", \"b\"]");
}

/* Deep nesting and huge numbers of values are refused before they cost memory. */
static void test_bombs(void **state) {
    (void)state;
    enum { SIZE = 1000000 };
    char *text = malloc(SIZE + 1);
    assert_non_null(text);
    for (int i = 0; i < SIZE; i++)
        text[i] = i < 6 ? "{\"a\":["[i] : i % 2 == 0 ? '0' : ',';
    text[SIZE] = '\0';
    check_rejected(text, "more than 300000 JSON values");
    memset(text + 6, '[', 200000);
    text[200006] = '\0';
    check_rejected(text, "line 1: maximum parsing depth reached");
    free(text);
}

/* Through vocabulary_read, which tells the kind by the first character. */
static void test_through_file(void **state) {
    char path[4096];
    static const char TEXT[] = " \n{\"model\": {\"merges\": [\"a b\"]}}";
    scratch_file(scratch_path(state, "tokenizer.json", path, sizeof path), TEXT, sizeof TEXT - 1);
    Arena *arena = arena_create();
    Vocabulary vocabulary;
    Error err = {0};
    assert_int_equal(vocabulary_read(&vocabulary, path, 1, arena, NULL), 0);
    assert_true(vocabulary.json);
    assert_int_equal(vocabulary_read(&vocabulary, path, 2, arena, &err), -1);
    assert_non_null(strstr(err.text, "tokenizer.json: 1 merges where the checkpoint's 516 tokens need 2"));
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_spellings_of_merges),
        cmocka_unit_test(test_rejected),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_through_file),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
