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

/* The paper's numbers for a dataset, or for the average of all of its datasets; NULL when it has none. */
static const Published *published_of(const ReportGroups *data, const Group *group) {
    if (strcmp(group->part, "all") != 0)
        return NULL;
    if (group->n_datasets == 1)
        return published_find(group->dataset, group->scores[0].last->n_classes);
    int n = 0;
    for (int g = 0; g < data->n; g++)
        if (data->groups[g].n_datasets == 1)
            n += published_of(data, &data->groups[g]) != NULL;
    return n == N_PUBLISHED && group->n_datasets == N_PUBLISHED ? &PUBLISHED_AVERAGE : NULL;
}

/* Which of PUBLISHED_SHOTS a column is, or -1. */
static int published_index(int num_shots) {
    for (int i = 0; i < N_PUBLISHED_SHOTS; i++)
        if (num_shots == (PUBLISHED_SHOTS[i] == 0 ? SHOTS_NONE : PUBLISHED_SHOTS[i]))
            return i;
    return -1;
}

static PlotSeries published_series(const CellTable *cells, const Published *published, Arena *arena) {
    PlotPoint *points = ARENA_NEW(arena, PlotPoint, cells->n_columns);
    PlotSeries series = {
        .name = "CoOp as published (RN50, M=16, end)", .look = LOOK_PUBLISHED, .points = points};
    for (int j = 0; points && j < cells->n_columns; j++) {
        int i = published_index(cells->shots[j]);
        if (i >= 0)
            points[series.n++] = (PlotPoint){column_x(cells, j), published->accuracy[i], 0};
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

static void write_curves(Report *report, const Group *group, const Published *published) {
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
    if (published)
        series[plot.n_series++] = published_series(cells, published, arena);
    if (!arena_failed(arena))
        report_figure(report, "Accuracy against the number of training images, mean and std over seeds.",
                      &plot, true);
}

/* --- table --- */

static void write_published_row(Html *html, const CellTable *cells, const Published *published) {
    html_markup(html, "<tr class=\"published\"><th>CoOp as published (RN50, M=16, end)</th>");
    for (int j = 0; j < cells->n_columns; j++) {
        int i = published_index(cells->shots[j]);
        if (i >= 0)
            html_markup(html, "<td>%.1f</td>", published->accuracy[i]);
        else
            html_markup(html, "<td></td>");
    }
    html_markup(html, "</tr>\n");
}

static void write_table(Html *html, const Group *group, const Published *published) {
    const CellTable *cells = &group->cells;
    char text[64];
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
    if (published)
        write_published_row(html, cells, published);
    html_markup(html, "</tbody></table></div>\n");
}

void report_results(Report *report, const Group *group) {
    const Published *published = published_of(report->data, group);
    write_curves(report, group, published);
    write_table(&report->html, group, published);
}
