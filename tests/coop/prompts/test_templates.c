/* Templates of the authors' tables, where they differ from CoOp's. */
#include "coop/prompts/templates.h"

#include "datasets/lists/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_tables(void **state) {
    (void)state;
    assert_string_equal(prograd_template("food101"), "a type of food, a photo of {}.");
    assert_string_equal(kgcoop_template("dtd"), "a photo of a {}, a type of texture.");
    assert_string_equal(tcp_template("fgvc_aircraft"), "a photo of an aircraft {}.");
    assert_string_equal(tcp_around("ucf101"), "person doing {}.");
    assert_string_equal(tcp_around("stanford_cars"), "{}, a type of car");
    const char *const others[] = {"imagenet", "photos", NULL};
    for (int i = 0; i < 3; i++) {
        assert_null(kgcoop_template(others[i]));
        assert_null(prograd_template(others[i]));
        assert_null(tcp_template(others[i]));
        assert_string_equal(tcp_around(others[i]), "{}.");
    }
}

/* Each has one name, for a dataset of the catalogue, and differs from what stands there. */
static void test_catalogue(void **state) {
    (void)state;
    typedef const char *(*TemplateFn)(const char *);
    static const TemplateFn all[] = {kgcoop_template, prograd_template, tcp_template, tcp_around};
    for (int i = 0; catalog_at(i); i++)
        for (int k = 0; k < 4; k++) {
            const char *text = all[k](catalog_at(i)->name);
            assert_true(!text || strstr(text, "{}"));
            assert_true(!text || strcmp(text, catalog_at(i)->template) != 0 || k == 3);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tables), cmocka_unit_test(test_catalogue)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
