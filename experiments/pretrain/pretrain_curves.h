/* pretrain_curves.h: the curves on the page of a pretraining. */
#ifndef EXPERIMENTS_PRETRAIN_PRETRAIN_CURVES_H
#define EXPERIMENTS_PRETRAIN_PRETRAIN_CURVES_H

#include "experiments/pretrain/pretrain_metrics.h"
#include "experiments/report/report_page.h"

/* Loss, temperature and learning rate of the steps, averaged where there are many; and what was evaluated. */
void pretrain_curves(Report *report, const MetricsHistory *history);

#endif
