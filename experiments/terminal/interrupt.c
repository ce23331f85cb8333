/* interrupt.c: see interrupt.h */
#include "experiments/terminal/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

/* The first signal, and when: in tenths of a second. Atomic, as threads ask for it. */
static atomic_int caught, caught_at, asked;

#define TWIN_TENTHS 5

static int now_tenths(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int)(now.tv_sec % 100000000 * 10 + now.tv_nsec / 100000000);
}

/* Only what is safe in a handler. timeout(1) and the like signal the process and then its group: a twin of
 * the first signal is no second one. */
static void on_signal(int number) {
    int before = errno;
    int now = now_tenths();
    if (!caught || asked) {
        asked = 0;
        caught_at = now;
        caught = number;
    } else if (now - caught_at >= TWIN_TENTHS) {
        signal(number, SIG_DFL);
        raise(number); /* takes effect when the handler returns */
    }
    errno = before;
}

void interrupt_install(void) {
    static const int signals[] = {SIGINT, SIGTERM};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < 2; i++) /* what the shell has told a background job to ignore stays ignored */
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    /* A closed pipe and a file over its limit are failed writes, not deaths. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

void interrupt_ask(int number) {
    if (caught)
        return;
    asked = 1;
    caught = number;
}

int interrupt_signal(void) {
    return caught;
}

int interrupt_stop(void *context, Error *err) {
    (void)context;
    return interrupt_check(err);
}

int interrupt_check(Error *err) {
    if (!caught)
        return 0;
    error_run(err, "stopped by %s", caught == SIGINT ? "SIGINT" : "SIGTERM");
    if (err)
        err->kind = ERROR_SIGNAL;
    return -1;
}
