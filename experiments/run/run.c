/* run.c: runs the experiments of a study one after the other. Finished points are skipped, interrupted ones
 * resumed. Neighbouring experiments that share a model open it once. */
#include "experiments/run/run.h"

#include "clip/base/files.h"
#include "clip/base/stale_files.h"
#include "experiments/crew/share_images.h"
#include "experiments/methods/method.h"
#include "experiments/report/report.h"
#include "experiments/run/jobs.h"
#include "experiments/run/lock.h"
#include "experiments/run/next_steps.h"
#include "experiments/run/summary.h"
#include "experiments/session/cli_model.h"
#include "experiments/session/keep_split.h"
#include "experiments/stage/model_slot.h"
#include "experiments/stage/plan.h"
#include "experiments/stage/stage.h"
#include "experiments/terminal/duration.h"
#include "experiments/terminal/printable.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    const Study *study;
    const RunOptions *options;
    Stage *stages; /* (study->n) */
    ModelSlot slot;
    Lock *lock;
    TextMap remarks; /* said so far */
    Arena *arena;
} Runner;

static int use_model(Runner *runner, const Experiment *experiment, Error *err) {
    return model_slot_use(&runner->slot, experiment, runner->options->n_threads, err);
}

static int count_points(const Runner *runner, bool pending) {
    int n = 0;
    for (int i = 0; i < runner->study->n; i++)
        n += pending ? runner->stages[i].n_pending : runner->stages[i].grid.n;
    return n;
}

/* --- before the first point --- */

/* Two experiments must not write into one folder. */
static int check_folders(const Runner *runner, int index, Error *err) {
    const Stage *stage = &runner->stages[index];
    for (int i = 0; i < index && stage->grid.n > 0; i++)
        if (runner->stages[i].grid.n > 0 &&
            strcmp(runner->stages[i].grid.points[0].folder, stage->grid.points[0].folder) == 0)
            return error_set(
                err,
                "%s: two experiments would share the folder %s; give the datasets names of their own, "
                "or the checkpoints",
                stage->experiment->path, stage->grid.points[0].folder);
    return 0;
}

/* Lines of results.jsonl that are no results, as they will be gone when the run ends. */
static int tell_faults(const Runner *runner, Error *err) {
    ResultList results;
    if (results_read(&results, runner->study->experiments[0].output, runner->arena, err) < 0)
        return -1;
    for (int i = 0; i < results.n_faults; i++)
        fprintf(stderr, "note: %s; its point counts as not finished\n",
                printable(results.faults[i], runner->arena));
    return 0;
}

/* Grids, and whatever can be wrong with what is still to run. */
static int open_stages(Runner *runner, Error *err) {
    if (tell_faults(runner, err) < 0)
        return -1;
    for (int i = 0; i < runner->study->n; i++) {
        const Experiment *experiment = &runner->study->experiments[i];
        Stage *stage = &runner->stages[i];
        if (stage_open(stage, experiment, runner->options, runner->study->n == 1, runner->arena, err) < 0 ||
            share_images(stage, i, runner->options->ranks, err) < 0 ||
            use_model(runner, experiment, err) < 0 || stage_expand(stage, &runner->slot.model, err) < 0 ||
            stage_find_pending(stage, true, err) < 0 || check_folders(runner, i, err) < 0)
            return -1;
        if (stage->n_pending > 0 && stage_check(stage, &runner->slot.model, err) < 0)
            return -1;
    }
    return 0;
}

static void say_finished(const Runner *runner) {
    int all = count_points(runner, false), n = all - count_points(runner, true);
    if (n > 0 && !runner->options->quiet)
        fprintf(stderr, "%d of %d point%s already finished\n", n, all, all == 1 ? " is" : "s are");
}

/* --- running --- */

/* Model, images, output folder, lock. Where the output folder exists its lock has been taken already; else it
 * comes after the first preparations, which may still find that nothing may be written. */
static int make_ready(Runner *runner, Stage *stage, Error *err) {
    const char *output = stage->experiment->output;
    if (use_model(runner, stage->experiment, err) < 0 || stage_prepare(stage, &runner->slot.model, err) < 0 ||
        make_folders(output, err) < 0)
        return -1;
    if (!runner->lock && lock_take(&runner->lock, output, true, err) < 0)
        return -1;
    if (keep_split(&stage->session, err) < 0 || session_save(&stage->session, err) < 0)
        return -1;
    /* Another run may have finished some until it gave the lock back. */
    return stage_find_pending(stage, false, err);
}

static int run_stages(Runner *runner, Error *err) {
    const Study *study = runner->study;
    bool said = false;
    if (lock_take(&runner->lock, study->experiments[0].output, false, err) < 0)
        return -1;
    for (int i = 0; i < study->n; i++) {
        Stage *stage = &runner->stages[i];
        Error why = {0};
        if (stage->n_pending == 0)
            continue;
        int status = make_ready(runner, stage, &why);
        if (status == 0 && !said) {
            say_finished(runner);
            cli_model_print_note(&runner->slot.model,
                                 runner->options->quiet); /* not before: a refusal is one line */
            said = true;
        }
        if (status == 0)
            status = stage_print_remarks(stage, &runner->remarks, &why);
        if (status == 0)
            status = jobs_run(stage, &why);
        if (status < 0 && (study->n == 1 || why.kind == ERROR_SIGNAL)) {
            *err = why;
            return -1;
        }
        if (status < 0) { /* it fails as a whole, and does not stop the others either */
            stage_fail(stage, stage->session.name, &why, stage->n_pending);
            print_line(stderr, "%s: failed: %s", stage->session.name, why.text);
        }
    }
    return 0;
}

/* --- the end --- */

/* The failures once more, where they are not lost among the finished points. */
static int tell_failures(const Runner *runner, int n_run, Error *err) {
    int n_failed = 0;
    for (int i = 0; i < runner->study->n; i++)
        n_failed += runner->stages[i].n_failed;
    if (n_failed == 0)
        return 0;
    fprintf(stderr, "failed:\n");
    for (int i = 0; i < runner->study->n; i++)
        for (const Failure *f = runner->stages[i].failures; f; f = f->next)
            print_line(stderr, "  %s: %s", f->title, f->reason);
    return error_run(err, "%d of %d point%s failed", n_failed, n_run, n_run == 1 ? "" : "s");
}

/* What runs that were killed have left half written, in the folders of this one. */
static void clean_up(const Runner *runner) {
    const char *output = runner->study->experiments[0].output;
    remove_stale_files(output);
    for (int i = 0; i < runner->study->n; i++)
        for (int p = 0; p < runner->stages[i].grid.n; p++) {
            size_t mark = arena_mark(runner->arena);
            const char *folder = path_join(runner->arena, output, runner->stages[i].grid.points[p].folder);
            if (folder)
                remove_stale_files(folder);
            arena_reset(runner->arena, mark);
        }
}

/* The results in the order of the points, whatever order they have been finished in; on disk too, unless
 * another run is at work there. */
static int read_results(Runner *runner, ResultList *results, Error *err) {
    const char *output = runner->study->experiments[0].output;
    const char **keys = ARENA_NEW(runner->arena, const char *, count_points(runner, false));
    int n_keys = 0;
    bool moved;
    if (!keys)
        return error_memory(err);
    for (int i = 0; i < runner->study->n; i++)
        for (int p = 0; p < runner->stages[i].grid.n; p++)
            keys[n_keys++] = runner->stages[i].grid.points[p].key;
    if (!runner->lock)
        lock_take(&runner->lock, output, true, NULL);
    if (runner->lock)
        clean_up(runner);
    if (results_read(results, output, runner->arena, err) < 0 ||
        results_order(results, keys, n_keys, &moved, err) < 0)
        return -1;
    moved |= results->n_faults > 0 || results->n_replaced > 0;
    return moved && runner->lock ? results_rewrite(output, results, err) : 0;
}

/* What follows from the results can be made again: where nothing was run, as in a folder that is read-only by
 * now, it is only said that it could not be written. */
static int need_written(int status, bool nothing_run, const Error *why, Error *err) {
    if (status == 0)
        return 0;
    if (nothing_run && why->kind == ERROR_RUN && !why->is_memory) {
        print_line(stderr, "not written: %s", why->text);
        return 1;
    }
    *err = *why;
    return -1;
}

/* The tables; then results.csv and the page. */
static int print_results(Runner *runner, bool nothing_run, Error *err) {
    const char *output = runner->study->experiments[0].output;
    ResultList results;
    if (!runner->options->quiet)
        fputc('\n', stderr);
    if (read_results(runner, &results, err) < 0)
        return -1;
    const char *aside = results_aside(&results, output, runner->arena);
    if (aside && !runner->options->quiet)
        print_line(stderr, "note: %s", aside);
    if (summary_print(stdout, runner->stages, runner->study->n, &results, runner->arena, err) < 0)
        return -1;
    Error why = {0};
    if (need_written(results_write_csv(output, &results, &why), nothing_run, &why, err) < 0)
        return -1;
    const bool reports = runner->study->experiments[0].outputs.report && results.n > 0;
    const char *page = reports ? path_join(runner->arena, output, REPORT_FILE) : NULL;
    if (reports && !page)
        return error_memory(err);
    int status =
        page ? need_written(report_write(page, &output, 1, runner->arena, &why), nothing_run, &why, err) : 0;
    if (status < 0)
        return -1;
    page = status == 0 ? page : NULL;
    fflush(stdout); /* the table first, also where both streams go to one file */
    if (!runner->options->quiet)
        next_steps_print(runner->stages, runner->study->n, &results, page, runner->arena);
    return 0;
}

/* The points, with what they will take roughly. */
static int print_points(Runner *runner, Error *err) {
    const int n = runner->study->n;
    Plan *plans = ARENA_NEW(runner->arena, Plan, n);
    if (!plans)
        return error_memory(err);
    const int n_pending = count_points(runner, true);
    const LoadedModel *model = &runner->slot.model; /* all have its precision */
    double flops = 0, rate = n_pending ? plan_rate(model->clip->precision, pool_threads(model->pool)) : 1;
    long n_images = 0;
    char time[32] = "";
    if (rate == 0)
        return error_memory(err);
    for (int i = 0; i < n; i++) {
        if (use_model(runner, runner->stages[i].experiment, err) < 0 ||
            plan_make(&plans[i], &runner->stages[i], &runner->slot.model, err) < 0)
            return -1;
        if (stage_print_remarks(&runner->stages[i], &runner->remarks, err) < 0)
            return -1;
        flops += plans[i].flops;
        n_images += plans[i].n_images;
    }
    printf("%d points, %d to run", count_points(runner, false), n_pending);
    if (n_pending > 0) {
        duration_text(flops / rate, time);
        printf(": about %s, %ld image%s to encode", time, n_images, n_images == 1 ? "" : "s");
    }
    putchar('\n');
    for (int i = 0; i < n; i++)
        for (int p = 0; p < runner->stages[i].grid.n; p++) {
            const Point *point = &runner->stages[i].grid.points[p];
            const char *title = stage_point_title(&runner->stages[i], point, runner->arena);
            duration_text(plans[i].points[p] / rate, time);
            printf("  %-5s %9s  %-52s  %s\n", runner->stages[i].pending[p] ? "run" : "done",
                   plans[i].points[p] > 0 ? time : "", title ? title : point->label, point->folder);
        }
    return 0;
}

static int run_all(Runner *runner, Error *err) {
    if (open_stages(runner, err) < 0)
        return -1;
    if (runner->options->dry_run)
        return print_points(runner, err);
    const int n_run = count_points(runner, true);
    if (n_run == 0)
        say_finished(runner);
    else if (run_stages(runner, err) < 0) {
        if (err->kind == ERROR_SIGNAL)
            snprintf(err->text + strlen(err->text), sizeof err->text - strlen(err->text),
                     "; start the same command again to go on");
        return -1;
    }
    Error late = {0};
    int status = print_results(runner, n_run == 0, &late);
    if (tell_failures(runner, n_run, err) < 0) /* worth more than a report that a full disk prevents */
        return -1;
    if (status < 0)
        *err = late;
    return status;
}

int study_run(const Study *study, const RunOptions *options, Error *err) {
    Arena *arena = arena_create();
    Runner runner = {.study = study, .options = options, .remarks.arena = arena, .arena = arena};
    runner.stages = arena ? ARENA_NEW(arena, Stage, study->n) : NULL;
    int status = runner.stages ? run_all(&runner, err) : error_memory(err);
    lock_release(runner.lock);
    for (int i = 0; runner.stages && i < study->n; i++)
        stage_close(&runner.stages[i]);
    model_slot_close(&runner.slot);
    arena_free(arena);
    return status;
}
