/* output.c: see output.h */
#include "experiments/terminal/output.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Asked of the pipe itself, as the failure may lie far back. */
static bool reader_has_gone(void) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return errno == EPIPE || (poll(&out, 1, 0) == 1 && (out.revents & POLLERR));
}

int output_flush(Error *err) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    error_run(err, "standard output: cannot write: %s", errno ? strerror(errno) : "it was closed");
    if (err && reader_has_gone())
        err->kind = ERROR_SIGNAL;
    return -1;
}
