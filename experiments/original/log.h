/* log.h: what the original prints, on stdout and in OUTPUT_DIR/log.txt. */
#ifndef EXPERIMENTS_ORIGINAL_LOG_H
#define EXPERIMENTS_ORIGINAL_LOG_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stdio.h>

typedef struct {
    FILE *file; /* NULL: on stdout alone */
    const char *path;
} Log;

/* Opens the log of an output folder, or of a path that ends in .txt or .log. One that is there is left alone:
 * the time is put behind the name, as the original does. */
int log_open(Log *log, const char *output, Arena *arena, Error *err);
/* ERROR_RUN when something could not be written to the file. */
int log_close(Log *log, Error *err);

/* Seen at once, also by who follows the file. */
void log_printf(Log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_puts(Log *log, const char *text);

#endif
