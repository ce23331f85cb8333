/* softmax_loss.c: see softmax_loss.h. In float, where cross_entropy of cosine_classifier.h is in double: a
 * head is trained so fast that its exponentials would take longer than its products.
 */
#include "coop/heads/softmax_loss.h"

#include "clip/base/minimum.h"
#include "clip/base/simd.h"
#include "clip/math/ops.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

enum { CHUNK = 256, ROWS = 16 }; /* rows whose losses wait to be summed in order; rows of a tile */

typedef struct {
    float *cosines;    /* (rows, K) */
    const int *labels; /* (rows) */
    int rows, K;
    float scale, share; /* share: of a row in the gradient */
    double losses[CHUNK];
    bool correct[CHUNK];
} Chunk;

/* The first of the largest. */
VECTOR_CLONES static int largest(const float *row, int K) {
    float max = row[0];
#pragma omp simd reduction(max : max)
    for (int k = 1; k < K; k++)
        max = row[k] > max ? row[k] : max;
    int best = 0;
    while (best < K - 1 && row[best] != max)
        best++;
    return best;
}

static void rows_loss(void *context, int tile, int worker) {
    (void)worker;
    Chunk *c = context;
    const int K = c->K, end = min_int(c->rows, (tile + 1) * ROWS);
    for (int i = tile * ROWS; i < end; i++) {
        float *row = c->cosines + (size_t)i * (size_t)K;
        for (int k = 0; k < K; k++)
            row[k] *= c->scale;
        const int best = largest(row, K), label = c->labels[i];
        const double behind = (double)row[best] - (double)row[label];
        softmax_row(row, K);
        c->losses[i] = behind - log((double)row[best]); /* the largest share is at least 1 / K */
        row[label] -= 1;
        for (int k = 0; k < K; k++)
            row[k] *= c->share;
        c->correct[i] = best == label;
    }
}

double softmax_loss(Pool *pool, float *cosines, const int *labels, int B, int K, float scale,
                    int *n_correct) {
    double loss = 0;
    int correct = 0;
    for (int first = 0; first < B; first += CHUNK) {
        Chunk c = {.cosines = cosines + (size_t)first * (size_t)K,
                   .labels = labels + first,
                   .rows = min_int(CHUNK, B - first),
                   .K = K,
                   .scale = scale,
                   .share = scale / (float)B};
        pool_run(pool, ceil_div(c.rows, ROWS), rows_loss, &c);
        for (int i = 0; i < c.rows; i++) {
            loss += c.losses[i];
            correct += c.correct[i];
        }
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
