/* bus_error.c: see bus_error.h */
#define _GNU_SOURCE /* sigaction */
#include "experiments/terminal/bus_error.h"

#include "clip/base/mapped_files.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* A handler can reach nothing else. */
static atomic_flag said = ATOMIC_FLAG_INIT;

static void on_bus_error(int number, siginfo_t *info, void *context) {
    (void)context;
    const char *line = info->si_code > 0 ? mapped_files_line(info->si_addr) : NULL;
    if (line) {
        while (atomic_flag_test_and_set(&said)) /* another thread is about to end it */
            pause();
        if (write(STDERR_FILENO, line, strlen(line)) < 0)
            _exit(ERROR_RUN);
        _exit(ERROR_RUN);
    }
    signal(number, SIG_DFL);
    raise(number); /* takes effect when the handler returns */
}

void bus_error_install(void) {
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    mapped_files_note();
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}
