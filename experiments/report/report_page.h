/* report_page.h: what the sections of report.html have in common. */
#ifndef EXPERIMENTS_REPORT_REPORT_PAGE_H
#define EXPERIMENTS_REPORT_REPORT_PAGE_H

#include "experiments/report/plot.h"
#include "experiments/report/report_groups.h"

typedef struct {
    Html html;
    const ReportGroups *data;
    const char *baseline; /* the row that differences are from; NULL: the best */
    bool plots;           /* gnuplot is available */
    int n_figures;        /* so far */
} Report;

/* A table of bars: name, bar, value; at its foot the scale of the bars in percent. */
#define BARS_BEGIN "<table class=\"bars\"><colgroup><col/><col/><col/></colgroup>\n<tbody>"
#define BARS_END                                                                                             \
    "</tbody>\n<tfoot aria-hidden=\"true\"><tr><td></td><td class=\"scale\"><i>0</i><i>50</i><i>100 "        \
    "%%</i></td>"                                                                                            \
    "<td></td></tr></tfoot></table>"

/* The column of trained methods that most rows have results in, the last of equal ones; 0 without any. */
int report_column(const CellTable *cells);
/* The look of a row's line (plot.h), the same in all groups. */
int report_look(const Report *report, const char *label);
/* The cell that names a row of published numbers, which adds its source to those used (bits), and the line
 * below the table that says what they are. */
void report_published_name(Report *report, const char *method, int source, unsigned *used);
void report_published_sources(Report *report, const char *backbone, unsigned used);
/* <figure> with a caption and the plot, and beside it the legend unless that is written elsewhere. */
void report_figure(Report *report, const char *caption, const Plot *plot, bool legend);

#endif
