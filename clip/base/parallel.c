/* parallel.c: a pool of threads that wait for work: first spinning, then asleep.
 *
 * A training step makes about a thousand short runs in a row, so a thread that has nothing to do spins for
 * SPIN_NS before it sleeps, and the calling thread takes tiles like the others.
 *
 * Each worker has a share of adjacent tiles, and takes from the shares of others when its own is done: so in
 * runs over the same rows it finds those rows in its own cache. (A step of 430 rows on two cores spent a
 * tenth of its time fetching from the other core's.)
 *
 * A share is one word, the ticket: (number of the run << 32) | tiles not yet taken. A tile is taken by a
 * compare-and-swap of the whole word, so a thread that was held up since an earlier run cannot take a tile of
 * the wrong one: its swap fails, and what it read of the job in the meantime is thrown away. A run ends when
 * its tiles are finished, not when all workers have looked at it; nobody waits for a sleeper to wake up.
 *
 * Going to sleep: a worker raises n_sleeping, then looks at its ticket once more; the caller writes the
 * tickets, then looks at n_sleeping. Both orders are sequentially consistent, so at least one of the two sees
 * the other.
 */
#include "clip/base/parallel.h"

#include "clip/base/machine.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define SPIN_NS 50000
#define PAUSES_PER_LOOK 16
#define CACHE_LINE 64

typedef struct {
    _Alignas(CACHE_LINE) _Atomic uint64_t ticket; /* written for every tile */
    Pool *pool;
    int index;
    pthread_t thread;
} Worker;

struct Pool {
    _Alignas(CACHE_LINE) atomic_int unfinished; /* tiles of this run; written for every tile */

    /* The job. Written by the caller while the tickets have no tiles left. */
    _Alignas(CACHE_LINE) _Atomic(TileFn) tile_fn;
    _Atomic(void *) context;
    atomic_int n_tiles;
    uint32_t run; /* its number */
    bool running;

    _Alignas(CACHE_LINE) pthread_mutex_t mutex; /* guards only going to sleep */
    pthread_cond_t work_waits, work_done;
    atomic_int n_sleeping;       /* workers waiting for work_waits */
    atomic_bool caller_sleeping; /* the caller, waiting for work_done */
    atomic_bool stop;

    StopFn ask_stop; /* or NULL */
    void *stop_context;
    int n_threads, n_started;
    bool crowded;    /* more threads than cores */
    Worker *workers; /* (n_threads); the first is the caller and has no thread */
};

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void pause_cpu(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

static bool work_waits(const Worker *worker) {
    return (uint32_t)atomic_load(&worker->ticket) != 0 || atomic_load(&worker->pool->stop);
}

static bool work_done(const Worker *caller) {
    return atomic_load(&caller->pool->unfinished) == 0;
}

/* Spins until ready, or until it is time to sleep. */
static bool spin_until(const Worker *worker, bool (*ready)(const Worker *)) {
    int64_t end = now_ns() + SPIN_NS;
    do {
        for (int i = 0; i < PAUSES_PER_LOOK; i++) {
            if (ready(worker))
                return true;
            pause_cpu();
        }
        if (worker->pool->crowded)
            sched_yield();
    } while (now_ns() < end);
    return ready(worker);
}

/* The first tile of a worker's share. */
static int share_of(const Pool *pool, int worker, int n_tiles) {
    return (int)((int64_t)n_tiles * worker / pool->n_threads);
}

/* Takes the tiles that are left of a share. */
static void take_share(Pool *pool, Worker *share, int worker) {
    uint64_t ticket = atomic_load(&share->ticket);
    while ((uint32_t)ticket != 0) {
        TileFn tile_fn = atomic_load_explicit(&pool->tile_fn, memory_order_relaxed);
        void *context = atomic_load_explicit(&pool->context, memory_order_relaxed);
        int n_tiles = atomic_load_explicit(&pool->n_tiles, memory_order_relaxed);
        if (!atomic_compare_exchange_weak(&share->ticket, &ticket, ticket - 1))
            continue;
        tile_fn(context, share_of(pool, share->index + 1, n_tiles) - (int)(uint32_t)ticket, worker);
        if (atomic_fetch_sub(&pool->unfinished, 1) == 1 && atomic_load(&pool->caller_sleeping)) {
            pthread_mutex_lock(&pool->mutex);
            pthread_cond_signal(&pool->work_done);
            pthread_mutex_unlock(&pool->mutex);
        }
        ticket = atomic_load(&share->ticket);
    }
}

static void take_tiles(Pool *pool, int worker) {
    for (int i = 0; i < pool->n_threads; i++)
        take_share(pool, &pool->workers[(worker + i) % pool->n_threads], worker);
}

static void *worker_main(void *argument) {
    Worker *worker = argument;
    Pool *pool = worker->pool;
    while (!atomic_load(&pool->stop)) {
        if (!spin_until(worker, work_waits)) {
            pthread_mutex_lock(&pool->mutex);
            atomic_fetch_add(&pool->n_sleeping, 1);
            while (!work_waits(worker))
                pthread_cond_wait(&pool->work_waits, &pool->mutex);
            atomic_fetch_sub(&pool->n_sleeping, 1);
            pthread_mutex_unlock(&pool->mutex);
        }
        take_tiles(pool, worker->index);
    }
    return NULL;
}

static void wake_workers(Pool *pool) {
    if (atomic_load(&pool->n_sleeping) == 0)
        return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->work_waits);
    pthread_mutex_unlock(&pool->mutex);
}

static void wait_for_tiles(Pool *pool) {
    const Worker *caller = &pool->workers[0];
    if (spin_until(caller, work_done))
        return;
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->caller_sleeping, true);
    while (!work_done(caller))
        pthread_cond_wait(&pool->work_done, &pool->mutex);
    atomic_store(&pool->caller_sleeping, false);
    pthread_mutex_unlock(&pool->mutex);
}

static void run_all(Pool *pool, int n_tiles, TileFn tile_fn, void *context) {
    atomic_store_explicit(&pool->tile_fn, tile_fn, memory_order_relaxed);
    atomic_store_explicit(&pool->context, context, memory_order_relaxed);
    atomic_store_explicit(&pool->n_tiles, n_tiles, memory_order_relaxed);
    atomic_store(&pool->unfinished, n_tiles);
    const uint64_t run = ++pool->run;
    for (int i = 0; i < pool->n_threads; i++) {
        int tiles = share_of(pool, i + 1, n_tiles) - share_of(pool, i, n_tiles);
        atomic_store(&pool->workers[i].ticket, run << 32 | (uint32_t)tiles);
    }
    wake_workers(pool);
    take_tiles(pool, 0);
    wait_for_tiles(pool);
}

void pool_run(Pool *pool, int n_tiles, TileFn tile_fn, void *context) {
    assert(n_tiles >= 0);
    assert(!pool || !pool->running); /* a tile has called pool_run */
    if (pool)
        pool->running = true;
    if (n_tiles > 1 && pool_threads(pool) > 1)
        run_all(pool, n_tiles, tile_fn, context);
    else
        for (int tile = 0; tile < n_tiles; tile++)
            tile_fn(context, tile, 0);
    if (pool)
        pool->running = false;
}

/* Threads block all signals, so that the handlers of the program run in its main thread; except for SIGBUS,
 * which comes of what a thread itself does (a cut file: mapped_files.h). An errno, or 0. */
static int start_thread(pthread_t *thread, void *(*run)(void *), void *argument) {
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGBUS);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static int start_workers(Pool *pool) {
    int failed = 0;
    for (int i = 0; i < pool->n_threads; i++)
        pool->workers[i] = (Worker){.pool = pool, .index = i};
    for (int i = 1; i < pool->n_threads && !failed; i++) {
        failed = start_thread(&pool->workers[i].thread, worker_main, &pool->workers[i]);
        pool->n_started += !failed;
    }
    return failed ? -1 : 0;
}

Pool *pool_create(int n_threads) {
    assert(n_threads >= 0);
    Pool *pool = aligned_alloc(CACHE_LINE, sizeof *pool);
    if (!pool)
        return NULL;
    const int n_cores = n_threads == 1 ? 1 : machine_threads("");
    *pool = (Pool){.n_threads = n_threads > 0 ? n_threads : n_cores};
    pool->crowded = pool->n_threads > n_cores;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work_waits, NULL);
    pthread_cond_init(&pool->work_done, NULL);
    pool->workers = aligned_alloc(CACHE_LINE, (size_t)pool->n_threads * sizeof *pool->workers);
    if (!pool->workers || start_workers(pool)) {
        pool_free(pool);
        return NULL;
    }
    return pool;
}

void pool_free(Pool *pool) {
    if (!pool)
        return;
    atomic_store(&pool->stop, true);
    wake_workers(pool);
    for (int i = 1; i <= pool->n_started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->work_done);
    pthread_cond_destroy(&pool->work_waits);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->workers);
    free(pool);
}

int pool_threads(const Pool *pool) {
    return pool ? pool->n_threads : 1;
}

/* --- a task --- */

struct Task {
    pthread_t thread;
    void (*run)(void *context);
    void *context;
};

static void *task_main(void *argument) {
    Task *task = argument;
    task->run(task->context);
    return NULL;
}

Task *task_start(void (*run)(void *context), void *context) {
    Task *task = malloc(sizeof *task);
    if (!task)
        return NULL;
    *task = (Task){.run = run, .context = context};
    if (start_thread(&task->thread, task_main, task) == 0)
        return task;
    free(task);
    return NULL;
}

void task_wait(Task *task) {
    if (!task)
        return;
    pthread_join(task->thread, NULL);
    free(task);
}

void pool_set_stop(Pool *pool, StopFn stop, void *context) {
    pool->ask_stop = stop;
    pool->stop_context = context;
}

int pool_stopped(const Pool *pool, Error *err) {
    return pool && pool->ask_stop ? pool->ask_stop(pool->stop_context, err) : 0;
}
