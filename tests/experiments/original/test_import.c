/* test_import.c: experiments/original/import.c and log_read.c: logs of the original, in forms of several
 * versions. */
#include "experiments/original/import.h"

#include "clip/base/files.h"
#include "experiments/original/log_read.h"
#include "experiments/results/results.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    void *scratch;
    Arena *arena;
    Error err;
} Trial;

static int setup(void **state) {
    static Trial trial;
    trial = (Trial){.arena = arena_create()};
    *state = &trial;
    return scratch_setup(&trial.scratch);
}

static int teardown(void **state) {
    Trial *trial = *state;
    arena_free(trial->arena);
    return scratch_teardown(&trial->scratch);
}

/* SCRATCH/name; a name with folders gets them. */
static const char *path_of(Trial *trial, const char *name) {
    return arena_printf(trial->arena, "%s/%s", (const char *)trial->scratch, name);
}

/* A log with these arguments and config (lines below the headings), and what follows. */
static void write_log(Trial *trial, const char *name, const char *arguments, const char *config,
                      const char *rest) {
    const char *path = path_of(trial, name);
    const char *text =
        arena_printf(trial->arena,
                     "***************\n** Arguments **\n***************\n%s************\n"
                     "** Config **\n************\n%sCollecting env info ...\n** System info **\n"
                     "PyTorch version: 1.8\n\n%s",
                     arguments, config, rest);
    assert_int_equal(make_folders(path_folder(trial->arena, path), &trial->err), 0);
    scratch_file(path, text, strlen(text));
}

#define CONFIG                                                                                               \
    "DATASET:\n  NAME: OxfordPets\n  NUM_SHOTS: 4\n  ROOT: /data\n  SUBSAMPLE_CLASSES: base\nINPUT:\n"       \
    "  SIZE: (224, 224)\n  TRANSFORMS: ('random_resized_crop', 'random_flip', 'normalize')\nMODEL:\n"        \
    "  BACKBONE:\n    NAME: ViT-B/16\nOPTIM:\n  MAX_EPOCH: 7\nSEED: 3\nTRAINER:\n  CG:\n    EPS_F: 1.0\n"    \
    "  COOP:\n    CTX_INIT: \n    N_CTX: 8\n  NAME: CoOp\n"
#define RESULT                                                                                               \
    "epoch [7/7] batch [5/5] time 0.1 (0.1) data 0.0 (0.0) loss 0.5000 (0.2500) acc 90.0 (91.0) lr 1e-05\n"  \
    "Finish training\nDeploy the last-epoch model\nEvaluate on the *test* set\n=> result\n* total: 2,000\n"  \
    "* correct: 1,501\n* accuracy: 75.1%\n* error: 24.9%\n* macro_f1: 74.2%\n=> per-class result\n"          \
    "* class: 0 (cat)\ttotal: 4\tcorrect: 3\tacc: 75.0%\n* class: 2 (dog)\ttotal: 1,000\tcorrect: 10\t"      \
    "acc: 1.0%\n* average: 38.0%\nElapsed: 1 day, 0:01:05\n"

static void test_log(void **state) {
    Trial *trial = *state;
    LoggedRun run;
    write_log(trial, "a/log.txt", "eval_only: False\nmodel_dir: \ntrainer: CoOp\n", CONFIG, RESULT);
    assert_int_equal(log_read(&run, path_of(trial, "a/log.txt"), trial->arena, &trial->err), 0);
    assert_string_equal(run.trainer, "CoOp");
    assert_string_equal(run.config, CONFIG);
    assert_true(run.has_result && !run.eval_only);
    assert_int_equal(run.total, 2000);
    assert_int_equal(run.correct, 1501);
    assert_true(run.macro_f1 == 74.2 && run.loss == 0.25 && run.seconds == 86465);
    assert_int_equal(run.n_classes, 3);
    assert_true(run.per_class[0] == 75 && isnan(run.per_class[1]) && run.per_class[2] == 1);

    scratch_file(path_of(trial, "other.txt"), "x\n", 2);
    assert_int_equal(log_read(&run, path_of(trial, "other.txt"), trial->arena, &trial->err), -1);
    assert_non_null(strstr(trial->err.text, "other.txt: no arguments and config"));
}

static ResultList import(Trial *trial, const char *folder, int n_imported, int n_known, int n_left_out) {
    Imported imported;
    ResultList results;
    const char *out = path_of(trial, "out");
    if (import_logs(&imported, path_of(trial, folder), out, trial->arena, &trial->err) < 0 ||
        results_read(&results, out, trial->arena, &trial->err) < 0)
        fail_msg("%s", trial->err.text);
    assert_int_equal(imported.n_imported, n_imported);
    assert_int_equal(imported.n_known, n_known);
    assert_int_equal(imported.n_left_out, n_left_out);
    return results;
}

static void test_training(void **state) {
    Trial *trial = *state;
    write_log(trial, "t/seed3/log.txt", "trainer: CoOp\n", CONFIG, RESULT);
    ResultList list = import(trial, "t", 1, 0, 0);
    assert_int_equal(list.n, 1);
    const Result *result = &list.results[0];
    write_log(trial, "v/seed3/log.txt", "trainer: CoOp\n", CONFIG,
              "epoch [7/7][5/5]\ttime 0.1 (0.1)\tdata 0.0 (0.0)\teta 0:00:00\tloss 0.5000 (0.25)\tacc 90.0 "
              "(91.0)\tlr "
              "1e-05\nFinished training\nDo evaluation on val set\n=> result\n* total: 20\n* correct: 15\n");
    import(trial, "v", 0, 0, 1); /* no result to compare with others */
    write_log(trial, "b/seed3/log.txt", "trainer: CoOp\n", CONFIG "TEST:\n  FINAL_MODEL: best_val\n",
              "Evaluate on the *val* set\n=> result\n* total: 20\n* correct: 15\n" RESULT);
    const ResultList both = import(trial, "b", 1, 0, 0); /* beside that of the last epoch */
    assert_int_equal(both.n, 2);
    assert_string_equal(both.results[1].label, "CoOp M=8 end, original, best on validation");
    assert_string_equal(result->dataset, "oxford_pets_base");
    assert_string_equal(result->method, "coop");
    assert_string_equal(result->label, "CoOp M=8 end, original");
    assert_string_equal(result->backbone, "ViT-B-16");
    assert_int_equal(result->num_shots, 4);
    assert_int_equal(result->seed, 3);
    assert_int_equal(result->epochs, 7);
    assert_true(fabs(result->accuracy - 75.05) < 1e-9);
    assert_null(result->source);
    import(trial, "t", 0, 1, 0); /* nothing is imported twice */
}

/* The training whose model it loads says on what that was trained. */
static void test_eval(void **state) {
    Trial *trial = *state;
    const char *eval = "DATASET:\n  NAME: OxfordPets\n  NUM_SHOTS: -1\n  SUBSAMPLE_CLASSES: new\nMODEL:\n"
                       "  BACKBONE:\n    NAME: ViT-B/16\nSEED: 3\nTRAINER:\n  NAME: CoOp\n";
    const char *result = "=> result\n* total: 10\n* correct: 9\n* accuracy: 90.00%\n* error: 10.00%\n";
    write_log(trial, "x/output/train/log.txt", "trainer: CoOp\n", CONFIG, RESULT);
    write_log(trial, "x/output/eval/log.txt", "eval_only: True\nmodel_dir: output/train\ntrainer: CoOp\n",
              eval, result);
    write_log(trial, "x/output/lost/log.txt", "eval_only: True\nmodel_dir: output/none\ntrainer: CoOp\n",
              eval, result);
    ResultList list = import(trial, "x/output", 2, 0, 1);
    const Result *tested = &list.results[0];
    assert_string_equal(tested->dataset, "oxford_pets_new");
    assert_string_equal(tested->source, "oxford_pets_base");
    assert_int_equal(tested->num_shots, 4);
    assert_true(tested->accuracy == 90 && isnan(tested->macro_f1));
}

static void test_left_out(void **state) {
    Trial *trial = *state;
    write_log(trial, "l/a/log.txt", "trainer: MaPLe\n", CONFIG, RESULT);
    write_log(trial, "l/b/log.txt", "trainer: CoOp\n", CONFIG, "epoch [1/7] batch [5/5] time 0.1 (0.1)\n");
    write_log(trial, "l/c/coop/p/log.txt", "trainer: CoOp\n", CONFIG, RESULT); /* ours, not looked at */
    scratch_file(path_of(trial, "l/c/coop/experiment.yaml"), "", 0);
    import(trial, "l", 0, 0, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_log, setup, teardown),
        cmocka_unit_test_setup_teardown(test_training, setup, teardown),
        cmocka_unit_test_setup_teardown(test_eval, setup, teardown),
        cmocka_unit_test_setup_teardown(test_left_out, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
