/* progress.c: see progress.h. */
#include "experiments/terminal/progress.h"

#include "clip/base/clock.h"
#include "clip/base/visible.h"
#include "experiments/terminal/printable.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <unistr.h>
#include <uniwidth.h>

#define BAR_DELAY 1.0      /* seconds before the first bar */
#define BAR_INTERVAL 0.1   /* seconds between two redraws */
#define LINE_INTERVAL 10.0 /* seconds between two lines where there is no terminal */
#define MAX_BAR 24         /* columns */
#define LINE_BYTES 1024

static double monotonic_seconds(void *context) {
    (void)context;
    return clock_seconds();
}

static int terminal_width(FILE *out) {
    struct winsize window;
    return ioctl(fileno(out), TIOCGWINSZ, &window) == 0 && window.ws_col > 0 ? window.ws_col : 80;
}

/* "0:07", "1:02:03"; "-" when it cannot be known. */
static void duration_text(double seconds, char *out, size_t size) {
    if (!(seconds >= 0 && seconds < 1e7)) {
        snprintf(out, size, "-");
        return;
    }
    long s = lround(seconds);
    if (s >= 3600)
        snprintf(out, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, size, "%ld:%02ld", s / 60, s % 60);
}

/* "240/s", "3.1/s", "12 s each". */
static void rate_text(double rate, char *out, size_t size) {
    if (!(rate > 0 && rate < 1e12))
        snprintf(out, size, "-/s");
    else if (rate >= 10)
        snprintf(out, size, "%.0f/s", rate);
    else if (rate >= 0.5)
        snprintf(out, size, "%.1f/s", rate);
    else
        snprintf(out, size, "%.*f s each", rate > 0.1 ? 1 : 0, 1 / rate);
}

/* "61%  1200/1970  240/s  0:03 left  loss 0.41" */
static void numbers_text(const Progress *progress, double now, char *out, size_t size) {
    double elapsed = now - progress->start,
           rate = elapsed > 0 ? (double)(progress->done - progress->before) / elapsed : 0;
    bool finished = progress->total > 0 && progress->done >= progress->total;
    char speed[32], time[32];
    rate_text(rate, speed, sizeof speed);
    duration_text(finished || progress->total == 0 ? elapsed
                                                   : (double)(progress->total - progress->done) / rate,
                  time, sizeof time);
    const char *gap = progress->note[0] ? "  " : "";
    if (progress->total == 0) {
        snprintf(out, size, "%ld  %s  %s%s%s", progress->done, speed, time, gap, progress->note);
        return;
    }
    /* rounded down: 100% is reached at the end alone */
    long percent = (long)(100.0 * (double)progress->done / (double)progress->total);
    snprintf(out, size, "%3ld%%  %ld/%ld  %s  %s%s%s%s", percent, progress->done, progress->total, speed,
             time, finished ? "" : " left", gap, progress->note);
}

/* Cuts a text at a whole letter so that it takes at most width columns; returns the columns taken. */
static int cut_to_width(char *text, int width) {
    uint8_t *at = (uint8_t *)text;
    int used = 0;
    while (*at) {
        ucs4_t letter;
        int n = u8_strmbtouc(&letter, at), columns = n > 0 ? uc_width(letter, "UTF-8") : 0;
        columns = columns > 0 ? columns : 0;
        if (n <= 0 || used + columns > width)
            break;
        used += columns;
        at += n;
    }
    *at = '\0';
    return used;
}

static void draw_bar(const Progress *progress, int columns, char *out, size_t size) {
    double part = (double)progress->done / (double)progress->total;
    int filled = (int)(part * columns);
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < columns && n + 4 < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s", i < filled ? "━" : "─");
}

void progress_line(const Progress *progress, double now, int width, char *out, size_t size) {
    char numbers[256], bar[4 * MAX_BAR + 4] = "";
    numbers_text(progress, now, numbers, sizeof numbers);
    int used = u8_strwidth((const uint8_t *)progress->label, "UTF-8") + 2 +
               u8_strwidth((const uint8_t *)numbers, "UTF-8");
    int room = width - used - 2; /* for the bar */
    if (progress->mode == PROGRESS_BAR && progress->total > 0 && room >= 5)
        draw_bar(progress, room < MAX_BAR ? room : MAX_BAR, bar, sizeof bar);
    snprintf(out, size, "%s  %s%s%s", progress->label, bar, *bar ? "  " : "", numbers);
    if (width > 0)
        cut_to_width(out, width);
}

static void draw(Progress *progress, double now) {
    char line[LINE_BYTES];
    if (progress->mode == PROGRESS_BAR) {
        /* one column stays free: a full line makes some terminals scroll */
        int width = progress->fixed_width ? progress->width : terminal_width(progress->out);
        progress_line(progress, now, width > 1 ? width - 1 : 1, line, sizeof line);
        fprintf(progress->out, "\r%s\033[K", line);
    } else {
        progress_line(progress, now, 0, line, sizeof line);
        fprintf(progress->out, "%s\n", line);
    }
    fflush(progress->out);
    progress->drawn = true;
    progress->next_draw = now + (progress->mode == PROGRESS_BAR ? BAR_INTERVAL : LINE_INTERVAL);
}

/* Labels and notes come from class names and files: nothing but whole, visible letters, and spaces for the
 * rest. */
static void copy_text(char *out, size_t size, const char *text) {
    size_t used = 0;
    for (const char *at = text; *at;) {
        size_t n = (size_t)visible_bytes(at), given = n > 0 ? n : 1;
        if (used + given >= size)
            break;
        memcpy(out + used, n > 0 ? at : " ", given);
        used += given;
        at += given;
    }
    out[used] = '\0';
}

void progress_start_with(Progress *progress, FILE *out, ProgressMode mode, const char *label, long total,
                         int width, double (*clock)(void *), void *clock_context) {
    *progress = (Progress){.out = out,
                           .mode = mode,
                           .total = total > 0 ? total : 0,
                           .width = width,
                           .fixed_width = width > 0,
                           .clock = clock ? clock : monotonic_seconds,
                           .clock_context = clock_context};
    copy_text(progress->label, sizeof progress->label, label);
    progress->start = progress->clock(clock_context);
    progress->next_draw = progress->start + (mode == PROGRESS_BAR ? BAR_DELAY : LINE_INTERVAL);
}

void progress_start(Progress *progress, FILE *out, bool quiet, const char *label, long total) {
    const char *term = getenv("TERM");
    bool bar = isatty(fileno(out)) && !(term && strcmp(term, "dumb") == 0);
    ProgressMode mode = quiet ? PROGRESS_QUIET : bar ? PROGRESS_BAR : PROGRESS_LINES;
    progress_start_with(progress, out, mode, label, total, 0, NULL, NULL);
}

void progress_restart(Progress *progress, const char *label, long total) {
    if (!progress->out)
        return;
    copy_text(progress->label, sizeof progress->label, label);
    progress->done = progress->before = 0;
    progress->total = total > 0 ? total : 0;
    progress->start = progress->clock(progress->clock_context);
}

void progress_resume(Progress *progress, long done, long total) {
    progress->done = progress->before = done;
    progress->total = total;
}

void progress_update(Progress *progress, long done) {
    if (!progress->out || progress->mode == PROGRESS_QUIET || done <= progress->done)
        return;
    progress->done = progress->total > 0 && done > progress->total ? progress->total : done;
    double now = progress->clock(progress->clock_context);
    if (now >= progress->next_draw)
        draw(progress, now);
}

void progress_note(Progress *progress, const char *format, ...) {
    char text[256];
    if (!progress->out)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    copy_text(progress->note, sizeof progress->note, text);
}

void progress_print(Progress *progress, const char *format, ...) {
    if (!progress->out)
        return;
    bool bar = progress->mode == PROGRESS_BAR && progress->drawn;
    if (bar)
        fprintf(progress->out, "\r\033[K");
    va_list args;
    va_start(args, format);
    vprint_line(progress->out, format, args);
    va_end(args);
    if (bar)
        draw(progress, progress->clock(progress->clock_context));
    fflush(progress->out);
}

void progress_finish(Progress *progress) {
    if (!progress->out)
        return;
    if (progress->drawn)
        draw(progress, progress->clock(progress->clock_context));
    if (progress->drawn && progress->mode == PROGRESS_BAR) {
        putc('\n', progress->out);
        fflush(progress->out);
    }
    *progress = (Progress){0};
}

void progress_erase(Progress *progress) {
    if (progress->drawn && progress->mode == PROGRESS_BAR) {
        fprintf(progress->out, "\r\033[K");
        fflush(progress->out);
    }
    *progress = (Progress){0};
}
