/* labels.c: see labels.h */
#include "coop/labels.h"

#include <math.h>
#include <stdlib.h>

/* The most likely first; of equal ones the smaller label. */
static int compare_labels(const void *a, const void *b) {
    const Label *x = a, *y = b;
    if (x->probability != y->probability)
        return x->probability < y->probability ? 1 : -1;
    return (x->label > y->label) - (x->label < y->label);
}

void labels_rank(Label *labels, const float *logits, int n_classes) {
    double max = logits[0], sum = 0;
    for (int k = 1; k < n_classes; k++)
        max = logits[k] > max ? logits[k] : max;
    for (int k = 0; k < n_classes; k++) {
        labels[k] = (Label){k, exp(logits[k] - max)};
        sum += labels[k].probability;
    }
    for (int k = 0; k < n_classes; k++)
        labels[k].probability /= sum;
    qsort(labels, (size_t)n_classes, sizeof *labels, compare_labels);
}
