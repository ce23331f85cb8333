/* report_page.h: what the sections of report.html have in common. */
#ifndef EXPERIMENTS_REPORT_REPORT_PAGE_H
#define EXPERIMENTS_REPORT_REPORT_PAGE_H

#include "experiments/report/plot.h"
#include "experiments/report/report_groups.h"

typedef struct {
    Html html;
    const ReportGroups *data;
    bool plots;    /* gnuplot is available */
    int n_figures; /* so far */
} Report;

/* The columns of a <table class="bars">: name, bar, value. */
#define BAR_COLUMNS "<colgroup><col/><col/><col/></colgroup>\n"

/* The look of a row's line (plot.h), the same in all groups. */
int report_look(const Report *report, const char *label);
/* <figure> with a caption, a legend and the plot. */
void report_figure(Report *report, const char *caption, const Plot *plot);

#endif
