/* test_ops.c: every kernel against its formula in double, every backward kernel against central differences
 * of that formula, at sizes that leave remainders in every vector width; and what a NaN or an extreme number
 * does. */
#include "clip/math/ops.h"

#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Relative errors that are allowed. Sums of C floats lose about sqrt(C) ulp (6e-8 each). */
#define TOLERANCE_FORWARD 1e-6
#define TOLERANCE_BACKWARD 3e-6
#define EPS 0.05f                  /* of layer norms: one that is seen */
#define TOLERANCE_DIFFERENCES 1e-5 /* of a gradient in float against differences in double */
#define TOLERANCE_EXP 4e-7         /* of one element: e^x to 2 ulp, and a division */

static const int SIZES[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 100, 512, 513};
enum { N_SIZES = sizeof SIZES / sizeof *SIZES, MAX_C = 513, ROWS = 3, MAX = ROWS * MAX_C };

/* --- formulas --- */

static void layer_norm_formula(double *y, const double *x, const double *w, const double *b, int rows,
                               int C) {
    for (int r = 0; r < rows; r++) {
        double mean = 0, variance = 0;
        for (int c = 0; c < C; c++)
            mean += x[r * C + c] / C;
        for (int c = 0; c < C; c++)
            variance += (x[r * C + c] - mean) * (x[r * C + c] - mean) / C;
        for (int c = 0; c < C; c++)
            y[r * C + c] = (x[r * C + c] - mean) / sqrt(variance + (double)EPS) * w[c] + b[c];
    }
}

static double activation_formula(double x, Activation activation) {
    if (activation == ACTIVATION_QUICK_GELU)
        return x / (1 + exp(-1.702 * x));
    return x * 0.5 * erfc(-x * M_SQRT1_2);
}

static void unit_formula(double *y, const double *x, int rows, int C) {
    for (int r = 0; r < rows; r++) {
        double square = 0;
        for (int c = 0; c < C; c++)
            square += x[r * C + c] * x[r * C + c];
        for (int c = 0; c < C; c++)
            y[r * C + c] = x[r * C + c] / sqrt(square);
    }
}

/* --- help --- */

static void to_double(double *out, const float *in, int n) {
    for (int i = 0; i < n; i++)
        out[i] = (double)in[i];
}

static void close_to_formula(const char *kernel, const float *got, const double *want, int n,
                             double tolerance) {
    static float rounded[MAX];
    char what[64];
    for (int i = 0; i < n; i++)
        rounded[i] = (float)want[i];
    snprintf(what, sizeof what, "%s, %d elements", kernel, n);
    assert_close(what, got, rounded, (size_t)n, tolerance);
}

/* The formulas of kernels with a backward pass, under one signature. */
typedef struct {
    const double *w, *b;
    int C;
    Activation activation;
} Formula;
typedef void (*FormulaFn)(double *y, const double *x, int rows, const Formula *f);

static void layer_norm_of(double *y, const double *x, int rows, const Formula *f) {
    layer_norm_formula(y, x, f->w, f->b, rows, f->C);
}

static void activation_of(double *y, const double *x, int rows, const Formula *f) {
    for (int i = 0; i < rows * f->C; i++)
        y[i] = activation_formula(x[i], f->activation);
}

static void unit_of(double *y, const double *x, int rows, const Formula *f) {
    unit_formula(y, x, rows, f->C);
}

/* d (n = rows C): the gradient of sum d_y y(x) by central differences, one coordinate after the other. Rows
 * do not depend on each other, so one row is moved at a time. */
static void differences(double *d, FormulaFn formula, const Formula *f, const float *x, const float *d_y,
                        int rows) {
    const double h = 1e-5;
    int C = f->C;
    for (int r = 0; r < rows; r++) {
        static double moved[MAX_C], high[MAX_C], low[MAX_C];
        to_double(moved, x + r * C, C);
        for (int c = 0; c < C; c++) {
            double at = moved[c], sum = 0;
            moved[c] = at + h;
            formula(high, moved, 1, f);
            moved[c] = at - h;
            formula(low, moved, 1, f);
            moved[c] = at;
            for (int j = 0; j < C; j++)
                sum += (double)d_y[r * C + j] * (high[j] - low[j]);
            d[r * C + c] = sum / (2 * h);
        }
    }
}

/* --- layer norm --- */

static void test_layer_norm(void **state) {
    (void)state;
    for (int s = 0; s < N_SIZES; s++) {
        int C = SIZES[s], n = ROWS * C;
        float x[MAX], y[MAX], w[MAX_C], b[MAX_C], mean[ROWS], rstd[ROWS];
        static double xd[MAX], wd[MAX_C], bd[MAX_C], want[MAX];
        fill_normal(x, (size_t)n, 2, 1);
        fill_normal(w, (size_t)C, 1, 2);
        fill_normal(b, (size_t)C, 1, 3);
        for (int i = 0; i < n; i++)
            x[i] += 3 * (float)(i / C); /* each row has a mean of its own */
        to_double(xd, x, n);
        to_double(wd, w, C);
        to_double(bd, b, C);
        layer_norm_formula(want, xd, wd, bd, ROWS, C);
        layer_norm_forward(y, mean, rstd, x, w, b, EPS, ROWS, C);
        close_to_formula("layer_norm_forward", y, want, n, TOLERANCE_FORWARD);
        memcpy(y, x, sizeof y);
        layer_norm_forward(y, NULL, NULL, y, w, b, EPS, ROWS, C); /* in place, nothing kept */
        close_to_formula("layer_norm_forward in place", y, want, n, TOLERANCE_FORWARD);
        for (int r = 0; r < ROWS; r++) {
            double m = 0;
            for (int c = 0; c < C; c++)
                m += xd[r * C + c] / C;
            assert_true(fabs((double)mean[r] - m) <= 1e-6 * (1 + fabs(m)));
        }
    }
}

static void test_layer_norm_backward(void **state) {
    (void)state;
    for (int s = 0; s < N_SIZES; s++) {
        int C = SIZES[s], n = ROWS * C;
        float x[MAX], y[MAX], w[MAX_C], b[MAX_C], mean[ROWS], rstd[ROWS], d_y[MAX], d_x[MAX], before[MAX];
        static double wd[MAX_C], bd[MAX_C], want[MAX];
        if (C < 3) /* one column has no gradient, and two have nearly none: a difference of large terms */
            continue;
        fill_normal(x, (size_t)n, 2, 1);
        fill_normal(w, (size_t)C, 1, 2);
        fill_normal(b, (size_t)C, 1, 3);
        fill_normal(d_y, (size_t)n, 1, 4);
        fill_normal(before, (size_t)n, 0.1, 5);
        to_double(wd, w, C);
        to_double(bd, b, C);
        differences(want, layer_norm_of, &(Formula){.w = wd, .b = bd, .C = C}, x, d_y, ROWS);
        layer_norm_forward(y, mean, rstd, x, w, b, EPS, ROWS, C);
        memset(d_x, 0, sizeof d_x);
        layer_norm_backward(d_x, d_y, x, mean, rstd, w, ROWS, C);
        close_to_formula("layer_norm_backward", d_x, want, n, TOLERANCE_DIFFERENCES);
        float alone[MAX];
        memcpy(alone, d_x, sizeof alone);
        memcpy(d_x, before, sizeof d_x);
        layer_norm_backward(d_x, d_y, x, mean, rstd, w, ROWS, C);
        for (int i = 0; i < n; i++) /* it accumulates */
            want[i] = (double)before[i] + (double)alone[i];
        close_to_formula("layer_norm_backward accumulates", d_x, want, n, TOLERANCE_BACKWARD);
    }
}

/* --- activations --- */

static const Activation ACTIVATIONS[] = {ACTIVATION_QUICK_GELU, ACTIVATION_GELU};

static void test_activation(void **state) {
    (void)state;
    for (int a = 0; a < 2; a++)
        for (int s = 0; s < N_SIZES; s++) {
            int n = SIZES[s];
            float x[MAX_C], y[MAX_C], d_y[MAX_C], d_x[MAX_C];
            static double xd[MAX_C], want[MAX_C];
            Formula f = {.C = n, .activation = ACTIVATIONS[a]};
            fill_normal(x, (size_t)n, 2, 1);
            fill_normal(d_y, (size_t)n, 1, 2);
            to_double(xd, x, n);
            activation_of(want, xd, 1, &f);
            activation_forward(y, x, (size_t)n, ACTIVATIONS[a]);
            for (int i = 0; i < n; i++) /* 1 + erf(x) cancels for x < 0, so y may have few digits */
                assert_true(fabs((double)y[i] - want[i]) <= TOLERANCE_FORWARD * fabs(xd[i]));
            if (n >= 15)
                close_to_formula("activation_forward", y, want, n, TOLERANCE_FORWARD);
            memcpy(d_x, x, sizeof d_x);
            activation_forward(d_x, d_x, (size_t)n, ACTIVATIONS[a]);
            assert_memory_equal(d_x, y, (size_t)n * sizeof *y); /* in place */
            differences(want, activation_of, &f, x, d_y, 1);
            activation_backward(d_x, d_y, x, (size_t)n, ACTIVATIONS[a]);
            for (int i = 0; i < n; i++)
                assert_true(fabs((double)d_x[i] - want[i]) <= TOLERANCE_FORWARD * fabs((double)d_y[i]));
            if (n >= 15)
                close_to_formula("activation_backward", d_x, want, n, TOLERANCE_DIFFERENCES);
            activation_backward(d_y, d_y, x, (size_t)n, ACTIVATIONS[a]);
            assert_memory_equal(d_y, d_x, (size_t)n * sizeof *d_x); /* in place */
        }
}

/* QuickGELU from -46 to 46 is x times a sigmoid: its relative error is that of e^x. */
static void test_quick_gelu_range(void **state) {
    (void)state;
    enum { N = 92001 };
    static float x[N], y[N];
    for (int i = 0; i < N; i++)
        x[i] = (float)(i - N / 2) / 1000;
    activation_forward(y, x, N, ACTIVATION_QUICK_GELU);
    double worst = 0;
    for (int i = 0; i < N; i++) {
        double want = activation_formula((double)x[i], ACTIVATION_QUICK_GELU);
        /* 1.702 and its product with x are rounded before e^x sees them: an error of the product, up to 78,
         * is that much of e^x. */
        double allowed = TOLERANCE_EXP + 1e-7 * fabs(1.702 * (double)x[i]);
        double error = x[i] == 0 ? fabs((double)y[i]) : fabs((double)y[i] / want - 1);
        worst = error / allowed > worst ? error / allowed : worst;
    }
    if (!(worst <= 1))
        fail_msg("QuickGELU: %.2f times the error that is allowed", worst);
}

static void test_activation_extremes(void **state) {
    (void)state;
    const float x[] = {100, 1e4f, 1e30f, -100, -1e4f, 0, -0.0f};
    const double want[] = {100, 1e4, 1e30, 0, 0, 0, 0}, slope[] = {1, 1, 1, 0, 0, 0.5, 0.5};
    enum { N = sizeof x / sizeof *x };
    for (int a = 0; a < 2; a++) {
        float y[N], ones[N], d_x[N];
        for (int i = 0; i < N; i++)
            ones[i] = 1;
        activation_forward(y, x, N, ACTIVATIONS[a]);
        activation_backward(d_x, ones, x, N, ACTIVATIONS[a]);
        for (int i = 0; i < N; i++) {
            assert_true(fabs((double)y[i] - want[i]) <= 1e-30 + 1e-6 * want[i]);
            assert_true(fabs((double)d_x[i] - slope[i]) <= 1e-6);
        }
    }
}

/* --- softmax --- */

static void softmax_formula(double *p, const float *x, int n) {
    double max = -INFINITY, sum = 0;
    for (int i = 0; i < n; i++)
        max = (double)x[i] > max ? (double)x[i] : max;
    for (int i = 0; i < n; i++)
        sum += p[i] = exp((double)x[i] - max);
    for (int i = 0; i < n; i++)
        p[i] /= sum;
}

static void test_softmax(void **state) {
    (void)state;
    const float shifts[] = {0, 100, -100, 1e4f, -1e4f};
    for (int s = 0; s < N_SIZES; s++)
        for (size_t t = 0; t < sizeof shifts / sizeof *shifts; t++) {
            int n = SIZES[s];
            float x[MAX_C];
            static double want[MAX_C];
            double sum = 0;
            fill_normal(x, (size_t)n, 3, 1);
            for (int i = 0; i < n; i++)
                x[i] += shifts[t];
            softmax_formula(want, x, n);
            softmax_row(x, n);
            close_to_formula("softmax_row", x, want, n, TOLERANCE_FORWARD);
            for (int i = 0; i < n; i++)
                sum += (double)x[i];
            assert_true(fabs(sum - 1) < 1e-6);
        }
}

/* e^x itself, through rows of (0, x) for x from 0 down to -80: p1 / p0 = e^x. */
static void test_exp(void **state) {
    (void)state;
    double worst = 0;
    for (int i = 0; i <= 80000; i++) {
        float row[] = {0, (float)-i / 1000};
        double want = exp((double)row[1]);
        softmax_row(row, 2);
        double error = fabs((double)row[1] / (double)row[0] / want - 1);
        worst = error > worst ? error : worst;
    }
    if (!(worst <= TOLERANCE_EXP))
        fail_msg("e^x: relative error %.3g where %.3g is allowed", worst, TOLERANCE_EXP);
}

static void test_softmax_extremes(void **state) {
    (void)state;
    float one[] = {-1e4f}, far[] = {1e4f, -1e4f, 3e38f, -3e38f}, below[] = {-3e38f, -3e38f, -INFINITY};
    float last[] = {0, 999, 1000}; /* the maximum behind the first */
    softmax_row(last, 3);
    assert_true(fabsf(last[2] - 0.73105858f) < 1e-6f && fabsf(last[1] - 0.26894142f) < 1e-6f &&
                last[0] < 1e-30f);
    softmax_row(one, 1);
    assert_true(one[0] == 1);
    softmax_row(far, 4);
    assert_true(far[2] == 1 && far[0] < 1e-30f && far[1] < 1e-30f && far[3] < 1e-30f);
    softmax_row(below, 3);
    assert_true(below[0] == 0.5f && below[1] == 0.5f && below[2] < 1e-30f);
}

/* --- sums --- */

static void test_sums(void **state) {
    (void)state;
    for (int s = 0; s < N_SIZES; s++) {
        int n = SIZES[s];
        float a[MAX_C], b[MAX_C], y[MAX_C];
        static double want[MAX_C];
        double sum = 0, magnitude = 0;
        fill_normal(a, (size_t)n, 1, 1);
        fill_normal(b, (size_t)n, 1, 2);
        for (int i = 0; i < n; i++) {
            sum += (double)a[i] * (double)b[i];
            magnitude += fabs((double)a[i] * (double)b[i]);
        }
        assert_true(fabs((double)dot(a, b, n) - sum) <= TOLERANCE_FORWARD * magnitude);
        memcpy(y, b, sizeof y);
        axpy(y, -1.75f, a, n);
        for (int i = 0; i < n; i++)
            want[i] = (double)b[i] - 1.75 * (double)a[i];
        close_to_formula("axpy", y, want, n, TOLERANCE_FORWARD);
        memcpy(y, b, sizeof y);
        add_rows(y, a, (size_t)n);
        for (int i = 0; i < n; i++)
            assert_true(y[i] == b[i] + a[i]);
    }
    assert_true(dot(NULL, NULL, 0) == 0);
}

/* --- unit rows --- */

static void test_unit_rows(void **state) {
    (void)state;
    for (int s = 0; s < N_SIZES; s++) {
        int E = SIZES[s], n = ROWS * E;
        float x[MAX], out[MAX], norm[ROWS], d_out[MAX], d_x[MAX] = {0};
        static double xd[MAX], want[MAX];
        fill_normal(x, (size_t)n, 5, 1);
        fill_normal(d_out, (size_t)n, 1, 2);
        to_double(xd, x, n);
        unit_formula(want, xd, ROWS, E);
        unit_rows_forward(out, norm, x, ROWS, E);
        close_to_formula("unit_rows_forward", out, want, n, TOLERANCE_FORWARD);
        for (int r = 0; r < ROWS; r++)
            assert_true(fabs((double)norm[r] * want[r * E] - xd[r * E]) <= 1e-6 * fabs(xd[r * E]));
        differences(want, unit_of, &(Formula){.C = E}, x, d_out, ROWS);
        unit_rows_backward(d_x, d_out, out, norm, ROWS, E);
        if (E > 1) /* a number of length one cannot turn */
            close_to_formula("unit_rows_backward", d_x, want, n, TOLERANCE_DIFFERENCES);
        unit_rows_backward(d_x, d_out, out, norm, ROWS, E); /* it accumulates */
        for (int i = 0; i < n; i++)
            want[i] *= 2;
        if (E > 1)
            close_to_formula("unit_rows_backward twice", d_x, want, n, TOLERANCE_DIFFERENCES);
        unit_rows_forward(x, NULL, x, ROWS, E);
        assert_memory_equal(x, out, (size_t)n * sizeof *x); /* in place */
    }
}

/* Rows are taken side by side; the bits are those of a sum in double from first to last. */
static void test_unit_rows_bits(void **state) {
    (void)state;
    enum { MOST = 19, E = 300 };
    static float x[MOST * E], out[MOST * E], d_out[MOST * E], d_x[MOST * E];
    float norm[MOST];
    fill_normal(x, MOST * E, 5, 1);
    fill_normal(d_out, MOST * E, 1, 2);
    for (int n = 1; n <= MOST; n++) {
        memset(d_x, 0, sizeof d_x);
        unit_rows_forward(out, norm, x, n, E);
        unit_rows_backward(d_x, d_out, out, norm, n, E);
        for (int r = 0; r < n; r++) {
            double square = 0, along = 0;
            for (int i = r * E; i < (r + 1) * E; i++)
                square += (double)x[i] * (double)x[i];
            assert_true(norm[r] == (float)sqrt(square));
            for (int i = r * E; i < (r + 1) * E; i++)
                along += (double)out[i] * (double)d_out[i];
            for (int i = r * E; i < (r + 1) * E; i++) {
                const float share = out[i] * (float)along;
                assert_true(out[i] == x[i] / norm[r]);
                assert_true(d_x[i] == (d_out[i] - share) / norm[r]);
            }
        }
    }
}

/* --- NaN, and the place of a row --- */

static void test_nan_stays(void **state) {
    (void)state;
    enum { C = 37 };
    float w[C], b[C];
    fill_normal(w, C, 1, 1);
    fill_normal(b, C, 1, 2);
    for (int at = 0; at < C; at++) {
        float x[2 * C], y[2 * C], p[C], d_x[C], ones[C];
        fill_normal(x, 2 * C, 1, 3);
        fill_normal(ones, C, 1, 4);
        x[at] = NAN;
        layer_norm_forward(y, NULL, NULL, x, w, b, LAYER_NORM_EPS, 2, C);
        for (int i = 0; i < 2 * C; i++)
            assert_true(isnan(y[i]) == (i < C)); /* its row, and no other */
        memcpy(p, x, sizeof p);
        softmax_row(p, C);
        unit_rows_forward(y, NULL, x, 2, C);
        for (int i = 0; i < C; i++)
            assert_true(isnan(p[i]) && isnan(y[i]) && !isnan(y[C + i]));
        assert_true(isnan(dot(x, w, C)));
        for (int a = 0; a < 2; a++) {
            activation_forward(y, x, C, ACTIVATIONS[a]);
            activation_backward(d_x, ones, x, C, ACTIVATIONS[a]);
            for (int i = 0; i < C; i++)
                assert_true(isnan(y[i]) == (i == at) && isnan(d_x[i]) == (i == at));
        }
    }
}

/* All kernels on n elements that begin at x + shift; the results one behind the other. */
static void run_all(float *results, const float *x, const float *w, int n, int shift) {
    static float in[3 * MAX_C] __attribute__((aligned(64))), out[3 * MAX_C] __attribute__((aligned(64)));
    float *a = in + shift, *y = out + (shift * 5 + 3) % 16, mean, rstd;
    size_t size = (size_t)n * sizeof(float);
    memcpy(a, x, size);
    layer_norm_forward(y, &mean, &rstd, a, w + shift, w + shift, LAYER_NORM_EPS, 1, n);
    memcpy(results, y, size);
    layer_norm_backward(y, a, a, &mean, &rstd, w + shift, 1, n);
    memcpy(results += n, y, size);
    activation_forward(y, a, (size_t)n, ACTIVATION_QUICK_GELU);
    memcpy(results += n, y, size);
    activation_backward(y, a, a, (size_t)n, ACTIVATION_QUICK_GELU);
    memcpy(results += n, y, size);
    axpy(y, 0.3f, a, n);
    memcpy(results += n, y, size);
    unit_rows_forward(y, NULL, a, 1, n);
    memcpy(results += n, y, size);
    results[n] = dot(a, y, n);
    softmax_row(a, n);
    memcpy(results + n + 1, a, size);
}

/* A row gives the same bits wherever it begins: nothing is peeled off to reach an aligned address. */
static void test_alignment(void **state) {
    (void)state;
    for (int s = 0; s < N_SIZES; s++) {
        int n = SIZES[s];
        static float x[MAX_C], w[MAX_C + 16], expected[7 * MAX_C + 1], got[7 * MAX_C + 1];
        fill_normal(x, (size_t)n, 1, 1);
        fill_normal(w + 0, MAX_C + 16, 1, 2);
        for (int shift = 0; shift < 16; shift++) {
            static float moved[MAX_C + 32];
            memcpy(moved + shift, w, (size_t)n * sizeof *w);
            run_all(shift == 0 ? expected : got, x, moved, n, shift);
            if (shift > 0)
                assert_memory_equal(got, expected, (size_t)(7 * n + 1) * sizeof *got);
        }
    }
}

/* An element of an activation does not depend on its neighbours, nor on where among them it stands. */
static void test_element_alone(void **state) {
    (void)state;
    enum { N = 513 };
    float x[N], d_y[N], y[N], d_x[N];
    fill_normal(x, N, 3, 1);
    fill_normal(d_y, N, 1, 2);
    for (int a = 0; a < 2; a++) {
        activation_forward(y, x, N, ACTIVATIONS[a]);
        activation_backward(d_x, d_y, x, N, ACTIVATIONS[a]);
        for (int i = 0; i < N; i++) {
            float alone, d_alone;
            activation_forward(&alone, &x[i], 1, ACTIVATIONS[a]);
            activation_backward(&d_alone, &d_y[i], &x[i], 1, ACTIVATIONS[a]);
            assert_memory_equal(&alone, &y[i], sizeof alone);
            assert_memory_equal(&d_alone, &d_x[i], sizeof d_alone);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layer_norm),
        cmocka_unit_test(test_layer_norm_backward),
        cmocka_unit_test(test_activation),
        cmocka_unit_test(test_quick_gelu_range),
        cmocka_unit_test(test_activation_extremes),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_exp),
        cmocka_unit_test(test_softmax_extremes),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_unit_rows),
        cmocka_unit_test(test_unit_rows_bits),
        cmocka_unit_test(test_nan_stays),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_element_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
