/* folded_conv.c: see folded_conv.h */
#include "clip/checkpoint/folded_conv.h"

#include "clip/base/minimum.h"
#include "clip/base/simd.h"
#include "clip/math/packed_bf16.h"
#include "clip/math/packed_conv.h"
#include "clip/math/strips.h"

#include <assert.h>
#include <string.h>

/* Output channels that are folded together, whole lines of a panel, and columns of the source: a multiple
 * of 9. */
enum { PANEL = PACKED_CONV_PANEL, LINE = 16, COLUMNS = 576 };

_Static_assert((int)MATRIX_ROWS % LINE == 0, "rows come in whole lines of a panel");

static int area_of(const FoldedConv *fold) {
    return fold->kernel * fold->kernel;
}

VECTOR_CLONES
static void fold_row(float *out, const float *in, double scale, int n) {
    for (int i = 0; i < n; i++)
        out[i] = (float)(scale * in[i]);
}

/* A whole line by one move. */
static void put_line(float *out, const float *in, int n) {
    if (n == LINE)
        memcpy(out, in, LINE * sizeof *out);
    else
        memcpy(out, in, (size_t)n * sizeof *out);
}

/* Columns [k0, k0 + count), all taps of some channels, of n output channels, raw (n, stride), into their
 * place in a panel. */
static void fold_into(const FoldedConv *fold, float *panel, const float *raw, size_t stride, int first, int n,
                      int k0, int count) {
    _Alignas(64) float rows[LINE * COLUMNS], turned[COLUMNS * LINE];
    const int area = area_of(fold);
    float *weights = panel + PANEL + first % PANEL;
    for (int o = 0; o < n; o++)
        fold_row(rows + o * COLUMNS, raw + (size_t)o * stride, fold->scale[first + o], count);
    if (area == 1) {
        strip_transpose(weights + (size_t)k0 * PANEL, PANEL, rows, COLUMNS, n, count);
        return;
    }
    strip_transpose(turned, LINE, rows, COLUMNS, n, count);
    const float *line = turned;
    for (int channel = k0 / area; channel * area < k0 + count; channel++) /* taps come before channels */
        for (int tap = 0; tap < area; tap++, line += LINE)
            put_line(weights + ((size_t)tap * (size_t)fold->n_in + (size_t)channel) * PANEL, line, n);
}

static void put_panels(const FoldedConv *fold, const float *raw, int begin, int n) {
    const int columns = fold->n_in * area_of(fold);
    const size_t panel = packed_conv_place(fold->n_in, fold->kernel, PANEL);
    for (int o = 0; o < n; o += LINE)
        for (int k0 = 0; k0 < columns; k0 += COLUMNS)
            fold_into(fold, fold->panels + (size_t)((begin + o) / PANEL) * panel,
                      raw + (size_t)o * (size_t)columns + k0, (size_t)columns, begin + o,
                      min_int(LINE, n - o), k0, min_int(COLUMNS, columns - k0));
}

/* In the order of ConvWeights. */
static void put_plain(const FoldedConv *fold, const float *raw, int begin, int n) {
    const size_t n_in = (size_t)fold->n_in, area = (size_t)area_of(fold), n_out = (size_t)fold->n_out;
    for (int o = 0; o < n; o++, raw += n_in * area)
        for (size_t i = 0; i < n_in; i++)
            for (size_t at = 0; at < area; at++)
                fold->w[(at * n_in + i) * n_out + (size_t)(begin + o)] =
                    (float)(fold->scale[begin + o] * raw[i * area + at]);
}

/* In bfloat16, channel after channel: taps come before channels. */
static void put_halves(const FoldedConv *fold, const float *raw, int begin, int n) {
    enum { BLOCK = 128 };
    const int n_in = fold->n_in, area = area_of(fold), columns = n_in * area;
    float block[BLOCK];
    for (int o = 0; o < n; o++, raw += columns)
        for (int at = 0; at < area; at++)
            for (int first = 0; first < n_in; first += BLOCK) {
                const int count = n_in - first < BLOCK ? n_in - first : BLOCK;
                for (int i = 0; i < count; i++)
                    block[i] = (float)(fold->scale[begin + o] * raw[(size_t)(first + i) * area + at]);
                bf16_column(fold->halves, columns, begin + o, at * n_in + first, block, count);
            }
}

void folded_conv_put(void *target, const MatrixSource *source, const float *rows, int first, int n) {
    (void)source;
    const FoldedConv *fold = target;
    (fold->panels ? put_panels : fold->halves ? put_halves : put_plain)(fold, rows, first, n);
}

void folded_conv_biases(const FoldedConv *fold) {
    for (int o = 0; o < fold->n_out; o++)
        fold->panels[packed_conv_place(fold->n_in, fold->kernel, o)] = fold->b[o];
}

void folded_conv_panel(const void *context, float *panel, int index) {
    const FoldedConv *fold = context;
    const int first = index * PANEL, n = min_int(PANEL, fold->n_out - first);
    const int columns = fold->n_in * area_of(fold);
    _Alignas(64) float raw[LINE * COLUMNS];
    if (n < PANEL)
        memset(panel, 0, (size_t)(1 + columns) * PANEL * sizeof *panel);
    memcpy(panel, fold->b + first, (size_t)n * sizeof *panel);
    for (int o = 0; o < n; o += LINE)
        for (int k0 = 0; k0 < columns; k0 += COLUMNS) {
            const int channels = min_int(LINE, n - o), count = min_int(COLUMNS, columns - k0);
            matrix_read(&fold->source, raw, first + o, channels, k0, count);
            fold_into(fold, panel, raw, (size_t)count, first + o, channels, k0, count);
        }
}
