/* report.c: assembles report.html (report.h): its head, then a part for each dataset. */
#include "experiments/report/report.h"

#include "clip/base/files.h"
#include "coop/coop.h"
#include "experiments/report/report_sections.h"

#include <errno.h>
#include <string.h>

/* --- the head of the page --- */

static const char *page_title(const char *const *folders, int n, Arena *arena) {
    const char *title = path_last(arena, folders[0]); /* "runs/demo/" is "demo" */
    for (int i = 1; i < n && title; i++) {
        const char *next = path_last(arena, folders[i]);
        title = next ? arena_printf(arena, "%s, %s", title, next) : NULL;
    }
    return title ? title : "report";
}

/* A number with what it is. */
static void write_fact(Html *html, double accuracy, const char *before, const char *label) {
    html_markup(html, "<li><b>%.1f %%</b><span>%s", accuracy, before);
    html_text(html, label);
    html_markup(html, "</span></li>\n");
}

/* The first row of a column that is the best in it; -1 without results. */
static int best_row(const CellTable *cells, int column) {
    for (int i = 0; i < cells->n_rows; i++)
        if (cells_at(cells, i, column)->n > 0 && cells_best(cells, i, column))
            return i;
    return -1;
}

/* The best without training, with the fewest images and with the most. */
static void write_facts(Html *html, const Group *group) {
    const CellTable *cells = &group->cells;
    int last = cells->n_columns - 1, first = cells->shots[0] == SHOTS_NONE && last > 0 ? 1 : 0;
    const int columns[] = {0, first, last};
    html_markup(html, "<ul class=\"facts\">\n");
    for (int i = 0; i < 3; i++) {
        char shots[64], before[80];
        int row = best_row(cells, columns[i]);
        if (row < 0 || (i > 0 && columns[i] == columns[i - 1]))
            continue;
        shots_text(cells->shots[columns[i]], shots);
        snprintf(before, sizeof before, "%s: ", shots);
        if (cells->shots[columns[i]] == SHOTS_NONE)
            before[0] = '\0';
        write_fact(html, cells_at(cells, row, columns[i])->mean, before, cells->labels[row]);
    }
    html_markup(html, "</ul>\n");
}

static void write_head(Report *report, const char *title) {
    Html *html = &report->html;
    const ReportGroups *data = report->data;
    html_markup(html, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>");
    html_text(html, title);
    html_markup(html, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<header>\n", REPORT_STYLE);
    html_element(html, "h1", title);
    html_markup(html, "\n<p>%d result%s on %d dataset%s, ", data->n_results, data->n_results == 1 ? "" : "s",
                data->n_datasets, data->n_datasets == 1 ? "" : "s");
    if (data->n_backbones == 1)
        html_text(html, data->first_backbone);
    else
        html_markup(html, "%d backbones", data->n_backbones);
    html_markup(html, ".</p>\n");
    if (data->n > 1) {
        html_markup(html, "<nav>");
        for (int g = 0; g < data->n; g++) {
            html_markup(html, "<a href=\"#g%d\">", g);
            html_class(html, data->groups[g].dataset);
            html_markup(html, "</a> ");
        }
        html_markup(html, "</nav>\n");
    }
    if (!report->plots)
        html_markup(html, "<p class=\"note\">gnuplot is not here (or does not work): tables stand in place "
                          "of curves.</p>\n");
    report_run(report);
    html_markup(html, "</header>\n");
}

static void write_group(Report *report, const Group *group, int number) {
    Html *html = &report->html;
    const Result *result = group->scores[0].last;
    html_markup(html, "<section id=\"g%d\">\n", number);
    html_markup(html, "<h2>");
    html_class(html, group->dataset);
    html_markup(html, "</h2>");
    if (group_is_measures(group)) {
        report_measures(report, group);
        html_markup(html, "</section>\n");
        return;
    }
    if (group->n_datasets == 1)
        html_markup(html, "\n<p>%d classes, %d test images.</p>\n", result->n_classes, result->n_test);
    else
        html_markup(html, "\n<p>What all datasets have, averaged for each seed.</p>\n");
    write_facts(html, group);
    report_results(report, group);
    report_studies(report, group);
    report_costs(report, group);
    if (group->n_datasets == 1) {
        report_training(report, group);
        report_classes(report, group);
        report_words(report, group);
        report_configurations(report, group);
    }
    html_markup(html, "</section>\n");
}

static void write_page(Report *report, const char *title) {
    write_head(report, title);
    html_markup(&report->html, "<main>\n");
    report_transfer(report);
    report_differences(report);
    for (int g = 0; g < report->data->n; g++)
        write_group(report, &report->data->groups[g], g);
    html_markup(&report->html, "</main>\n<footer>Made by <code>coop report</code> of coop " COOP_VERSION
                               ".</footer>\n</body>\n</html>\n");
}

int report_make(Buffer *page, const char *const *folders, int n_folders, const char *baseline, Arena *arena,
                Error *err) {
    ReportGroups data;
    if (report_groups_read(&data, folders, n_folders, arena, err) < 0)
        return -1;
    Report report = {
        .html = {.arena = arena}, .data = &data, .baseline = baseline, .plots = plot_available()};
    if (!report.plots && errno == ENOMEM)
        return error_memory(err);
    write_page(&report, page_title(folders, n_folders, arena));
    *page = report.html.out;
    return report.html.failed || arena_failed(arena) || !buffer_text(page) ? error_memory(err) : 0;
}

int report_write(const char *path, const char *const *folders, int n_folders, Arena *arena, Error *err) {
    Buffer page = {0};
    int result = report_make(&page, folders, n_folders, NULL, arena, err);
    if (result == 0)
        result = file_write(path, buffer_text(&page), page.size, err);
    buffer_free(&page);
    return result;
}
