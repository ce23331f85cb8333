/* published.h: accuracies that the paper reports (Zhou et al. 2022, RN50, M = 16, class name at the end). */
#ifndef EXPERIMENTS_REPORT_PUBLISHED_H
#define EXPERIMENTS_REPORT_PUBLISHED_H

/* The numbers of shots that we have accuracies for: 0 (zero-shot), 1 and 16. */
enum { N_PUBLISHED_SHOTS = 3 };
extern const int PUBLISHED_SHOTS[N_PUBLISHED_SHOTS];

typedef struct {
    const char *dataset; /* as the catalog names it */
    int n_classes;
    double accuracy[N_PUBLISHED_SHOTS]; /* percent */
} Published;

/* NULL when the paper has no dataset of this name and number of classes. */
const Published *published_find(const char *dataset, int n_classes);

/* The paper's average, which is over eleven datasets. */
enum { N_PUBLISHED = 11 };
extern const Published PUBLISHED_AVERAGE;

#endif
