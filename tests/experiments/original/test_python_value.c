/* test_python_value.c: experiments/original/python_value.c: values as Python, PyYAML and yacs read and print
 * them. The expected texts were printed by Python 3. */
#include "experiments/original/python_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state) {
    *state = arena_create();
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    arena_free(*state);
    return 0;
}

static void expect(const PyValue *value, const char *type, const char *repr) {
    Buffer out = {0};
    py_print_repr(&out, value);
    assert_string_equal(py_type_name(value->type), type);
    assert_string_equal(buffer_text(&out), repr);
    buffer_free(&out);
}

/* What is typed, its type, its repr. */
static void test_decode(void **state) {
    static const char *const cases[][3] = {{"16", "int", "16"},
                                           {"-1", "int", "-1"},
                                           {"1_000", "int", "1000"},
                                           {"0x1F", "int", "31"},
                                           {"010", "str", "'010'"},
                                           {"1e-5", "float", "1e-05"},
                                           {".5", "float", "0.5"},
                                           {"5.", "float", "5.0"},
                                           {"0.0005", "float", "0.0005"},
                                           {"0.00005", "float", "5e-05"},
                                           {"1e16", "float", "1e+16"},
                                           {"123456789012345.0", "float", "123456789012345.0"},
                                           {"0.1", "float", "0.1"},
                                           {"0.48145466", "float", "0.48145466"},
                                           {"True", "bool", "True"},
                                           {"true", "str", "'true'"},
                                           {"None", "NoneType", "None"},
                                           {"Nones", "str", "'Nones'"},
                                           {"(224, 224)", "tuple", "(224, 224)"},
                                           {"(-1, )", "tuple", "(-1,)"},
                                           {"(3)", "int", "3"},
                                           {"1, 2", "tuple", "(1, 2)"},
                                           {"[1, 'a', [2.0]]", "list", "[1, 'a', [2.0]]"},
                                           {"'a' \"b\"", "str", "'ab'"},
                                           {"'it\\'s'", "str", "\"it's\""},
                                           {"a photo of a", "str", "'a photo of a'"},
                                           {"ViT-B/16", "str", "'ViT-B/16'"},
                                           {"(1, 2", "str", "'(1, 2'"},
                                           {"1 2", "str", "'1 2'"},
                                           {"", "str", "''"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const PyValue value = py_decode(cases[i][0], *state);
        expect(&value, cases[i][1], cases[i][2]);
    }
}

/* A file's scalars: PyYAML's, then yacs's; the entries of a list are PyYAML's alone. */
static void test_yaml(void **state) {
    static const char *const expected[][2] = {
        {"float", "1e-05"}, {"tuple", "(224, 224)"}, {"int", "16"},
        {"float", "0.5"},   {"bool", "True"},        {"NoneType", "None"},
        {"int", "8"},       {"int", "16"},           {"list", "['1e-5', 1e-05, 'a']"}};
    Error err = {0};
    static const char lines[] =
        "- 1e-5\n- (224, 224)\n- 16\n- 0.5\n- yes\n- ~\n- 010\n- \"16\"\n- [1e-5, 1.0e-5, a]\n";
    const Node *list = yaml_parse(lines, strlen(lines), "f.yaml", true, *state, &err);
    assert_non_null(list);
    for (int i = 0; i < list->n; i++) {
        PyValue value;
        assert_int_equal(py_from_yaml(&value, list->children[i], *state, &err), 0);
        expect(&value, expected[i][0], expected[i][1]);
    }
    const Node *map = yaml_parse("a: {b: 1}", 9, "f.yaml", true, *state, &err);
    PyValue value;
    assert_int_equal(py_from_yaml(&value, node_find(map, "a"), *state, &err), -1);
    assert_string_equal(err.text, "f.yaml: line 1: a map, where a value is needed");
}

static void test_equal_and_truth(void **state) {
    const PyValue tuple = py_decode("(1, 2)", *state), list = py_decode("[1, 2.0]", *state),
                  text = py_str("1"), one = py_int(1), none = {.type = PY_NONE}, empty = py_str("");
    assert_true(py_equal(&tuple, &list));
    assert_false(py_equal(&text, &one));
    assert_false(py_equal(&none, &empty));
    assert_true(py_truth(&text));
    assert_false(py_truth(&empty));
    assert_false(py_truth(&none));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_decode, setup, teardown),
        cmocka_unit_test_setup_teardown(test_yaml, setup, teardown),
        cmocka_unit_test_setup_teardown(test_equal_and_truth, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
