/* jobs.c: see jobs.h */
#include "experiments/run/jobs.h"

#include "clip/base/files.h"
#include "experiments/crew/share_classes.h"
#include "experiments/crew/share_points.h"
#include "experiments/stage/parallel.h"
#include "experiments/stage/point_run.h"
#include "experiments/stage/round.h"

#include <stdio.h>
#include <unistd.h>

typedef struct {
    Round round;
    Job *jobs; /* (n_jobs); with other ranks one more, which has what they want */
    int n_jobs;
    Pool *workers;       /* NULL: one job, in the calling thread */
    SharedPoints shared; /* with other ranks */
    ClassLink link;      /* with these, where they share the classes of each training instead */
} Jobs;

/* Runs a point in its folder, and keeps what came of it. */
static int run_point(const Stage *stage, Job *job, const Point *point, Result *result, Progress *progress,
                     Arena *arena, Error *err) {
    const char *output = stage->experiment->output;
    const PointFolders folders = {path_join(arena, output, point->folder),
                                  point->learned ? path_join(arena, output, point->learned->folder) : NULL};
    if (arena_failed(arena))
        return error_memory(err);
    if (make_folders(folders.folder, err) < 0 ||
        point_run(job, point, &folders, result, progress, arena, err) < 0)
        return -1;
    return result_append(output, result, err);
}

static void run_and_tell(Jobs *jobs, Job *job, const Point *point) {
    Round *round = &jobs->round;
    const bool quiet = round->stage->options->quiet;
    Error err = {0};
    Result result;
    Progress progress = {0};
    Arena *arena = arena_create();
    int status = -1;
    if (arena) {
        /* Without a terminal the line of the finished point is enough. */
        const char *title = round_title(round, point, arena);
        progress_start(&progress, stderr, quiet || round->several || !isatty(STDERR_FILENO),
                       title ? title : point->label, 0);
        status = run_point(round->stage, job, point, &result, &progress, arena, &err);
        progress_erase(&progress);
    } else {
        error_memory(&err);
    }
    round_tell(round, point, &result, status < 0 ? &err : NULL, arena);
    arena_free(arena);
}

static void work(void *context, int index, int worker) {
    Jobs *jobs = context;
    (void)worker;
    for (const Point *point; (point = round_next(&jobs->round));)
        run_and_tell(jobs, &jobs->jobs[index], point);
}

static void share(void *context) {
    share_points(context);
}

/* With other ranks, a thread hands out points while this one runs some. */
static int run_round(Jobs *jobs, bool second, Error *err) {
    Task *sharing = NULL;
    if (round_begin(&jobs->round, second, err) < 0)
        return -1;
    if (jobs->shared.ranks && !(sharing = task_start(share, &jobs->shared)))
        return error_run(err, "cannot start a thread");
    pool_run(jobs->workers, jobs->n_jobs, work, jobs);
    task_wait(sharing);
    return round_end(&jobs->round, err);
}

/* While the others have parts of a training they encode no images: those that are wanted are there. */
static void share_classes(Jobs *jobs, const Stage *stage) {
    Job *job = &jobs->jobs[0];
    job_share_memory(job, ranks_on_host(jobs->link.ranks));
    job->session.link = &jobs->link.link;
    job->session.help = NULL;
    for (int t = 0; t < stage->experiment->n_targets; t++)
        job->targets[t].help = NULL;
}

/* A job alone uses the stage's threads, several share their number; beside other ranks it has its own, as the
 * cache uses those of the stage. */
static int open_jobs(Jobs *jobs, Stage *stage, Error *err) {
    RankGroup *const ranks = jobs->shared.ranks, *all = stage->options->ranks;
    const int n = jobs->n_jobs, n_threads = pool_threads(stage->session.model.pool) / n;
    const int n_sharing = n * ranks_on_host(all);
    if (round_open(&jobs->round, stage, n > 1 || ranks, err) < 0)
        return -1;
    jobs->round.longest_first = ranks != NULL;
    jobs->jobs = ARENA_NEW(stage->arena, Job, n + 1);
    if (!jobs->jobs)
        return error_memory(err);
    for (int i = 0; i < n + (ranks != NULL); i++) {
        if (job_create(&jobs->jobs[i], stage, err) < 0)
            return -1;
        if ((n > 1 || ranks) && job_detach(&jobs->jobs[i], stage, i < n ? n_threads : 1, n_sharing,
                                           &jobs->round.cache_lock, err) < 0)
            return -1;
    }
    if (jobs->link.ranks)
        share_classes(jobs, stage);
    jobs->shared.round = &jobs->round;
    jobs->shared.job = &jobs->jobs[n];
    if (n == 1)
        return 0;
    /* What the first training would add to the shared model is added before there are several. (Its digest
     * is there already: the keys of the points have it.) */
    if (clip_prepare_training(stage->session.model.clip, err) < 0)
        return -1;
    jobs->workers = pool_create(n);
    return jobs->workers ? 0 : error_run(err, "cannot start %d jobs: out of memory, or too many threads", n);
}

static void close_jobs(Jobs *jobs, const Stage *stage) {
    pool_free(jobs->workers);
    for (int i = 0; jobs->jobs && i <= jobs->n_jobs; i++)
        job_close(&jobs->jobs[i], stage);
    round_close(&jobs->round);
}

static const char *plural(int n) {
    return n == 1 ? "" : "s";
}

static void say_ranks(const Stage *stage, const RankGroup *ranks, const ParallelChoice *choice) {
    const int n = ranks_count(ranks), n_hosts = ranks_hosts(ranks), n_points = choice->n_points;
    if (stage->options->quiet)
        return;
    fprintf(stderr, "%d ranks on %d machine%s share ", n, n_hosts, plural(n_hosts));
    if (!choice->by_classes) {
        fprintf(stderr, "%d point%s, the longest first", n_points, plural(n_points));
        if (n_points < n)
            fprintf(stderr, "; %d have none", n - n_points);
    } else {
        fprintf(stderr, "the classes of %d training%s", choice->n_cut, plural(choice->n_cut));
        if (choice->n_cut < n_points)
            fprintf(stderr, "; rank 0 runs %d other point%s alone", n_points - choice->n_cut,
                    plural(n_points - choice->n_cut));
    }
    fprintf(stderr, " (parallel: %s)\n", choice->reason);
}

int jobs_run(Stage *stage, Error *err) {
    const int most = stage->options->n_jobs < stage->n_pending ? stage->options->n_jobs : stage->n_pending;
    RankGroup *ranks = stage->options->ranks;
    Jobs jobs = {.n_jobs = most > 1 ? most : 1};
    ParallelChoice choice;
    if (ranks_count(ranks) > 1) {
        if (parallel_choose(&choice, stage, ranks_count(ranks), ranks_on_host(ranks), err) < 0)
            return -1;
        say_ranks(stage, ranks, &choice);
        if (choice.by_classes)
            class_link(&jobs.link, ranks, stage);
        else
            jobs.shared.ranks = ranks;
    }
    int status = open_jobs(&jobs, stage, err);
    for (int second = 0; second < 2 && status == 0; second++)
        status = run_round(&jobs, second, err);
    close_jobs(&jobs, stage);
    return status;
}
