/* blas.c: see blas.h.
 *
 * A semaphore counts the rooms that are free. A product that finds none asks for another room: all that there
 * are are emptied first, for only then does OpenBLAS, which hands out what it has before it maps anything,
 * map exactly one more. That happens as often as there are threads, at their first products.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "clip/math/blas.h"

#include <cblas.h>
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

/* OpenBLAS's own; it exports them, but has no header for them. Where a build of it hides them, there is no
 * telling what it maps, and products go in as they come. */
__attribute__((weak)) void *blas_memory_alloc(int position);
__attribute__((weak)) void blas_memory_free(void *memory);

/* Below that OpenBLAS uses one thread, whatever it may use (its interface/gemm.c). */
#define SPREAD_FROM (4.0 * 65536)

enum { MOST_ROOMS = 256 }; /* OpenBLAS, built for Debian's 128 threads, has a list of twice as many */
#define ROOM_BYTES ((size_t)128 << 20)
#define SPARE_BYTES ((size_t)8 << 20) /* for what other threads map at this moment */

/* OpenBLAS's memory belongs to the whole process, and so does this. */
static struct {
    pthread_once_t once;
    pthread_mutex_t growing;
    sem_t free;
    int n;     /* rooms; written by who grows */
    bool full; /* the system has refused one more than these */
} rooms = {.once = PTHREAD_ONCE_INIT, .growing = PTHREAD_MUTEX_INITIALIZER};

static bool is_known(void) {
    return blas_memory_alloc && blas_memory_free;
}

static void start(void) {
    sem_init(&rooms.free, 0, 0);
}

static void take(void) {
    while (sem_wait(&rooms.free) != 0) /* a signal */
        ;
}

static bool system_agrees(void) {
    const size_t size = ROOM_BYTES + SPARE_BYTES;
    void *probe = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (probe == MAP_FAILED)
        return false;
    munmap(probe, size);
    return true;
}

static void map_one_more(void) {
    void *held[MOST_ROOMS];
    rooms.n++;
    for (int i = 0; i < rooms.n; i++)
        held[i] = blas_memory_alloc(0);
    for (int i = 0; i < rooms.n; i++)
        blas_memory_free(held[i]);
}

/* Under the mutex. */
static bool grow(void) {
    if (rooms.full || rooms.n == MOST_ROOMS)
        return false;
    const int before = rooms.n;
    for (int i = 0; i < before; i++)
        take();
    if (system_agrees())
        map_one_more();
    rooms.full = rooms.n == before && before > 0;
    for (int i = 0; i < rooms.n; i++)
        sem_post(&rooms.free);
    return rooms.n > before;
}

/* A room if there can be one, without waiting for others; *any: whether there are rooms at all. */
static bool take_or_grow(bool *any) {
    pthread_mutex_lock(&rooms.growing);
    bool taken = sem_trywait(&rooms.free) == 0;
    if (!taken && grow())
        taken = sem_trywait(&rooms.free) == 0;
    *any = rooms.n > 0;
    pthread_mutex_unlock(&rooms.growing);
    return taken;
}

bool blas_room_enter(void) {
    bool any = false;
    if (!is_known())
        return false;
    pthread_once(&rooms.once, start);
    if (sem_trywait(&rooms.free) == 0 || take_or_grow(&any))
        return true;
    if (any)
        take();
    return any;
}

void blas_room_leave(bool entered) {
    if (entered)
        sem_post(&rooms.free);
}

int blas_room_prepare(Error *err) {
    const bool entered = blas_room_enter();
    blas_room_leave(entered);
    return entered || !is_known() ? 0 : error_memory(err);
}

/* --- products --- */

void blas_product(bool trans_a, bool trans_b, int m, int n, int k, float alpha, const float *a, int lda,
                  const float *b, int ldb, float beta, float *c, int ldc) {
    const bool entered = blas_room_enter();
    cblas_sgemm(CblasRowMajor, trans_a ? CblasTrans : CblasNoTrans, trans_b ? CblasTrans : CblasNoTrans, m, n,
                k, alpha, a, lda, b, ldb, beta, c, ldc);
    blas_room_leave(entered);
}

void blas_product_double(bool trans_a, bool trans_b, int m, int n, int k, double alpha, const double *a,
                         int lda, const double *b, int ldb, double beta, double *c, int ldc) {
    const bool entered = blas_room_enter();
    cblas_dgemm(CblasRowMajor, trans_a ? CblasTrans : CblasNoTrans, trans_b ? CblasTrans : CblasNoTrans, m, n,
                k, alpha, a, lda, b, ldb, beta, c, ldc);
    blas_room_leave(entered);
}

/* LAPACK's, which is in OpenBLAS; its headers do not say so. Matrices are in columns. */
void dposv_(const char *triangle, const int *n, const int *n_right, double *a, const int *lda, double *b,
            const int *ldb, int *info);
void dsyev_(const char *job, const char *triangle, const int *n, double *a, const int *lda, double *values,
            double *work, const int *n_work, int *info);

int blas_solve_positive(double *a, int n, double *x, int rows) {
    int info = 0;
    const bool entered = blas_room_enter();
    dposv_("U", &n, &rows, a, &n, x, &n, &info); /* the upper triangle of columns is the lower one of rows */
    blas_room_leave(entered);
    return info == 0 ? 0 : -1;
}

int blas_eigen_symmetric(double *a, int n, double *values) {
    int info = 0, n_work = 34 * n; /* blocks of 32 rows */
    double *work = malloc((size_t)n_work * sizeof *work);
    if (!work)
        return -1;
    const bool entered = blas_room_enter();
    dsyev_("V", "U", &n, a, &n, values, work, &n_work, &info);
    blas_room_leave(entered);
    free(work);
    return info == 0 ? 0 : -1;
}

const char *blas_core(void) {
    return openblas_get_corename();
}

bool blas_spreads(int m, int n, int k) {
    return (double)m * n * k > SPREAD_FROM && openblas_get_num_threads() > 1;
}
