/* The tokenizer against ids of openai/CLIP's simple_tokenizer.py, and its contract. */
#include "clip/text/tokenizer.h"

#include "clip/tensors/tensors.h"
#include "clip/tensors/tensors_open.h"
#include "tests/support/scratch.h"
#include "tests/support/tokenizer_cases.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SMALL "tests/fixtures/merges.txt.gz"
#define FULL "../shared/vocab/bpe_simple_vocab_16e6.txt.gz"
#define GOLDEN "tests/fixtures/golden_vit.safetensors"
#define SPLIT "tests/fixtures/split_zhou_Golden.json"
#define N_CLASSES 10
#define CONTEXT 77

static Tokenizer *open_small(void) {
    Error err = {0};
    Tokenizer *tokenizer = tokenizer_open(SMALL, 204, &err);
    assert_string_equal(err.text, "");
    assert_non_null(tokenizer);
    return tokenizer;
}

static void check_ids(const Tokenizer *tokenizer, const char *text, const char *expected) {
    int ids[256];
    char found[2048] = "";
    Error err = {0};
    int n = tokenizer_encode(tokenizer, text, ids, 256, &err);
    assert_in_range(n, 0, 256);
    for (int i = 0, at = 0; i < n; i++)
        at += snprintf(found + at, sizeof found - (size_t)at, i == 0 ? "%d" : " %d", ids[i]);
    assert_string_equal(found, expected);
}

static void test_small_vocabulary(void **state) {
    (void)state;
    Tokenizer *tokenizer = open_small();
    for (size_t i = 0; i < sizeof TOKENIZER_CASES / sizeof TOKENIZER_CASES[0]; i++)
        check_ids(tokenizer, TOKENIZER_CASES[i].text, TOKENIZER_CASES[i].small);
    tokenizer_free(tokenizer);
}

static void test_full_vocabulary(void **state) {
    (void)state;
    if (access(FULL, R_OK) != 0) {
        print_message("skipped: %s is not there\n", FULL);
        skip();
    }
    Tokenizer *tokenizer = tokenizer_open(FULL, -1, NULL);
    assert_non_null(tokenizer);
    assert_int_equal(tokenizer_size(tokenizer), 49408);
    assert_int_equal(tokenizer_start(tokenizer), 49406);
    assert_int_equal(tokenizer_end(tokenizer), 49407);
    assert_string_equal(tokenizer_word(tokenizer, 1929), "dog</w>");
    for (size_t i = 0; i < sizeof TOKENIZER_CASES / sizeof TOKENIZER_CASES[0]; i++)
        check_ids(tokenizer, TOKENIZER_CASES[i].text, TOKENIZER_CASES[i].full);
    tokenizer_free(tokenizer);
}

/* The names of the split file by label, '_' as ' '. */
static void class_names(char names[N_CLASSES][64]) {
    json_error_t where;
    json_t *root = json_load_file(SPLIT, 0, &where);
    assert_non_null(root);
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(root, "train"), i, item) {
        json_int_t label = json_integer_value(json_array_get(item, 1));
        assert_in_range(label, 0, N_CLASSES - 1);
        snprintf(names[label], sizeof names[label], "%s", json_string_value(json_array_get(item, 2)));
        for (char *at = names[label]; *at != '\0'; at++)
            *at = *at == '_' ? ' ' : *at;
    }
    json_decref(root);
}

/* Rows of [start, ids, end, 0, ...] as clip.tokenize makes them. */
static void check_fixture(const Tokenizer *tokenizer, const TensorFile *file, const char *tensor_name,
                          const char *before, const char *after) {
    char names[N_CLASSES][64] = {""};
    class_names(names);
    const Tensor *tensor = tensors_find(file, tensor_name);
    assert_non_null(tensor);
    assert_int_equal(tensor->dtype, DTYPE_I32);
    assert_int_equal(tensor->count, N_CLASSES * CONTEXT);
    for (int k = 0; k < N_CLASSES; k++) {
        char text[1024];
        int row[CONTEXT] = {tokenizer_start(tokenizer)}, expected[CONTEXT];
        assert_true(names[k][0] != '\0');
        snprintf(text, sizeof text, "%s%s%s", before, names[k], after);
        int n = tokenizer_encode(tokenizer, text, row + 1, CONTEXT - 2, NULL);
        assert_in_range(n, 1, CONTEXT - 2);
        row[1 + n] = tokenizer_end(tokenizer);
        memcpy(expected, tensor->data + (size_t)k * sizeof expected, sizeof expected);
        assert_memory_equal(row, expected, sizeof row);
    }
}

static void test_fixture_tokens(void **state) {
    (void)state;
    Tokenizer *tokenizer = open_small();
    TensorFile *file = tensors_open(GOLDEN, NULL);
    assert_non_null(file);
    check_fixture(tokenizer, file, "zs_tokens", "a photo of a ", ".");
    check_fixture(tokenizer, file, "zs2_tokens", "itap of the ", ", cropped");
    tensors_close(file);
    tokenizer_free(tokenizer);
}

static void test_capacity(void **state) {
    (void)state;
    Tokenizer *tokenizer = open_small();
    int ids[4] = {-7, -7, -7, -7};
    assert_int_equal(tokenizer_encode(tokenizer, "1 2 3 4", ids, 2, NULL), 4);
    assert_int_equal(ids[0], 256 + '1' - '!');
    assert_int_equal(ids[1], 256 + '2' - '!');
    assert_int_equal(ids[2], -7);
    assert_int_equal(tokenizer_encode(tokenizer, "1 2 3 4", NULL, 0, NULL), 4);
    Error err = {0};
    assert_int_equal(tokenizer_encode(tokenizer, "dog \xE9", ids, 4, &err), -1);
    assert_string_equal(err.text, "byte 5: the text is not UTF-8");
    tokenizer_free(tokenizer);
}

static void test_words(void **state) {
    (void)state;
    Tokenizer *tokenizer = open_small();
    assert_int_equal(tokenizer_size(tokenizer), 718);
    assert_string_equal(tokenizer_word(tokenizer, 0), "!");
    assert_string_equal(tokenizer_word(tokenizer, 256), "!</w>");
    assert_string_equal(tokenizer_word(tokenizer, 188 + ' '), " ");
    assert_string_equal(tokenizer_word(tokenizer, 188 + '\n'), "\n");
    assert_string_equal(tokenizer_word(tokenizer, 255), "\xAD");
    assert_string_equal(tokenizer_word(tokenizer, 512), "of</w>");
    assert_string_equal(tokenizer_word(tokenizer, tokenizer_start(tokenizer)), "<|startoftext|>");
    assert_string_equal(tokenizer_word(tokenizer, tokenizer_end(tokenizer)), "<|endoftext|>");
    tokenizer_free(tokenizer);
}

static Tokenizer *open_text(void **state, const char *text, int max_merges, Error *err) {
    char path[4096];
    scratch_file(scratch_path(state, "v", path, sizeof path), text, strlen(text));
    return tokenizer_open(path, max_merges, err);
}

static void test_kinds_agree(void **state) {
    static const char *const TEXTS[] = {
        "#version: 0.2\nd o\ndo g</w>\n",
        "\"bpe_simple_vocab_16e6.txt#version: 0.2\r\nd o\r\ndo g</w>\r\n",
        "{\"model\": {\"vocab\": {\"!\": 0, \"do\": 512, \"<|endoftext|>\": 515}, \"merges\": [\"d o\", \"do "
        "g</w>\"]}}",
        "{\"model\": {\"vocab\": {}, \"merges\": [[\"d\", \"o\"], [\"do\", \"g</w>\"]]}}",
        "#version: 0.2\nd o\ndo g</w>\nx y\n", /* cut to two merges */
        "{\"model\": {\"vocab\": {\"<|endoftext|>\": 516}, \"merges\": [\"d o\", \"do g</w>\", \"x y\"]}}",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        Tokenizer *tokenizer = open_text(state, TEXTS[i], 2, NULL);
        assert_non_null(tokenizer);
        assert_int_equal(tokenizer_size(tokenizer), 516);
        assert_int_equal(tokenizer_surplus(tokenizer), i >= 4); /* "x y" */
        check_ids(tokenizer, "Dog do", "513 67 334");
        /* printf 'd o\ndo g</w>\n' | sha256sum */
        assert_string_equal(tokenizer_digest(tokenizer),
                            "2a29517ecbaa879397b74c3245b91fdb75ef9eed91c7df7456675fabc0d998db");
        tokenizer_free(tokenizer);
    }
    /* OpenAI's own file is no vocabulary of any smaller size either */
    Tokenizer *own = open_text(state, "\"bpe_simple_vocab_16e6.txt#version: 0.2\nd o\ndo g</w>\n", 1, NULL);
    assert_int_equal(tokenizer_surplus(own), 1);
    tokenizer_free(own);
    Tokenizer *other = open_text(state, "#version: 0.2\nd o\ndo x\n", 2, NULL);
    assert_non_null(other);
    assert_string_not_equal(tokenizer_digest(other),
                            "2a29517ecbaa879397b74c3245b91fdb75ef9eed91c7df7456675fabc0d998db");
    tokenizer_free(other);
}

static void check_rejected(void **state, const char *text, int max_merges, const char *reason) {
    Error err = {0};
    assert_null(open_text(state, text, max_merges, &err));
    assert_non_null(strstr(err.text, reason));
    assert_null(strchr(err.text, '\n'));
    assert_int_equal(err.kind, ERROR_INPUT);
}

static void test_rejected(void **state) {
    check_rejected(state, "#version: 0.2\na b\nc d\na b\n", -1,
                   "v: line 4: this merge stands in the file before");
    check_rejected(state, "#version: 0.2\na b\nc\n", -1, "v: line 3: one word where a merge has two");
    check_rejected(state, "#version: 0.2\na b\n", 2, "v: 1 merges where the checkpoint's 516 tokens need 2");
    check_rejected(state, "{\"model\": {\"merges\": [\"a b\", \"a b\"]}}", -1,
                   "v: merge 2: this merge stands in the file before");
    check_rejected(state, "{\"model\": {\"vocab\": {\"ab\": 256}, \"merges\": [\"a b\"]}}", -1,
                   "v: model.vocab: \"ab\" is 256 where CLIP's order makes it 512");
    check_rejected(state, "{\"model\": {\"vocab\": {\"<|endoftext|>\": 512}, \"merges\": [\"a b\"]}}", -1,
                   "v: model.vocab: \"<|endoftext|>\" is 512 where CLIP's order makes it 514");
}

static void test_long_text(void **state) {
    (void)state;
    enum { SIZE = 300000 };
    Tokenizer *tokenizer = open_small();
    char *text = malloc(SIZE + 1);
    int *ids = malloc(SIZE * sizeof *ids);
    assert_non_null(text);
    assert_non_null(ids);
    for (int i = 0; i < SIZE; i++)
        text[i] = "the"[i % 3];
    text[SIZE] = '\0';
    clock_t begin = clock();
    int n = tokenizer_encode(tokenizer, text, ids, SIZE, NULL);
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    assert_in_range(n, SIZE / 3, SIZE);
    /* A word that repeats itself starts as a short one does. */
    int few[100];
    text[99] = '\0';
    int n_few = tokenizer_encode(tokenizer, text, few, 100, NULL);
    assert_in_range(n_few, 33, 99);
    assert_memory_equal(ids, few, (size_t)(n_few - 3) * sizeof *ids);
    assert_true(seconds < 1 || scratch_instrumented());
    free(text);
    free(ids);
    tokenizer_free(tokenizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_vocabulary),
        cmocka_unit_test(test_full_vocabulary),
        cmocka_unit_test(test_fixture_tokens),
        cmocka_unit_test(test_capacity),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_kinds_agree),
        cmocka_unit_test(test_rejected),
        cmocka_unit_test(test_long_text),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
