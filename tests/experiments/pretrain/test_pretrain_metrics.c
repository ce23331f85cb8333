/* test_pretrain_metrics.c: lines are read back as they were written; what follows a state is cut off; damage
 * is named. */
#include "experiments/pretrain/pretrain_metrics.h"

#include "clip/base/files.h"
#include "experiments/results/metrics.h"
#include "experiments/results/tensorboard.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const StepMetrics steps[] = {{1, 1, 4.25, 1e-5, 14.2857, 31.5}, {2, 1, 4.125, 2e-5, 14.3, 33}};
static const Evaluation evaluation = {
    .step = 2,
    .epoch = 1,
    .n_val = 10,
    .val_loss = 2.5,
    .to_text = {.mean_rank = 3.5, .median_rank = 3, .within = {0.1, 0.5, 1}},
    .to_image = {.mean_rank = 2.5, .median_rank = 2, .within = {0.2, 0.75, 1}},
    .n_zeroshot = 4,
    .top1 = 0.25,
    .top5 = 0.5};

/* Two steps and an evaluation behind the first `size` bytes; returns the size then. */
static long write_all(const char *folder, long size, Arena *arena) {
    MetricsWriter metrics = {0};
    Error err = {0};
    assert_int_equal(pretrain_metrics_open(&metrics, folder, size, arena, &err), 0);
    for (int i = 0; i < 2; i++)
        pretrain_metrics_step(&metrics, &steps[i]);
    pretrain_metrics_evaluation(&metrics, &evaluation);
    assert_int_equal(pretrain_metrics_sync(&metrics, &size, &err), 0);
    metrics_close(&metrics);
    return size;
}

static void lines_come_back(void **state) {
    Arena *arena = arena_create();
    Error err = {0};
    MetricsHistory history;
    const char *folder = *state;
    const long size = write_all(folder, 0, arena);
    const char *path = path_join(arena, folder, METRICS_FILE);
    assert_int_equal(pretrain_metrics_read(&history, path, size, arena, &err), 0);
    assert_true(history.n_steps == 2 && history.n_evaluations == 1);
    assert_memory_equal(history.steps, steps, sizeof steps);
    assert_memory_equal(history.evaluations, &evaluation, sizeof evaluation);
    arena_free(arena);
}

/* A resumed run leaves the files of one that was never stopped. */
static void what_follows_a_state_is_cut_off(void **state) {
    Arena *arena = arena_create();
    Error err = {0};
    MetricsWriter metrics = {0};
    const char *folder = *state;
    long size = 0;
    size_t n_once, n_again, n_events, n_events_again;
    write_all(folder, 0, arena);
    const char *path = path_join(arena, folder, METRICS_FILE);
    const char *events = path_join(arena, folder, TENSORBOARD_FILE);
    const char *once = file_read(path, 1 << 20, arena, &n_once, &err);
    const char *drawn = file_read(events, 1 << 20, arena, &n_events, &err);
    size = strchr(once, '\n') + 1 - once;
    assert_int_equal(pretrain_metrics_open(&metrics, folder, size, arena, &err), 0);
    pretrain_metrics_step(&metrics, &steps[1]);
    pretrain_metrics_evaluation(&metrics, &evaluation);
    assert_int_equal(pretrain_metrics_sync(&metrics, &size, &err), 0);
    metrics_close(&metrics);
    const char *again = file_read(path, 1 << 20, arena, &n_again, &err);
    const char *drawn_again = file_read(events, 1 << 20, arena, &n_events_again, &err);
    assert_true(n_again == n_once && n_events == n_events_again);
    assert_memory_equal(again, once, n_once);
    assert_memory_equal(drawn_again, drawn, n_events);
    arena_free(arena);
}

static void damage_is_named(void **state) {
    Arena *arena = arena_create();
    Error err = {0};
    MetricsHistory history;
    size_t size;
    const char *folder = *state;
    write_all(folder, 0, arena);
    const char *path = path_join(arena, folder, METRICS_FILE);
    char *text = file_read(path, 1 << 20, arena, &size, &err);
    *strstr(text, "4.125") = '5';
    assert_int_equal(file_write(path, text, size, &err), 0);
    assert_int_equal(pretrain_metrics_read(&history, path, (long)size, arena, &err), -1);
    assert_non_null(strstr(err.text, "metrics.jsonl: line 2: damaged"));
    assert_int_equal(pretrain_metrics_read(&history, path, (long)size + 1, arena, &err), -1);
    assert_non_null(strstr(err.text, "ends too early"));
    const char *damage;
    assert_int_equal(pretrain_metrics_salvage(&history, path, &damage, arena, &err), 0);
    assert_non_null(strstr(damage, "metrics.jsonl: line 2: damaged"));
    assert_true(history.n_steps == 1 && history.n_evaluations == 1);
    assert_memory_equal(history.evaluations, &evaluation, sizeof evaluation);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_come_back, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(what_follows_a_state_is_cut_off, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(damage_is_named, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
