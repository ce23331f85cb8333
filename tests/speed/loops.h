/* loops.h: the main loops on shapes so small that a counting simulator runs them in a second or two. */
#ifndef TESTS_SPEED_LOOPS_H
#define TESTS_SPEED_LOOPS_H

#include <stddef.h>

typedef struct {
    const char *name;
    void *(*make)(void);         /* all it needs; no test frees it */
    void (*run)(void *loop);     /* on the calling thread */
    double (*flops)(void *loop); /* that it needs; NULL: not counted */
} SpeedLoop;

const SpeedLoop *speed_loop(size_t index); /* NULL behind the last */
const SpeedLoop *speed_loop_find(const char *name);

#endif
