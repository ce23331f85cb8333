/* test_lane.c: jobs in order, a full line, the end while some wait. */
#include "experiments/serve/lane.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MOST = 4 };

typedef struct {
    pthread_mutex_t gate; /* held: who works waits */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int begun, n, done[64];
} Log;

static void work(void *context, void *job) {
    Log *log = context;
    pthread_mutex_lock(&log->lock);
    log->begun++;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
    pthread_mutex_lock(&log->gate);
    pthread_mutex_unlock(&log->gate);
    pthread_mutex_lock(&log->lock);
    log->done[log->n++] = *(int *)job;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
}

static void wait_for(Log *log, const int *number, int value) {
    pthread_mutex_lock(&log->lock);
    while (*number < value)
        pthread_cond_wait(&log->changed, &log->lock);
    pthread_mutex_unlock(&log->lock);
}

static void log_create(Log *log) {
    *log = (Log){0};
    pthread_mutex_init(&log->gate, NULL);
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->changed, NULL);
}

static void in_order_and_bounded(void **state) {
    (void)state;
    Log log;
    int jobs[16];
    log_create(&log);
    for (int i = 0; i < 16; i++)
        jobs[i] = i;
    Lane *lane = lane_open(1, MOST, work, &log, NULL);
    assert_non_null(lane);
    pthread_mutex_lock(&log.gate);
    assert_true(lane_offer(lane, &jobs[0]));
    wait_for(&log, &log.begun, 1);
    for (int i = 1; i <= MOST; i++)
        assert_true(lane_offer(lane, &jobs[i]));
    assert_false(lane_offer(lane, &jobs[MOST + 1]));
    pthread_mutex_unlock(&log.gate);
    wait_for(&log, &log.n, MOST + 1);
    for (int i = MOST + 1; i < 16; i++) { /* around the ring */
        assert_true(lane_offer(lane, &jobs[i]));
        wait_for(&log, &log.n, i + 1);
    }
    lane_close(lane);
    for (int i = 0; i < 16; i++)
        assert_int_equal(log.done[i], i);
}

static void ends_while_some_wait(void **state) {
    (void)state;
    Log log;
    int job = 7;
    log_create(&log);
    Lane *lane = lane_open(2, 64, work, &log, NULL);
    assert_non_null(lane);
    for (int i = 0; i < 50; i++)
        assert_true(lane_offer(lane, &job));
    lane_close(lane);
    assert_true(log.n <= 50);
    assert_int_equal(log.n, log.begun); /* none is left in the middle */
    lane_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_order_and_bounded),
                                       cmocka_unit_test(ends_while_some_wait)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
