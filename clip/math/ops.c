/* ops.c: row-wise kernels of a transformer. Loops are written so that the compiler vectorises them; sums run
 * in vector lanes of float (rows are at most a few thousand long), their order fixed by the build. */
#include "clip/math/ops.h"

#include "clip/base/minimum.h"
#include "clip/base/simd.h"
#include "clip/math/exp_vector.h"
#include "clip/math/strips.h"

#include <math.h>
#include <string.h>

enum { SIDE = 8, PIECE = 256 }; /* rows whose dots are summed at once, and their columns */

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

/* Rows lie kilobytes apart, which no processor foresees. */
static void fetch_row(const ActivationPiece *p, size_t at, int columns) {
    for (int c = 0; c < columns; c += 16) {
        __builtin_prefetch(p->x + at + c);
        __builtin_prefetch(p->y + at + c, 1);
    }
}

void activation_piece(void *context, int row, int rows, int column, int columns) {
    const ActivationPiece *p = context;
    for (int i = row; i < row + rows; i++) {
        size_t at = (size_t)i * (size_t)p->width + (size_t)column;
        if (i + 2 < row + rows)
            fetch_row(p, at + 2 * (size_t)p->width, columns);
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

/* sums (SIDE) += a . b of rows that lie side by side: a, b (n, SIDE). A product of two floats is exact in
 * double, so fused or not it is the same sum. */
VECTOR_CLONES static void add_side_by_side(double *sums, const float *a, const float *b, int n) {
    for (int e = 0; e < n; e++)
#pragma omp simd
        for (int i = 0; i < SIDE; i++)
            sums[i] += (double)a[e * SIDE + i] * (double)b[e * SIDE + i];
}

/* dots of up to SIDE rows of a and b (rows, E): each one chain in ascending order, so several rows go at
 * once. */
static void row_dots(double *dots, const float *a, const float *b, int rows, int E) {
    memset(dots, 0, SIDE * sizeof *dots);
    if (rows == 1 || strip_best_panel() == 0) {
        for (int i = 0; i < rows; i++)
            for (int e = 0; e < E; e++)
                dots[i] += (double)a[(size_t)i * E + e] * (double)b[(size_t)i * E + e];
        return;
    }
    _Alignas(64) float left[PIECE * SIDE] = {0}, right[PIECE * SIDE] = {0};
    for (int e = 0; e < E; e += PIECE) {
        const int n = min_int(PIECE, E - e);
        strip_transpose(left, SIDE, a + e, (size_t)E, rows, n);
        if (a != b)
            strip_transpose(right, SIDE, b + e, (size_t)E, rows, n);
        add_side_by_side(dots, left, a == b ? left : right, n);
    }
}

VECTOR_CLONES static void divide_row(float *out, const float *x, float length, int E) {
    for (int e = 0; e < E; e++)
        out[e] = x[e] / length;
}

void unit_rows_forward(float *out, float *norm, const float *x, int n, int E) {
    double squares[SIDE];
    for (int first = 0; first < n; first += SIDE) {
        const int rows = min_int(SIDE, n - first);
        row_dots(squares, x + (size_t)first * E, x + (size_t)first * E, rows, E);
        for (int i = 0; i < rows; i++) {
            const float length = (float)sqrt(squares[i]);
            const size_t at = (size_t)(first + i) * (size_t)E;
            divide_row(out + at, x + at, length, E);
            if (norm)
                norm[first + i] = length;
        }
    }
}

/* u = x / |x|:  d_x += (d_u - u (u . d_u)) / |x|. */
void unit_rows_backward(float *d_x, const float *d_out, const float *out, const float *norm, int n, int E) {
    double along[SIDE];
    for (int first = 0; first < n; first += SIDE) {
        const int rows = min_int(SIDE, n - first);
        row_dots(along, out + (size_t)first * E, d_out + (size_t)first * E, rows, E);
        for (int i = 0; i < rows; i++) {
            const size_t at = (size_t)(first + i) * (size_t)E;
            for (size_t e = at; e < at + (size_t)E; e++)
                d_x[e] += (d_out[e] - out[e] * (float)along[i]) / norm[first + i];
        }
    }
}
