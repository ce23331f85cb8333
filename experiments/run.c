/* run.c: the points of a grid, one after the other; finished ones are skipped, interrupted ones are finished.
 */
#include "experiments/run.h"

#include "clip/base/files.h"
#include "experiments/clock.h"
#include "experiments/grid.h"
#include "experiments/interrupt.h"
#include "experiments/lock.h"
#include "experiments/logits.h"
#include "experiments/method.h"
#include "experiments/predictions.h"
#include "experiments/table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const Method *method_of(MethodKind kind) {
    switch (kind) {
    case METHOD_ZEROSHOT:
        return &method_zeroshot;
    case METHOD_LINEAR_PROBE:
        return &method_linear_probe;
    case METHOD_COOP:
        return &method_coop;
    }
    return NULL;
}

typedef struct {
    const Experiment *experiment;
    const RunOptions *options;
    Session session;
    Grid grid;
    ResultList results;
    bool *pending; /* (grid.n) */
    int n_pending, n_done, n_failed;
} Runner;

/* "16 shots, seed 2", "" for a method without either. */
static const char *point_detail(const Point *point, Arena *arena) {
    if (point->num_shots == SHOTS_NONE)
        return "";
    if (point->num_shots == SHOTS_ALL)
        return arena_printf(arena, "all images, seed %d", point->seed);
    return arena_printf(arena, "%d shot%s, seed %d", point->num_shots, point->num_shots == 1 ? "" : "s",
                        point->seed);
}

/* "[ 3/47] CoOp M=16 end, 1 shot, seed 1"; NULL when memory is out. */
static const char *point_title(const Runner *runner, const Point *point, Arena *arena) {
    const char *detail = point_detail(point, arena);
    int n_digits = snprintf(NULL, 0, "%d", runner->n_pending);
    return detail ? arena_printf(arena, "[%*d/%d] %s%s%s", n_digits, runner->n_done + 1, runner->n_pending,
                                 point->label, *detail ? ", " : "", detail)
                  : NULL;
}

/* --- one point --- */

static int finish_point(Runner *runner, const Point *point, const char *folder, const float *logits,
                        Result *result, double start, Arena *arena, Error *err) {
    Session *session = &runner->session;
    const Dataset *dataset = &session->dataset;
    Scores scores;
    if (scores_compute(&scores, logits, session->test_labels, dataset->test.n, dataset->n_classes, arena,
                       err) < 0)
        return -1;
    const char *logits_path = path_join(arena, folder, "test_logits.safetensors");
    const char *predictions_path = path_join(arena, folder, PREDICTIONS_FILE);
    if (!logits_path || !predictions_path)
        return error_memory(err);
    if (!point->logits) /* those of an earlier configuration must not pass for this one's */
        unlink(logits_path);
    else if (logits_write(logits_path, logits, dataset, arena, err) < 0)
        return -1;
    if (predictions_write(predictions_path, logits, scores.predicted, dataset, arena, err) < 0)
        return -1;
    result->accuracy = scores.accuracy;
    result->macro_f1 = scores.macro_f1;
    result->per_class = scores.per_class;
    result->n_classes = dataset->n_classes;
    result->n_test = dataset->test.n;
    result->total_seconds = clock_seconds() - start;
    result->backbone = session->model.clip->name;
    result->model_digest = clip_digest(session->model.clip);
    result->vocab_digest = tokenizer_digest(session->model.tokenizer);
    result->split_digest = session->split_digest;
    return result_append(runner->experiment->output, result, err);
}

static int run_point(Runner *runner, const Point *point, Arena *arena, Error *err) {
    Session *session = &runner->session;
    const Dataset *dataset = &session->dataset;
    double start = clock_seconds();
    Progress progress;
    Result result;
    const char *folder = path_join(arena, runner->experiment->output, point->folder);
    float *logits = arena_floats(arena, (size_t)dataset->test.n, (size_t)dataset->n_classes);
    const char *label = point_title(runner, point, arena);
    if (arena_failed(arena))
        return error_memory(err);
    if (make_folders(folder, err) < 0)
        return -1;
    result_start(&result, point, dataset->name);
    /* Without a terminal the line of the finished point is enough. */
    progress_start(&progress, stderr, runner->options->quiet || !isatty(STDERR_FILENO), label, 0);
    int status = method_of(point->kind)->run(session, point, folder, logits, &result, &progress, arena, err);
    if (status == 0)
        status = finish_point(runner, point, folder, logits, &result, start, arena, err);
    progress_erase(&progress);
    if (status == 0 && !runner->options->quiet)
        fprintf(stderr, "%-58s %6.2f %%  %6.1f s\n", label, result.accuracy, result.total_seconds);
    return status;
}

/* --- the grid --- */

static int run_points(Runner *runner, Error *err) {
    for (int i = 0; i < runner->grid.n; i++) {
        const Point *point = &runner->grid.points[i];
        if (!runner->pending[i])
            continue;
        if (interrupt_check(err) < 0)
            return -1;
        Error why = {0};
        Arena *arena = arena_create();
        int status = arena ? run_point(runner, point, arena, &why) : error_memory(&why);
        if (status < 0 && why.kind == ERROR_SIGNAL) {
            arena_free(arena);
            *err = why;
            return -1;
        }
        if (status < 0) {
            runner->n_failed++;
            fprintf(stderr, "%s: failed: %s\n", arena ? point_title(runner, point, arena) : point->label,
                    why.text);
        }
        arena_free(arena);
        runner->n_done++;
    }
    if (runner->n_failed == 0)
        return 0;
    return error_run(err, "%d of %d point%s failed", runner->n_failed, runner->n_pending,
                     runner->n_pending == 1 ? "" : "s");
}

/* --- before the first point --- */

/* Which points have no result yet, or lack a file that is asked for. */
static int find_pending(Runner *runner, Arena *arena, Error *err) {
    const char *output = runner->experiment->output;
    if (results_read(&runner->results, output, arena, err) < 0)
        return -1;
    runner->n_pending = 0;
    for (int i = 0; i < runner->grid.n; i++) {
        const Point *point = &runner->grid.points[i];
        bool pending = !results_find(&runner->results, point->key);
        if (!pending && point->logits) {
            size_t mark = arena_mark(arena);
            const char *path = arena_printf(arena, "%s/%s/test_logits.safetensors", output, point->folder);
            pending = path && !file_exists(path);
            arena_reset(arena, mark);
        }
        runner->pending[i] = pending;
        runner->n_pending += pending;
    }
    return 0;
}

/* Can the output be written to? Asked before hours of encoding, without writing anything. */
static int check_output(const char *output, Arena *arena, Error *err) {
    const char *folder = output;
    while (folder && access(folder, F_OK) != 0 && strcmp(folder, ".") != 0 && strcmp(folder, "/") != 0)
        folder = path_folder(arena, folder);
    if (!folder)
        return error_memory(err);
    if (!folder_exists(folder))
        return error_run(err, "%s: cannot create the folder: %s", output, strerror(ENOTDIR));
    if (access(folder, W_OK | X_OK) != 0)
        return error_run(err, "%s: cannot write: %s", output, strerror(errno));
    return 0;
}

/* Has an earlier point asked for the same images? Variants of a method do. */
static bool is_prepared(const Runner *runner, int index) {
    const Point *points = runner->grid.points, *point = &points[index];
    for (int i = 0; i < index; i++)
        if (runner->pending[i] && points[i].kind == point->kind && points[i].num_shots == point->num_shots &&
            points[i].seed == point->seed && points[i].views == point->views &&
            points[i].optim.max_epoch >= point->optim.max_epoch)
            return true;
    return false;
}

/* Checks, and encodes, whatever the pending points will ask for. */
static int prepare_points(Runner *runner, Arena *arena, Error *err) {
    Session *session = &runner->session;
    const char *checked = NULL; /* the label of a variant; its points are neighbours and share it */
    if (check_output(runner->experiment->output, arena, err) < 0 ||
        dataset_check_images(&session->dataset, err) < 0)
        return -1;
    for (int i = 0; i < runner->grid.n; i++) {
        const Point *point = &runner->grid.points[i];
        if (!runner->pending[i] || point->label == checked)
            continue;
        if (method_of(point->kind)->check(session, point, err) < 0)
            return -1;
        checked = point->label;
    }
    if (session_encode_test(session, err) < 0)
        return -1;
    for (int i = 0; i < runner->grid.n; i++) {
        const Point *point = &runner->grid.points[i];
        if (runner->pending[i] && !is_prepared(runner, i) &&
            method_of(point->kind)->prepare(session, point, err) < 0)
            return -1;
    }
    return 0;
}

/* --- the whole --- */

static int print_table(Runner *runner, Arena *arena, Error *err) {
    const Session *session = &runner->session;
    if (results_read(&runner->results, runner->experiment->output, arena, err) < 0)
        return -1;
    char *title = arena_printf(arena, "%s, %s: accuracy in %%, mean ± std over seeds", session->dataset.name,
                               session->model.clip->name);
    TableStyle style = table_style(stdout, title);
    int n = 0;
    TableEntry *entries = table_entries(&runner->grid, &runner->results, arena, &n);
    char *text = entries ? table_text(entries, n, &style, arena) : NULL;
    if (!text)
        return error_memory(err);
    fputs(text, stdout);
    return 0;
}

static int print_points(const Runner *runner, Arena *arena) {
    printf("%d points, %d to run\n", runner->grid.n, runner->n_pending);
    for (int i = 0; i < runner->grid.n; i++) {
        const Point *point = &runner->grid.points[i];
        printf("  %-5s %-34s %-24s %s\n", runner->pending[i] ? "run" : "done", point->label,
               point_detail(point, arena), point->folder);
    }
    return 0;
}

static int expand(Runner *runner, Arena *arena, Error *err) {
    Session *session = &runner->session;
    GridDigests digests = {.model = clip_digest(session->model.clip),
                           .vocab = tokenizer_digest(session->model.tokenizer),
                           .split = session->split_digest};
    if (grid_expand(&runner->grid, runner->experiment, &digests, arena, err) < 0)
        return -1;
    runner->pending = ARENA_NEW(arena, bool, runner->grid.n);
    if (!runner->pending)
        return error_memory(err);
    return find_pending(runner, arena, err);
}

static void say_finished(const Runner *runner) {
    int n = runner->grid.n - runner->n_pending;
    if (n > 0 && !runner->options->quiet)
        fprintf(stderr, "%d of %d point%s already finished\n", n, runner->grid.n,
                runner->grid.n == 1 ? " is" : "s are");
}

/* Runs what is pending, alone in the output folder. Where that exists its lock comes first, so that nobody
 * waits for images only to be refused; else both come after the preparations, which may still find that
 * nothing may be written. */
static int run_pending(Runner *runner, Lock **lock, Arena *arena, Error *err) {
    const char *output = runner->experiment->output;
    if (lock_take(lock, output, false, err) < 0 || prepare_points(runner, arena, err) < 0 ||
        make_folders(output, err) < 0)
        return -1;
    if (!*lock && lock_take(lock, output, true, err) < 0)
        return -1;
    if (session_keep_split(&runner->session, err) < 0)
        return -1;
    /* Another run may have finished some of the points until it gave the lock back. */
    if (session_save(&runner->session, err) < 0 || find_pending(runner, arena, err) < 0)
        return -1;
    say_finished(runner);
    model_print_note(&runner->session.model, runner->options->quiet); /* not before: a refusal is one line */
    return run_points(runner, err);
}

static int finish(Runner *runner, int status, Arena *arena, Error *err) {
    Error late = {0};
    if (!runner->options->quiet)
        fputc('\n', stderr);
    if (print_table(runner, arena, &late) == 0 &&
        results_write_csv(runner->experiment->output, &runner->results, &late) == 0)
        return status;
    if (status == 0)
        *err = late;
    return -1;
}

static int run_all(Runner *runner, Arena *arena, Error *err) {
    const Experiment *experiment = runner->experiment;
    const RunOptions *options = runner->options;
    if (session_open(&runner->session, experiment, options->n_threads, options->quiet, err) < 0 ||
        expand(runner, arena, err) < 0)
        return -1;
    if (options->dry_run)
        return print_points(runner, arena);
    if (runner->n_pending == 0) {
        say_finished(runner);
        return finish(runner, 0, arena, err);
    }
    Lock *lock = NULL;
    int status = run_pending(runner, &lock, arena, err);
    if (status == 0 || runner->n_failed > 0)
        status = finish(runner, status, arena, err);
    else if (err->kind == ERROR_SIGNAL)
        snprintf(err->text + strlen(err->text), sizeof err->text - strlen(err->text),
                 "; start the same command again to go on");
    lock_release(lock);
    return status;
}

int experiment_run(const Experiment *experiment, const RunOptions *options, Error *err) {
    Runner runner = {.experiment = experiment, .options = options};
    Arena *arena = arena_create();
    int status = arena ? run_all(&runner, arena, err) : error_memory(err);
    session_close(&runner.session);
    arena_free(arena);
    return status;
}
