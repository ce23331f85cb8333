/* test_blas.c: products side by side, one by one, and not at all, as there is room. */
#include "clip/math/blas.h"

#include "clip/base/parallel.h"
#include "clip/math/gemm.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIDE = 160, N = SIDE * SIDE, TILES = 24 };
#define MIB ((rlim_t)1 << 20)

/* One product per tile, of the same matrices. */
typedef struct {
    float a[N], c[TILES][N];
    atomic_int inside, most; /* tiles in their rooms */
} Products;

static void product_tile(void *context, int tile, int worker) {
    (void)worker;
    Products *p = context;
    gemm(false, false, SIDE, SIDE, SIDE, 1, p->a, SIDE, p->a, SIDE, 0, p->c[tile], SIDE);
}

static void room_tile(void *context, int tile, int worker) {
    (void)tile, (void)worker;
    Products *p = context;
    const bool entered = blas_room_enter();
    int inside = atomic_fetch_add(&p->inside, 1) + 1, most = atomic_load(&p->most);
    while (inside > most && !atomic_compare_exchange_weak(&p->most, &most, inside))
        ;
    usleep(5000);
    atomic_fetch_sub(&p->inside, 1);
    blas_room_leave(entered);
}

static Products *products(void) {
    Products *p = calloc(1, sizeof *p);
    assert_non_null(p);
    for (int i = 0; i < N; i++)
        p->a[i] = (float)(i * 7 % 11) - 5;
    return p;
}

/* The address space of this process, from /proc. */
static rlim_t space_now(void) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%lu", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* What may be mapped from now on. */
static void leave_only(rlim_t bytes) {
    const struct rlimit limit = {space_now() + bytes, RLIM_INFINITY};
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        _exit(98);
}

/* The status of run in a process of its own that has 20 seconds. */
static int status_of(int (*run)(void)) {
    int status;
    fflush(stdout);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(20);
        _exit(run());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int with_no_room(void) {
    Error err = {0};
    leave_only(100 * MIB);
    return blas_room_prepare(&err) == -1 && err.kind == ERROR_RUN && strcmp(err.text, "out of memory") == 0
               ? 0
               : 1;
}

/* Room for one product, and four threads that want one: they take turns, with the same bits. */
static int with_one_room(void) {
    Products *p = products(), *want = products();
    Pool *pool = pool_create(4);
    if (!pool)
        return 1;
    leave_only(200 * MIB);
    if (blas_room_prepare(NULL) != 0)
        return 2;
    pool_run(pool, TILES, product_tile, p);
    product_tile(want, 0, 0);
    for (int i = 0; i < TILES; i++)
        if (memcmp(p->c[i], want->c[0], sizeof want->c[0]) != 0)
            return 3;
    pool_run(pool, 12, room_tile, p);
    return p->most == 1 ? 0 : 4;
}

static void where_memory_is_short_products_wait(void **state) {
    (void)state;
    if (scratch_instrumented())
        skip();
    assert_int_equal(status_of(with_no_room), 0);
    assert_int_equal(status_of(with_one_room), 0);
}

/* Four threads get four rooms, and later ones find them. */
static void each_thread_gets_a_room(void **state) {
    (void)state;
    Products *p = products();
    Pool *pool = pool_create(4);
    for (int i = 0; i < 500 && p->most < 4; i++)
        pool_run(pool, 8, room_tile, p);
    assert_int_equal(p->most, 4);
    assert_int_equal(blas_room_prepare(NULL), 0);
    pool_run(pool, TILES, product_tile, p);
    for (int i = 1; i < TILES; i++)
        assert_memory_equal(p->c[i], p->c[0], sizeof p->c[0]);
    pool_free(pool);
    free(p);
}

/* The threads that OpenBLAS would start map memory of their own, and a fork starts them anew. */
static void without_blas_threads(char **argv) {
    if (!scratch_instrumented() && !getenv("OPENBLAS_NUM_THREADS") &&
        setenv("OPENBLAS_NUM_THREADS", "1", 1) == 0)
        execv("/proc/self/exe", argv);
}

/* a = m m^T + I, of which only the lower triangle is there; x solved and multiplied again. */
static void solve_undoes_the_product(void **state) {
    (void)state;
    enum { SIZE = 37, ROWS = 3 };
    double a[SIZE * SIZE], lower[SIZE * SIZE], x[ROWS * SIZE], want[ROWS * SIZE], m[SIZE * SIZE];
    for (int i = 0; i < SIZE * SIZE; i++)
        m[i] = sin(0.3 + 1.7 * i * i);
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) {
            a[i * SIZE + j] = i == j;
            for (int k = 0; k < SIZE; k++)
                a[i * SIZE + j] += m[i * SIZE + k] * m[j * SIZE + k];
            lower[i * SIZE + j] = j <= i ? a[i * SIZE + j] : NAN;
        }
    for (int i = 0; i < ROWS * SIZE; i++)
        x[i] = want[i] = sin(i);
    assert_int_equal(blas_solve_positive(lower, SIZE, x, ROWS), 0);
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < SIZE; i++) {
            double sum = 0;
            for (int j = 0; j < SIZE; j++)
                sum += a[i * SIZE + j] * x[r * SIZE + j];
            assert_true(fabs(sum - want[r * SIZE + i]) < 1e-9);
        }
    lower[0] = -1;
    assert_int_equal(blas_solve_positive(lower, SIZE, x, ROWS), -1);
}

int main(int argc, char **argv) {
    (void)argc;
    without_blas_threads(argv);
    const struct CMUnitTest tests[] = {cmocka_unit_test(where_memory_is_short_products_wait),
                                       cmocka_unit_test(each_thread_gets_a_room),
                                       cmocka_unit_test(solve_undoes_the_product)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
