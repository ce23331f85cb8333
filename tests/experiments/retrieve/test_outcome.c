/* test_outcome.c: lines of results that replace those of the same evaluation, and no others. */
#include "experiments/retrieve/outcome.h"

#include "clip/base/files.h"
#include "experiments/results/results.h"
#include "experiments/run/lock.h"
#include "tests/experiments/retrieve/demo_model.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static ResultList read_back(Demo *demo, const char *folder) {
    ResultList list;
    assert_int_equal(results_read(&list, folder, demo->arena, &demo->err), 0);
    return list;
}

static void an_evaluation_replaces_its_own_lines(void **state) {
    Demo *demo = *state;
    char folder[300];
    scratch_path(&demo->scratch, "out/deep", folder, sizeof folder);
    Subject subject = {.method = "match", .dataset = "swap", .digest = "1"};
    Measure measures[] = {{"text", 50, 4, NAN, NAN, false},
                          {"macro", NAN, 0, NAN, NAN, false},
                          {"holding text", 25, 2, NAN, NAN, true},
                          {"R@1", 75, 4, 1.5, 1, false}};
    assert_int_equal(outcome_write(folder, &subject, &demo->model, measures, 4, &demo->err), 0);
    measures[0].percent = 51;
    assert_int_equal(outcome_write(folder, &subject, &demo->model, measures, 4, &demo->err), 0);
    ResultList list = read_back(demo, folder);
    assert_true(list.n == 2 && list.n_replaced == 0); /* neither what has no number, nor details */
    assert_string_equal(list.results[0].label, "text");
    assert_true(list.results[0].accuracy == 51 && list.results[0].n_test == 4);
    assert_null(result_setting(&list.results[0], "mean_rank"));
    assert_true(result_setting(&list.results[1], "mean_rank")->real == 1.5);
    assert_string_equal(list.results[0].backbone, demo->model.name);
    Subject other = {.method = "match", .dataset = "add", .digest = "1"};
    assert_int_equal(outcome_write(folder, &other, &demo->model, measures, 1, &demo->err), 0);
    list = read_back(demo, folder);
    assert_int_equal(list.n, 3);
    strcpy(subject.digest, "2"); /* the list has changed: what was found with the old one is set aside */
    assert_int_equal(outcome_write(folder, &subject, &demo->model, measures, 1, &demo->err), 0);
    list = read_back(demo, folder);
    assert_int_equal(list.n_aside, 2);
    char path[400];
    snprintf(path, sizeof path, "%s/results.csv", folder);
    assert_true(file_exists(path));
}

static void a_folder_is_tried_before_the_work(void **state) {
    Demo *demo = *state;
    char folder[300];
    Lock *lock;
    assert_int_equal(outcome_check(NULL, &demo->err), 0);
    scratch_path(&demo->scratch, "a/b", folder, sizeof folder);
    assert_int_equal(outcome_check(folder, &demo->err), 0);
    assert_true(folder_exists(folder));
    assert_int_equal(lock_take(&lock, folder, true, &demo->err), 0);
    assert_int_equal(outcome_check(folder, &demo->err), -1);
    assert_int_equal(demo->err.kind, ERROR_RUN);
    lock_release(lock);
    scratch_path(&demo->scratch, "file", folder, sizeof folder);
    scratch_file(folder, "x", 1);
    assert_int_equal(outcome_check(folder, &demo->err), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {DEMO_TEST(an_evaluation_replaces_its_own_lines),
                                       DEMO_TEST(a_folder_is_tried_before_the_work)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
