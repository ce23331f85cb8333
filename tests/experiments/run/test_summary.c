/* test_summary.c: experiments/run/summary.c and experiments/run/transfer.c: the points of targets, and the
 * tables made of their results, against numbers worked out by hand. */
#include "experiments/config/study.h"
#include "experiments/run/summary.h"
#include "experiments/stage/transfer.h"
#include "tests/support/experiment_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_STAGES 4

static const char *const BASE[] = {"cat", "dog"}, *const NEW[] = {"owl", "fox"}, *const PART[] = {"dog"};

/* A study whose lists nobody reads: stages with datasets of class names alone. */
typedef struct {
    Trial *trial;
    Study study;
    Stage stages[MAX_STAGES];
    Result results[100];
    ResultList list;
} Fake;

static void fake_session(Session *session, const Experiment *experiment, const char *name,
                         const char *const *names, int n) {
    *session = (Session){.experiment = experiment, .name = name};
    session->dataset = (Dataset){.name = name, .class_names = (const char **)names, .n_classes = n};
    snprintf(session->split_digest, sizeof session->split_digest, "digest of %s", name);
}

/* names[0] are the classes of each experiment's own dataset, names[1 + t] of target t. */
static void fake_study(Fake *fake, Trial *trial, const char *text, const char *const *const *names,
                       const int *n) {
    *fake = (Fake){.trial = trial, .list = {.results = fake->results, .places = {.arena = trial->arena}}};
    scratch_file(trial->path, text, strlen(text));
    if (study_read(&fake->study, trial->path, NULL, 0, method_list(), trial->arena, &trial->err) < 0)
        fail_msg("%s", trial->err.text);
    assert_true(fake->study.n <= MAX_STAGES);
    for (int i = 0; i < fake->study.n; i++) {
        const Experiment *experiment = &fake->study.experiments[i];
        Stage *stage = &fake->stages[i];
        *stage = (Stage){.experiment = experiment, .backbone = "RN50", .arena = trial->arena};
        stage->targets = ARENA_NEW(trial->arena, Session, experiment->n_targets);
        fake_session(&stage->session, experiment, experiment_dataset_name(experiment, trial->arena), names[0],
                     n[0]);
        for (int t = 0; t < experiment->n_targets; t++)
            fake_session(&stage->targets[t], &experiment->targets[t],
                         experiment_dataset_name(&experiment->targets[t], trial->arena), names[1 + t],
                         n[1 + t]);
        const GridDigests digests = {.model = "m", .vocab = "v", .split = stage->session.split_digest};
        assert_int_equal(grid_expand(&stage->grid, experiment, &digests, trial->arena, &trial->err), 0);
        assert_int_equal(transfer_expand(&stage->grid, &stage->session, stage->targets, &digests,
                                         trial->arena, &trial->err),
                         0);
    }
}

/* The point's result: found by label, seed, target and stage. */
static void fake_result(Fake *fake, int stage, const char *label, int seed, int target, double accuracy) {
    const Grid *grid = &fake->stages[stage].grid;
    for (int i = 0; i < grid->n; i++) {
        const Point *point = &grid->points[i];
        if (strcmp(point->label, label) == 0 && point->seed == seed && point->target == target) {
            Result *result = &fake->results[fake->list.n];
            assert_int_equal(text_map_put(&fake->list.places, point->key, fake->list.n++), 0);
            result_start(result, point, "d", fake->trial->arena);
            result->accuracy = accuracy;
            return;
        }
    }
    fail_msg("no point '%s' of seed %d on target %d", label, seed, target);
}

static void check_tables(Fake *fake, const char *expected) {
    FILE *out = tmpfile();
    assert_non_null(out);
    assert_int_equal(
        summary_print(out, fake->stages, fake->study.n, &fake->list, fake->trial->arena, &fake->trial->err),
        0);
    assert_string_equal(stream_text(out, fake->trial->arena), expected);
    fclose(out);
}

/* H of means over seeds: 2 * 81 * 61 / 142 = 69.6; averages over datasets: base (81 + 91) / 2 = 86, new (61 +
 * 41) / 2 = 51, and H of those 64.0. Class-specific contexts serve no new class. */
static void test_base_to_new(void **state) {
    Fake fake;
    fake_study(&fake, *state,
               "model: {weights: m/RN50.pt}\n"
               "dataset: {name: [dtd, eurosat], root: d, subsample_classes: base}\n"
               "transfer: [{subsample_classes: new}]\ngrid: {num_shots: 16, seed: [1, 2]}\n"
               "methods: [zeroshot: {}, coop: {n_ctx: 4, csc: [false, true]}]\n",
               (const char *const *const[]){BASE, NEW}, (const int[]){2, 2});
    static const double own[2][2] = {{80, 82}, {90, 92}}, new[2][2] = {{60, 62}, {40, 42}};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fake.stages[i].grid.n, 5 + 3);
        fake_result(&fake, i, "zero-shot", 0, -1, 50);
        fake_result(&fake, i, "zero-shot", 0, 0, 50);
        for (int seed = 1; seed <= 2; seed++) {
            fake_result(&fake, i, "CoOp M=4 end", seed, -1, own[i][seed - 1]);
            fake_result(&fake, i, "CoOp M=4 end", seed, 0, new[i][seed - 1]);
        }
    }
    check_tables(
        &fake,
        "dtd_base, RN50: accuracy in %, mean ± std over seeds\n\n"
        "method             zero-shot     16 shots\n"
        "-----------------------------------------\n"
        "zero-shot               50.0\n"
        "CoOp M=4 end                   81.0 ± 1.0\n"
        "CoOp M=4 end csc                        –\n"
        "\nlearned on dtd_base with 16 shots, RN50: accuracy in %, mean ± std over seeds\n\n"
        "method               dtd_base      dtd_new      H\n"
        "-------------------------------------------------\n"
        "zero-shot                50.0         50.0   50.0\n"
        "CoOp M=4 end       81.0 ± 1.0   61.0 ± 1.0   69.6\n"
        "CoOp M=4 end csc            –\n"
        "\neurosat_base, RN50: accuracy in %, mean ± std over seeds\n\n"
        "method             zero-shot     16 shots\n"
        "-----------------------------------------\n"
        "zero-shot               50.0\n"
        "CoOp M=4 end                   91.0 ± 1.0\n"
        "CoOp M=4 end csc                        –\n"
        "\nlearned on eurosat_base with 16 shots, RN50: accuracy in %, mean ± std over seeds\n\n"
        "method             eurosat_base   eurosat_new      H\n"
        "----------------------------------------------------\n"
        "zero-shot                  50.0          50.0   50.0\n"
        "CoOp M=4 end         91.0 ± 1.0    41.0 ± 1.0   56.5\n"
        "CoOp M=4 end csc              –\n"
        "\naverage of 2 datasets, RN50: accuracy in %, mean ± std over seeds\n\n"
        "method             zero-shot     16 shots\n"
        "-----------------------------------------\n"
        "zero-shot               50.0\n"
        "CoOp M=4 end                   86.0 ± 1.0\n"
        "CoOp M=4 end csc                        –\n"
        "\naverage of 2 datasets, learned with 16 shots, RN50: accuracy in %, mean ± std over seeds\n\n"
        "method                   base          new      H\n"
        "-------------------------------------------------\n"
        "zero-shot                50.0         50.0   50.0\n"
        "CoOp M=4 end       86.0 ± 1.0   51.0 ± 1.0   64.0\n"
        "CoOp M=4 end csc            –\n");
}

/* A target of some of the classes takes what is class-specific too; one of other classes does not. The
 * average is over targets, where a method has all. */
static void test_targets(void **state) {
    Fake fake;
    fake_study(&fake, *state,
               LEAST "transfer: [dtd, eurosat]\ngrid: {num_shots: 1, seed: 1}\n"
                     "methods: [linear_probe: {}, coop: {n_ctx: 4}]\n",
               (const char *const *const[]){BASE, PART, NEW}, (const int[]){2, 1, 2});
    assert_int_equal(fake.stages[0].grid.n, 2 + 2 + 1);
    fake_result(&fake, 0, "linear probe", 1, -1, 10);
    fake_result(&fake, 0, "linear probe", 1, 0, 20);
    fake_result(&fake, 0, "CoOp M=4 end", 1, -1, 30);
    fake_result(&fake, 0, "CoOp M=4 end", 1, 0, 40);
    fake_result(&fake, 0, "CoOp M=4 end", 1, 1, 50);
    check_tables(&fake, "oxford_pets, RN50: accuracy in %, mean ± std over seeds\n\n"
                        "method         1 shot\n"
                        "---------------------\n"
                        "linear probe     10.0\n"
                        "CoOp M=4 end     30.0\n"
                        "\nlearned on oxford_pets with 1 shot, RN50: accuracy in %, mean ± std over seeds\n\n"
                        "method         oxford_pets    dtd   eurosat   average\n"
                        "-----------------------------------------------------\n"
                        "linear probe          10.0   20.0\n"
                        "CoOp M=4 end          30.0   40.0      50.0      45.0\n");
    const Point *points = fake.stages[0].grid.points;
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(points[i].key, points[j].key);
            assert_string_not_equal(points[i].folder, points[j].folder);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_base_to_new, trial_setup, trial_teardown),
        cmocka_unit_test_setup_teardown(test_targets, trial_setup, trial_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
