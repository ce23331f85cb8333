/* progress.h: how far a long loop has come, on stderr.
 *
 * On a terminal one line is redrawn in place, at most 10 times a second, from the end of the first second on:
 *     encoding images   ━━━━━━━━━━━━────────  61%  1200/1970  240/s  0:03 left
 * Elsewhere a plain line every 10 seconds, and one at the end if there were any. Quiet prints nothing.
 * Work that takes only a moment shows nothing at all.
 *
 *     Progress progress;
 *     progress_start(&progress, stderr, quiet, "encoding images", n);
 *     for (...) { ...; progress_update(&progress, i + 1); }
 *     progress_finish(&progress);
 *
 * One thread calls; a Progress has no memory of its own to free.
 */
#ifndef EXPERIMENTS_TERMINAL_PROGRESS_H
#define EXPERIMENTS_TERMINAL_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

typedef enum { PROGRESS_QUIET, PROGRESS_LINES, PROGRESS_BAR } ProgressMode;

typedef struct {
    FILE *out;
    ProgressMode mode;
    char label[96], note[64];
    long done, total, before; /* before: done by an earlier run, left out of the rate */
    double start, next_draw;  /* seconds of the clock below */
    bool drawn;
    int width; /* columns of the terminal, asked anew at each redraw; fixed when > 0 at the start */
    bool fixed_width;
    double (*clock)(void *context); /* seconds; monotonic by default, replaced in tests */
    void *clock_context;
} Progress;

/* A bar when out is a terminal (and TERM is not "dumb"), lines otherwise. total 0 is "not known": no percent
 * and no time left. label is copied. */
void progress_start(Progress *progress, FILE *out, bool quiet, const char *label, long total);

/* The next part of the same work: another label and total on the same bar, counted from 0. */
void progress_restart(Progress *progress, const char *label, long total);

/* Sets, after the start, how much there is to do in all and how much of it was done before the start. */
void progress_resume(Progress *progress, long done, long total);

/* done so far, never less than before. Cheap enough for every step. */
void progress_update(Progress *progress, long done);

/* A short text behind the numbers ("loss 0.412"), shown at the next redraw. */
void progress_note(Progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints a whole line of its own above the bar (a warning, say); in quiet mode too. */
void progress_print(Progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Draws the final state, if anything was drawn before, and ends the line. Afterwards, as on a zeroed struct,
 * all calls do nothing. Call it on the way out after an error too, so that the message starts on a line of
 * its own. */
void progress_finish(Progress *progress);

/* Like progress_finish, but removes the bar: for work whose result is printed on a line of its own. */
void progress_erase(Progress *progress);

/* The line of a bar of at most width columns, without newline, into out (room for size bytes). Used by the
 * above. */
void progress_line(const Progress *progress, double now, int width, char *out, size_t size);

/* Like progress_start with everything given: for tests. */
void progress_start_with(Progress *progress, FILE *out, ProgressMode mode, const char *label, long total,
                         int width, double (*clock)(void *), void *clock_context);

#endif
