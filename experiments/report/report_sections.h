/* report_sections.h: the sections of report.html, a file each; report.c calls them in turn.
 *
 * A section shows what it finds; a missing or damaged file becomes a line on the page. If memory runs out,
 * the page keeps that in mind (html_reset), and report.c asks at the end.
 */
#ifndef EXPERIMENTS_REPORT_REPORT_SECTIONS_H
#define EXPERIMENTS_REPORT_REPORT_SECTIONS_H

#include "experiments/report/report_page.h"

extern const char REPORT_STYLE[]; /* CSS */

/* What was run, when, with which program, and on how many images. */
void report_run(Report *report);
/* Tables of what was learned on one dataset and tested on others. */
void report_transfer(Report *report);
/* Differences from one row with their intervals, and average ranks. */
void report_differences(Report *report);
/* Curves of accuracy against shots, with the paper's if it has the dataset, and the table. */
void report_results(Report *report, const Group *group);
/* Whether none of its results is about classes: retrieval, matching, answers; and the table of such a group.
 */
void report_measures(Report *report, const Group *group);
/* Bars: all rows at one number of shots; each setting that varies while the others agree. */
void report_studies(Report *report, const Group *group);
/* What each row's training took: seconds and trained parameters at every number of shots, and accuracy
 * against seconds. */
void report_costs(Report *report, const Group *group);
/* Loss, accuracy and learning rate of each learned row, epoch by epoch. */
void report_training(Report *report, const Group *group);
/* Of one row at a time, which the reader chooses: accuracy and confusion per class, and the most confident
 * mistakes with their images. */
void report_classes(Report *report, const Group *group);
/* The vocabulary words nearest to learned vectors. */
void report_words(Report *report, const Group *group);
/* The configuration behind every row. */
void report_configurations(Report *report, const Group *group);

#endif
