/* best_classifier.h: which of the classifiers below an output folder to label images with.
 *
 * The best is the one with the highest accuracy on validation images; of equals the one learned with more
 * shots, for few images tell small differences badly and more to learn from is the safer bet; then the lower
 * seed, then the label, in the order of bytes. Accuracy on the test images takes the place of the other for
 * all where one candidate lacks it: the dataset has no validation images, or an earlier version has finished
 * that point. Where there are classifiers of several datasets, that on which something was trained counts, as
 * long as it is one: the others are tested on (transfer), and have hand-written prompts of their own.
 */
#ifndef EXPERIMENTS_RESULTS_BEST_CLASSIFIER_H
#define EXPERIMENTS_RESULTS_BEST_CLASSIFIER_H

#include "experiments/results/results.h"

/* Who is asked for; NULL, ANY_SHOTS and -1: whoever. */
typedef struct {
    const char *dataset;
    const char *method; /* as in an experiment file, or the label of its row in the tables */
    int num_shots;      /* as in Point */
    int seed;
} ClassifierWish;
enum { ANY_SHOTS = -2 };
#define ANY_CLASSIFIER ((ClassifierWish){.num_shots = ANY_SHOTS, .seed = -1})

typedef struct {
    const Result *result; /* borrowed from the list */
    const char *path;     /* of its file, which may be missing or damaged by now */
    const char *name;     /* "linear probe, 16 shots, seed 3" */
    const char *why;      /* "the best of 32 on validation images: 87.0 % (86.6 % on test images)" */
    bool needs_dataset;   /* there are several to choose from, unless one is asked for */
} BestClassifier;

/* Texts are owned by the arena. ERROR_USAGE where nothing fits, or several datasets do and none is asked
 * for. folder is that of the results, for paths and messages. */
int best_classifier(BestClassifier *best, const ResultList *results, const char *folder,
                    const ClassifierWish *wish, Arena *arena, Error *err);

/* The file of what a result has learned, NULL: it has left none, as an earlier version of some methods, or
 * another point has written into its folder since, or memory is out. */
const char *result_classifier(const ResultList *results, const Result *result, const char *folder,
                              Arena *arena);

#endif
