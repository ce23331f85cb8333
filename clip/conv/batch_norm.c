/* batch_norm.c: see batch_norm.h */
#include "clip/conv/batch_norm.h"

#include "clip/base/minimum.h"
#include "clip/base/simd.h"

#include <math.h>
#include <string.h>

/* Channels whose sums are on the stack; pixels that are summed in float. */
enum { CHANNELS = 256, RUN = 32 };

BatchNorm batch_norm_create(int C, const float *w, const float *b, float *running_mean, float *running_var,
                            Arena *arena) {
    BatchNorm norm = {.C = C, .w = w, .b = b, .running_mean = running_mean, .running_var = running_var};
    float **made[] = {&norm.mean, &norm.rstd, &norm.scale, &norm.shift, &norm.d_mean, &norm.d_xhat};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        *made[i] = arena_floats(arena, (size_t)C, 1);
    return norm;
}

/* --- statistics --- */

/* sum (n), squares (n) += those of x - about, over some pixels, `stride` apart */
VECTOR_CLONES static void add_moments(float *sum, float *squares, const float *x, const float *about, int n,
                                      int pixels, size_t stride) {
    for (int p = 0; p < pixels; p++, x += stride) {
#pragma omp simd
        for (int c = 0; c < n; c++) {
            const float d = x[c] - about[c];
            sum[c] += d;
            squares[c] += d * d;
        }
    }
}

static void add_doubles(double *total, const float *sum, int n) {
    for (int c = 0; c < n; c++)
        total[c] += (double)sum[c];
}

/* About the first pixel, so that a mean far from zero costs no digits. */
void batch_norm_sums(const BatchNorm *norm, double *sums, const float *x, int pixels) {
    const size_t C = (size_t)norm->C;
    memset(sums, 0, 2 * C * sizeof *sums);
    for (int p = 0; p < pixels; p += RUN)
        for (int c = 0; c < norm->C; c += CHANNELS) {
            const int n = min_int(CHANNELS, norm->C - c);
            float sum[CHANNELS] = {0}, squares[CHANNELS] = {0};
            add_moments(sum, squares, x + (size_t)p * C + c, x + c, n, min_int(RUN, pixels - p), C);
            add_doubles(sums + c, sum, n);
            add_doubles(sums + C + c, squares, n);
        }
    for (size_t c = 0; c < C; c++) {
        const double mean = sums[c] / pixels;
        sums[C + c] -= mean * sums[c];
        sums[c] = (double)x[c] + mean;
    }
}

static void set_scale(BatchNorm *norm, int c, double mean, double var) {
    const double rstd = 1 / sqrt(var + BATCH_NORM_EPS);
    norm->mean[c] = (float)mean;
    norm->rstd[c] = (float)rstd;
    norm->scale[c] = (float)(norm->w[c] * rstd);
    norm->shift[c] = (float)(norm->b[c] - mean * norm->w[c] * rstd);
}

/* Squares about the common mean are those about each image's, and of the images' means about it. */
void batch_norm_finish(BatchNorm *norm, const double *sums, int n, int pixels, bool moves) {
    const int C = norm->C;
    const double count = (double)n * pixels;
    for (int c = 0; c < C; c++) {
        double mean = 0, squares = 0;
        for (int i = 0; i < n; i++)
            mean += sums[2 * (size_t)i * C + c] / n;
        for (int i = 0; i < n; i++) {
            const double *image = sums + 2 * (size_t)i * C, d = image[c] - mean;
            squares += image[C + c] + pixels * d * d;
        }
        set_scale(norm, c, mean, squares / count);
        if (!moves)
            continue;
        norm->running_mean[c] += (float)(BATCH_NORM_MOMENTUM * (mean - norm->running_mean[c]));
        if (count > 1)
            norm->running_var[c] +=
                (float)(BATCH_NORM_MOMENTUM * (squares / (count - 1) - norm->running_var[c]));
    }
}

void batch_norm_running(BatchNorm *norm) {
    for (int c = 0; c < norm->C; c++)
        set_scale(norm, c, norm->running_mean[c], norm->running_var[c]);
}

/* --- forward --- */

/* x < 0 ? 0 : x keeps a NaN, as everywhere. */
static inline float relu(float x) {
    return x < 0 ? 0 : x;
}

VECTOR_CLONES static void norm_relu_pixels(float *out, const float *x, const float *scale, const float *shift,
                                           int pixels, int C) {
    for (int p = 0; p < pixels; p++, out += C, x += C) {
#pragma omp simd
        for (int c = 0; c < C; c++)
            out[c] = relu(x[c] * scale[c] + shift[c]);
    }
}

VECTOR_CLONES static void norm_relu_pool(float *out, const float *x, const float *scale, const float *shift,
                                         int side, int C) {
    const size_t line = (size_t)side * (size_t)C;
    for (int y = 0; y < side / 2; y++, x += line)
        for (int i = 0; i < side / 2; i++, out += C, x += 2 * C) {
            const float *under = x + line;
#pragma omp simd
            for (int c = 0; c < C; c++)
                out[c] = 0.25f *
                         ((relu(x[c] * scale[c] + shift[c]) + relu(x[C + c] * scale[c] + shift[c])) +
                          (relu(under[c] * scale[c] + shift[c]) + relu(under[C + c] * scale[c] + shift[c])));
        }
}

void norm_relu_forward(const BatchNorm *norm, float *out, const float *x, int side, bool pool) {
    if (pool)
        norm_relu_pool(out, x, norm->scale, norm->shift, side, norm->C);
    else
        norm_relu_pixels(out, x, norm->scale, norm->shift, side * side, norm->C);
}

VECTOR_CLONES static void add_relu(float *out, const float *x, const float *scale, const float *shift,
                                   const float *other, int pixels, int C) {
    for (int p = 0; p < pixels; p++, out += C, x += C, other += C) {
#pragma omp simd
        for (int c = 0; c < C; c++)
            out[c] = relu(x[c] * scale[c] + shift[c] + other[c]);
    }
}

VECTOR_CLONES static void add_norm_relu(float *out, const float *x, const BatchNorm *norm, const float *other,
                                        const BatchNorm *other_norm, int pixels) {
    const int C = norm->C;
    const float *scale = norm->scale, *shift = norm->shift;
    const float *other_scale = other_norm->scale, *other_shift = other_norm->shift;
    for (int p = 0; p < pixels; p++, out += C, x += C, other += C) {
#pragma omp simd
        for (int c = 0; c < C; c++)
            out[c] = relu(x[c] * scale[c] + shift[c] + (other[c] * other_scale[c] + other_shift[c]));
    }
}

void norm_add_relu_forward(const BatchNorm *norm, float *out, const float *x, const BatchNorm *other_norm,
                           const float *other, int pixels) {
    if (other_norm)
        add_norm_relu(out, x, norm, other, other_norm, pixels);
    else
        add_relu(out, x, norm->scale, norm->shift, other, pixels, norm->C);
}

/* --- backward --- */

/* One line of pixels. Channels [0, n) of each, C apart. */
typedef struct {
    const float *mean, *scale, *shift; /* from the first of these channels on */
    int n, C, width;
    bool pool; /* d_out has half as many pixels */
} Line;

/* The gradient of a pixel is that of its cell, a quarter of it for each; the ReLU lets it through where x's
 * norm is above zero. */
VECTOR_CLONES static void line_sums(const Line *line, float *sum, float *with_x, const float *d_out,
                                    const float *x) {
    const float *mean = line->mean, *scale = line->scale, *shift = line->shift;
    const float factor = line->pool ? 0.25f : 1.0f;
    for (int p = 0; p < line->width; p++) {
        const float *d = d_out + (size_t)(line->pool ? p / 2 : p) * (size_t)line->C;
        const float *at = x + (size_t)p * (size_t)line->C;
#pragma omp simd
        for (int c = 0; c < line->n; c++) {
            const float g = at[c] * scale[c] + shift[c] > 0 ? factor * d[c] : 0;
            sum[c] += g;
            with_x[c] += g * (at[c] - mean[c]);
        }
    }
}

void norm_relu_sums(const BatchNorm *norm, double *sums, const float *d_out, const float *x, int side,
                    bool pool) {
    const size_t C = (size_t)norm->C, width = (size_t)side;
    memset(sums, 0, 2 * C * sizeof *sums);
    for (int c = 0; c < norm->C; c += CHANNELS) {
        const int n = min_int(CHANNELS, norm->C - c);
        const Line line = {norm->mean + c, norm->scale + c, norm->shift + c, n, norm->C, side, pool};
        for (size_t y = 0; y < width; y++) {
            float sum[CHANNELS] = {0}, with_x[CHANNELS] = {0};
            const float *d = d_out + (pool ? y / 2 * (width / 2) : y * width) * C + c;
            line_sums(&line, sum, with_x, d, x + y * width * C + c);
            add_doubles(sums + c, sum, n);
            add_doubles(sums + C + c, with_x, n);
        }
    }
}

VECTOR_CLONES static void masked_sums(const float *mean, int n, size_t C, float *sum, float *with_x,
                                      float *d_y, const float *out, const float *x, int pixels) {
    for (int p = 0; p < pixels; p++, d_y += C, out += C, x += C) {
#pragma omp simd
        for (int c = 0; c < n; c++) {
            const float g = out[c] > 0 ? d_y[c] : 0;
            d_y[c] = g;
            sum[c] += g;
            with_x[c] += g * (x[c] - mean[c]);
        }
    }
}

VECTOR_CLONES static void plain_sums(const float *mean, int n, size_t C, float *sum, float *with_x,
                                     const float *d_y, const float *x, int pixels) {
    for (int p = 0; p < pixels; p++, d_y += C, x += C) {
#pragma omp simd
        for (int c = 0; c < n; c++) {
            sum[c] += d_y[c];
            with_x[c] += d_y[c] * (x[c] - mean[c]);
        }
    }
}

void norm_sums(const BatchNorm *norm, double *sums, float *d_y, const float *out, const float *x,
               int pixels) {
    const size_t C = (size_t)norm->C;
    memset(sums, 0, 2 * C * sizeof *sums);
    for (int p = 0; p < pixels; p += RUN)
        for (int c = 0; c < norm->C; c += CHANNELS) {
            const int n = min_int(CHANNELS, norm->C - c), count = min_int(RUN, pixels - p);
            const size_t at = (size_t)p * C + (size_t)c;
            float sum[CHANNELS] = {0}, with_x[CHANNELS] = {0};
            if (out)
                masked_sums(norm->mean + c, n, C, sum, with_x, d_y + at, out + at, x + at, count);
            else
                plain_sums(norm->mean + c, n, C, sum, with_x, d_y + at, x + at, count);
            add_doubles(sums + c, sum, n);
            add_doubles(sums + C + c, with_x, n);
        }
}

void batch_norm_gradient(BatchNorm *norm, float *d_w, float *d_b, const double *sums, int n, int pixels) {
    const size_t C = (size_t)norm->C;
    const double count = (double)n * pixels;
    for (size_t c = 0; c < C; c++) {
        double sum = 0, with_x = 0;
        for (int i = 0; i < n; i++) {
            sum += sums[2 * (size_t)i * C + c];
            with_x += sums[(2 * (size_t)i + 1) * C + c];
        }
        with_x *= norm->rstd[c];
        norm->d_mean[c] = norm->frozen ? 0 : (float)(sum / count);
        norm->d_xhat[c] = norm->frozen ? 0 : (float)(with_x / count * norm->rstd[c]);
        if (d_w)
            d_w[c] += (float)with_x;
        if (d_b)
            d_b[c] += (float)sum;
    }
}

VECTOR_CLONES void norm_relu_backward(const BatchNorm *norm, float *d_x, const float *d_out, const float *x,
                                      int side, bool pool) {
    const float *mean = norm->mean, *scale = norm->scale, *shift = norm->shift;
    const float *d_mean = norm->d_mean, *d_xhat = norm->d_xhat, factor = pool ? 0.25f : 1.0f;
    const size_t C = (size_t)norm->C, width = (size_t)side;
    for (size_t y = 0; y < width; y++)
        for (size_t p = 0; p < width; p++, x += C, d_x += C) {
            const float *d = d_out + (pool ? y / 2 * (width / 2) + p / 2 : y * width + p) * C;
#pragma omp simd
            for (size_t c = 0; c < C; c++) {
                const float g = x[c] * scale[c] + shift[c] > 0 ? factor * d[c] : 0;
                d_x[c] = scale[c] * (g - d_mean[c] - (x[c] - mean[c]) * d_xhat[c]);
            }
        }
}

VECTOR_CLONES void norm_backward(const BatchNorm *norm, float *d_x, const float *d_y, const float *x,
                                 int pixels) {
    const float *mean = norm->mean, *scale = norm->scale, *d_mean = norm->d_mean, *d_xhat = norm->d_xhat;
    const int C = norm->C;
    for (int p = 0; p < pixels; p++, x += C, d_x += C, d_y += C) {
#pragma omp simd
        for (int c = 0; c < C; c++)
            d_x[c] = scale[c] * (d_y[c] - d_mean[c] - (x[c] - mean[c]) * d_xhat[c]);
    }
}

VECTOR_CLONES void avg_pool_backward(float *d_in, const float *d_out, int side, int C) {
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++, d_in += C) {
            const float *d = d_out + ((size_t)(y / 2) * (size_t)(side / 2) + (size_t)(x / 2)) * (size_t)C;
#pragma omp simd
            for (int c = 0; c < C; c++)
                d_in[c] = 0.25f * d[c];
        }
}
