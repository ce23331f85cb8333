/* report_sections.h: the parts of report.html, a file each. For report.c.
 *
 * A section writes what it finds; a file that is missing or damaged becomes a line on the page. Memory that
 * is missing shows in the arena of the page, which report.c asks at the end.
 */
#ifndef EXPERIMENTS_REPORT_REPORT_SECTIONS_H
#define EXPERIMENTS_REPORT_REPORT_SECTIONS_H

#include "experiments/report/report_page.h"

extern const char REPORT_STYLE[]; /* CSS */

/* Tables of what was learned on one dataset and tested on others. */
void report_transfer(Report *report);
/* Accuracy against shots, with the paper's where the dataset is one of its own, and the table. */
void report_results(Report *report, const Group *group);
/* Bars: all rows at one number of shots, and each setting that varies while the others agree. */
void report_studies(Report *report, const Group *group);
/* Loss, accuracy and rate of each learned row, epoch by epoch. */
void report_training(Report *report, const Group *group);
/* Per class: accuracy, confusion; the most confident mistakes with their images. */
void report_classes(Report *report, const Group *group);
/* The vocabulary words nearest to learned vectors. */
void report_words(Report *report, const Group *group);
/* The configuration behind every row. */
void report_configurations(Report *report, const Group *group);

#endif
