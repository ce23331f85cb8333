/* plot.h: curves as inline SVG, drawn by gnuplot.
 *
 * gnuplot is started without a shell and gets numbers and texts of this program alone: names out of files
 * stand in the HTML around the curves. Where it is missing the curves are tables.
 */
#ifndef EXPERIMENTS_REPORT_PLOT_H
#define EXPERIMENTS_REPORT_PLOT_H

#include "experiments/report/html.h"

#include <stdbool.h>

typedef struct {
    double x, y, error; /* error 0: no bar */
} PlotPoint;

/* How a line looks is told by its number: a colour and a mark that belong together in all of a report. */
typedef struct {
    const char *name;
    int look;   /* 0, 1, ...; LOOK_PUBLISHED is grey and dashed */
    bool level; /* one value, that of the first point, drawn across */
    const PlotPoint *points;
    int n;
} PlotSeries;

enum { LOOK_PUBLISHED = -1 };

typedef struct {
    double x;
    const char *text; /* of this program */
} PlotTic;

typedef struct {
    const char *title;           /* for those who cannot see it */
    const char *x_name, *y_name; /* of this program */
    const PlotTic *tics;         /* of the x axis (n_tics); NULL: as gnuplot finds fit */
    int n_tics;
    bool marks;               /* a mark at every point */
    const PlotSeries *series; /* (n_series) */
    int n_series;
} Plot;

/* Whether there is a gnuplot that works. */
bool plot_available(void);

/* <figure>, with a table where there is no gnuplot (available false). number is that of the figure on its
 * page: SVGs of one page must not share ids. */
void plot_write(Html *html, const Plot *plot, int number, bool available);
const char *plot_colour(int look); /* "#0072b2" */
/* A line of the marks and names of the series. */
void plot_legend(Html *html, const Plot *plot);

#endif
