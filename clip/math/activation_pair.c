/* activation_pair.c: see activation_pair.h
 *
 * GELU is x Phi(x). With t = 1 / (1 + c |x|), the tail Phi(-|x|) is e^(-x^2/2) t P(t): P is a polynomial
 * (fitted by least squares, weighted until the relative error, 2.3e-8, was even), and the exponential serves
 * the derivative Phi(x) + x phi(x) too.
 */
#include "clip/math/activation_pair.h"

#include "clip/base/simd.h"
#include "clip/math/exp_vector.h"

#include <math.h>

/* Phi(x), given e = e^(-x^2/2) */
static inline float normal_cdf(float x, float e) {
    const float t = 1.0f / (1.0f + 0.34f * fabsf(x));
    float p = -0.0266263681f;
    p = p * t + 0.1418775502f;
    p = p * t - 0.2778650200f;
    p = p * t + 0.2073737315f;
    p = p * t - 0.0481407069f;
    p = p * t + 0.1167432100f;
    p = p * t + 0.1148633359f;
    p = p * t + 0.1361561849f;
    p = p * t + 0.1356180940f;
    const float tail = e * t * p;
    return x > 0 ? 1.0f - tail : tail;
}

VECTOR_CLONES static void gelu_value(float *y, const float *x, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * normal_cdf(x[i], exp_vector(-0.5f * x[i] * x[i]));
}

VECTOR_CLONES static void gelu_pair(float *restrict y, float *restrict d, const float *restrict x, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const float e = exp_vector(-0.5f * x[i] * x[i]), cdf = normal_cdf(x[i], e);
        y[i] = x[i] * cdf;
        d[i] *= cdf + x[i] * 0.39894228f * e;
    }
}

/* y = x s, s = sigma(1.702 x):  dy/dx = s (1 + 1.702 x (1 - s)). */
VECTOR_CLONES static void quick_gelu_pair(float *restrict y, float *restrict d, const float *restrict x,
                                          size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const float s = 1.0f / (1.0f + exp_vector(-1.702f * x[i]));
        y[i] = x[i] * s;
        d[i] *= s * (1.0f + 1.702f * x[i] * (1.0f - s));
    }
}

void activation_value(float *y, const float *x, size_t n, Activation activation) {
    if (activation == ACTIVATION_GELU)
        gelu_value(y, x, n);
    else
        activation_forward(y, x, n, activation);
}

void activation_pair(float *y, float *d, const float *x, size_t n, Activation activation) {
    if (activation == ACTIVATION_GELU)
        gelu_pair(y, d, x, n);
    else
        quick_gelu_pair(y, d, x, n);
}

void activation_pair_piece(void *context, int row, int rows, int column, int columns) {
    const ActivationPair *p = context;
    for (int i = row; i < row + rows; i++) {
        const size_t at = (size_t)i * (size_t)p->width + (size_t)column;
        if (p->d)
            activation_pair(p->y + at, p->d + at, p->x + at, (size_t)columns, p->activation);
        else
            activation_value(p->y + at, p->x + at, (size_t)columns, p->activation);
    }
}
