/* stage.c: see stage.h */
#include "experiments/stage/stage.h"

#include "clip/base/files.h"
#include "datasets/lists/remarks.h"
#include "experiments/methods/method.h"
#include "experiments/results/logits.h"
#include "experiments/results/result_files.h"
#include "experiments/stage/transfer.h"
#include "experiments/terminal/interrupt.h"
#include "experiments/terminal/printable.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- what there is to do --- */

/* Classes with too few images for the shots, where a method trains. */
static int remark_few(Stage *stage, Error *err) {
    const Experiment *experiment = stage->experiment;
    const IntList *shots = &experiment->grid.num_shots;
    bool trains = false;
    for (int i = 0; i < experiment->n_methods; i++)
        trains |= (experiment->methods[i].method->uses & USES_TRAINING) != 0;
    if (!trains || stage->session.dataset.train.n == 0)
        return 0;
    return remark_shots(&stage->session.dataset, shots->values, shots->n, stage->session.arena, err);
}

int stage_open(Stage *stage, const Experiment *experiment, const RunOptions *options, bool is_alone,
               Arena *arena, Error *err) {
    *stage = (Stage){.experiment = experiment, .options = options, .is_alone = is_alone, .arena = arena};
    stage->targets = ARENA_NEW(arena, Session, experiment->n_targets);
    if (!stage->targets)
        return error_memory(err);
    if (session_open(&stage->session, experiment, options->quiet, err) < 0)
        return -1;
    for (int t = 0; t < experiment->n_targets; t++)
        if (session_open(&stage->targets[t], &experiment->targets[t], options->quiet, err) < 0)
            return -1;
    return remark_few(stage, err);
}

int stage_print_remarks(const Stage *stage, TextMap *said, Error *err) {
    if (session_print_remarks(&stage->session, said, err) < 0)
        return -1;
    for (int t = 0; t < stage->experiment->n_targets; t++)
        if (session_print_remarks(&stage->targets[t], said, err) < 0)
            return -1;
    return 0;
}

void stage_close(Stage *stage) {
    for (int t = 0; stage->targets && t < stage->experiment->n_targets; t++)
        session_close(&stage->targets[t]);
    session_close(&stage->session);
}

int stage_expand(Stage *stage, const LoadedModel *model, Error *err) {
    GridDigests digests = {.model = clip_digest(model->clip),
                           .vocab = tokenizer_digest(model->tokenizer),
                           .split = stage->session.split_digest,
                           .precision = model->clip->precision};
    stage->backbone = arena_strdup(stage->arena, model->name);
    if (grid_expand(&stage->grid, stage->experiment, &digests, stage->arena, err) < 0 ||
        transfer_expand(&stage->grid, &stage->session, stage->targets, &digests, stage->arena, err) < 0)
        return -1;
    stage->pending = ARENA_NEW(stage->arena, bool, stage->grid.n);
    return arena_failed(stage->arena) ? error_memory(err) : 0;
}

/* A file that was not asked for when the point was finished. */
static bool lacks_logits(const Stage *stage, const Point *point, Arena *arena) {
    if (!point->logits)
        return false;
    const char *path = arena_printf(arena, "%s/%s/" LOGITS_FILE, stage->experiment->output, point->folder);
    return path && !file_exists(path);
}

static int look_at_point(bool *pending, const Stage *stage, const Point *point, const Result *result,
                         bool tell, Arena *arena, Error *err) {
    const char *fault = NULL;
    if (result && result_files_fault(&fault, result, stage->experiment->output, arena, err) < 0)
        return -1;
    if (fault && tell)
        print_line(stderr, "note: %s; its point is run again", fault);
    *pending = !result || fault || lacks_logits(stage, point, arena);
    return arena_failed(arena) ? error_memory(err) : 0;
}

int stage_find_pending(Stage *stage, bool tell, Error *err) {
    Arena *arena = arena_create();
    ResultList results;
    int status = arena ? results_read(&results, stage->experiment->output, arena, err) : error_memory(err);
    stage->n_pending = 0;
    for (int i = 0; status == 0 && i < stage->grid.n; i++) {
        const Point *point = &stage->grid.points[i];
        size_t mark = arena_mark(arena);
        status = look_at_point(&stage->pending[i], stage, point, results_find(&results, point->key), tell,
                               arena, err);
        stage->n_pending += stage->pending[i];
        arena_reset(arena, mark);
    }
    arena_free(arena);
    return status;
}

/* "16 shots, seed 2", "" for a method without either. */
static const char *point_detail(const Point *point, Arena *arena) {
    if (point->num_shots == SHOTS_NONE)
        return "";
    if (point->num_shots == SHOTS_ALL)
        return arena_printf(arena, ", all images, seed %d", point->seed);
    return arena_printf(arena, ", %d shot%s, seed %d", point->num_shots, point->num_shots == 1 ? "" : "s",
                        point->seed);
}

const char *stage_point_title(const Stage *stage, const Point *point, Arena *arena) {
    const char *detail = point_detail(point, arena);
    const Session *tested = point->target < 0 ? &stage->session : &stage->targets[point->target];
    bool named = !stage->is_alone || point->target >= 0;
    return detail ? arena_printf(arena, "%s%s%s%s", named ? tested->name : "", named ? ": " : "",
                                 point->label, detail)
                  : NULL;
}

void stage_fail(Stage *stage, const char *title, const Error *why, int n_points) {
    Failure *failure = ARENA_NEW(stage->arena, Failure, 1);
    stage->n_failed += n_points;
    if (!failure)
        return;
    *failure = (Failure){.title = arena_strdup(stage->arena, title),
                         .reason = arena_strdup(stage->arena, why->text),
                         .next = stage->failures};
    if (failure->title && failure->reason)
        stage->failures = failure;
}

/* --- before the first point --- */

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

int stage_attach(Stage *stage, const LoadedModel *model, Error *err) {
    if (session_attach(&stage->session, model, NULL, err) < 0)
        return -1;
    for (int t = 0; t < stage->experiment->n_targets; t++)
        if (session_attach(&stage->targets[t], model, &stage->session, err) < 0)
            return -1;
    return 0;
}

static void say_same(const Stage *stage) {
    int n = stage->grid.n_same;
    if (n > 0 && !stage->options->quiet)
        print_line(stderr, "%s: %d point%s the settings of another, which runs once", stage->experiment->path,
                   n, n == 1 ? " repeats" : "s repeat");
}

int stage_check(Stage *stage, const LoadedModel *model, Error *err) {
    const char *checked = NULL; /* the label of a variant; its points are neighbours and share it */
    if (check_output(stage->experiment->output, stage->arena, err) < 0 || stage_attach(stage, model, err) < 0)
        return -1;
    if (session_check_images(&stage->session, err) < 0)
        return -1;
    for (int t = 0; t < stage->experiment->n_targets; t++)
        if (session_check_images(&stage->targets[t], err) < 0)
            return -1;
    for (int i = 0; i < stage->grid.n; i++) {
        const Point *point = &stage->grid.points[i];
        if (!stage->pending[i] || point->learned || point->label == checked)
            continue;
        Session *tested = point->target < 0 ? &stage->session : &stage->targets[point->target];
        if (method_of(point)->check(tested, point, err) < 0)
            return -1;
        checked = point->label;
    }
    say_same(stage);
    return 0;
}

/* Has an earlier point asked for the same images? Variants of a method do, whose images follow from the
 * section optim; where they follow from keys of its own, it is asked again. */
static bool is_prepared(const Stage *stage, int index) {
    const Point *points = stage->grid.points, *point = &points[index];
    for (int i = 0; i < index; i++)
        if (stage->pending[i] && points[i].method == point->method && point->method->uses & USES_OPTIM &&
            points[i].num_shots == point->num_shots && points[i].seed == point->seed &&
            points[i].views == point->views && points[i].optim.max_epoch >= point->optim.max_epoch)
            return true;
    return false;
}

/* Is a point to run whose accuracy on validation images will be asked for? */
static bool needs_val(const Stage *stage, int target) {
    for (int i = 0; i < stage->grid.n; i++)
        if (stage->pending[i] && !stage->grid.points[i].learned && stage->grid.points[i].target == target)
            return true;
    return false;
}

/* All images that the pending points will ask for. */
static int ask_images(Stage *stage, Error *err) {
    for (int t = -1; t < stage->experiment->n_targets; t++) {
        Session *tested = t < 0 ? &stage->session : &stage->targets[t];
        if (session_encode_test(tested, err) < 0 ||
            (needs_val(stage, t) && session_encode_val(tested, err) < 0))
            return -1;
    }
    for (int i = 0; i < stage->grid.n; i++) {
        const Point *point = &stage->grid.points[i];
        if (!stage->pending[i] || !method_of(point)->prepare || is_prepared(stage, i))
            continue;
        Arena *scratch = arena_create();
        int status =
            scratch ? method_of(point)->prepare(&stage->session, point, scratch, err) : error_memory(err);
        arena_free(scratch);
        if (status < 0 && stage->session.given &&
            err->kind == ERROR_INPUT) /* features that it does not have */
            return error_prefix(err, "%s: %.80s", stage->experiment->path, point->label);
        if (status < 0)
            return -1;
    }
    return 0;
}

typedef int (*NotesFn)(void *context, const ImageNotes *notes, const Session *session, Error *err);

static int note_images(Stage *stage, NotesFn notes_fn, void *context, Error *err) {
    const int n_targets = stage->experiment->n_targets;
    Arena *arena = arena_create();
    ImageNotes *notes = ARENA_NEW(arena, ImageNotes, 1 + n_targets);
    if (!notes) {
        arena_free(arena);
        return error_memory(err);
    }
    for (int t = -1; t < n_targets; t++) {
        notes[1 + t].arena = arena;
        (t < 0 ? &stage->session : &stage->targets[t])->notes = &notes[1 + t];
    }
    int status = ask_images(stage, err);
    for (int t = -1; t < n_targets; t++) {
        Session *session = t < 0 ? &stage->session : &stage->targets[t];
        session->notes = NULL;
        if (status == 0)
            status = notes_fn(context, &notes[1 + t], session, err);
    }
    arena_free(arena);
    return status;
}

static int count_notes(void *context, const ImageNotes *notes, const Session *session, Error *err) {
    long n_missing = 0, *n_images = context;
    int status = image_notes_missing(&n_missing, notes, session->cache, session->unprojected,
                                     session->dataset.root, err);
    *n_images += n_missing;
    return status;
}

int stage_count_images(Stage *stage, const LoadedModel *model, long *n_images, Error *err) {
    *n_images = 0;
    return stage_attach(stage, model, err) < 0 ? -1 : note_images(stage, count_notes, n_images, err);
}

static int check_notes(void *context, const ImageNotes *notes, const Session *session, Error *err) {
    (void)context;
    int status = image_notes_check(notes, session->cache, session->dataset.root, err);
    return interrupt_signal() ? interrupt_check(err) : status;
}

int stage_prepare(Stage *stage, const LoadedModel *model, Error *err) {
    return stage_attach(stage, model, err) < 0 || note_images(stage, check_notes, NULL, err) < 0 ||
                   ask_images(stage, err) < 0
               ? -1
               : 0;
}
