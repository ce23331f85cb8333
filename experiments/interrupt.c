/* interrupt.c: see interrupt.h */
#include "experiments/interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t caught;

static void on_signal(int number) {
    caught = number;
}

void interrupt_install(void) {
    /* SA_RESETHAND: the second signal finds the default action. */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a failed write, not a death */
}

int interrupt_signal(void) {
    return caught;
}

int interrupt_check(Error *err) {
    if (!caught)
        return 0;
    error_run(err, "stopped by signal %d; start the same command again to go on", (int)caught);
    if (err)
        err->kind = ERROR_SIGNAL;
    return -1;
}
