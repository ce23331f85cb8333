/* test_label_inputs.c: files, folders and lists, in the order in which they are given. */
#include "experiments/labels/label_inputs.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* All that comes, a line each, without the folder in front; "!" before what has an error, "+" before what was
 * found in a folder. */
static const char *read_all(void **state, const char *const *words, int n, const char *list, bool null) {
    static char text[1 << 16];
    Error err = {0};
    LabelInputs *inputs =
        label_inputs_open((OptionTexts){.values = (const char **)words, .n = n}, list, null, &err);
    if (!inputs)
        return strcpy(text, err.text);
    size_t at = 0, folder = strlen(*state) + 1;
    for (;;) {
        StreamInput input = {0};
        label_inputs_next(inputs, &input);
        if (!input.path)
            break;
        const char *path = strncmp(input.path, *state, folder - 1) == 0 ? input.path + folder : input.path;
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s%s\n", input.err.kind ? "!" : "",
                               input.is_found ? "+" : "", path);
        free(input.path);
    }
    text[at] = '\0';
    label_inputs_close(inputs);
    return text;
}

static char *path_of(void **state, const char *name) {
    return scratch_path(state, name, malloc(600), 600);
}

static void put(void **state, const char *name, const char *text, size_t n) {
    char *path = path_of(state, name), *slash = strrchr(path, '/');
    *slash = '\0';
    assert_int_equal(make_folders(path, NULL), 0);
    *slash = '/';
    scratch_file(path, text, n);
    free(path);
}

static void make_tree(void **state) {
    static const char *const names[] = {"b/2.jpg", "b/1.jpg", "b/a/x.jpg", "b/c/y.jpg", "b/.hidden", "z.jpg"};
    for (int i = 0; i < 6; i++)
        put(state, names[i], "", 0);
}

static void files_and_folders(void **state) {
    make_tree(state);
    char *file = path_of(state, "z.jpg"), *folder = path_of(state, "b"), *none = path_of(state, "none");
    const char *const words[] = {file, folder, none};
    assert_string_equal(read_all(state, words, 3, NULL, false),
                        "z.jpg\n+b/1.jpg\n+b/2.jpg\n+b/a/x.jpg\n+b/c/y.jpg\nnone\n");
    LabelInputs *inputs = label_inputs_open((OptionTexts){(const char **)words, 1}, NULL, false, NULL);
    assert_int_equal(label_inputs_count(inputs), 1);
    label_inputs_stop(inputs);
    StreamInput input = {0};
    label_inputs_next(inputs, &input);
    assert_null(input.path);
    label_inputs_close(inputs);
    inputs = label_inputs_open((OptionTexts){(const char **)words, 2}, NULL, false, NULL);
    assert_int_equal(label_inputs_count(inputs), 0);
    label_inputs_close(inputs);
    free(file), free(folder), free(none);
}

/* Links that lead back are not gone along; others are, also twice. */
static void folders_within_themselves(void **state) {
    make_tree(state);
    char *link = path_of(state, "b/c/up"), *other = path_of(state, "b/d"), *folder = path_of(state, "b");
    assert_int_equal(symlink("..", link), 0);
    assert_int_equal(symlink("a", other), 0);
    assert_string_equal(read_all(state, (const char *const[]){folder}, 1, NULL, false),
                        "+b/1.jpg\n+b/2.jpg\n+b/a/x.jpg\n+b/c/y.jpg\n!b/c/up\n+b/d/x.jpg\n");
    free(link), free(other), free(folder);
}

/* Without any link, too, there is an end to it. */
static void folders_too_deep(void **state) {
    char name[200] = "", *folder = path_of(state, "f");
    for (int i = 0; i < 40; i++)
        strcat(name, "f/");
    put(state, strcat(name, "x.jpg"), "x", 1);
    const char *text = read_all(state, (const char *const[]){folder}, 1, NULL, false);
    assert_memory_equal(text, "!f/f/f/", 7);
    free(folder);
}

static void lists(void **state) {
    make_tree(state);
    char text[2000], *list = path_of(state, "list"), *folder = path_of(state, "b/a");
    int n = snprintf(text, sizeof text, "%s/z.jpg\r\n\n%s\nlast one", (char *)*state, folder);
    put(state, "list", text, (size_t)n);
    assert_string_equal(read_all(state, NULL, 0, list, false), "z.jpg\n+b/a/x.jpg\nlast one\n");
    put(state, "list", "a\0b\nc\0\0d", 8);
    assert_string_equal(read_all(state, NULL, 0, list, true), "a\nb\nc\nd\n");
    const char *first = read_all(state, NULL, 0, list, false);
    assert_true(*first == '!' && strlen(first) == strlen("list") + 2);
    put(state, "list", "", 0);
    assert_string_equal(read_all(state, NULL, 0, list, false), "");
    char *huge = malloc(200001);
    memset(huge, 'x', 200001);
    put(state, "list", huge, 200001);
    assert_string_equal(read_all(state, NULL, 0, list, false), "!list\n");
    free(huge), free(list), free(folder);
}

static void standard_input(void **state) {
    put(state, "list", "one\ntwo\n", 8);
    char *list = path_of(state, "list");
    const int before = dup(0);
    for (int as_option = 0; as_option < 2; as_option++) {
        const int fd = open(list, O_RDONLY);
        assert_int_equal(dup2(fd, 0), 0);
        close(fd);
        assert_string_equal(read_all(state, (const char *const[]){"a", "-"}, as_option ? 1 : 2,
                                     as_option ? "-" : NULL, false),
                            "a\none\ntwo\n");
    }
    dup2(before, 0);
    close(before);
    free(list);
}

static void requests_without_sense(void **state) {
    assert_non_null(strstr(read_all(state, NULL, 0, NULL, false), "no images"));
    assert_non_null(strstr(read_all(state, (const char *const[]){"-"}, 1, "-", false), "can be read once"));
    assert_non_null(
        strstr(read_all(state, (const char *const[]){"x"}, 1, NULL, true), "--null is for a list"));
    assert_non_null(strstr(read_all(state, NULL, 0, "/none/such", false), "/none/such: cannot open"));
}

#define SCRATCH_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(files_and_folders), SCRATCH_TEST(folders_within_themselves),
        SCRATCH_TEST(folders_too_deep),  SCRATCH_TEST(lists),
        SCRATCH_TEST(standard_input),    SCRATCH_TEST(requests_without_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
