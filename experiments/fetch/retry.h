/* retry.h: what failed may work in a moment; how long a moment is. */
#ifndef EXPERIMENTS_FETCH_RETRY_H
#define EXPERIMENTS_FETCH_RETRY_H

#include "experiments/fetch/http.h"
#include "experiments/terminal/progress.h"

typedef struct {
    bool quiet;   /* no progress, no talk */
    int tries;    /* without a byte in between, before it is given up */
    double pause; /* seconds before the second try; each further one waits twice as long */
    int stall;    /* HttpRequest's */
} FetchOptions;

/* Sleeps; -1 after Ctrl-C, with its error. */
int retry_sleep(double seconds, Error *err);

/* A line on stderr, above the bar if there is one; none if quiet. */
void retry_say(const FetchOptions *options, Progress *progress, const char *text);

/* After so many failures (1 or more), the last of them with *err and *answer: says so and waits, as long as
 * the server asks for if that is longer; *err is cleared then. -1 when it is no use: too many failures, too
 * long a time, Ctrl-C.
 */
int retry_wait(const FetchOptions *options, Progress *progress, int failures, const HttpAnswer *answer,
               Error *err);

#endif
