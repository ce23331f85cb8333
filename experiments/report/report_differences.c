/* report_differences.c: which methods differ by more than chance: the sheets of differences.h on the page,
 * those for a glance open, the others folded. */
#include "experiments/report/differences.h"
#include "experiments/report/report_sections.h"

enum { LONG = 12 }; /* rows that a table may have and still be open */

static void write_row(Html *html, const Sheet *sheet, int row) {
    html_markup(html, "<tr>");
    html_element(html, "th", sheet_cell(sheet, row, 0)->text);
    for (int j = 1; j < sheet->n_columns; j++) {
        const SheetCell *cell = sheet_cell(sheet, row, j);
        html_element(html, cell->best ? "td class=\"best\"" : "td", cell->text);
    }
    html_markup(html, "</tr>\n");
}

static void write_sheet(Html *html, const Sheet *sheet, bool open) {
    html_markup(html, "<details%s><summary>", open ? " open=\"open\"" : "");
    html_text(html, sheet->caption);
    html_markup(html, "</summary>\n<div class=\"scroll\"><table class=\"results\"><thead><tr>");
    for (int j = 0; j < sheet->n_columns; j++)
        html_element(html, "th", sheet->columns[j]);
    html_markup(html, "</tr></thead>\n<tbody>\n");
    for (int i = 0; i < sheet->n_rows; i++)
        write_row(html, sheet, i);
    html_markup(html, "</tbody></table></div>\n");
    for (int i = 0; i < sheet->n_notes; i++)
        html_element(html, "p", sheet->notes[i]);
    html_markup(html, "</details>\n");
}

void report_differences(Report *report) {
    Html *html = &report->html;
    size_t mark = arena_mark(html->arena);
    Differences differences;
    Error err = {0};
    if (differences_find(&differences, report->data, report->baseline, html->arena, &err) < 0)
        html_note(html, &err);
    else if (differences.n > 0) {
        html_markup(html, "<section id=\"differences\">\n<h2>Differences</h2>\n<p>Each interval stands for "
                          "itself: it is Student's for paired differences, and not widened for the number of "
                          "methods.</p>\n");
        for (int i = 0; i < differences.n; i++)
            write_sheet(html, &differences.sheets[i],
                        differences.brief[i] && differences.sheets[i].n_rows <= LONG);
        html_markup(html, "</section>\n");
    }
    html_reset(html, mark);
}
