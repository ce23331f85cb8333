/* test_nearest.c: clip/base/nearest.c. */
#include "clip/base/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_distance(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        int edits;
    } cases[] = {{"", "", 0},          {"", "abc", 3},        {"kitten", "sitting", 3}, {"seed", "SEED", 0},
                 {"ab", "ba", 1},      {"num", "nmu", 1},     {"ca", "abc", 3},         {"lr", "lrs", 1},
                 {"\xc3\xa9", "e", 2}, {"shots", "shoots", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(edit_distance(cases[i].a, cases[i].b), cases[i].edits);
        assert_int_equal(edit_distance(cases[i].b, cases[i].a), cases[i].edits);
    }
    char huge[100001];
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    assert_int_equal(edit_distance(huge, "x"), 47);
    assert_int_equal(edit_distance(huge, huge), 0);
}

static void test_word(void **state) {
    (void)state;
    static const char *const words[] = {"num_shots", "seed", "lr"};
    assert_string_equal(nearest_word("num_shot", words, 3), "num_shots");
    assert_string_equal(nearest_word("nmu_shots", words, 3), "num_shots");
    assert_string_equal(nearest_word("Num-Shots", words, 3), "num_shots");
    assert_string_equal(nearest_word("seeds", words, 3), "seed");
    assert_string_equal(nearest_word("rl", words, 3), "lr");
    assert_null(nearest_word("x", words, 3));
    assert_null(nearest_word("", words, 3));
    assert_null(nearest_word("temperature", words, 3));
    assert_null(nearest_word("seed", words, 0));
    char huge[1000]; /* of which 48 bytes count, here too */
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    assert_null(nearest_word(huge, words, 3));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_distance), cmocka_unit_test(test_word)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
