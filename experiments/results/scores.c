/* scores.c: accuracy, macro-F1 and per-class accuracy from logits. */
#include "experiments/results/scores.h"

#include <assert.h>
#include <math.h>

/* The first of the largest; -1 when there is a NaN. */
static int argmax(const float *row, int n) {
    int best = 0;
    for (int k = 0; k < n; k++) {
        if (isnan(row[k]))
            return -1;
        if (row[k] > row[best])
            best = k;
    }
    return best;
}

int scores_compute(Scores *scores, const float *logits, const int *labels, int n, int n_classes, Arena *arena,
                   Error *err) {
    assert(n >= 1 && n_classes >= 1);
    scores->per_class = ARENA_NEW(arena, double, n_classes); /* (K) */
    scores->predicted = ARENA_NEW(arena, int, n);            /* (n) */
    int *truth = ARENA_NEW(arena, int, n_classes);           /* (K) images of the class */
    int *guesses = ARENA_NEW(arena, int, n_classes);         /* (K) images taken for the class */
    int *hits = ARENA_NEW(arena, int, n_classes);            /* (K) both */
    if (arena_failed(arena))
        return error_memory(err);
    int n_hits = 0;
    for (int i = 0; i < n; i++) {
        int guess = argmax(logits + (size_t)i * (size_t)n_classes, n_classes);
        if (guess < 0)
            return error_run(err, "test logits: image %d: not a number", i);
        assert(labels[i] >= 0 && labels[i] < n_classes);
        scores->predicted[i] = guess;
        truth[labels[i]]++;
        guesses[guess]++;
        if (guess == labels[i]) {
            hits[guess]++;
            n_hits++;
        }
    }
    double sum_f1 = 0;
    int n_present = 0;
    for (int k = 0; k < n_classes; k++) {
        scores->per_class[k] = truth[k] > 0 ? 100.0 * hits[k] / truth[k] : NAN;
        if (truth[k] == 0)
            continue;
        /* F1 = 2 TP / (2 TP + FP + FN) */
        sum_f1 += 200.0 * hits[k] / (truth[k] + guesses[k]);
        n_present++;
    }
    scores->accuracy = 100.0 * n_hits / n;
    scores->macro_f1 = sum_f1 / n_present;
    return 0;
}
