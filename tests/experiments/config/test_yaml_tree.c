/* test_yaml_tree.c: experiments/config/yaml_tree.c: what libyaml lets pass and an experiment file may not
 * hold. */
#include "experiments/config/yaml_tree.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static int setup(void **state) {
    *state = arena_create();
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    arena_free(*state);
    return 0;
}

static void refuses(Arena *arena, const char *text, size_t size, const char *expected) {
    Error err = {0};
    if (yaml_parse(text, size, "f.yaml", true, arena, &err))
        fail_msg("accepted; expected: %s", expected);
    assert_string_equal(err.text, expected);
    assert_int_equal(err.kind, ERROR_INPUT);
}

static void test_tree(void **state) {
    Error err = {0};
    const char text[] = "a: 1\nb:\n  - x\n  - 'y'\n  - {c: \"\", d: }\n# comment\nlong: |\n  z";
    Node *root = yaml_parse(text, strlen(text), "f.yaml", true, *state, &err);
    assert_non_null(root);
    assert_int_equal(root->kind, NODE_MAP);
    assert_int_equal(root->n, 3);
    assert_string_equal(node_find(root, "a")->text, "1");
    assert_int_equal(node_find(root, "a")->line, 1);
    assert_null(node_find(root, "x"));
    Node *b = node_find(root, "b");
    assert_int_equal(b->kind, NODE_LIST);
    assert_int_equal(b->n, 3);
    assert_false(b->children[0]->quoted);
    assert_true(b->children[1]->quoted);
    assert_int_equal(b->children[1]->line, 4);
    assert_false(node_is_empty(node_find(b->children[2], "c")));
    assert_true(node_is_empty(node_find(b->children[2], "d")));
    assert_int_equal(root->keys[2]->line, 7);
    assert_string_equal(node_find(root, "long")->text, "z");
}

static void test_marks(void **state) {
    const char text[] = "\xef\xbb\xbf"
                        "a: \xc3\xa9t\xc3\xa9";
    Node *root = yaml_parse(text, strlen(text), "f.yaml", true, *state, NULL);
    assert_non_null(root);
    assert_string_equal(node_find(root, "a")->text, "\xc3\xa9t\xc3\xa9");
}

#define REFUSES(text, expected) refuses(*state, text, sizeof(text) - 1, "f.yaml: " expected)

static void test_hostile(void **state) {
    REFUSES("", "is empty");
    REFUSES("\n# nothing\n", "is empty");
    REFUSES("a: 1\na: 2\n", "line 2: key 'a' appears twice (first on line 1)");
    REFUSES("a: 1\n---\nb: 2\n", "line 2: a second document; an experiment file holds one");
    REFUSES("a: 1\n...\n---\n", "line 3: a second document; an experiment file holds one");
    REFUSES("a: &x 1\nb: *x\n", "line 1: anchors ('&') and tags ('!') are not supported");
    REFUSES("a: 1\nb: *x\n",
            "line 2: alias '*x': anchors and aliases are not supported; write the value out");
    REFUSES("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
            "line 1: anchors ('&') and tags ('!') are not supported");
    REFUSES("&a [*a]\n", "line 1: anchors ('&') and tags ('!') are not supported");
    REFUSES("a: !!python/object/apply:os.system ['ls']\n",
            "line 1: anchors ('&') and tags ('!') are not supported");
    REFUSES("a: !!str 1\n", "line 1: anchors ('&') and tags ('!') are not supported");
    REFUSES("? [a]\n: 1\n", "line 1: a key must be a plain word");
    REFUSES("a: \"x\\0y\"\n", "line 1: a line break or control character inside a value");
    REFUSES("a: |\n  x\n  y\n", "line 1: a line break or control character inside a value");
    REFUSES("a: \"\\e[1m\"\n", "line 1: a line break or control character inside a value");
    REFUSES("a: \"\\L\"\n", "line 1: a line break or control character inside a value");
    REFUSES("a: \"\\u0085\"\n", "line 1: a line break or control character inside a value");
    REFUSES("\xff\xfe"
            "a\0:\0 \0001\0",
            "line 1: is UTF-16; save it as UTF-8");
    REFUSES("\xfe\xff\0a\0:\0 \0001", "line 1: is UTF-16; save it as UTF-8");
    REFUSES("a\0:\0 \0001\0", "line 1: is UTF-16; save it as UTF-8");
    REFUSES("\0a\0:\0 \0001", "line 1: is UTF-16; save it as UTF-8");
    REFUSES("a: [1\nb: 2\n",
            "line 2: not YAML: did not find expected ',' or ']' (while parsing a flow sequence)");
    REFUSES("a: \"x\n", "line 2: not YAML: found unexpected end of stream (while scanning a quoted scalar)");
    REFUSES(
        "a:\n\tb: 1\n",
        "line 2: not YAML: found character that cannot start any token (while scanning for the next token)");
    REFUSES("%YAML 9.9\n---\na: 1\n", "line 1: not YAML: found incompatible YAML document");
}

static void refuses_with(Arena *arena, const char *text, size_t size, const char *part) {
    Error err = {0};
    clock_t start = clock();
    assert_null(yaml_parse(text, size, "f.yaml", true, arena, &err));
    if (!strstr(err.text, part))
        fail_msg("'%s' does not say '%s'", err.text, part);
    assert_null(strchr(err.text, '\n'));
    if (!scratch_instrumented())
        assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 1.0);
}

static void test_bad_bytes(void **state) {
    const char utf8[] = "a: b\xc3(", control[] = "a: \x01", zero[] = "abc\0: d";
    refuses_with(*state, utf8, sizeof utf8 - 1, "not YAML: ");
    refuses_with(*state, control, sizeof control - 1, "not YAML: control characters are not allowed");
    refuses_with(*state, zero, sizeof zero - 1, "not YAML: control characters are not allowed");
}

/* Repeats a piece up to n bytes and expects a quick refusal. */
static void flood(Arena *arena, const char *piece, size_t n, const char *part) {
    size_t length = strlen(piece), size = n / length * length;
    char *text = malloc(size);
    assert_non_null(text);
    for (size_t i = 0; i < size; i++)
        text[i] = piece[i % length];
    refuses_with(arena, text, size, part);
    free(text);
}

static void test_floods(void **state) {
    flood(*state, "[", 1 << 20, "nested deeper than 64");
    flood(*state, "{a: ", 1 << 20, "nested deeper than 64");
    flood(*state, "- ", 1 << 20, "nested deeper than 64");
    flood(*state, "? ", 1 << 20, "nested deeper than 64");
    flood(*state, "- a\n", 1 << 20, "over 100000 entries in one list");
    flood(*state, "x", 1 << 20, "a value of over 4096 bytes");

    char *keys = malloc(1 << 20);
    assert_non_null(keys);
    size_t n = 0;
    for (int i = 0; n < (1 << 20) - 32; i++)
        n += (size_t)sprintf(keys + n, "k%d: 1\n", i);
    refuses_with(*state, keys, n, "over 1000 keys in one map");
    free(keys);
}

static void test_depth(void **state) {
    char text[256];
    for (int depth = 63; depth <= 65; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        Error err = {0};
        Node *root = yaml_parse(text, 2 * (size_t)depth, "f.yaml", true, *state, &err);
        if (depth <= 64)
            assert_non_null(root);
        else
            assert_string_equal(err.text, "f.yaml: line 1: nested deeper than 64");
    }
}

static void test_missing_file(void **state) {
    Error err = {0};
    assert_null(yaml_read("no/such.yaml", *state, &err));
    assert_string_equal(err.text, "no/such.yaml: cannot open: No such file or directory");
}

static void test_set(void **state) {
    Error err = {0};
    Node *root = yaml_parse("a: {b: [1, {c: 2}]}", 19, "f.yaml", true, *state, &err);
    assert_int_equal(node_set(root, "a.b.1.c=3", *state, &err), 0);
    assert_string_equal(node_find(node_find(root, "a")->children[0]->children[1], "c")->text, "3");
    assert_int_equal(node_set(root, "x.y.z={k: [v]}", *state, &err), 0);
    Node *z = node_find(node_find(node_find(root, "x"), "y"), "z");
    assert_string_equal(node_find(z, "k")->children[0]->text, "v");
    assert_int_equal(node_error(z, &err, "is %s", "odd"), -1);
    assert_string_equal(err.text, "--set x.y.z={k: [v]}: is odd");
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_int_equal(node_error(node_find(root, "a"), &err, "is odd"), -1);
    assert_string_equal(err.text, "f.yaml: line 1: is odd");
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_int_equal(node_set(root, "a.b.9=1", *state, &err), -1);
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_int_equal(node_set(root, "a=&x 1", *state, &err), -1);
    assert_string_equal(err.text, "--set a=&x 1: anchors ('&') and tags ('!') are not supported");
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_int_equal(node_set(root, "a= ", *state, &err), -1);
    assert_string_equal(err.text, "--set a= : is empty");
    assert_int_equal(err.kind, ERROR_USAGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tree, setup, teardown),
        cmocka_unit_test_setup_teardown(test_marks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_floods, setup, teardown),
        cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
