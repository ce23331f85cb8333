/* published.h: accuracies that others report, which stand beside ours where the comparison is fair: with the
 * same backbone (of OpenAI), on the same classes, an average over all eleven datasets of CoOp's paper, at the
 * same number of shots.
 */
#ifndef EXPERIMENTS_REPORT_PUBLISHED_H
#define EXPERIMENTS_REPORT_PUBLISHED_H

#include "experiments/report/report_groups.h"

/* The numbers of shots that there are accuracies for: 0 (zero-shot), 1, 2, 4, 8 and 16. */
enum { N_PUBLISHED_SHOTS = 6 };

typedef struct {
    int source; /* of published_source */
    const char *method;
    const char *dataset;                /* as the catalog names it; NULL: the average over all */
    double accuracy[N_PUBLISHED_SHOTS]; /* percent; 0: not reported */
} Published;

/* Where numbers are from, counted from 0; NULL behind the last. */
const char *published_source(int source);

#define PUBLISHED_BACKBONE "RN50"

/* The row behind `previous` (NULL: the first) that may stand in the table of a group; NULL when there are no
 * more. */
const Published *published_next(const Published *previous, const ReportGroups *data, const Group *group);

/* Percent at a number of shots, as in Result; 0: not reported. */
double published_accuracy(const Published *row, int num_shots);

/* From base to new classes: averages over all eleven datasets, 16 images of each base class. */
typedef struct {
    int source;
    const char *method;
    double base, new, harmonic; /* percent; 0: not reported */
} PublishedTransfer;

#define PUBLISHED_TRANSFER_BACKBONE "ViT-B/16"

/* All rows (n), if they may stand beside what was learned on this group of base classes; else NULL. */
const PublishedTransfer *published_transfers(const ReportGroups *data, const Group *base, int num_shots,
                                             int *n);

#endif
