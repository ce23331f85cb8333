/* describe.h: what the original prints before it trains: arguments, config, the dataset, the model. */
#ifndef EXPERIMENTS_ORIGINAL_DESCRIBE_H
#define EXPERIMENTS_ORIGINAL_DESCRIBE_H

#include "experiments/original/log.h"
#include "experiments/original/settings.h"
#include "experiments/session/session.h"

int describe_settings(Log *log, const Settings *settings, Error *err);

/* The lists that are trained and tested on, and how images are prepared. */
int describe_dataset(Log *log, const Settings *settings, Session *session, Error *err);

/* templates (n) are those of a zero-shot classifier; n is 0 for prompts with contexts. */
void describe_model(Log *log, const Settings *settings, const Session *session, const TextList *templates);

/* A training goes on behind an epoch, in a folder, from a model ("": from its own state). */
void describe_resumed(Log *log, const Settings *settings, const char *folder, const char *model, int epoch);

/* Which images a test is of. */
void describe_split(Log *log, const Settings *settings, const char *split);

/* "=> result" and the lines below it; per_class (K) are accuracies in percent, NaN for a class without
 * images. */
void describe_result(Log *log, const Settings *settings, const Session *session, double accuracy,
                     double macro_f1, const double *per_class);

#endif
