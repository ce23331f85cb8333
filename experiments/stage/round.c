/* round.c: see round.h */
#include "experiments/stage/round.h"

#include "experiments/stage/plan.h"
#include "experiments/terminal/interrupt.h"

#include <stdlib.h>
#include <unistd.h>

int round_open(Round *round, Stage *stage, bool several, Error *err) {
    *round = (Round){.stage = stage, .several = several};
    pthread_mutex_init(&round->lock, NULL);
    pthread_mutex_init(&round->cache_lock, NULL);
    round->failed = ARENA_NEW(stage->arena, bool, stage->grid.n);
    if (!round->failed)
        return error_memory(err);
    if (several)
        progress_start(&round->overall, stderr, stage->options->quiet || !isatty(STDERR_FILENO),
                       "running points", stage->n_pending);
    else /* prints lines, draws nothing */
        round->overall = (Progress){.out = stderr};
    return 0;
}

void round_close(Round *round) {
    progress_erase(&round->overall);
    pthread_mutex_destroy(&round->cache_lock);
    pthread_mutex_destroy(&round->lock);
}

/* --- which points --- */

typedef struct {
    double flops;
    int index;
} Weighed;

static int longer(const void *a, const void *b) {
    const Weighed *x = a, *y = b;
    return x->flops != y->flops ? (x->flops < y->flops ? 1 : -1) : x->index - y->index;
}

static int sort_points(const Round *round, int *todo, Arena *arena, Error *err) {
    Stage *stage = round->stage;
    double *flops = ARENA_NEW(arena, double, stage->grid.n);
    Weighed *weighed = ARENA_NEW(arena, Weighed, round->n_todo);
    if (arena_failed(arena))
        return error_memory(err);
    if (plan_points(flops, stage, err) < 0)
        return -1;
    for (int i = 0; i < round->n_todo; i++)
        weighed[i] = (Weighed){flops[todo[i]], todo[i]};
    qsort(weighed, (size_t)round->n_todo, sizeof *weighed, longer);
    for (int i = 0; i < round->n_todo; i++)
        todo[i] = weighed[i].index;
    return 0;
}

int round_begin(Round *round, bool second, Error *err) {
    const Stage *stage = round->stage;
    int *todo = ARENA_NEW(stage->arena, int, stage->grid.n);
    if (!todo)
        return error_memory(err);
    round->todo = todo;
    round->n_todo = round->n_given = 0;
    for (int i = 0; i < stage->grid.n; i++) {
        const Point *learned = stage->grid.points[i].learned;
        bool hopeless = learned && round->failed[learned - stage->grid.points];
        if (stage->pending[i] && (learned != NULL) == second && !hopeless)
            todo[round->n_todo++] = i;
    }
    if (!round->longest_first)
        return 0;
    Arena *arena = arena_create();
    const int status = sort_points(round, todo, arena, err);
    arena_free(arena);
    return status;
}

const Point *round_next(Round *round) {
    const Point *point = NULL;
    pthread_mutex_lock(&round->lock);
    if (!interrupt_signal() && round->n_given < round->n_todo)
        point = &round->stage->grid.points[round->todo[round->n_given++]];
    pthread_mutex_unlock(&round->lock);
    return point;
}

/* --- what is said of them --- */

static const char *numbered(const Round *round, int number, const char *title, Arena *arena) {
    int n_digits = snprintf(NULL, 0, "%d", round->stage->n_pending);
    return title ? arena_printf(arena, "[%*d/%d] %s", n_digits, number, round->stage->n_pending, title)
                 : NULL;
}

const char *round_title(Round *round, const Point *point, Arena *arena) {
    pthread_mutex_lock(&round->lock);
    int number = round->n_done + 1;
    pthread_mutex_unlock(&round->lock);
    return numbered(round, number, stage_point_title(round->stage, point, arena), arena);
}

/* Under the lock. */
static void tell(Round *round, const Point *point, const Result *result, const Error *why, Arena *arena) {
    Stage *stage = round->stage;
    const char *own = stage_point_title(stage, point, arena);
    const char *title = numbered(round, ++round->n_done, own, arena);
    own = own ? own : point->label;
    title = title ? title : own;
    if (why) {
        round->failed[point - stage->grid.points] = true;
        stage_fail(stage, own, why, 1);
        progress_print(&round->overall, "%s: failed: %s", title, why->text);
    } else if (!stage->options->quiet) {
        progress_print(&round->overall, "%-58s %6.2f %%  %6.1f s", title, result->accuracy,
                       result->total_seconds);
    }
    progress_update(&round->overall, round->n_done);
}

void round_tell(Round *round, const Point *point, const Result *result, const Error *why, Arena *arena) {
    pthread_mutex_lock(&round->lock);
    if (why && why->kind == ERROR_SIGNAL)
        round->signal = *why;
    else
        tell(round, point, result, why, arena);
    pthread_mutex_unlock(&round->lock);
}

int round_end(Round *round, Error *err) {
    if (round->signal.kind == ERROR_SIGNAL) {
        *err = round->signal;
        return -1;
    }
    return interrupt_check(err);
}
