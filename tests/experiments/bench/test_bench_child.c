/* test_bench_child.c: the program is run again as a child, its memory told, its failure an error. */
#include "experiments/bench/bench_child.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_child(void **state) {
    double memory = 0;
    Error err = {0};
    (void)state;
    if (scratch_valgrind()) {
        print_message("skipped: under valgrind /proc/self/exe, which the child runs, is valgrind\n");
        skip();
    }
    assert_int_equal(bench_child(&memory, (const char *const[]){"good", "words", NULL}, &err), 0);
    assert_true(memory > 1e5);
    memory = 1e15; /* of one before it */
    assert_int_equal(bench_child(&memory, (const char *const[]){"bad", NULL}, &err), -1);
    assert_string_equal(err.text, "coop bad has failed");
    assert_int_equal(err.kind, ERROR_RUN);
    assert_true(memory == 1e15);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[0], "coop") == 0) /* the child */
        return strcmp(argv[1], "good") == 0 && argc == 3 && strcmp(argv[2], "words") == 0 ? 0 : 3;
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_child)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
