/* log.c: see log.h */
#include "experiments/original/log.h"

#include "clip/base/files.h"
#include "clip/base/text_ends.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

int log_open(Log *log, const char *output, Arena *arena, Error *err) {
    const bool is_file = ends_with(output, ".txt") || ends_with(output, ".log");
    const char *path = is_file ? output : path_join(arena, output, "log.txt");
    const char *folder = path ? path_folder(arena, path) : NULL;
    if (path && file_exists(path)) {
        char now[40];
        time_t seconds = time(NULL);
        struct tm local;
        strftime(now, sizeof now, "-%Y-%m-%d-%H-%M-%S", localtime_r(&seconds, &local));
        path = arena_printf(arena, "%s%s", path, now);
    }
    if (!path || !folder)
        return error_memory(err);
    if (make_folders(folder, err) < 0)
        return -1;
    *log = (Log){.file = fopen(path, "w"), .path = path};
    return log->file ? 0 : error_errno(err, ERROR_RUN, errno, "%s: cannot write", path);
}

int log_close(Log *log, Error *err) {
    if (!log->file)
        return 0;
    const bool failed = ferror(log->file) != 0;
    const bool lost = fclose(log->file) != 0;
    log->file = NULL;
    return failed || lost ? error_run(err, "%s: cannot write all of it", log->path) : 0;
}

void log_puts(Log *log, const char *text) {
    fputs(text, stdout);
    fflush(stdout);
    if (log->file) {
        fputs(text, log->file);
        fflush(log->file);
    }
}

void log_printf(Log *log, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    vprintf(format, args);
    fflush(stdout);
    if (log->file) {
        vfprintf(log->file, format, again);
        fflush(log->file);
    }
    va_end(again);
    va_end(args);
}
