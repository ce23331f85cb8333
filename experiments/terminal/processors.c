/* processors.c: see processors.h. (An environment variable would say the same, but the C library, which has
 * not begun either, would forget it.) */
#define _GNU_SOURCE /* sched_setaffinity */
#include "experiments/terminal/processors.h"

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

enum { MOST_PROCESSORS = 1 << 14 };

void openblas_set_num_threads(int n); /* its header is for clip/math/blas.c alone */

/* Nothing could hand this from before main to main. */
static struct {
    cpu_set_t sets[MOST_PROCESSORS / CPU_SETSIZE];
    bool hidden;
} all;

static void show_one(void) {
    cpu_set_t one[MOST_PROCESSORS / CPU_SETSIZE] = {0};
    const int here = sched_getcpu();
    if (here < 0 || here >= MOST_PROCESSORS || sched_getaffinity(0, sizeof all.sets, all.sets) != 0)
        return;
    CPU_SET_S((size_t)here, sizeof one, one);
    all.hidden = sched_setaffinity(0, sizeof one, one) == 0;
}

/* The loader calls these before the constructors of all libraries. */
__attribute__((section(".preinit_array"), used)) static void (*const before_libraries)(void) = show_one;

void processors_show_all(void) {
    if (all.hidden)
        sched_setaffinity(0, sizeof all.sets, all.sets);
    all.hidden = false;
    openblas_set_num_threads(1);
}
