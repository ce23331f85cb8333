/* match.h: which caption fits: cases of a file, counted with one checkpoint. */
#ifndef EXPERIMENTS_RETRIEVE_MATCH_H
#define EXPERIMENTS_RETRIEVE_MATCH_H

#include "coop/loaded_model.h"
#include "experiments/ranking/matching.h"

typedef struct {
    const char *images;  /* folder */
    const char *output;  /* folder of results; NULL: none are left */
    bool upright, quiet; /* images are turned first as EXIF says; no progress */
} MatchOptions;

typedef struct {
    const char *name; /* the file's, without folder and suffix; owned by the arena */
    bool pairs;
    Matches matches;
} Matched;

int match_run(Matched *out, LoadedModel *model, const char *path, const MatchOptions *options, Arena *arena,
              Error *err);

#endif
