/* softmax_loss.c: see softmax_loss.h. In float, where cross_entropy of cosine_classifier.h is in double: a
 * head is trained so fast that its exponentials would take longer than its products. */
#include "coop/heads/softmax_loss.h"

#include "clip/math/ops.h"

#include <math.h>
#include <stddef.h>

static int largest(const float *row, int K) {
    int best = 0;
    for (int k = 1; k < K; k++)
        best = row[k] > row[best] ? k : best;
    return best;
}

double softmax_loss(float *logits, const int *labels, int B, int K, float scale, int *n_correct) {
    const float share = scale / (float)B;
    double loss = 0;
    int correct = 0;
    for (int i = 0; i < B; i++) {
        float *row = logits + (size_t)i * (size_t)K;
        const int best = largest(row, K), label = labels[i];
        const double behind = (double)row[best] - (double)row[label];
        softmax_row(row, K);
        loss += behind - log((double)row[best]); /* the largest share is at least 1 / K */
        row[label] -= 1;
        for (int k = 0; k < K; k++)
            row[k] *= share;
        correct += best == label;
    }
    if (n_correct)
        *n_correct = correct;
    return loss / B;
}

int count_correct(const float *logits, const int *labels, int n, int K) {
    int correct = 0;
    for (int i = 0; i < n; i++)
        correct += largest(logits + (size_t)i * (size_t)K, K) == labels[i];
    return correct;
}
