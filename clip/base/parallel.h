/* parallel.h: the only file that knows threads.
 *
 * A Pool runs a function over tiles 0 .. n_tiles-1. Each worker begins with a share of adjacent tiles, so
 * that later runs over the same rows find them in the cache where they were left; a worker that has finished
 * its share takes tiles from the others. A tile may write only what no other tile touches; then the bits of
 * the result do not depend on the number of threads, as long as the tile boundaries follow from the problem
 * alone.
 */
#ifndef CLIP_BASE_PARALLEL_H
#define CLIP_BASE_PARALLEL_H

#include "clip/base/error.h"

typedef struct Pool Pool;

/* n_threads workers, the calling thread included; 0 means machine_threads (machine.h). NULL when threads
 * cannot be started. Caller frees with pool_free. */
Pool *pool_create(int n_threads);
void pool_free(Pool *pool);         /* NULL is fine */
int pool_threads(const Pool *pool); /* 1 for NULL: a pool of the calling thread alone */

/* Calls tile_fn(context, tile, worker) for every tile and returns when all are done; worker is in
 * 0 .. pool_threads-1 and picks a scratch buffer. Not reentrant: a tile must not call pool_run. */
typedef void (*TileFn)(void *context, int tile, int worker);
void pool_run(Pool *pool, int n_tiles, TileFn tile_fn, void *context);

/* Long work asks its pool between its parts, from any thread, whether to go on. pool_stopped returns 0 until
 * the function given to pool_set_stop says otherwise, then -1 with that function's Error (err may be NULL);
 * without such a function, as for NULL, it always returns 0. A function that has said so must stay with it
 * until that work has returned. */
typedef int (*StopFn)(void *context, Error *err);
void pool_set_stop(Pool *pool, StopFn stop, void *context);
int pool_stopped(const Pool *pool, Error *err);

/* A function on a thread of its own, independent of any pool. NULL when it cannot be started. */
typedef struct Task Task;
Task *task_start(void (*run)(void *context), void *context);
void task_wait(Task *task); /* waits until it has returned; frees the task. NULL is fine */

#endif
