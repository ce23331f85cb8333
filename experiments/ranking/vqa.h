/* vqa.h: the accuracy of an answer as VQA counts it (GT-Vision-Lab/VQA, vqaEval.py, as Python 2 runs it). */
#ifndef EXPERIMENTS_RANKING_VQA_H
#define EXPERIMENTS_RANKING_VQA_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

/* An answer without line ends, tabs, and blanks around it. NULL when memory is out, as below. */
const char *vqa_trim(const char *answer, Arena *arena);
/* An answer without punctuation and articles, numbers up to ten as digits, apostrophes where they belong. */
const char *vqa_normalize(const char *answer, Arena *arena);

/* The mean over the annotators (n) of min(1, matches among the others / 3); a single one counts as agreeing
 * or not. Answers are normalised only where the annotators differ. */
int vqa_accuracy(double *accuracy, const char *answer, const char *const *annotators, int n, Error *err);

#endif
