/* error.h: how a function says what went wrong.
 *
 * A function that can fail returns int (0 done, -1 failed) or a pointer (NULL failed) and takes `Error *err`
 * last. It fills *err with one line, "file: place: reason", by error_set() or one of its siblings, which
 * differ only in the exit status that the program ends with. Callers with nothing to add pass the error on.
 * Programming errors are assertions, never Errors.
 */
#ifndef CLIP_BASE_ERROR_H
#define CLIP_BASE_ERROR_H

#include <stdbool.h>

/* What kind of failure: the values are the exit statuses of the program. */
typedef enum {
    ERROR_NONE = 0,
    ERROR_PARTLY = 1,  /* some of what was asked for could not be done, and was named; the rest is done */
    ERROR_USAGE = 2,   /* the command line is wrong */
    ERROR_INPUT = 3,   /* a file or a configuration is wrong */
    ERROR_RUN = 4,     /* the work itself failed: no memory, no disk space, a NaN in the loss */
    ERROR_SIGNAL = 128 /* stopped by a signal, with state saved; the status is 128 + the signal's number */
} ErrorKind;

/* A zeroed Error is "no error". */
typedef struct {
    ErrorKind kind;
    char text[1024]; /* one line, no newline; cut if longer. What visible.h hides is shown as '?'. */
    bool is_memory;  /* an ERROR_RUN for lack of memory, not of disk space or the right to write */
} Error;

/* Each fills *err (which may be NULL) and returns -1, so that `return error_set(err, ...)` reads well. */
int error_set(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));   /* ERROR_INPUT */
int error_usage(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3))); /* ERROR_USAGE */
int error_run(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));   /* ERROR_RUN */
int error_memory(Error *err); /* ERROR_RUN, "out of memory" */
/* "FORMAT: what errno says". A lack of memory is never the file's fault: then it is ERROR_RUN. */
int error_errno(Error *err, ErrorKind kind, int reason, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts "prefix: " in front of an error that a callee has set. Returns -1. */
int error_prefix(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
