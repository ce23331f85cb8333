/* report.c: see report.h */
#define _GNU_SOURCE /* uselocale */
#include "coop/library/report.h"

#include <stdio.h>

void call_begin(Call *call) {
    *call = (Call){.before = uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0))}; /* a static one */
}

static coop_code code_of(const Error *err) {
    switch (err->kind) {
    case ERROR_NONE:
        return COOP_OK;
    case ERROR_PARTLY:
        return COOP_PARTLY;
    case ERROR_USAGE:
        return COOP_USAGE;
    case ERROR_INPUT:
        return COOP_INPUT;
    case ERROR_SIGNAL:
        return COOP_STOPPED;
    default:
        return err->is_memory ? COOP_MEMORY : COOP_FAILED;
    }
}

int report(coop_error *error, const Error *err) {
    const coop_code code = code_of(err);
    if (!error)
        return (int)code;
    error->code = code;
    snprintf(error->message, sizeof error->message, "%s", err->text);
    return (int)code;
}

int call_end(Call *call, int result, coop_error *error) {
    const Error none = {0};
    uselocale(call->before);
    return report(error, result == 0 ? &none : &call->err);
}
