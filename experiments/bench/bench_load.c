/* bench_load.c: see bench_load.h */
#define _GNU_SOURCE /* clock_gettime */
#include "experiments/bench/bench_load.h"

#include "clip/base/clock.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define OTHERS 0.1    /* of a thread's time */
#define LEAST 0.05    /* seconds: /proc/stat counts in hundredths, each processor for itself */
#define SLOWER 0.93   /* of the clock before */
#define MOMENT 0.3    /* seconds */
#define CLOCK_TRIES 5 /* each of which takes less than a millisecond */

static double thread_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double chain_rate(void) {
    enum { TIMES = 300000 };
    double best = 0;
    for (int t = 0; t < CLOCK_TRIES; t++) {
        uint64_t x = 3;
        const double begin = thread_seconds();
        for (int i = 0; i < TIMES; i++) {
            x *= x;
            __asm__ volatile("" : "+r"(x)); /* or the compiler would find a shorter way */
        }
        const double took = thread_seconds() - begin, rate = took > 0 ? 1e-9 * TIMES / took : 0;
        best = rate > best ? rate : best;
    }
    return best;
}

static double usage_seconds(int who) {
    struct rusage usage;
    getrusage(who, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* user, nice, system, idle, iowait, irq, softirq, steal; guests are in the first two. */
static bool read_all(double *seconds) {
    double n[8] = {0};
    FILE *file = fopen("/proc/stat", "r");
    const bool good = file && fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &n[0], &n[1], &n[2], &n[3],
                                     &n[4], &n[5], &n[6], &n[7]) == 8;
    if (file)
        fclose(file);
    *seconds = (n[0] + n[1] + n[2] + n[5] + n[6] + n[7]) / (double)sysconf(_SC_CLK_TCK);
    return good;
}

LoadMark load_mark(void) {
    LoadMark mark = {.clock = chain_rate(), .wall = clock_seconds()};
    mark.has_all = read_all(&mark.all);
    mark.own = usage_seconds(RUSAGE_SELF) + usage_seconds(RUSAGE_CHILDREN);
    return mark;
}

Load load_between(const LoadMark *before, const LoadMark *after, int n_threads) {
    const double wall = after->wall - before->wall;
    const double others = after->all - before->all - (after->own - before->own);
    Load load = {.clock_before = before->clock,
                 .clock_after = after->clock,
                 .is_known = before->has_all && after->has_all && wall > 0};
    if (load.is_known && others > 0) {
        load.others = others / wall;
        load.busy = others > LEAST && load.others > OTHERS * n_threads;
    }
    load.slowed = after->clock < SLOWER * before->clock;
    return load;
}

Load load_now(int n_threads) {
    const LoadMark before = load_mark();
    nanosleep(&(struct timespec){.tv_nsec = (long)(MOMENT * 1e9)}, NULL);
    const LoadMark after = load_mark();
    return load_between(&before, &after, n_threads);
}

void load_text(char *out, int size, const Load *load) {
    *out = '\0';
    if (load->busy)
        snprintf(out, (size_t)size, "other programs took %.1f processors", load->others);
    const int used = (int)strlen(out);
    if (load->slowed)
        snprintf(out + used, (size_t)(size - used), "%sthe clock fell by %.0f %%", used ? ", " : "",
                 100 * (1 - load->clock_after / load->clock_before));
}
