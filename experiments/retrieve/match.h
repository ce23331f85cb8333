/* match.h: which caption fits: cases of files, counted with one checkpoint or several. */
#ifndef EXPERIMENTS_RETRIEVE_MATCH_H
#define EXPERIMENTS_RETRIEVE_MATCH_H

#include "experiments/retrieve/checkpoints.h"
#include "experiments/retrieve/score_table.h"

typedef struct {
    Checkpoints checkpoints;
    const char *const *files; /* (n_files) of cases */
    int n_files;
    const char *tags;    /* a file of more tags for Winoground, or NULL */
    const char *images;  /* folder */
    const char *output;  /* folder of results; NULL: none are left */
    bool upright, quiet; /* images are turned first as EXIF says; no progress */
    int n_threads;
} MatchOptions;

/* lists (n_files, checkpoints) and models (checkpoints) of score_table.h, owned by the arena. Every file is
 * read before the first checkpoint is opened. */
int match_run(ScoreList **lists, const char ***models, const MatchOptions *options, Arena *arena, Error *err);

#endif
