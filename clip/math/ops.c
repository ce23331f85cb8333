/* ops.c: row-wise kernels of a transformer. Loops are written so that the compiler vectorises them; sums run
 * in vector lanes of float (rows are at most a few thousand long), their order fixed by the build. */
#include "clip/math/ops.h"

#include "clip/base/simd.h"
#include "clip/math/exp_vector.h"

#include <math.h>
#include <string.h>

VECTOR_CLONES float dot(const float *a, const float *b, int n) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

VECTOR_CLONES void axpy(float *y, float alpha, const float *x, int n) {
#pragma omp simd
    for (int i = 0; i < n; i++)
        y[i] += alpha * x[i];
}

VECTOR_CLONES void add_rows(float *y, const float *x, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

VECTOR_CLONES void layer_norm_forward(float *y, float *mean, float *rstd, const float *x, const float *w,
                                      const float *b, float eps, int rows, int C) {
    for (int r = 0; r < rows; r++) {
        const float *xr = x + (size_t)r * C;
        float *yr = y + (size_t)r * C;
        float sum = 0, square = 0;
#pragma omp simd reduction(+ : sum)
        for (int c = 0; c < C; c++)
            sum += xr[c];
        float m = sum / (float)C;
#pragma omp simd reduction(+ : square)
        for (int c = 0; c < C; c++)
            square += (xr[c] - m) * (xr[c] - m);
        float s = 1.0f / sqrtf(square / (float)C + eps);
#pragma omp simd
        for (int c = 0; c < C; c++)
            yr[c] = (xr[c] - m) * s * w[c] + b[c];
        if (mean)
            mean[r] = m;
        if (rstd)
            rstd[r] = s;
    }
}

/* With n = (x - mean) rstd, y = n w + b:  d_x += rstd (g - mean(g) - n mean(g n)),  g = d_y w. */
VECTOR_CLONES void layer_norm_backward(float *d_x, const float *d_y, const float *x, const float *mean,
                                       const float *rstd, const float *w, int rows, int C) {
    for (int r = 0; r < rows; r++) {
        const float *xr = x + (size_t)r * C, *dyr = d_y + (size_t)r * C;
        float *dxr = d_x + (size_t)r * C;
        float m = mean[r], s = rstd[r], sum_g = 0, sum_gn = 0;
#pragma omp simd reduction(+ : sum_g, sum_gn)
        for (int c = 0; c < C; c++) {
            float g = dyr[c] * w[c];
            sum_g += g;
            sum_gn += g * (xr[c] - m) * s;
        }
        sum_g /= (float)C;
        sum_gn /= (float)C;
#pragma omp simd
        for (int c = 0; c < C; c++)
            dxr[c] += s * (dyr[c] * w[c] - sum_g - (xr[c] - m) * s * sum_gn);
    }
}

VECTOR_CLONES static void quick_gelu_forward(float *y, const float *x, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] / (1.0f + exp_vector(-1.702f * x[i]));
}

/* y = x s, s = sigma(1.702 x):  dy/dx = s (1 + 1.702 x (1 - s)). */
VECTOR_CLONES static void quick_gelu_backward(float *d_x, const float *d_y, const float *x, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        float s = 1.0f / (1.0f + exp_vector(-1.702f * x[i]));
        d_x[i] = d_y[i] * s * (1.0f + 1.702f * x[i] * (1.0f - s));
    }
}

const char *activation_name(Activation activation) {
    return activation == ACTIVATION_GELU ? "gelu" : "quick_gelu";
}

void activation_forward(float *y, const float *x, size_t n, Activation activation) {
    if (activation == ACTIVATION_QUICK_GELU) {
        quick_gelu_forward(y, x, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        y[i] = 0.5f * x[i] * (1.0f + erff(x[i] * (float)M_SQRT1_2));
}

/* GELU y = x Phi(x):  dy/dx = Phi(x) + x phi(x). */
void activation_backward(float *d_x, const float *d_y, const float *x, size_t n, Activation activation) {
    if (activation == ACTIVATION_QUICK_GELU) {
        quick_gelu_backward(d_x, d_y, x, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        float cdf = 0.5f * (1.0f + erff(x[i] * (float)M_SQRT1_2));
        float pdf = 0.39894228f * expf(-0.5f * x[i] * x[i]);
        d_x[i] = d_y[i] * (cdf + x[i] * pdf);
    }
}

void activation_piece(void *context, int row, int rows, int column, int columns) {
    const ActivationPiece *p = context;
    for (int i = row; i < row + rows; i++) {
        size_t at = (size_t)i * (size_t)p->width + (size_t)column;
        if (p->d_y)
            activation_backward(p->y + at, p->d_y + at, p->x + at, (size_t)columns, p->activation);
        else
            activation_forward(p->y + at, p->x + at, (size_t)columns, p->activation);
    }
}

VECTOR_CLONES void softmax_row(float *x, int n) {
    float max = x[0], sum = 0;
#pragma omp simd reduction(max : max)
    for (int i = 1; i < n; i++)
        max = x[i] > max ? x[i] : max;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++) {
        x[i] = exp_vector(x[i] - max);
        sum += x[i];
    }
    float scale = 1.0f / sum;
#pragma omp simd
    for (int i = 0; i < n; i++)
        x[i] *= scale;
}

void unit_rows_forward(float *out, float *norm, const float *x, int n, int E) {
    for (int i = 0; i < n; i++) {
        const float *xi = x + (size_t)i * E;
        double square = 0;
        for (int e = 0; e < E; e++)
            square += (double)xi[e] * xi[e];
        float length = (float)sqrt(square);
        for (int e = 0; e < E; e++)
            out[(size_t)i * E + e] = xi[e] / length;
        if (norm)
            norm[i] = length;
    }
}

/* u = x / |x|:  d_x += (d_u - u (u . d_u)) / |x|. */
void unit_rows_backward(float *d_x, const float *d_out, const float *out, const float *norm, int n, int E) {
    for (int i = 0; i < n; i++) {
        const float *u = out + (size_t)i * E, *du = d_out + (size_t)i * E;
        double along = 0;
        for (int e = 0; e < E; e++)
            along += (double)u[e] * du[e];
        for (int e = 0; e < E; e++)
            d_x[(size_t)i * E + e] += (du[e] - u[e] * (float)along) / norm[i];
    }
}
