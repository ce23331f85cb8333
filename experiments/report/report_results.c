/* report_results.c: accuracy against the number of training images: curves and table. */
#include "experiments/report/published.h"
#include "experiments/report/report_sections.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* --- curves --- */

/* Where a column stands: at log2 of its shots, zero-shot one step before the least, all one behind the most.
 */
static double column_x(const CellTable *cells, int column) {
    int least = INT_MAX, most = 1;
    for (int j = 0; j < cells->n_columns; j++)
        if (cells->shots[j] > 0) {
            least = cells->shots[j] < least ? cells->shots[j] : least;
            most = cells->shots[j] > most ? cells->shots[j] : most;
        }
    int shots = cells->shots[column];
    if (shots == SHOTS_ALL)
        return log2(most) + 1;
    return shots > 0 ? log2(shots) : log2(least < INT_MAX ? least : 1) - 1;
}

/* A row's line; a row that does not train is a level one. */
static PlotSeries row_series(const Report *report, const CellTable *cells, int row, Arena *arena) {
    PlotPoint *points = ARENA_NEW(arena, PlotPoint, cells->n_columns);
    PlotSeries series = {
        .name = cells->labels[row], .look = report_look(report, cells->labels[row]), .points = points};
    const Cell *first = cells_at(cells, row, 0);
    series.level = cells->shots[0] == SHOTS_NONE && first->n > 0;
    for (int j = 0; points && j < cells->n_columns; j++) {
        const Cell *cell = series.level ? first : cells_at(cells, row, j);
        if (cell->n > 0)
            points[series.n++] = (PlotPoint){column_x(cells, j), cell->mean, series.level ? 0 : cell->std};
    }
    return series;
}

static PlotSeries published_series(const CellTable *cells, const Published *row, Arena *arena) {
    PlotPoint *points = ARENA_NEW(arena, PlotPoint, cells->n_columns);
    PlotSeries series = {.name = arena_printf(arena, "%s as published (" PUBLISHED_BACKBONE "; %s)",
                                              row->method, published_source(row->source)),
                         .look = LOOK_PUBLISHED,
                         .points = points};
    for (int j = 0; points && j < cells->n_columns; j++) {
        const double accuracy = published_accuracy(row, cells->shots[j]);
        if (accuracy > 0)
            points[series.n++] = (PlotPoint){column_x(cells, j), accuracy, 0};
    }
    return series;
}

static PlotTic *column_tics(const CellTable *cells, Arena *arena) {
    PlotTic *tics = ARENA_NEW(arena, PlotTic, cells->n_columns);
    for (int j = 0; tics && j < cells->n_columns; j++) {
        int shots = cells->shots[j];
        tics[j] = (PlotTic){column_x(cells, j), shots == SHOTS_ALL    ? "all"
                                                : shots == SHOTS_NONE ? "0"
                                                                      : arena_printf(arena, "%d", shots)};
    }
    return tics;
}

/* With the first of the published rows: more of them would hide each other. */
static void write_curves(Report *report, const Group *group) {
    const Published *published = published_next(NULL, report->data, group);
    Arena *arena = report->html.arena;
    const CellTable *cells = &group->cells;
    PlotSeries *series = ARENA_NEW(arena, PlotSeries, cells->n_rows + 1);
    Plot plot = {.title = "accuracy against the number of training images per class",
                 .x_name = "training images per class",
                 .y_name = "test accuracy in %",
                 .tics = column_tics(cells, arena),
                 .n_tics = cells->n_columns,
                 .marks = true,
                 .percent = true,
                 .series = series};
    if (arena_failed(arena))
        return;
    for (int i = 0; i < cells->n_rows; i++)
        series[plot.n_series++] = row_series(report, cells, i, arena);
    if (published) {
        series[plot.n_series] = published_series(cells, published, arena);
        plot.n_series += series[plot.n_series].n > 0;
    }
    if (!arena_failed(arena))
        report_figure(report, "Accuracy against the number of training images, mean and std over seeds.",
                      &plot, true);
}

/* --- table --- */

/* The row, which must have a number in one of the columns. */
static void write_published_row(Report *report, const CellTable *cells, const Published *row,
                                unsigned *used) {
    Html *html = &report->html;
    int n = 0;
    for (int j = 0; j < cells->n_columns; j++)
        n += published_accuracy(row, cells->shots[j]) > 0;
    if (n == 0)
        return;
    html_markup(html, "<tr class=\"published\">");
    report_published_name(report, row->method, row->source, used);
    for (int j = 0; j < cells->n_columns; j++) {
        const double accuracy = published_accuracy(row, cells->shots[j]);
        html_markup(html, accuracy > 0 ? "<td>%.1f</td>" : "<td></td>", accuracy);
    }
    html_markup(html, "</tr>\n");
}

static void write_table(Report *report, const Group *group) {
    Html *html = &report->html;
    const CellTable *cells = &group->cells;
    char text[64];
    unsigned used = 0;
    html_markup(html,
                "<p class=\"caption\">Test accuracy in %%, mean ± std over seeds; the best of each column is "
                "bold.</p>\n<div class=\"scroll\"><table class=\"results\"><thead><tr><th>method</th>");
    for (int j = 0; j < cells->n_columns; j++) {
        shots_text(cells->shots[j], text);
        html_element(html, "th", text);
    }
    html_markup(html, "</tr></thead>\n<tbody>\n");
    for (int i = 0; i < cells->n_rows; i++) {
        html_markup(html, "<tr>");
        html_element(html, "th", cells->labels[i]);
        for (int j = 0; j < cells->n_columns; j++) {
            cell_text(cells_at(cells, i, j), false, true, text);
            html_element(html, *text && cells_best(cells, i, j) ? "td class=\"best\"" : "td", text);
        }
        html_markup(html, "</tr>\n");
    }
    for (const Published *row = NULL; (row = published_next(row, report->data, group));)
        write_published_row(report, cells, row, &used);
    html_markup(html, "</tbody></table></div>\n");
    report_published_sources(report, PUBLISHED_BACKBONE, used);
}

void report_results(Report *report, const Group *group) {
    write_curves(report, group);
    write_table(report, group);
}
