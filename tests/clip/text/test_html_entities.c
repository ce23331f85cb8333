/* The table of HTML entities: its size, its order, and that every name is found. */
#include "clip/text/html_entities.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *name, uint32_t first, uint32_t second, int bare) {
    const HtmlEntity *entity = html_entity_find(name, strlen(name));
    assert_non_null(entity);
    assert_string_equal(entity->name, name);
    assert_int_equal(entity->first, first);
    assert_int_equal(entity->second, second);
    assert_int_equal(entity->bare, bare);
}

static void test_known_names(void **state) {
    (void)state;
    check("AElig", 0xC6, 0, 1); /* the first and the last of the table */
    check("zwnj", 0x200C, 0, 0);
    check("amp", '&', 0, 1);
    check("AMP", '&', 0, 1);
    check("notin", 0x2209, 0, 0);
    check("not", 0xAC, 0, 1);
    check("NotEqualTilde", 0x2242, 0x338, 0);
    check("CounterClockwiseContourIntegral", 0x2233, 0, 0);
}

static void test_unknown_names(void **state) {
    (void)state;
    assert_null(html_entity_find("", 0));
    assert_null(html_entity_find("am", 2));
    assert_null(html_entity_find("amp;", 4));
    assert_null(html_entity_find("Amp", 3));
    assert_null(html_entity_find("zzzz", 4));
    assert_null(html_entity_find("0", 1));
}

/* Each entry lies behind the one before it, so bsearch finds all: walked from the first to the last. */
static void test_table(void **state) {
    (void)state;
    const HtmlEntity *first = html_entity_find("AElig", 5), *last = html_entity_find("zwnj", 4);
    int names = 0, references = 0;
    for (const HtmlEntity *entity = first; entity <= last; entity++) {
        names++;
        references += 1 + entity->bare;
        assert_true(strlen(entity->name) <= HTML_ENTITY_MAX_NAME);
        assert_ptr_equal(html_entity_find(entity->name, strlen(entity->name)), entity);
        assert_true(entity == first || strcmp(entity[-1].name, entity->name) < 0);
    }
    assert_int_equal(names, 2125);
    assert_int_equal(references, 2231);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_names),
        cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
