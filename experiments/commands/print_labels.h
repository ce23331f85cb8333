/* print_labels.h: prints the logits of images as labels with probabilities. */
#ifndef EXPERIMENTS_COMMANDS_PRINT_LABELS_H
#define EXPERIMENTS_COMMANDS_PRINT_LABELS_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stdbool.h>

typedef struct {
    const char *const *paths; /* (n) */
    const Error *bad;         /* (n): why an image has no logits; zeroed for one that has */
    int n;
    const float *logits;      /* (n, K) */
    const char *const *names; /* (K) */
    int n_classes;            /* K */
} LabelledImages;

/* Prints the top labels of each image on stdout: a line per image, "PATH  cup 92.1 %  key 3.0 %", or with
 * json an object per line, {"image": PATH, "labels": [{"name": "cup", "probability": 0.921}, ...]}. What is
 * wrong with an image goes to stderr, as a line, and into its object as "error"; then this fails with
 * ERROR_PARTLY, or with ERROR_INPUT when there is not one good image. */
int print_labels(const LabelledImages *images, int top, bool json, Arena *arena, Error *err);

#endif
