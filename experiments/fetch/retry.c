/* retry.c: see retry.h */
#include "experiments/fetch/retry.h"

#include "experiments/terminal/interrupt.h"
#include "experiments/terminal/printable.h"

#include <time.h>

enum { MAX_WAIT = 120 }; /* seconds that a server may ask for */

int retry_sleep(double seconds, Error *err) {
    const struct timespec slice = {.tv_nsec = 50000000};
    for (double slept = 0; slept < seconds && !interrupt_signal(); slept += 0.05)
        nanosleep(&slice, NULL);
    return interrupt_check(err);
}

void retry_say(const FetchOptions *options, Progress *progress, const char *text) {
    if (options->quiet)
        return;
    if (progress && progress->out)
        progress_print(progress, "%s", text);
    else
        print_line(stderr, "%s", text);
}

int retry_wait(const FetchOptions *options, Progress *progress, int failures, const HttpAnswer *answer,
               Error *err) {
    char text[sizeof err->text + 32];
    double seconds = options->pause;
    if (failures >= options->tries)
        return -1;
    for (int i = 1; i < failures; i++)
        seconds *= 2;
    if (answer->retry_after > MAX_WAIT)
        return error_run(err, "%s; it may be asked again in %d s", err->text, answer->retry_after);
    if (answer->retry_after > seconds)
        seconds = answer->retry_after;
    snprintf(text, sizeof text, "%s; again in %.0f s", err->text, seconds);
    retry_say(options, progress, text);
    *err = (Error){0};
    return retry_sleep(seconds, err);
}
