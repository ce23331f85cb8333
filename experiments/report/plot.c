/* plot.c: see plot.h
 *
 * The script and the drawing are temporary files, so that neither program ever waits for the other.
 */
#define _GNU_SOURCE /* TEMP_FAILURE_RETRY */
#include "experiments/report/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { WIDTH = 480, HEIGHT = 300, MAX_SVG = 1 << 24, N_COLOURS = 20, N_MARKS = 10, MAX_TABLE_ROWS = 12 };
enum { N_DASHES = 4, MARKS_ON_A_LINE = 6 };

/* Four of Okabe and Ito's, then colours as far apart as they can be, also to eyes that lack red or green.
 * Every one has a contrast of about three to white paper and to the dark page. No two looks below 40 share
 * both mark and dashes, so that colours are never needed to tell lines apart; no two below 200 share both
 * mark and colour, for points without a line. */
static const char *const COLOURS[N_COLOURS] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#9c5400",
                                               "#6054d8", "#b4903c", "#c00c84", "#309000", "#0090fc",
                                               "#9c00fc", "#fc306c", "#9090cc", "#f048fc", "#546c3c",
                                               "#a860d8", "#b44860", "#845490", "#e418b4", "#847884"};
static const int MARKS[N_MARKS] = {7, 5, 9, 13, 11, 4, 8, 12, 10, 2}; /* of gnuplot */
static const char *const MARK_SIGNS[N_MARKS] = {"●", "■", "▲", "◆", "▼", "□", "△", "◇", "▽", "×"};
static const char *const DASHES[N_DASHES] = {"", "10,4", "4,3", "12,3,3,3"};
#define PUBLISHED_COLOUR "#8a8a8a"
#define PUBLISHED_DASHES "8,5"
#define LEVEL_DASHES "2,5"

const char *plot_colour(int look) {
    return look == LOOK_PUBLISHED ? PUBLISHED_COLOUR : COLOURS[look % N_COLOURS];
}

static int mark_of(int look) {
    return (look + look / N_COLOURS) % N_MARKS;
}

static const char *dashes(const PlotSeries *series) {
    if (series->level)
        return LEVEL_DASHES;
    return series->look == LOOK_PUBLISHED ? PUBLISHED_DASHES : DASHES[series->look / N_MARKS % N_DASHES];
}

/* --- the script --- */

/* A level line is marked where it begins, one of many points now and then, any other at every point. */
static void write_style(FILE *out, const Plot *plot, const PlotSeries *series, int index) {
    const char *colour = plot_colour(series->look), *pattern = dashes(series);
    int mark = series->look == LOOK_PUBLISHED ? 6 : MARKS[mark_of(series->look)];
    char dash[40] = "1";
    if (*pattern)
        snprintf(dash, sizeof dash, "(%s)", pattern);
    if (series->level)
        fprintf(out,
                "$s%d using 1:2 with lines lc rgb '%s' lw 1.2 dt %s, "
                "$s%d every ::0::0 using 1:2 with points lc rgb '%s' pt %d ps 0.65",
                index, colour, dash, index, colour, mark);
    else if (plot->marks && series->look != LOOK_PUBLISHED)
        fprintf(out, "$s%d using 1:2:3 with yerrorlines lc rgb '%s' lw 1.8 dt %s pt %d ps 0.65", index,
                colour, dash, mark);
    else
        fprintf(out, "$s%d using 1:2 with linespoints lc rgb '%s' lw 1.6 dt %s pt %d ps 0.6 pi %d", index,
                colour, dash, mark, plot->marks ? 1 : series->n / MARKS_ON_A_LINE + 1);
}

static void write_script(FILE *out, const Plot *plot) {
    fprintf(out, "set terminal svg size %d,%d dynamic noenhanced font 'sans-serif,13' round\n", WIDTH,
            HEIGHT);
    fprintf(out,
            "set encoding utf8\nunset key\nset border 3 lw 0.6\nset grid ytics lt 1 lw 0.6 lc rgb '#dddddd'\n"
            "set tics nomirror scale 0.5\n"
            "set bars 0.6\n");
    fprintf(out, plot->marks ? "set offsets graph 0.03, graph 0.03, graph 0.06, graph 0.06\n"
                             : "set autoscale xfix\nset offsets 0, 0, graph 0.06, 0\n");
    if (plot->percent)
        fprintf(out, "set yrange [0<*:*<100]\n");
    fprintf(out, "set xlabel '%s'\nset ylabel '%s'\n", plot->x_name, plot->y_name);
    for (int i = 0; i < plot->n_tics; i++)
        fprintf(out, "%s'%s' %.9g%s", i == 0 ? "set xtics (" : ", ", plot->tics[i].text, plot->tics[i].x,
                i + 1 == plot->n_tics ? ")\n" : "");
    for (int s = 0; s < plot->n_series; s++) {
        fprintf(out, "$s%d << END\n", s);
        for (int i = 0; i < plot->series[s].n; i++) {
            const PlotPoint *point = &plot->series[s].points[i];
            fprintf(out, "%.9g %.9g %.9g\n", point->x, point->y, point->error);
        }
        fprintf(out, "END\n");
    }
    for (int s = 0; s < plot->n_series; s++) {
        fprintf(out, "%s", s == 0 ? "plot " : ", ");
        write_style(out, plot, &plot->series[s], s);
    }
    fprintf(out, "\n");
}

/* --- the program --- */

/* Runs gnuplot (without the user's settings) between two files; its exit status, or -1 with errno. */
static int run_gnuplot(FILE *in, FILE *out) {
    char *const argv[] = {(char[]){"gnuplot"}, (char[]){"-d"}, NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status = -1, reason = posix_spawn_file_actions_init(&actions);
    if (reason != 0) {
        errno = reason;
        return -1;
    }
    if (fflush(in) == 0 && lseek(fileno(in), 0, SEEK_SET) == 0 &&
        (reason = posix_spawn_file_actions_adddup2(&actions, fileno(in), STDIN_FILENO)) == 0 &&
        (reason = posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO)) == 0 &&
        (reason = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)) == 0 &&
        (reason = posix_spawnp(&child, "gnuplot", &actions, NULL, argv, environ)) == 0 &&
        TEMP_FAILURE_RETRY(waitpid(child, &status, 0)) < 0)
        status = -1;
    posix_spawn_file_actions_destroy(&actions);
    errno = reason != 0 ? reason : errno;
    return status;
}

/* What gnuplot draws, owned by the arena; NULL when it did not;
 * errno is ENOMEM where that was for want of memory. */
static char *draw(const Plot *plot, Arena *arena) {
    errno = 0;
    FILE *in = tmpfile(), *out = tmpfile();
    char *svg = NULL;
    if (in && out) {
        write_script(in, plot);
        if (run_gnuplot(in, out) == 0) {
            off_t size = lseek(fileno(out), 0, SEEK_END);
            if (size > 0 && size < MAX_SVG)
                svg = ARENA_NEW(arena, char, size + 1);
            if (svg && pread(fileno(out), svg, (size_t)size, 0) != size)
                svg = NULL;
        }
    }
    if (in)
        fclose(in);
    if (out)
        fclose(out);
    return svg && strstr(svg, "<svg") && strstr(svg, "</svg>") ? svg : NULL;
}

bool plot_available(void) {
    static const PlotPoint points[] = {{0, 0, 0}, {1, 1, 0}};
    const PlotSeries series = {.points = points, .n = 2};
    const Plot plot = {.x_name = "x", .y_name = "y", .series = &series, .n_series = 1};
    Arena *arena = arena_create();
    bool available = arena && draw(&plot, arena);
    arena_free(arena);
    return available;
}

/* --- into the page --- */

/* Skips an element of gnuplot's own at `at` ("<title>Gnuplot</title>"). */
static const char *skip_element(const char *at, const char *name) {
    size_t n = strlen(name);
    if (at[0] != '<' || strncmp(at + 1, name, n) != 0 || at[n + 1] != '>')
        return at;
    const char *end = strstr(at, "</");
    end = end ? strchr(end, '>') : NULL;
    return end ? end + 1 : at;
}

/* The <svg> element with the figure's number in all of its ids. */
static void inline_svg(Html *html, const char *svg, int number) {
    const char *end = strstr(svg, "</svg>") + strlen("</svg>");
    for (const char *at = strstr(svg, "<svg"); at < end;) {
        const char *after = skip_element(skip_element(at, "title"), "desc");
        if (after != at) {
            at = after;
            continue;
        }
        static const char *const ids[] = {"id='", "id=\"", "href='#", "href=\"#", "url(#"};
        size_t n = 0;
        for (size_t i = 0; i < sizeof ids / sizeof *ids && n == 0; i++)
            n = strncmp(at, ids[i], strlen(ids[i])) == 0 ? strlen(ids[i]) : 0;
        if (n == 0) {
            buffer_putc(&html->out, *at++);
            continue;
        }
        html_markup(html, "%.*sf%d-", (int)n, at, number);
        at += n;
    }
}

/* The value of a series at x, or an empty cell. */
static void write_value(Html *html, const PlotSeries *series, double x) {
    for (int i = 0; i < series->n; i++) {
        const PlotPoint *point = &series->points[i];
        if (point->x != x || (series->level && i > 0))
            continue;
        html_markup(html, point->error > 0 ? "<td>%.4g ± %.2g</td>" : "<td>%.4g</td>", point->y,
                    point->error);
        return;
    }
    html_markup(html, "<td></td>");
}

/* A row per tic; without tics, about MAX_TABLE_ROWS of the points, with the last. */
static void write_table(Html *html, const Plot *plot) {
    html_markup(html, "<div class=\"scroll\"><table class=\"numbers\"><thead><tr><th>%s</th>", plot->x_name);
    const PlotSeries *longest = plot->series;
    for (int s = 0; s < plot->n_series; s++) {
        html_element(html, "th", plot->series[s].name);
        longest = plot->series[s].n > longest->n ? &plot->series[s] : longest;
    }
    html_markup(html, "</tr></thead><tbody>");
    int n = plot->tics ? plot->n_tics : longest->n;
    for (int i = 0; i < n; i++) {
        if (!plot->tics && i % (n / MAX_TABLE_ROWS + 1) != 0 && i + 1 < n)
            continue;
        double x = plot->tics ? plot->tics[i].x : longest->points[i].x;
        html_markup(html, "<tr><th>");
        if (plot->tics)
            html_markup(html, "%s", plot->tics[i].text);
        else
            html_markup(html, "%g", x);
        html_markup(html, "</th>");
        for (int s = 0; s < plot->n_series; s++)
            write_value(html, &plot->series[s], x);
        html_markup(html, "</tr>");
    }
    html_markup(html, "</tbody></table></div>\n");
}

void plot_write(Html *html, const Plot *plot, int number, bool available) {
    size_t mark = arena_mark(html->arena);
    const char *svg = available ? draw(plot, html->arena) : NULL;
    html->failed |= available && !svg && errno == ENOMEM;
    if (svg) {
        html_markup(html, "<div class=\"plot\" role=\"img\" aria-label=\"");
        html_text(html, plot->title);
        html_markup(html, "\">");
        inline_svg(html, svg, number);
        html_markup(html, "</div>\n");
    } else
        write_table(html, plot);
    html_reset(html, mark);
}

/* A piece of the line with its mark. */
static void write_key(Html *html, const PlotSeries *series) {
    const char *colour = plot_colour(series->look);
    const char *sign = series->look == LOOK_PUBLISHED ? "○" : MARK_SIGNS[mark_of(series->look)];
    html_markup(html,
                "<svg width=\"36\" height=\"12\" aria-hidden=\"true\"><path d=\"M1 6H35\" stroke=\"%s\" "
                "stroke-width=\"1.8\" stroke-dasharray=\"%s\"/><text x=\"%d\" y=\"10.5\" "
                "text-anchor=\"middle\" fill=\"%s\">%s</text></svg> ",
                colour, *dashes(series) ? dashes(series) : "none", series->level ? 6 : 18, colour, sign);
}

void plot_legend(Html *html, const Plot *plot) {
    html_markup(html, "<ul class=\"legend\">");
    for (int s = 0; s < plot->n_series; s++) {
        html_markup(html, "<li>");
        write_key(html, &plot->series[s]);
        html_text(html, plot->series[s].name);
        html_markup(html, "</li>");
    }
    html_markup(html, "</ul>\n");
}
