/* test_json.c: clip/base/json.c: a lack of memory anywhere in jansson is told as such. */
#include "clip/base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char TEXT[] = "{\"a longer key than fits\": [1, 2.5, \"text\", null], \"b\": {\"c\": true}}";

/* jansson's allocations; the one of the number `failing` fails, and where `later` says so all behind it.
 * Those of a reading are taken from a pool, as one that is broken off frees nothing. */
static unsigned char *pool;
static size_t used;
static int asked, failing;
static bool later;
enum { POOL_SIZE = 1 << 16 };

static void *allocate(size_t size) {
    asked++;
    if (asked == failing || (later && failing > 0 && asked > failing))
        return NULL;
    if (!pool)
        return malloc(size);
    unsigned char *block = pool + used;
    used += (size + 15) & ~(size_t)15;
    assert_true(used <= POOL_SIZE);
    return block;
}

static void release(void *block) {
    if (!pool)
        free(block);
}

static int use_own_memory(void **state) {
    (void)state;
    json_set_alloc_funcs(allocate, release);
    return 0;
}

static int use_malloc(void **state) {
    (void)state;
    json_set_alloc_funcs(malloc, free);
    return 0;
}

/* How often the text asks for memory. */
static int read_without(const char *text) {
    int n = 1;
    for (json_t *json = NULL; !json; n++) {
        Error err = {0};
        json_error_t why;
        used = 0;
        asked = 0;
        failing = n;
        json = json_read(text, strlen(text), &why);
        assert_int_equal(json != NULL, asked < n);
        if (!json) {
            assert_int_equal(json_refuse(&err, "%s", why.text), -1);
            assert_int_equal(err.kind, ERROR_RUN);
            assert_string_equal(err.text, "out of memory");
        }
        json_decref(json);
    }
    return n;
}

/* The 16th and the 32nd byte of a string need memory: here they are what is behind a backslash, which jansson
 * trusts to be there, and the quote that ends the string. */
static void reading(void **state) {
    (void)state;
    pool = malloc(POOL_SIZE);
    assert_non_null(pool);
    for (int all = 0; all < 2; all++) {
        later = all;
        assert_true(read_without(TEXT) > 15);
        assert_true(read_without("[\"1234567890123\\\"\"]") > 5);
        assert_true(read_without("[\"12345678901234\"]") > 5);
        assert_true(read_without("[\"123456789012345678901234567890\"]") > 6);
    }
    later = false;
    free(pool);
    pool = NULL;
}

/* jansson itself gives a text without the key where there is no memory for it. */
static void writing(void **state) {
    (void)state;
    json_error_t why;
    asked = failing = 0;
    json_t *json = json_read(TEXT, strlen(TEXT), &why);
    int n = 1;
    for (char *text = NULL; !text; n++) {
        Error err = {0};
        asked = 0;
        failing = n;
        json_begin();
        text = json_write(json, JSON_COMPACT);
        if (text)
            assert_string_equal(text,
                                "{\"a longer key than fits\":[1,2.5,\"text\",null],\"b\":{\"c\":true}}");
        else
            json_refuse(&err, "?");
        assert_int_equal(err.kind, text ? ERROR_NONE : ERROR_RUN);
        free(text);
    }
    assert_true(n > 3);
    failing = 0;
    json_decref(json);
}

static void wrong_texts(void **state) {
    (void)state;
    static const char *const texts[] = {"", "{", "[1, 2", "{\"a\": 1, \"a\": 2}", "[\"\xff\"]"};
    failing = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        Error err = {0};
        json_error_t why;
        assert_null(json_read(texts[i], strlen(texts[i]), &why));
        json_refuse(&err, "list.json: line %d: %s", why.line, why.text);
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_non_null(strstr(err.text, "list.json: line "));
    }
    Error err = {0};
    json_begin();
    assert_null(json_string("\xff"));
    json_refuse(&err, "not UTF-8");
    assert_string_equal(err.text, "not UTF-8");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(reading), cmocka_unit_test(writing),
                                       cmocka_unit_test(wrong_texts)};
    return cmocka_run_group_tests(tests, use_own_memory, use_malloc);
}
