/* parallel.c: see parallel.h */
#include "experiments/stage/parallel.h"

#include "experiments/methods/method.h"
#include "experiments/stage/plan.h"

#include <math.h>
#include <stdio.h>

#define RATE 5e10       /* operations per second of a rank, and */
#define LATENCY 1e-3    /* seconds that the messages of a step wait: for the choice alone */
#define AGAIN (4.0 / 3) /* activations that are computed twice: three passes are four */

static double flops_alone(const ParallelPoint *point, size_t budget) {
    const bool again = point->split.most > 1 && budget > 0 && point->split.n_memory > budget;
    return point->flops * (again ? AGAIN : 1);
}

static double flops_cut(const ParallelPoint *point, int n_ranks, size_t budget) {
    const int n = point->split.most < n_ranks ? point->split.most : n_ranks;
    if (n < 2)
        return flops_alone(point, budget);
    const bool again = budget > 0 && point->split.n_memory / (size_t)n > budget;
    return point->flops * ((again ? AGAIN : 1) / n + LATENCY * RATE / point->split.flops);
}

static const char *plural(int n) {
    return n == 1 ? "" : "s";
}

static void say_auto(ParallelChoice *choice, double points, double classes, int n_ranks) {
    char why[64];
    if (choice->n_cut == 0)
        snprintf(why, sizeof why, "no training here can be cut by classes");
    else if (choice->n_points < n_ranks)
        snprintf(why, sizeof why, "%d point%s for %d ranks", choice->n_points, plural(choice->n_points),
                 n_ranks);
    else
        snprintf(why, sizeof why, "%d points", choice->n_points);
    if (choice->n_cut == 0 || !(points > 0))
        snprintf(choice->reason, sizeof choice->reason, "auto: %s", why);
    else
        snprintf(choice->reason, sizeof choice->reason,
                 "auto: %s; reckoned, cut by classes they take %.2g times as long as whole ones", why,
                 classes / points);
}

ParallelChoice parallel_of(const ParallelPoint *points, int n_points, int n_ranks, Parallel wanted,
                           size_t budget) {
    ParallelChoice choice = {.n_points = n_points};
    double longest = 0, sum = 0, classes = 0;
    for (int i = 0; i < n_points; i++) {
        const double alone = flops_alone(&points[i], budget);
        longest = fmax(longest, alone);
        sum += alone;
        classes += flops_cut(&points[i], n_ranks, budget);
        choice.n_cut += points[i].split.most > 1;
    }
    const double by_points = fmax(longest, sum / n_ranks);
    if (wanted == PARALLEL_AUTO) {
        choice.by_classes = choice.n_cut > 0 && classes < by_points;
        say_auto(&choice, by_points, classes, n_ranks);
    } else {
        choice.by_classes = wanted == PARALLEL_CLASSES && choice.n_cut > 0;
        snprintf(choice.reason, sizeof choice.reason, "%s",
                 wanted == PARALLEL_POINTS ? "as the experiment says"
                 : choice.n_cut > 0        ? "as the experiment says"
                                           : "no training here can be cut by classes");
    }
    return choice;
}

static int look_at(ParallelPoint *points, int *n_points, Stage *stage, Arena *arena, Error *err) {
    double *flops = ARENA_NEW(arena, double, stage->grid.n);
    if (!flops)
        return error_memory(err);
    if (plan_points(flops, stage, err) < 0)
        return -1;
    for (int i = 0; i < stage->grid.n; i++) {
        const Point *point = &stage->grid.points[i];
        if (!stage->pending[i])
            continue;
        ParallelPoint *known = &points[(*n_points)++];
        *known = (ParallelPoint){.flops = flops[i], .split.most = 1};
        if (!point->learned && point->target < 0 && method_of(point)->split &&
            method_of(point)->split(&known->split, &stage->session, point, err) < 0)
            return -1;
    }
    return 0;
}

int parallel_choose(ParallelChoice *choice, Stage *stage, int n_ranks, int n_sharing, Error *err) {
    Experiment experiment = *stage->experiment;
    Arena *arena = arena_create();
    ParallelPoint *points = ARENA_NEW(arena, ParallelPoint, stage->grid.n);
    int n_points = 0, status = points ? 0 : error_memory(err);
    experiment.n_sharing = n_sharing;
    if (status == 0)
        status = look_at(points, &n_points, stage, arena, err);
    if (status == 0)
        *choice = parallel_of(points, n_points, n_ranks, (Parallel)experiment.parallel,
                              experiment_memory_budget(&experiment));
    arena_free(arena);
    return status;
}
