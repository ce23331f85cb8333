/* test_loaded_library.c: a library that is there, one that is not, and one that lacks a function. */
#include "clip/base/loaded_library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef double (*Function)(double);

static void test_functions(void **state) {
    (void)state;
    Function root = NULL, rounded = NULL;
    const LibraryName name = {"libm.so.6", "libc6", NULL};
    const LibraryFunction functions[] = {{"sqrt", &root}, {"floor", &rounded}};
    Error err = {0};
    void *library = library_open(&name, functions, 2, &err);
    assert_non_null(library);
    assert_true(root(9) == 3 && rounded(2.5) == 2);
    library_close(library);
    library_close(NULL);
}

static void test_refused(void **state) {
    (void)state;
    Function found;
    const LibraryName none = {"libof-nothing.so.7", "nothing7", NULL}, any = {"libm.so.6", "libc6", NULL},
                      old = {"libm.so.6", "libc6", "9.1"};
    const LibraryFunction functions[] = {{"sqrt", &found}, {"of_no_library", &found}};
    Error err = {0};
    assert_null(library_open(&none, functions, 2, &err));
    const char *start = "libof-nothing.so.7 cannot be loaded (Debian: nothing7): ";
    assert_memory_equal(err.text, start, strlen(start));
    assert_null(library_open(&any, functions, 2, &err));
    assert_string_equal(err.text, "libm.so.6 has no of_no_library");
    assert_null(library_open(&old, functions, 2, &err));
    assert_string_equal(err.text, "libm.so.6 has no of_no_library: it is older than 9.1");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_functions), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
