/* test_bench_load.c: what disturbs a measurement is told from the measurement itself. */
#define _GNU_SOURCE
#include "experiments/bench/bench_load.h"

#include "clip/base/clock.h"
#include "clip/base/parallel.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static LoadMark mark(double wall, double own, double all, double clock) {
    return (LoadMark){.wall = wall, .own = own, .all = all, .clock = clock, .has_all = true};
}

/* Own time is no disturbance, however many threads; what is beyond it is, from a tenth of a thread on. */
static void what_counts(void **state) {
    static const struct {
        double wall, own, all, clock;
        int threads;
        bool busy, slowed;
        const char *text;
    } cases[] = {{2, 4, 4, 1.4, 2, false, false, ""},
                 {2, 4, 4.3, 1.4, 2, false, false, ""},
                 {2, 4, 4.5, 1.4, 2, true, false, "other programs took 0.2 processors"},
                 {2, 2, 4, 1.4, 1, true, false, "other programs took 1.0 processors"},
                 {2, 4, 3.9, 1.4, 2, false, false, ""}, /* counted in hundredths */
                 {0.1, 0.1, 0.14, 1.4, 1, false, false, ""},
                 {2, 2, 2, 1.2, 1, false, true, "the clock fell by 14 %"},
                 {2, 2, 3, 1.2, 1, true, true, "other programs took 0.5 processors, the clock fell by 14 %"},
                 {2, 2, 2, 1.36, 1, false, false, ""},
                 {2, 2, 2, 1.6, 1, false, false, ""}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128];
        const LoadMark before = mark(10, 5, 100, 1.4);
        const LoadMark after = mark(10 + cases[i].wall, 5 + cases[i].own, 100 + cases[i].all, cases[i].clock);
        const Load load = load_between(&before, &after, cases[i].threads);
        assert_int_equal(load.busy, cases[i].busy);
        assert_int_equal(load.slowed, cases[i].slowed);
        load_text(text, sizeof text, &load);
        assert_string_equal(text, cases[i].text);
    }
    LoadMark before = mark(0, 0, 0, 0), after = mark(1, 0, 9, 0);
    after.has_all = false; /* unknown is not busy */
    const Load load = load_between(&before, &after, 1);
    assert_false(load.busy || load.slowed || load.is_known);
}

static void spin(double seconds) {
    const double end = clock_seconds() + seconds;
    while (clock_seconds() < end)
        continue;
}

static void spin_tile(void *context, int tile, int worker) {
    (void)context, (void)tile, (void)worker;
    spin(0.2);
}

static Load spun(int n_threads) {
    Pool *pool = pool_create(n_threads);
    const LoadMark before = load_mark();
    pool_run(pool, n_threads, spin_tile, NULL);
    const LoadMark after = load_mark();
    pool_free(pool);
    return load_between(&before, &after, n_threads);
}

/* A child that is not waited for is another program; threads of one's own are not. Whatever else runs here,
 * more is seen with it. */
static void another_program(void **state) {
    (void)state;
    if (scratch_instrumented())
        skip();
    const LoadMark now = load_mark();
    if (!now.has_all)
        skip();
    const pid_t child = fork();
    if (child == 0) {
        spin(60);
        _exit(0);
    }
    const Load with = spun(1), moment = load_now(1);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(with.is_known && with.busy && with.others > 0.2);
    assert_true(moment.busy);
    assert_true(with.clock_before >= 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_counts),
        cmocka_unit_test(another_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
