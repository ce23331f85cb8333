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
#include "experiments/table.h"

#include <stdio.h>
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
    int n_pending, n_done, n_failed;
} Runner;

static bool is_pending(const Runner *runner, const Point *point) {
    return !results_find(&runner->results, point->key);
}

/* "16 shots, seed 2", "" for a method without either. */
static const char *point_detail(const Point *point, Arena *arena) {
    if (point->num_shots == SHOTS_NONE)
        return "";
    if (point->num_shots == SHOTS_ALL)
        return arena_printf(arena, "all images, seed %d", point->seed);
    return arena_printf(arena, "%d shot%s, seed %d", point->num_shots, point->num_shots == 1 ? "" : "s",
                        point->seed);
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
    if (!logits_path)
        return error_memory(err);
    if (point->logits && logits_write(logits_path, logits, dataset, arena, err) < 0)
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
    const char *detail = point_detail(point, arena);
    const char *folder = path_join(arena, runner->experiment->output, point->folder);
    float *logits = arena_floats(arena, (size_t)dataset->test.n, (size_t)dataset->n_classes);
    char *label = arena_printf(arena, "[%d/%d] %s%s%s", runner->n_done + 1, runner->n_pending, point->label,
                               *detail ? ", " : "", detail);
    if (arena_failed(arena))
        return error_memory(err);
    bool keeps_files = point->kind == METHOD_COOP || point->logits;
    if (keeps_files && make_folders(folder, err) < 0)
        return -1;
    result_start(&result, point, dataset->name);
    /* Without a terminal the line of the finished point is enough. */
    progress_start(&progress, stderr, runner->options->quiet || !isatty(STDERR_FILENO), label,
                   point->kind == METHOD_COOP ? point->optim.max_epoch : 0);
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
    Error failure = {0}; /* the first */
    for (int i = 0; i < runner->grid.n; i++) {
        const Point *point = &runner->grid.points[i];
        if (!is_pending(runner, point))
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
        runner->n_done++;
        if (status < 0) {
            fprintf(stderr, "%s %s: failed: %s\n", point->label, arena ? point_detail(point, arena) : "",
                    why.text);
            if (runner->n_failed++ == 0)
                failure = why;
        }
        arena_free(arena);
    }
    if (runner->n_failed == 0)
        return 0;
    error_run(err, "%d of %d points failed, the first one: %s", runner->n_failed, runner->n_pending,
              failure.text);
    if (err && runner->n_failed == runner->n_pending)
        err->kind = failure.kind;
    return -1;
}

/* Encodes whatever the pending points will ask for. */
static int prepare_points(Runner *runner, Error *err) {
    if (session_encode_test(&runner->session, err) < 0)
        return -1;
    for (int i = 0; i < runner->grid.n; i++) {
        const Point *point = &runner->grid.points[i];
        if (is_pending(runner, point) && method_of(point->kind)->prepare(&runner->session, point, err) < 0)
            return -1;
    }
    return 0;
}

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
        printf("  %-5s %-34s %-24s %s\n", is_pending(runner, point) ? "run" : "done", point->label,
               point_detail(point, arena), point->folder);
    }
    return 0;
}

static int expand(Runner *runner, Arena *arena, Error *err) {
    Session *session = &runner->session;
    GridDigests digests = {.model = clip_digest(session->model.clip),
                           .vocab = tokenizer_digest(session->model.tokenizer),
                           .split = session->split_digest};
    if (grid_expand(&runner->grid, runner->experiment, &digests, arena, err) < 0 ||
        results_read(&runner->results, runner->experiment->output, arena, err) < 0)
        return -1;
    for (int i = 0; i < runner->grid.n; i++)
        runner->n_pending += is_pending(runner, &runner->grid.points[i]);
    return 0;
}

static int run_all(Runner *runner, Arena *arena, Error *err) {
    const Experiment *experiment = runner->experiment;
    const RunOptions *options = runner->options;
    if (session_open(&runner->session, experiment, options->n_threads, options->quiet, err) < 0 ||
        expand(runner, arena, err) < 0)
        return -1;
    if (options->dry_run)
        return print_points(runner, arena);
    if (!options->quiet && runner->n_pending < runner->grid.n)
        fprintf(stderr, "%d of %d points are already finished\n", runner->grid.n - runner->n_pending,
                runner->grid.n);
    int status = 0;
    if (runner->n_pending > 0) {
        if (prepare_points(runner, err) < 0 || make_folders(experiment->output, err) < 0)
            return -1;
        Lock *lock = lock_take(experiment->output, err);
        if (!lock)
            return -1;
        status = run_points(runner, err);
        lock_release(lock);
    }
    if (status < 0 && err && err->kind == ERROR_SIGNAL)
        return -1;
    Error table_error = {0};
    if (print_table(runner, arena, &table_error) < 0 ||
        results_write_csv(experiment->output, &runner->results, &table_error) < 0) {
        if (status == 0)
            *err = table_error;
        return -1;
    }
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
