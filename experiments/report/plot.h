/* plot.h: curves as inline SVG, drawn by gnuplot.
 *
 * gnuplot is started without a shell and is given only numbers and texts of this program: names out of files
 * stand in the HTML around the curves. Without gnuplot there are tables instead.
 */
#ifndef EXPERIMENTS_REPORT_PLOT_H
#define EXPERIMENTS_REPORT_PLOT_H

#include "experiments/report/html.h"

#include <stdbool.h>

typedef struct {
    double x, y, error; /* error 0: no bar */
} PlotPoint;

/* The number of a look stands for the same colour, mark and dashes throughout a report. */
typedef struct {
    const char *name;
    int look;   /* 0, 1, ...; LOOK_PUBLISHED is grey and dashed */
    bool level; /* a horizontal line at the value of the first point */
    const PlotPoint *points;
    int n;
} PlotSeries;

enum { LOOK_PUBLISHED = -1 };

typedef struct {
    double x;
    const char *text; /* of this program */
} PlotTic;

typedef struct {
    const char *title;           /* for screen readers */
    const char *x_name, *y_name; /* of this program */
    const PlotTic *tics;         /* of the x axis (n_tics); NULL: gnuplot's choice */
    int n_tics;
    bool marks;               /* a mark at every point, with bars of error; else at a few */
    bool percent;             /* y is between 0 and 100, whatever bars of error say */
    const PlotSeries *series; /* (n_series) */
    int n_series;
} Plot;

/* Whether gnuplot is there and works. */
bool plot_available(void); /* if not: errno is ENOMEM where that was for want of memory */

/* The drawing; a table when gnuplot is not available. number is the figure's on its page: SVGs on one page
 * must not share ids. */
void plot_write(Html *html, const Plot *plot, int number, bool available);
const char *plot_colour(int look); /* "#0072b2" */
/* The marks and names of the series, in a line. */
void plot_legend(Html *html, const Plot *plot);

#endif
