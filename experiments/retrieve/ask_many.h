/* ask_many.h: questions of a file answered with one checkpoint or several, and counted as VQA does. */
#ifndef EXPERIMENTS_RETRIEVE_ASK_MANY_H
#define EXPERIMENTS_RETRIEVE_ASK_MANY_H

#include "experiments/retrieve/ask.h"
#include "experiments/retrieve/checkpoints.h"
#include "experiments/retrieve/score_table.h"

typedef struct {
    Checkpoints checkpoints;
    AskWith with; /* no answers: the choices of each question, or else all that the file answers */
    const char *questions, *annotations, *images, *output; /* annotations and output may be NULL */
    bool upright, quiet;
    int n_threads;
} AskOptions;

/* What came of it, owned by the arena. */
typedef struct {
    QuestionSet set;
    const char **models; /* (checkpoints) */
    ScoreList *lists; /* (checkpoints) "overall", "sure" (the mean share of what was picked, which equals the
                         accuracy where shares are honest), of each type of answers and of questions */
    Pick *picks;      /* (checkpoints, set.n) */
} Asked;

int ask_many(Asked *asked, const AskOptions *options, Arena *arena, Error *err);

#endif
