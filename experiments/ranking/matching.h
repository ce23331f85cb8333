/* matching.h: whether a picture's right caption scores higher than wrong ones. */
#ifndef EXPERIMENTS_RANKING_MATCHING_H
#define EXPERIMENTS_RANKING_MATCHING_H

#include "clip/base/error.h"

#include <stdbool.h>

/* Features of unit length. Case i has the texts from firsts[i] up to firsts[i + 1]. */
typedef struct {
    const float *images, *texts; /* (n, E), or with pairs (2 n, E); (firsts[n], E) */
    const int *firsts;           /* (n + 1) */
    int n, E;
    bool pairs;     /* two pictures and two texts a case; else the first text is the right one */
    bool first_won; /* equal scores are right, as in ARO's orders; else wrong, as in the papers of Winoground,
                       SugarCrepe and ARO's relations and attributes */
} MatchCases;

typedef struct {
    bool text, image; /* each picture takes its caption, each caption its picture; image only of pairs */
} Verdict;

/* verdicts (n). Fails when a score is not finite. */
int matches_judge(Verdict *verdicts, const MatchCases *cases, Error *err);

#endif
