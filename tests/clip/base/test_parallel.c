/* test_parallel.c: every tile exactly once, with the right worker, awake or asleep. */
#include "clip/base/parallel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_TILES = 2000, MAX_WORKERS = 16 };

typedef struct {
    int n_tiles, n_workers;
    int calls[MAX_TILES];       /* not atomic: a tile may write what no other touches */
    int by_worker[MAX_WORKERS]; /* likewise for a worker's own */
    atomic_int out_of_range;
} Count;

static void count_tile(void *context, int tile, int worker) {
    Count *count = context;
    if (tile < 0 || tile >= count->n_tiles || worker < 0 || worker >= count->n_workers) {
        atomic_fetch_add(&count->out_of_range, 1);
        return;
    }
    count->calls[tile]++;
    count->by_worker[worker]++;
}

static void check_run(Pool *pool, int n_tiles) {
    static Count count;
    memset(&count, 0, sizeof count);
    count.n_tiles = n_tiles;
    count.n_workers = pool_threads(pool);
    pool_run(pool, n_tiles, count_tile, &count);
    assert_int_equal(count.out_of_range, 0);
    int total = 0;
    for (int i = 0; i < count.n_workers; i++)
        total += count.by_worker[i];
    assert_int_equal(total, n_tiles);
    for (int i = 0; i < n_tiles; i++)
        assert_int_equal(count.calls[i], 1);
}

static void every_tile_runs_once(void **state) {
    (void)state;
    static const int threads[] = {1, 2, 3, 7, 16};
    static const int tiles[] = {0, 1, 2, 3, 5, 16, 17, 100, MAX_TILES};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        Pool *pool = pool_create(threads[i]);
        assert_non_null(pool);
        assert_int_equal(pool_threads(pool), threads[i]);
        for (int again = 0; again < 3; again++)
            for (size_t j = 0; j < sizeof tiles / sizeof *tiles; j++)
                check_run(pool, tiles[j]);
        pool_free(pool);
    }
}

static void sleepers_wake_up(void **state) {
    (void)state;
    Pool *pool = pool_create(4);
    for (int i = 0; i < 20; i++) {
        usleep(3000);
        check_run(pool, 1 + i % 9);
    }
    pool_free(pool);
}

typedef struct {
    double *cells; /* (n) */
    int n;
} Cells;

static void add_tile(void *context, int tile, int worker) {
    (void)worker;
    Cells *cells = context;
    cells->cells[tile] += tile;
}

/* Many short runs, each on what the one before left: a tile taken from the wrong run, or a run that ends
 * early, breaks the sums. */
static void runs_follow_each_other(void **state) {
    (void)state;
    enum { RUNS = 5000 };
    double a[7] = {0}, b[11] = {0};
    Cells cells_a = {a, 7}, cells_b = {b, 11};
    Pool *pool = pool_create(3);
    for (int i = 0; i < RUNS; i++) {
        pool_run(pool, 7, add_tile, &cells_a);
        pool_run(pool, 11, add_tile, &cells_b);
    }
    pool_free(pool);
    for (int i = 0; i < 7; i++)
        assert_true(a[i] == (double)i * RUNS);
    for (int i = 0; i < 11; i++)
        assert_true(b[i] == (double)i * RUNS);
}

static void slow_tile(void *context, int tile, int worker) {
    (void)worker;
    usleep(tile == 0 ? 20000 : 100);
    atomic_fetch_add((atomic_int *)context, 1);
}

/* Long enough for the caller to fall asleep as well, whoever has the slow tile. */
static void the_caller_waits_for_slow_tiles(void **state) {
    (void)state;
    Pool *pool = pool_create(3);
    for (int i = 1; i <= 5; i++) {
        atomic_int finished = 0;
        pool_run(pool, 6, slow_tile, &finished);
        assert_int_equal(finished, 6);
    }
    pool_free(pool);
}

typedef struct {
    atomic_int arrived;
    atomic_bool timed_out;
} Meeting;

/* Waits for the other tile: that works only if both run at the same time. */
static void meet_tile(void *context, int tile, int worker) {
    (void)tile, (void)worker;
    Meeting *meeting = context;
    atomic_fetch_add(&meeting->arrived, 1);
    for (int i = 0; i < 10000; i++) {
        if (atomic_load(&meeting->arrived) == 2)
            return;
        usleep(1000);
    }
    atomic_store(&meeting->timed_out, true);
}

static void tiles_run_at_the_same_time(void **state) {
    (void)state;
    Pool *pool = pool_create(2);
    for (int i = 0; i < 10; i++) {
        Meeting meeting = {0};
        pool_run(pool, 2, meet_tile, &meeting);
        assert_false(meeting.timed_out);
        usleep(i * 100);
    }
    pool_free(pool);
}

static void zero_means_one_per_core(void **state) {
    (void)state;
    Pool *pool = pool_create(0);
    assert_non_null(pool);
    assert_in_range(pool_threads(pool), 1, sysconf(_SC_NPROCESSORS_CONF));
    if (pool_threads(pool) <= MAX_WORKERS)
        check_run(pool, 100);
    pool_free(pool);
}

static void pools_come_and_go(void **state) {
    (void)state;
    pool_free(NULL);
    for (int i = 0; i < 50; i++) {
        Pool *pool = pool_create(1 + i % 5);
        if (i % 2)
            check_run(pool, i);
        pool_free(pool);
    }
}

/* The function of a stop has nothing but its Error, so what it says is kept here. */
static atomic_bool told_to_stop;

static int ask_stop(void *context, Error *err) {
    (void)context;
    return atomic_load(&told_to_stop) ? error_run(err, "told to stop") : 0;
}

static void ask_from_tile(void *context, int tile, int worker) {
    (void)tile, (void)worker;
    Pool **pool = context;
    if (pool_stopped(*pool, NULL) == 0)
        atomic_store(&told_to_stop, true);
}

static void a_pool_stops_when_told(void **state) {
    (void)state;
    Pool *pool = pool_create(3);
    Error err = {0};
    assert_int_equal(pool_stopped(pool, &err), 0);
    pool_set_stop(pool, ask_stop, NULL);
    assert_int_equal(pool_stopped(pool, &err), 0);
    pool_run(pool, 50, ask_from_tile, &pool);
    assert_int_equal(pool_stopped(pool, NULL), -1);
    assert_int_equal(pool_stopped(pool, &err), -1);
    assert_string_equal(err.text, "told to stop");
    pool_free(pool);
}

static void no_pool_is_the_caller(void **state) {
    (void)state;
    assert_int_equal(pool_threads(NULL), 1);
    check_run(NULL, 0);
    check_run(NULL, 100);
    Error err = {0};
    assert_int_equal(pool_stopped(NULL, &err), 0);
    assert_int_equal(err.kind, ERROR_NONE);
}

static void count_to_a_million(void *context) {
    for (int i = 0; i < 1000000; i++)
        atomic_fetch_add((atomic_int *)context, 1);
}

/* Tasks run beside one another and beside a pool; after the wait their work is there. */
static void tasks_are_waited_for(void **state) {
    (void)state;
    atomic_int counts[3] = {0};
    Task *tasks[3];
    Pool *pool = pool_create(2);
    for (int i = 0; i < 3; i++)
        tasks[i] = task_start(count_to_a_million, &counts[i]);
    check_run(pool, 500);
    for (int i = 0; i < 3; i++) {
        assert_non_null(tasks[i]);
        task_wait(tasks[i]);
        assert_int_equal(counts[i], 1000000);
    }
    task_wait(NULL);
    pool_free(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tile_runs_once),       cmocka_unit_test(sleepers_wake_up),
        cmocka_unit_test(runs_follow_each_other),     cmocka_unit_test(the_caller_waits_for_slow_tiles),
        cmocka_unit_test(tiles_run_at_the_same_time), cmocka_unit_test(zero_means_one_per_core),
        cmocka_unit_test(pools_come_and_go),          cmocka_unit_test(a_pool_stops_when_told),
        cmocka_unit_test(no_pool_is_the_caller),      cmocka_unit_test(tasks_are_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
