/* interrupt.c: see interrupt.h */
#include "experiments/interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t caught;

static void on_signal(int number) {
    caught = number;
}

void interrupt_install(void) {
    static const int signals[] = {SIGINT, SIGTERM};
    /* SA_RESETHAND: the second signal finds the default action. */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}, before;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < 2; i++) /* what the shell has told a background job to ignore stays ignored */
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    /* A closed pipe and a file over its limit are failed writes, not deaths. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

int interrupt_signal(void) {
    return caught;
}

int interrupt_check(Error *err) {
    if (!caught)
        return 0;
    error_run(err, "stopped by %s", caught == SIGINT ? "SIGINT" : "SIGTERM");
    if (err)
        err->kind = ERROR_SIGNAL;
    return -1;
}
