/* test_section_read.c: a section read through its table, whatever file it stands in. */
#include "experiments/config/config.h"
#include "experiments/config/section_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    const char *separator, *path;
    int n;
} Fields;

static const KeySpec keys[] = {
    {"separator", KEY_TEXT, KEY_TAB, offsetof(Fields, separator), .fallback = "\",\"", .help = ""},
    {"path", KEY_TEXT, 0, offsetof(Fields, path), .help = ""},
    {"n", KEY_INT, KEY_REQUIRED, offsetof(Fields, n), .low = 1, .high = 9, .help = ""},
};
static const KeySpec other_keys[] = {{"elsewhere", KEY_INT, 0, 0, .help = ""}};
static const KeyGroup group = KEY_GROUP(keys), other_group = KEY_GROUP(other_keys);
static const SectionSpec sections[] = {{"here", NULL, {&group}}, {"there", NULL, {&other_group}}};

static const SectionSpec *section_of(const void *context, int index) {
    (void)context;
    return index < 2 ? &sections[index] : NULL;
}

static int read_text(Fields *fields, const char *text, Arena *arena, Error *err) {
    const SectionList all = {section_of, NULL};
    *fields = (Fields){0};
    *err = (Error){0};
    const Node *root = yaml_parse(text, strlen(text), "x.yaml", true, arena, err);
    return root ? section_read(&sections[0], root, root, fields, &all, arena, err) : -1;
}

static void keys_fill_the_fields(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Error err;
    Fields fields;
    assert_int_equal(read_text(&fields, "n: 3", arena, &err), 0);
    assert_int_equal(fields.n, 3);
    assert_string_equal(fields.separator, ",");
    assert_int_equal(read_text(&fields, "{n: 3, separator: \"\\t\"}", arena, &err), 0);
    assert_string_equal(fields.separator, "\t");
    arena_free(arena);
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {{"separator: x", "line 1: missing key 'n' in here"},
                 {"n: 3\nseparatr: x", "line 2: unknown key 'separatr' in here (did you mean 'separator'?)"},
                 {"elsewhere: 3", "unknown key 'elsewhere' in here (it belongs in there)"},
                 {"n: 3\npath: \"\\t\"", "line 2: here.path: a tab alone"},
                 {"n: 12", "here.n: 12 is out of range"}};
    Arena *arena = arena_create();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error err;
        Fields fields;
        assert_int_equal(read_text(&fields, cases[i].text, arena, &err), -1);
        if (!strstr(err.text, cases[i].part))
            fail_msg("'%s' where '%s' was expected", err.text, cases[i].part);
    }
    arena_free(arena);
}

static void a_dataset_can_be_read_alone(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Error err = {0};
    DatasetSpec spec;
    const char *good = "{format: csv, csv: a.csv}", *bad = "{format: csv, csv: a.csv, split: b.json}";
    const Node *node = yaml_parse(good, strlen(good), "x.yaml", true, arena, &err);
    assert_int_equal(dataset_spec_read(&spec, node, arena, &err), 0);
    assert_string_equal(spec.csv, "a.csv");
    assert_true(spec.p_trn == 0.5);
    node = yaml_parse(bad, strlen(bad), "x.yaml", true, arena, &err);
    assert_int_equal(dataset_spec_read(&spec, node, arena, &err), -1);
    assert_non_null(strstr(err.text, "dataset.split does not go with format csv"));
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(keys_fill_the_fields),
                                       cmocka_unit_test(what_is_wrong_is_named),
                                       cmocka_unit_test(a_dataset_can_be_read_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
