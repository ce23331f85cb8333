/* test_result_files.c: files of a point that go or change after it was finished. */
#include "experiments/results/result_files.h"

#include "clip/base/files.h"
#include "experiments/results/predictions.h"
#include "experiments/results/results.h"
#include "tests/support/experiment_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY "000000000000000000000000000000000000000000000000000000000000000a"

static const char *fault_of(const Result *result, const char *output, Arena *arena) {
    Error err = {0};
    const char *fault;
    assert_int_equal(result_files_fault(&fault, result, output, arena, &err), 0);
    return fault;
}

static void test_faults(void **state) {
    Trial *trial = *state;
    Arena *arena = trial->arena;
    const char *output = trial->scratch, *folder = path_join(arena, output, "x/seed1");
    const char *predictions = path_join(arena, folder, PREDICTIONS_FILE);
    const char *config = path_join(arena, folder, POINT_YAML_FILE),
               *log = path_join(arena, folder, "log.txt");
    Result result = {.key = KEY, .dataset = "d", .method = "m", .label = "l", .folder = "x/seed1", .seed = 1};
    assert_int_equal(make_folders(folder, &trial->err), 0);
    scratch_file(predictions, "some rows", 9);
    scratch_file(config, "a: b", 4);
    scratch_file(log, "begun", 5);
    assert_null(fault_of(&result, output, arena)); /* none are noted */
    assert_int_equal(result_files_note(&result, folder, arena, &trial->err), 0);
    assert_int_equal(result.n_files, 2);
    assert_int_equal(result_append(output, &result, &trial->err), 0);

    ResultList list;
    assert_int_equal(results_read(&list, output, arena, &trial->err), 0);
    const Result *read = results_find(&list, KEY);
    assert_true(read && read->n_files == 2);
    assert_null(fault_of(read, output, arena));
    unlink(log);
    assert_null(fault_of(read, output, arena));
    for (size_t at = 0; at < 9; at++) {
        scratch_flip(predictions, at, 0x10);
        const char *fault = fault_of(read, output, arena);
        assert_true(fault && strstr(fault, predictions) == fault && strstr(fault, ": damaged or changed: "));
        scratch_flip(predictions, at, 0x10);
    }
    assert_null(fault_of(read, output, arena));
    unlink(config);
    assert_string_equal(fault_of(read, output, arena), arena_printf(arena, "%s: missing", config));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_faults, trial_setup, trial_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
