/* report_costs.c: what training took: a table of accuracy, seconds and trained parameters for every number of
 * shots, of which the reader chooses one, and accuracy against seconds.
 */
#include "experiments/report/report_sections.h"
#include "experiments/terminal/printable.h"

#include <math.h>

/* Means over seeds; rows and columns are those of the group's cells. */
typedef struct {
    CellTable seconds, parameters;
} Costs;

static bool gather(Costs *costs, const Group *group, Arena *arena) {
    TableEntry *seconds = ARENA_NEW(arena, TableEntry, group->n);
    TableEntry *parameters = ARENA_NEW(arena, TableEntry, group->n);
    for (int i = 0; seconds && parameters && i < group->n; i++) {
        const Score *score = &group->scores[i];
        seconds[i] = (TableEntry){score->label, score->num_shots, score->seed, score->train_seconds};
        parameters[i] = seconds[i];
        parameters[i].value = score->trained_parameters;
    }
    return seconds && parameters && cells_gather(&costs->seconds, seconds, group->n, arena) &&
           cells_gather(&costs->parameters, parameters, group->n, arena);
}

static bool has_seconds(const Costs *costs, int column) {
    for (int i = 0; i < costs->seconds.n_rows; i++)
        if (cells_at(&costs->seconds, i, column)->n > 0)
            return true;
    return false;
}

/* --- table --- */

static void seconds_text(const Cell *cell, char out[64]) {
    if (cell->n == 0)
        out[0] = '\0';
    else if (cell->mean < 0.001)
        snprintf(out, 64, "< 0.001");
    else
        snprintf(out, 64, cell->mean < 10 ? "%.3f" : "%.1f", cell->mean);
}

/* Those that do not train stand beside every number of shots. */
static int column_of(const CellTable *cells, int row, int column) {
    return cells->shots[0] == SHOTS_NONE && cells_at(cells, row, 0)->n > 0 ? 0 : column;
}

static void write_row(Html *html, const Group *group, const Costs *costs, int row, int column) {
    const CellTable *cells = &group->cells;
    char text[64];
    column = column_of(cells, row, column);
    const Cell *accuracy = cells_at(cells, row, column),
               *parameters = cells_at(&costs->parameters, row, column);
    if (accuracy->n == 0)
        return;
    html_markup(html, "<tr>");
    html_element(html, "th", cells->labels[row]);
    cell_text(accuracy, false, true, text);
    html_element(html, "td", text);
    seconds_text(cells_at(&costs->seconds, row, column), text);
    html_element(html, "td", text);
    text[0] = '\0';
    if (parameters->n > 0)
        grouped_number(parameters->mean, text);
    html_element(html, "td", text);
    html_markup(html, "</tr>\n");
}

static void write_panel(Html *html, const Group *group, const Costs *costs, int column) {
    html_markup(html, "<div class=\"panel\"><div class=\"scroll\"><table class=\"results\"><thead><tr>"
                      "<th>method</th><th>accuracy in %%</th><th>seconds</th>"
                      "<th>parameters</th></tr></thead>\n<tbody>\n");
    for (int i = 0; i < group->cells.n_rows; i++)
        write_row(html, group, costs, i, column);
    html_markup(html, "</tbody></table></div></div>\n");
}

static void write_tables(Report *report, const Group *group, const Costs *costs, int chosen) {
    Html *html = &report->html;
    const int section = (int)(group - report->data->groups);
    char shots[64];
    html_markup(html, "<div class=\"choice\" role=\"radiogroup\" aria-label=\"training images\">\n");
    for (int j = 0; j < group->cells.n_columns; j++) {
        if (!has_seconds(costs, j))
            continue;
        shots_text(group->cells.shots[j], shots);
        html_markup(html,
                    "<input type=\"radio\" name=\"g%dc\" id=\"g%dc%d\"%s/><label for=\"g%dc%d\">%s</label>\n",
                    section, section, j, j == chosen ? " checked=\"checked\"" : "", section, j, shots);
        write_panel(html, group, costs, j);
    }
    html_markup(html, "</div>\n");
}

/* --- picture --- */

enum { LEAST_POWER = -9, MOST_POWER = 9, N_POWERS = MOST_POWER - LEAST_POWER + 1 }; /* of ten seconds */

/* From the power of ten below all times to that above; false without any. */
static bool find_powers(const Costs *costs, int column, int *from, int *to) {
    double least = INFINITY, most = 0;
    for (int i = 0; i < costs->seconds.n_rows; i++) {
        const Cell *cell = cells_at(&costs->seconds, i, column);
        if (cell->n > 0 && cell->mean > 0) {
            least = fmin(least, cell->mean);
            most = fmax(most, cell->mean);
        }
    }
    if (most <= 0)
        return false;
    *from = (int)fmax(floor(log10(least)), LEAST_POWER);
    *to = (int)fmin(ceil(log10(most)), MOST_POWER);
    return true;
}

/* A point, or a level line through the whole picture; n is 0 where there is neither. */
static PlotSeries row_series(const Report *report, const Group *group, const Costs *costs, int row,
                             int column, const PlotTic *first, const PlotTic *last, Arena *arena) {
    const CellTable *cells = &group->cells;
    PlotPoint *points = ARENA_NEW(arena, PlotPoint, 2);
    PlotSeries series = {
        .name = cells->labels[row], .look = report_look(report, cells->labels[row]), .points = points};
    const int own = column_of(cells, row, column);
    const Cell *cell = cells_at(cells, row, own), *seconds = cells_at(&costs->seconds, row, own);
    series.level = own != column;
    if (!points || cell->n == 0)
        return series;
    if (series.level) {
        points[series.n++] = (PlotPoint){first->x, cell->mean, 0};
        points[series.n++] = (PlotPoint){last->x, cell->mean, 0};
    } else if (seconds->n > 0 && seconds->mean > 0)
        points[series.n++] = (PlotPoint){log10(seconds->mean), cell->mean, cell->std};
    return series;
}

/* Without gnuplot the tables say it all. */
static void write_picture(Report *report, const Group *group, const Costs *costs, int column) {
    Arena *arena = report->html.arena;
    const CellTable *cells = &group->cells;
    PlotTic *tics = ARENA_NEW(arena, PlotTic, N_POWERS);
    PlotSeries *series = ARENA_NEW(arena, PlotSeries, cells->n_rows);
    Plot plot = {.title = "accuracy against the time of training",
                 .x_name = "seconds of training",
                 .y_name = "test accuracy in %",
                 .tics = tics,
                 .marks = true,
                 .percent = true,
                 .series = series};
    int from, to;
    char shots[64];
    if (arena_failed(arena) || !report->plots || !find_powers(costs, column, &from, &to))
        return;
    for (int power = from; power <= to; power++)
        tics[plot.n_tics++] = (PlotTic){power, arena_printf(arena, "%g", pow(10, power))};
    for (int i = 0; i < cells->n_rows; i++) {
        series[plot.n_series] =
            row_series(report, group, costs, i, column, tics, &tics[plot.n_tics - 1], arena);
        plot.n_series += series[plot.n_series].n > 0;
    }
    shots_text(cells->shots[column], shots);
    const char *caption = arena_printf(
        arena, "Accuracy against the time of training, %s: means over seeds, std of the accuracy.", shots);
    if (!arena_failed(arena))
        report_figure(report, caption, &plot, true);
}

void report_costs(Report *report, const Group *group) {
    Html *html = &report->html;
    const size_t mark = arena_mark(html->arena);
    const int column = report_column(&group->cells);
    Costs costs;
    if (gather(&costs, group, html->arena) && has_seconds(&costs, column)) {
        html_markup(html,
                    "<section><h3>What training took</h3>\n<p>Seconds from encoded images and texts to what "
                    "is learned, mean over seeds, and the numbers that training determines.</p>\n");
        write_tables(report, group, &costs, column);
        write_picture(report, group, &costs, column);
        html_markup(html, "</section>\n");
    }
    html_reset(html, mark);
}
