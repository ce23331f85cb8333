/* label_answer.h: what a learned classifier says of a photo of the index: top=K labels (default 3).
 *
 * Most classifiers see of a feature its direction alone: they are given the row of the index. A linear probe,
 * or one with an image tower of its own, is given the photo. */
#ifndef EXPERIMENTS_SERVE_LABEL_ANSWER_H
#define EXPERIMENTS_SERVE_LABEL_ANSWER_H

#include "experiments/serve/service.h"

/* {"row", "labels": [{"name", "probability"}, ...]}; 404 without a classifier. */
void answer_labels(const Service *service, Request *request, uint64_t row);

#endif
