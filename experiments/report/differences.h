/* differences.h: which rows of a report differ by more than chance: differences from one row with their
 * intervals, and average ranks, each as a sheet (tables/sheet.h).
 *
 * Datasets of one part (all classes, base, new) are compared together, at each number of shots; a row that
 * does not train stands at all of them. Measures of evaluations (retrieval, matching, answers) are no rivals:
 * of each the checkpoints are compared. How: statistics/comparison.h.
 */
#ifndef EXPERIMENTS_REPORT_DIFFERENCES_H
#define EXPERIMENTS_REPORT_DIFFERENCES_H

#include "experiments/report/report_groups.h"
#include "experiments/tables/sheet.h"

typedef struct {
    Sheet *sheets; /* (n): of each part its differences, by number of shots, then its ranks */
    bool *brief;   /* (n) is it enough for a glance: the most shots, and ranks */
    int n;
    const char **notes; /* (n_notes) what could not be compared, a line each */
    int n_notes;
} Differences;

/* baseline: the label of a row, or of its method; NULL: the best row at each number of shots. A label that no
 * row has is ERROR_USAGE. Owned by the arena. */
int differences_find(Differences *differences, const ReportGroups *data, const char *baseline, Arena *arena,
                     Error *err);

#endif
