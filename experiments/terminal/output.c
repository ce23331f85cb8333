/* output.c: see output.h */
#include "experiments/terminal/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int output_flush(Error *err) {
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout))
        return error_run(err, "standard output: cannot write: %s", errno ? strerror(errno) : "it was closed");
    return 0;
}
