/* test_text_head.c: the features of leaves against the formula in double, their gradient against central
 * differences; prompts that end in the same leaf share it. */
#include "clip/text/text_head.h"

#include "clip/checkpoint/random_clip.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { C = 64, E = 32, U = 3, P = 4 };

static const int LEAF_OF_PROMPT[P] = {1, 0, 2, 1};

static void reference(double *features, const TextWeights *w, const float *x) {
    for (int p = 0; p < P; p++) {
        const float *row = x + (size_t)LEAF_OF_PROMPT[p] * C;
        double mean = 0, square = 0;
        for (int c = 0; c < C; c++)
            mean += (double)row[c] / C;
        for (int c = 0; c < C; c++)
            square += ((double)row[c] - mean) * ((double)row[c] - mean) / C;
        for (int e = 0; e < E; e++) {
            double sum = 0;
            for (int c = 0; c < C; c++)
                sum +=
                    (((double)row[c] - mean) / sqrt(square + (double)w->norm_eps) * (double)w->ln_final_w[c] +
                     (double)w->ln_final_b[c]) *
                    (double)w->text_projection[c * E + e];
            features[p * E + e] = sum;
        }
    }
}

static double objective(const TextWeights *w, const float *x, const float *weights) {
    double features[P * E], sum = 0;
    reference(features, w, x);
    for (int i = 0; i < P * E; i++)
        sum += features[i] * (double)weights[i];
    return sum;
}

static void test_head(void **state) {
    (void)state;
    Arena *arena = arena_create();
    const TextWeights w = text_random(C, 2, 40, E, 7, arena);
    TextHead head = text_head(&w, U, P, LEAF_OF_PROMPT, true, arena);
    float got[P * E], want[P * E], d_features[P * E], numeric[U * C];
    double exact[P * E];
    fill_normal(head.x, U * C, 1, 3);
    fill_normal(d_features, P * E, 1, 4);
    text_head_forward(&head, NULL, got);
    reference(exact, &w, head.x);
    for (int i = 0; i < P * E; i++)
        want[i] = (float)exact[i];
    assert_close("features", got, want, P * E, 1e-5);
    text_head_backward(&head, NULL, d_features);
    for (int i = 0; i < U * C; i++) {
        const float kept = head.x[i], h = 1.0f / 64;
        head.x[i] = kept + h;
        const double above = objective(&w, head.x, d_features);
        head.x[i] = kept - h;
        numeric[i] = (float)((above - objective(&w, head.x, d_features)) / (2 * (double)h));
        head.x[i] = kept;
    }
    assert_close("gradient", head.d_x, numeric, U * C, 1e-3);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_head)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
