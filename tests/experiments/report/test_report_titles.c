/* test_report_titles.c: experiments/report/report_titles.c: every setting of every method has a title, and
 * none is shown as it is spelled in a file. */
#include "experiments/config/config_keys.h"
#include "experiments/methods/methods.h"
#include "experiments/report/report_titles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_titled(const char *name, Arena *arena) {
    const char *title = setting_title(name, arena);
    if (strcmp(title, name) == 0 || strpbrk(title, "_."))
        fail_msg("%s is called %s", name, title);
}

static void test_all_keys(void **state) {
    (void)state;
    Arena *arena = arena_create();
    const MethodList *methods = method_list();
    const KeySpec *key;
    for (int m = 0; m < methods->n; m++)
        for (int i = 0; (key = section_key_at(&methods->specs[m]->section, i)); i++)
            if (key->flags & KEY_LIST && !(key->flags & KEY_TEMPLATES))
                assert_titled(key->name, arena);
    for (int i = 0; (key = section_key_at(section_find("optim"), i)); i++)
        assert_titled(arena_printf(arena, "optim.%s", key->name), arena);
    assert_string_equal(setting_title("next.year_rate", arena), "next year rate");
    assert_string_equal(setting_words("csc", "true"), "class-specific");
    assert_string_equal(setting_words("csc", "false"), "unified");
    assert_string_equal(setting_words("n_ctx", "16"), "16");
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
