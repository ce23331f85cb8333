/* duration.c: see duration.h */
#include "experiments/terminal/duration.h"

#include <math.h>
#include <stdio.h>

void duration_text(double seconds, char out[32]) {
    long s = lround(fmin(seconds, 1e9)), minutes = (s + 30) / 60;
    if (s < 1)
        snprintf(out, 32, "under 1 s");
    else if (s < 100)
        snprintf(out, 32, "%ld s", s);
    else if (minutes < 100)
        snprintf(out, 32, "%ld min", minutes);
    else if (minutes < 48 * 60)
        snprintf(out, 32, "%ld h %ld min", minutes / 60, minutes % 60);
    else
        snprintf(out, 32, "%ld days", (minutes + 12 * 60) / (24 * 60));
}
