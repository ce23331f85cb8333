/* test_round.c: which points are given out, in which order, and what a failure keeps from being run. */
#include "experiments/stage/round.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { N = 5 };

/* Three points, of which the second is finished, and what the first and the third have learned tested
 * elsewhere. */
typedef struct {
    Point points[N];
    bool pending[N];
    RunOptions options;
    Stage stage;
    Round round;
} Trial;

static int setup(void **state) {
    static Trial trial;
    static const char *const labels[N] = {"a", "b", "c", "a on t", "c on t"};
    Error err = {0};
    trial = (Trial){.pending = {true, false, true, true, true}, .options = {.quiet = true}};
    for (int i = 0; i < N; i++)
        trial.points[i] = (Point){.label = labels[i], .num_shots = SHOTS_NONE, .target = -1};
    trial.points[3].learned = &trial.points[0];
    trial.points[4].learned = &trial.points[2];
    trial.stage = (Stage){.options = &trial.options,
                          .is_alone = true,
                          .grid = {.points = trial.points, .n = N},
                          .pending = trial.pending,
                          .n_pending = 4,
                          .arena = arena_create()};
    *state = &trial;
    return round_open(&trial.round, &trial.stage, false, &err);
}

static int teardown(void **state) {
    Trial *trial = *state;
    round_close(&trial->round);
    arena_free(trial->stage.arena);
    return 0;
}

static void begin(Trial *trial, bool second) {
    Error err = {0};
    assert_int_equal(round_begin(&trial->round, second, &err), 0);
}

static void test_order(void **state) {
    Trial *trial = *state;
    begin(trial, false);
    assert_ptr_equal(round_next(&trial->round), &trial->points[0]);
    assert_ptr_equal(round_next(&trial->round), &trial->points[2]);
    assert_null(round_next(&trial->round));
    begin(trial, true);
    assert_ptr_equal(round_next(&trial->round), &trial->points[3]);
    assert_ptr_equal(round_next(&trial->round), &trial->points[4]);
    assert_null(round_next(&trial->round));
    Error err = {0};
    assert_int_equal(round_end(&trial->round, &err), 0);
}

static void test_failure(void **state) {
    Trial *trial = *state;
    Error why = {0}, err = {0};
    begin(trial, false);
    error_run(&why, "no luck");
    round_tell(&trial->round, &trial->points[2], NULL, &why, trial->stage.arena);
    assert_int_equal(trial->stage.n_failed, 1);
    assert_string_equal(trial->stage.failures->reason, "no luck");
    begin(trial, true);
    assert_ptr_equal(round_next(&trial->round), &trial->points[3]);
    assert_null(round_next(&trial->round));
    assert_int_equal(round_end(&trial->round, &err), 0);
}

/* It is no failure of the point. */
static void test_signal(void **state) {
    Trial *trial = *state;
    Error why = {.kind = ERROR_SIGNAL, .text = "stopped by SIGTERM"}, err = {0};
    begin(trial, false);
    round_tell(&trial->round, &trial->points[0], NULL, &why, trial->stage.arena);
    assert_int_equal(trial->stage.n_failed, 0);
    assert_int_equal(round_end(&trial->round, &err), -1);
    assert_int_equal(err.kind, ERROR_SIGNAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_order, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_failure, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_signal, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
