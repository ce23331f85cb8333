/* test_key_spec.c: experiments/config/key_spec.c and config_values.c: values by the type of their key. What
 * is read and what is refused is tested in test_config.c.
 */
#include "experiments/config/key_spec.h"

#include "experiments/config/config_values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    const char *text;
    int number, choice;
    double real;
    bool flag;
    size_t bytes;
    IntList numbers, flags;
    RealList reals;
    TextList texts;
} Fields;

#define AT(field) offsetof(Fields, field)

enum { TEXT, NUMBER, CHOICE, REAL, FLAG, BYTES, NUMBERS, FLAGS, REALS, TEXTS, N_KEYS };
static const KeySpec keys[N_KEYS] = {
    [TEXT] = {"text", KEY_TEXT, 0, AT(text), .word = "auto"},
    [NUMBER] = {"number", KEY_INT, 0, AT(number), .word = "all"},
    [CHOICE] = {"choice", KEY_CHOICE, 0, AT(choice), .choices = "one|two|three"},
    [REAL] = {"real", KEY_REAL, 0, AT(real)},
    [FLAG] = {"flag", KEY_BOOL, 0, AT(flag)},
    [BYTES] = {"bytes", KEY_BYTES, 0, AT(bytes), .word = "auto"},
    [NUMBERS] = {"numbers", KEY_INT, KEY_LIST, AT(numbers)},
    [FLAGS] = {"flags", KEY_BOOL, KEY_LIST, AT(flags)},
    [REALS] = {"reals", KEY_REAL, KEY_LIST, AT(reals)},
    [TEXTS] = {"texts", KEY_TEXT, KEY_LIST, AT(texts)},
};

static const Fields example = {
    .text = "a",
    .number = 7,
    .choice = 2,
    .real = 0.1,
    .flag = true,
    .bytes = (size_t)5 << 32,
    .numbers = {(int[]){1, 2, 3}, 3},
    .flags = {(int[]){0, 1}, 2},
    .reals = {(double[]){1e-7, 2.5}, 2},
    .texts = {(const char *[]){"x", "y"}, 2},
};

static const void *field(const Fields *fields, int k) {
    return (const char *)fields + keys[k].offset;
}

static void test_texts(void **state) {
    (void)state;
    static const char *const single[] = {"a", "7", "three", "0.1", "true"};
    static const char *const last[] = {"3", "true", "2.5", "y"};
    Arena *arena = arena_create();
    for (int k = TEXT; k <= FLAG; k++)
        assert_string_equal(key_value_text(&keys[k], field(&example, k), arena), single[k]);
    for (int k = NUMBERS; k <= TEXTS; k++) {
        int n = key_count(&keys[k], &example);
        assert_string_equal(key_value_text(&keys[k], key_value(&keys[k], &example, n - 1), arena),
                            last[k - NUMBERS]);
    }
    assert_string_equal(key_value_text(&keys[NUMBER], &(int){0}, arena), "all");
    assert_int_equal(key_count(&keys[TEXTS], &(Fields){0}), 0);
    arena_free(arena);
}

/* A field is equal to itself and to no other value, whatever lies beside it. */
static void test_equal(void **state) {
    (void)state;
    const Fields other = {.text = "b", .number = 8, .choice = 1, .real = 0.2, .bytes = 5};
    for (int k = TEXT; k <= BYTES; k++) {
        assert_true(key_equal(&keys[k], field(&example, k),
                              field(&(Fields){.text = "a",
                                              .number = 7,
                                              .choice = 2,
                                              .real = 0.1,
                                              .flag = true,
                                              .bytes = (size_t)5 << 32},
                                    k)));
        assert_false(key_equal(&keys[k], field(&example, k), field(&other, k)));
    }
}

/* Lists of each type are set and cut without touching the fields beside them. */
static void test_set_and_cut(void **state) {
    (void)state;
    int numbers[] = {4, 5};
    double reals[] = {6, 7};
    const char *texts[] = {"p", "q"};
    void *const values[] = {numbers, numbers, reals, texts};
    Fields copy = example;
    for (int k = NUMBERS; k <= TEXTS; k++) {
        key_set(&keys[k], &copy, values[k - NUMBERS], 2);
        assert_int_equal(key_count(&keys[k], &copy), 2);
        key_cut(&keys[k], &copy, 1);
        assert_int_equal(key_count(&keys[k], &copy), 1);
    }
    assert_true(copy.numbers.values[0] == 5 && copy.flags.values[0] == 5 && copy.reals.values[0] == 7);
    assert_string_equal(copy.texts.values[0], "q");
    assert_true(copy.number == 7 && copy.flag && copy.bytes == (size_t)5 << 32);
    assert_true(key_truth(&keys[FLAGS], &numbers[0]) && key_truth(&keys[FLAG], &copy.flag));
}

/* Groups are one list to look through. */
static void test_groups(void **state) {
    (void)state;
    static const KeyGroup first = {keys, 2}, second = {keys + 2, N_KEYS - 2};
    static const SectionSpec section = {"s", NULL, {&first, &second}};
    for (int k = 0; k < N_KEYS; k++) {
        assert_ptr_equal(section_key_at(&section, k), &keys[k]);
        assert_ptr_equal(section_key(&section, keys[k].name), &keys[k]);
    }
    assert_null(section_key_at(&section, N_KEYS));
    assert_null(section_key(&section, "other"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts), cmocka_unit_test(test_equal),
                                       cmocka_unit_test(test_set_and_cut), cmocka_unit_test(test_groups)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
