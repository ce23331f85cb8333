/* matching.h: whether a picture's right caption scores higher than a wrong one. Equal scores are wrong, as in
 * the papers of Winoground, SugarCrepe and ARO. */
#ifndef EXPERIMENTS_RANKING_MATCHING_H
#define EXPERIMENTS_RANKING_MATCHING_H

#include "clip/base/error.h"

#include <stdbool.h>

/* Numbers of cases that are right. */
typedef struct {
    int n, text, image, group; /* image and group only of pairs */
} Matches;

/* images (n, E), or with pairs (2 n, E); texts (2 n, E); of unit length. Without pairs the first text of each
 * case is the right one. Fails when a score is not finite. */
int matches_count(Matches *matches, const float *images, const float *texts, int n, int E, bool pairs,
                  Error *err);

#endif
