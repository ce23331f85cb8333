/* print_labels.h: prints the logits of images as labels with probabilities. */
#ifndef EXPERIMENTS_COMMANDS_PRINT_LABELS_H
#define EXPERIMENTS_COMMANDS_PRINT_LABELS_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stdbool.h>

/* Prints the top labels of each image on stdout: a line per image, "PATH  cup 92.1 %  key 3.0 %", or with
 * json an object per line, {"image": PATH, "labels": [{"name": "cup", "probability": 0.921}, ...]}. logits
 * (n, K). */
int print_labels(const char *const *paths, int n, const float *logits, const char *const *names,
                 int n_classes, int top, bool json, Arena *arena, Error *err);

#endif
