/* test_bench_child.c: the program is run again as a child, its memory told, its first word waited for, its
 * failure an error. */
#include "experiments/bench/bench_child.h"

#include "clip/base/clock.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

static double seconds_since(double start) {
    return clock_seconds() - start;
}

/* It goes on for a while after its first word. */
static void a_child_that_speaks(void **state) {
    BenchChild child = {0};
    double memory = 0;
    Error err = {0};
    (void)state;
    if (scratch_valgrind())
        skip();
    assert_int_equal(bench_child_end(&child, &memory, &err), 0);
    assert_true(memory == 0);
    const double start = clock_seconds();
    assert_int_equal(bench_child_speak(&child, (const char *const[]){"talk", NULL}, &err), 0);
    const double first = seconds_since(start);
    assert_int_equal(bench_child_end(&child, &memory, &err), 0);
    assert_true(seconds_since(start) >= first + 0.2);
    assert_true(memory > 1e5 && child.process == 0);
    assert_int_equal(bench_child_speak(&child, (const char *const[]){"good", "words", NULL}, &err), -1);
    assert_string_equal(err.text, "coop good has said nothing");
    assert_int_equal(bench_child_speak(&child, (const char *const[]){"bad", NULL}, &err), -1);
    assert_string_equal(err.text, "coop has failed");
    assert_true(child.process == 0 && child.output == 0);
}

static int talk(void) {
    puts("a word");
    fflush(stdout);
    nanosleep(&(struct timespec){.tv_nsec = 400000000}, NULL);
    puts("another");
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[0], "coop") == 0) /* the child */
        return strcmp(argv[1], "talk") == 0                                                 ? talk()
               : strcmp(argv[1], "good") == 0 && argc == 3 && strcmp(argv[2], "words") == 0 ? 0
                                                                                            : 3;
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_child), cmocka_unit_test(a_child_that_speaks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
