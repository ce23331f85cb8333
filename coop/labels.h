/* labels.h: what the logits of an image say: its labels, the most likely first. */
#ifndef COOP_LABELS_H
#define COOP_LABELS_H

typedef struct {
    int label;          /* 0 .. n_classes - 1 */
    double probability; /* softmax of the logits */
} Label;

/* labels (n_classes) from logits (n_classes), the most likely first; of equally likely ones the smaller
 * label. n_classes >= 1. */
void labels_rank(Label *labels, const float *logits, int n_classes);

#endif
