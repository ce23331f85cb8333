/* find_learned.h: the learned file that a command line means: a file, or the best below the output of a run.
 */
#ifndef EXPERIMENTS_LABELS_FIND_LEARNED_H
#define EXPERIMENTS_LABELS_FIND_LEARNED_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "experiments/terminal/options.h"

/* What the options of find_learned_options were given. */
typedef struct {
    const char *dataset, *method, *shots;
    int seed; /* -1: not given */
} LearnedWish;

enum { FIND_LEARNED_OPTIONS = 4 };
void find_learned_options(Option out[FIND_LEARNED_OPTIONS], LearnedWish *wish);

/* The path of the file that is meant by `learned`, owned by the arena or that itself; NULL with an error. Of
 * a folder it says on stderr, unless quiet, which was chosen and why. */
const char *find_learned(const char *learned, const LearnedWish *wish, bool quiet, Arena *arena, Error *err);

#endif
