/* lane.c: see lane.h */
#include "experiments/serve/lane.h"

#include "clip/base/parallel.h"

#include <pthread.h>
#include <stdlib.h>

struct Lane {
    pthread_mutex_t lock;
    pthread_cond_t came; /* a job, or the end */
    void **waiting;      /* a ring (most) */
    int first, n, most;
    bool ends;
    void (*work)(void *context, void *job);
    void *context;
    Task **tasks; /* (n_tasks) */
    int n_tasks;
};

static void *take(Lane *lane) {
    void *job = NULL;
    pthread_mutex_lock(&lane->lock);
    while (!lane->ends && lane->n == 0)
        pthread_cond_wait(&lane->came, &lane->lock);
    if (!lane->ends) {
        job = lane->waiting[lane->first];
        lane->first = (lane->first + 1) % lane->most;
        lane->n--;
    }
    pthread_mutex_unlock(&lane->lock);
    return job;
}

static void run(void *context) {
    Lane *lane = context;
    for (void *job; (job = take(lane));)
        lane->work(lane->context, job);
}

Lane *lane_open(int n_threads, int most_waiting, void (*work)(void *context, void *job), void *context,
                Error *err) {
    Lane *lane = calloc(1, sizeof *lane);
    if (!lane || pthread_mutex_init(&lane->lock, NULL) != 0) {
        free(lane);
        error_memory(err);
        return NULL;
    }
    if (pthread_cond_init(&lane->came, NULL) != 0) {
        pthread_mutex_destroy(&lane->lock);
        free(lane);
        error_memory(err);
        return NULL;
    }
    lane->most = most_waiting;
    lane->work = work;
    lane->context = context;
    lane->waiting = calloc((size_t)most_waiting, sizeof *lane->waiting);
    lane->tasks = calloc((size_t)n_threads, sizeof(Task *));
    while (lane->waiting && lane->tasks && lane->n_tasks < n_threads &&
           (lane->tasks[lane->n_tasks] = task_start(run, lane)))
        lane->n_tasks++;
    if (lane->n_tasks == n_threads)
        return lane;
    lane_close(lane);
    error_run(err, "cannot start threads: out of memory, or too many of them");
    return NULL;
}

bool lane_offer(Lane *lane, void *job) {
    pthread_mutex_lock(&lane->lock);
    const bool fits = lane->n < lane->most;
    if (fits) {
        lane->waiting[(lane->first + lane->n++) % lane->most] = job;
        pthread_cond_signal(&lane->came);
    }
    pthread_mutex_unlock(&lane->lock);
    return fits;
}

void lane_close(Lane *lane) {
    if (!lane)
        return;
    pthread_mutex_lock(&lane->lock);
    lane->ends = true;
    pthread_cond_broadcast(&lane->came);
    pthread_mutex_unlock(&lane->lock);
    for (int i = 0; i < lane->n_tasks; i++)
        task_wait(lane->tasks[i]);
    pthread_cond_destroy(&lane->came);
    pthread_mutex_destroy(&lane->lock);
    free(lane->tasks);
    free(lane->waiting);
    free(lane);
}
