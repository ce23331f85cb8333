/* ss_text.c: see ss_text.h */
#include "coop/heads/ss_text.h"

#include "clip/math/ops.h"

#include <math.h>
#include <string.h>

#define LEAST_LAMBDA 1e-3

static double lambda_of(const SsTextConfig *config, int k, int n, int count) {
    const double lambda = config->kind == SS_TEXT_ALL ? 1.0 / n
                          : config->kind == SS_TEXT_PER_CLASS
                              ? 1.0 / count /* none: infinity, its text stays */
                              : (double)config->lambda[k];
    return lambda > LEAST_LAMBDA ? lambda : LEAST_LAMBDA;
}

/* w_c -= the direction of 2 w_c - mean(w) */
static void repel(float *w, double *mean, int K, int E) {
    for (int i = 0; i < K * E; i++)
        mean[i % E] += (double)w[i] / K;
    for (int k = 0; k < K; k++) {
        float *row = w + (size_t)k * (size_t)E;
        double square = 0;
        for (int e = 0; e < E; e++)
            square += pow(2 * (double)row[e] - mean[e], 2);
        for (int e = 0; e < E; e++)
            row[e] -= (float)((2 * (double)row[e] - mean[e]) / sqrt(square));
    }
}

int ss_text_fit(LinearClassifier *classifier, const SsTextConfig *config, const float *images,
                const int *labels, int n, Error *err) {
    const int K = config->n_classes, E = config->embed_dim;
    const size_t width = (size_t)E, size = (size_t)K * width;
    const double scale = exp((double)config->logit_scale);
    Arena *arena = arena_create();
    double *sums = ARENA_NEW(arena, double, size), *mean = ARENA_NEW(arena, double, width);
    int *counts = ARENA_NEW(arena, int, (size_t)K);
    const int status = arena_failed(arena) ? error_memory(err) : 0;
    for (int i = 0; status == 0 && i < n; i++) {
        counts[labels[i]]++;
        for (size_t e = 0; e < width; e++)
            sums[(size_t)labels[i] * width + e] += (double)images[(size_t)i * width + e];
    }
    for (size_t i = 0; status == 0 && i < size; i++) {
        const int k = (int)(i / width);
        classifier->weights[i] =
            (float)((double)config->text[i] + scale * sums[i] / (n * lambda_of(config, k, n, counts[k])));
    }
    if (status == 0 && config->repel)
        repel(classifier->weights, mean, K, E);
    if (status == 0)
        unit_rows_forward(classifier->weights, NULL, classifier->weights, K, E);
    classifier->scale = (float)scale;
    arena_free(arena);
    return status;
}
