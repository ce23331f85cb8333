/* test_handles.c: whose turn it is, and who is told to stop. */
#include "coop/library/handles.h"

#include "tests/coop/library/learned_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static coop_model *open_model(int threads, int (*stop)(void *), void *context) {
    coop_options options;
    coop_error error;
    coop_model *model;
    coop_options_init(&options, sizeof options);
    options.vocabulary = LEARNED_VOCAB;
    options.threads = threads;
    options.stop = stop;
    options.stop_context = context;
    if (coop_model_open(&model, LEARNED_WEIGHTS, &options, &error) != COOP_OK)
        fail_msg("%s", error.message);
    return model;
}

/* With one thread, side by side; with several, one after the other. */
static void test_turns(void **state) {
    (void)state;
    Turn first, second;
    coop_model *model = open_model(1, NULL, NULL);
    assert_int_equal(turn_begin(&first, model, NULL), 0);
    assert_int_equal(turn_begin(&second, model, NULL), 0); /* would never return */
    assert_ptr_not_equal(first.pool, second.pool);
    assert_int_equal(pool_threads(first.pool), 1);
    turn_end(&second);
    turn_begin_alone(&second, model);
    assert_ptr_equal(second.pool, model->loaded->pool);
    assert_int_not_equal(pthread_mutex_trylock(&model->turn), 0);
    turn_end(&second);
    turn_end(&first);
    coop_model_close(model);

    model = open_model(2, NULL, NULL);
    assert_int_equal(turn_begin(&first, model, NULL), 0);
    assert_ptr_equal(first.pool, model->loaded->pool);
    assert_int_not_equal(pthread_mutex_trylock(&model->turn), 0);
    turn_end(&first);
    assert_int_equal(pthread_mutex_trylock(&model->turn), 0);
    pthread_mutex_unlock(&model->turn);
    coop_model_close(model);
}

static int at_the_second(void *context) {
    return ++*(int *)context == 2;
}

/* Who has said stop is not asked again in that call: half of it would then seem done. */
static void test_stop_stays(void **state) {
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        int asked = 10;
        Turn turn;
        Error err = {0};
        coop_model *model = open_model(threads, at_the_second, &asked);
        asked = 0;
        assert_int_equal(turn_begin(&turn, model, NULL), 0);
        assert_int_equal(pool_stopped(turn.pool, &err), 0);
        assert_int_equal(pool_stopped(turn.pool, &err), -1);
        assert_int_equal(err.kind, ERROR_SIGNAL);
        assert_int_equal(pool_stopped(turn.pool, NULL), -1);
        assert_int_equal(asked, 2);
        turn_end(&turn);
        assert_int_equal(turn_begin(&turn, model, NULL), 0);
        assert_int_equal(pool_stopped(turn.pool, &err), 0);
        assert_int_equal(asked, 3);
        turn_end(&turn);
        coop_model_close(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_turns), cmocka_unit_test(test_stop_stays)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
