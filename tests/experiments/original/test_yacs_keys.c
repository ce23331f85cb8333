/* test_yacs_keys.c: the table of keys: every name once for each code, and defaults that are literals of
 * Python. */
#include "experiments/original/yacs_keys.h"

#include "experiments/original/python_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_table(void **state) {
    (void)state;
    Arena *arena = arena_create();
    int n = 0;
    for (const YacsKey *key; (key = yacs_key_at(n)); n++) {
        const PyValue value = py_decode(key->fallback, arena);
        Buffer out = {0};
        py_print_repr(&out, &value);
        if (strcmp(buffer_text(&out), key->fallback) != 0)
            fail_msg("%s: %s is printed as %s", key->name, key->fallback, buffer_text(&out));
        buffer_free(&out);
        for (YacsCode code = YACS_COOP_CODE; code <= YACS_LATER_CODE; code++)
            assert_int_equal(yacs_key_find(key->name, code) == n, (key->codes & code) != 0);
        assert_false(yacs_is_section(key->name, YACS_ANY_CODE)); /* a key is no section */
    }
    assert_int_equal(n, YACS_N_KEYS);
    arena_free(arena);
}

static void test_codes(void **state) {
    (void)state;
    assert_int_equal(yacs_key_find("LOSS.NAME", YACS_COOP_CODE), -1);
    assert_true(yacs_key_find("LOSS.NAME", YACS_LATER_CODE) >= 0);
    assert_int_equal(yacs_key_find("OPTIM", YACS_COOP_CODE), -1);
    assert_true(yacs_is_section("OPTIM", YACS_COOP_CODE));
    assert_true(yacs_is_section("TRAINER.COOP", YACS_COOP_CODE));
    assert_false(yacs_is_section("LOSS", YACS_COOP_CODE));
    assert_false(yacs_is_section("OPT", YACS_COOP_CODE));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_codes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
