/* report_page.c: see report_page.h */
#include "experiments/report/report_page.h"

#include "experiments/report/published.h"

#include <string.h>

int report_column(const CellTable *cells) {
    int best = 0, most = 0;
    for (int j = 0; j < cells->n_columns; j++) {
        int n = 0;
        for (int i = 0; i < cells->n_rows; i++)
            n += cells_at(cells, i, j)->n > 0;
        if (cells->shots[j] != SHOTS_NONE && n >= most) {
            best = j;
            most = n;
        }
    }
    return best;
}

int report_look(const Report *report, const char *label) {
    int look = 0;
    for (int g = 0; g < report->data->n; g++) {
        const CellTable *cells = &report->data->groups[g].cells;
        for (int i = 0; i < cells->n_rows; i++) {
            bool seen = false; /* in an earlier group */
            for (int h = 0; h < g && !seen; h++)
                for (int k = 0; k < report->data->groups[h].cells.n_rows && !seen; k++)
                    seen = strcmp(report->data->groups[h].cells.labels[k], cells->labels[i]) == 0;
            if (strcmp(cells->labels[i], label) == 0 && !seen)
                return look;
            look += !seen;
        }
    }
    return look;
}

void report_figure(Report *report, const char *caption, const Plot *plot, bool legend) {
    Html *html = &report->html;
    html_markup(html, "<figure>");
    html_element(html, "figcaption", caption);
    html_markup(html, "<div class=\"curves%s\">", plot->marks ? " large" : "");
    plot_write(html, plot, ++report->n_figures, report->plots);
    if (report->plots && legend)
        plot_legend(html, plot);
    html_markup(html, "</div></figure>\n");
}

void report_published_name(Report *report, const char *method, int source, unsigned *used) {
    *used |= 1u << source;
    html_markup(&report->html, "<th>%s, published [%d]</th>", method, source + 1);
}

void report_published_sources(Report *report, const char *backbone, unsigned used) {
    Html *html = &report->html;
    const char *before = "";
    if (!used)
        return;
    html_markup(html, "<p class=\"caption\">As published, with %s: ", backbone);
    for (int i = 0; published_source(i); i++)
        if (used & 1u << i) {
            html_markup(html, "%s[%d] %s", before, i + 1, published_source(i));
            before = "; ";
        }
    html_markup(html, ".</p>\n");
}
