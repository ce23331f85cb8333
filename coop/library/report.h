/* report.h: how each function of coop.h begins and ends: the "C" locale for the thread that calls, and what
 * went wrong as a coop_error.
 *
 * A program may have set a locale in which numbers have a decimal comma, and then strtod and printf read and
 * write such numbers in files and digests. The locale of a thread can be changed without touching that of the
 * process.
 */
#ifndef COOP_LIBRARY_REPORT_H
#define COOP_LIBRARY_REPORT_H

#include "clip/base/error.h"
#include "coop/coop.h"

#include <locale.h>

typedef struct {
    locale_t before; /* of this thread */
    Error err;       /* for whatever is called */
} Call;

void call_begin(Call *call);
/* Fills *error (which may be NULL) and returns its code: COOP_OK when the result is 0, else what the Error
 * stands for. */
int call_end(Call *call, int result, coop_error *error);

/* *error (which may be NULL) as an Error says it, or COOP_OK for a zeroed one; returns the code. */
int report(coop_error *error, const Error *err);

#endif
