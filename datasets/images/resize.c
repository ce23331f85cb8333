/* resize.c: antialiased resize of 8-bit RGB, bit for bit that of Pillow (src/libImaging/Resample.c).
 *
 * Output pixel x looks at the inputs around its centre (x + 0.5) scale, up to S max(scale, 1) away, with the
 * weights of a filter stretched by max(scale, 1): the cubic of Keys (1981) with a = -0.5, S = 2, or the
 * triangle of linear interpolation, S = 1. Weights are normalised in double and rounded to 22-bit fixed
 * point. The horizontal pass comes first and is rounded and clamped to bytes; the vertical pass works on
 * those. Sums are integers, so no order of work changes a bit.
 *
 * Both passes are one loop, a weighted sum of rows of bytes, which vectorises. For the horizontal pass LANES
 * image rows at a time are turned into columns, so that the neighbours of a pixel become rows:
 *
 *     image rows y .. y+63         columns                   resized                  turned back
 *       r g b  r g b  ...            x0 r: y .. y+63           x0 r: y .. y+63          r g b  r g b  ...
 *       r g b  r g b  ...            x0 g: y .. y+63   sums    x0 g: y .. y+63
 *     (LANES, width, 3)            (width, 3, LANES)         (across, 3, LANES)       (LANES, across, 3)
 */
#include "datasets/images/resize.h"

#include "clip/base/simd.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define LANES 64 /* bytes per sum: enough for the widest vectors to be full */
#define BLOCK 16 /* rows and columns of a transposition */
#define WEIGHT_BITS 22

typedef unsigned char Bytes16 __attribute__((vector_size(16)));

/* The inputs of each wanted output of an axis. */
typedef struct {
    int count, max_taps;
    int *start;       /* (count): the first input */
    int *n_taps;      /* (count) */
    int32_t *weights; /* (count, max_taps) */
    int low, high;    /* all starts >= low, all ends <= high */
} Taps;

static double cubic(double x) {
    x = fabs(x);
    if (x < 1)
        return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

static double triangle(double x) {
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

typedef struct {
    double (*weight)(double x);
    double support; /* how far from 0 it is not 0 */
} Filter;

static const Filter filters[] = {[FILTER_BICUBIC] = {cubic, 2}, [FILTER_BILINEAR] = {triangle, 1}};

/* The taps of output pixel i, with room for the weights in double. */
static void fill_taps(Taps *taps, int i, double *exact, int in_size, ResizeSpan span, const Filter *filter) {
    double scale = (double)in_size / span.size;
    double stretch = scale < 1 ? 1 : scale;
    double centre = (span.first + i + 0.5) * scale;
    double reach = filter->support * stretch, low = centre - reach + 0.5, high = centre + reach + 0.5;
    int start = low < 0 ? 0 : (int)low;
    int n_taps = (high > in_size ? in_size : (int)high) - start;
    assert(n_taps >= 1 && n_taps <= taps->max_taps);
    double sum = 0;
    for (int k = 0; k < n_taps; k++) {
        exact[k] = filter->weight((k + start - centre + 0.5) * (1 / stretch));
        sum += exact[k];
    }
    int32_t *weights = taps->weights + (size_t)i * taps->max_taps;
    for (int k = 0; k < n_taps; k++) {
        double scaled = (sum != 0 ? exact[k] / sum : exact[k]) * (1 << WEIGHT_BITS);
        weights[k] = (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    }
    taps->start[i] = start;
    taps->n_taps[i] = n_taps;
    taps->low = i == 0 || start < taps->low ? start : taps->low;
    taps->high = start + n_taps > taps->high ? start + n_taps : taps->high;
}

/* An axis that keeps its size copies: one tap of weight 1, which is also what the filters give. */
static void make_taps(Taps *taps, int in_size, ResizeSpan span, const Filter *filter, Arena *arena) {
    double scale = (double)in_size / span.size;
    *taps = (Taps){.count = span.count};
    taps->max_taps = in_size == span.size ? 1 : (int)ceil(filter->support * (scale < 1 ? 1 : scale)) * 2 + 1;
    taps->start = ARENA_NEW(arena, int, span.count);
    taps->n_taps = ARENA_NEW(arena, int, span.count);
    taps->weights = arena_alloc(arena, span.count, (size_t)taps->max_taps * sizeof(int32_t));
    size_t mark = arena_mark(arena);
    double *exact = ARENA_NEW(arena, double, taps->max_taps);
    if (arena_failed(arena))
        return;
    if (in_size == span.size) {
        for (int i = 0; i < span.count; i++) {
            taps->start[i] = span.first + i;
            taps->n_taps[i] = 1;
            taps->weights[i] = 1 << WEIGHT_BITS;
        }
        taps->low = span.first;
        taps->high = span.first + span.count;
    } else {
        for (int i = 0; i < span.count; i++)
            fill_taps(taps, i, exact, in_size, span, filter);
    }
    arena_reset(arena, mark);
}

/* out[j] = round(sum over k of weights[k] in[k][j]) for `width` bytes, a multiple of LANES; rows of in are
 * `pitch` bytes apart. */
static inline __attribute__((always_inline)) void blend(unsigned char *restrict out,
                                                        const unsigned char *restrict in, size_t pitch,
                                                        const int32_t *weights, int n_taps, size_t width) {
    for (size_t j = 0; j < width; j += LANES) {
        int32_t sum[LANES];
#pragma omp simd
        for (int i = 0; i < LANES; i++)
            sum[i] = 1 << (WEIGHT_BITS - 1);
        for (int k = 0; k < n_taps; k++) {
            const unsigned char *row = in + (size_t)k * pitch + j;
            int32_t weight = weights[k];
#pragma omp simd
            for (int i = 0; i < LANES; i++)
                sum[i] += row[i] * weight;
        }
#pragma omp simd
        for (int i = 0; i < LANES; i++) {
            int32_t value = sum[i] >> WEIGHT_BITS;
            out[j + i] = (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
        }
    }
}

VECTOR_CLONES void resize_across(unsigned char *out, const unsigned char *columns, const Taps *taps);
VECTOR_CLONES void resize_down(unsigned char *out, size_t row, const unsigned char *rows, size_t pitch,
                               const Taps *taps, unsigned char *scratch);

/* out (count, 3, LANES) from columns (high - low, 3, LANES). */
VECTOR_CLONES void resize_across(unsigned char *out, const unsigned char *columns, const Taps *taps) {
    for (int x = 0; x < taps->count; x++) {
        blend(out + (size_t)x * 3 * LANES, columns + (size_t)(taps->start[x] - taps->low) * 3 * LANES,
              3 * LANES, taps->weights + (size_t)x * taps->max_taps, taps->n_taps[x], 3 * LANES);
    }
}

/* out (count, row) from rows (high - low, pitch); scratch (pitch). */
VECTOR_CLONES void resize_down(unsigned char *out, size_t row, const unsigned char *rows, size_t pitch,
                               const Taps *taps, unsigned char *scratch) {
    for (int y = 0; y < taps->count; y++) {
        blend(scratch, rows + (size_t)(taps->start[y] - taps->low) * pitch, pitch,
              taps->weights + (size_t)y * taps->max_taps, taps->n_taps[y], pitch);
        memcpy(out + (size_t)y * row, scratch, row);
    }
}

/* Transposes 16 x 16 bytes: four rounds that riffle the first half of the rows with the second. */
static inline void transpose(Bytes16 rows[BLOCK]) {
    for (int round = 0; round < 4; round++) {
        Bytes16 next[BLOCK];
        for (int i = 0; i < BLOCK / 2; i++) {
            Bytes16 a = rows[i], b = rows[i + BLOCK / 2];
            next[2 * i] =
                __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            next[2 * i + 1] =
                __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        }
        memcpy(rows, next, sizeof next);
    }
}

/* columns (size up to a multiple of BLOCK, LANES) from `size` bytes of each of n_rows <= LANES rows. Lanes
 * without a row keep what they have: nothing reads them. */
static void rows_to_columns(unsigned char *columns, const unsigned char *rows, size_t pitch, int n_rows,
                            size_t size) {
    for (int first = 0; first < n_rows; first += BLOCK) {
        int n = n_rows - first < BLOCK ? n_rows - first : BLOCK;
        for (size_t j = 0; j < size; j += BLOCK) {
            Bytes16 block[BLOCK] = {0};
            for (int i = 0; i < n; i++) {
                const unsigned char *from = rows + (size_t)(first + i) * pitch + j;
                if (size - j >= BLOCK)
                    memcpy(&block[i], from, BLOCK);
                else
                    memcpy(&block[i], from, size - j);
            }
            transpose(block);
            for (size_t i = 0; i < BLOCK; i++)
                memcpy(columns + (j + i) * LANES + first, &block[i], BLOCK);
        }
    }
}

/* The way back: rows (n_rows, pitch), with pitch a multiple of BLOCK, from columns (pitch, LANES). */
static void columns_to_rows(unsigned char *rows, size_t pitch, int n_rows, const unsigned char *columns) {
    for (int first = 0; first < n_rows; first += BLOCK) {
        int n = n_rows - first < BLOCK ? n_rows - first : BLOCK;
        for (size_t j = 0; j < pitch; j += BLOCK) {
            Bytes16 block[BLOCK];
            for (size_t i = 0; i < BLOCK; i++)
                memcpy(&block[i], columns + (j + i) * LANES + first, BLOCK);
            transpose(block);
            for (int i = 0; i < n; i++)
                memcpy(rows + (size_t)(first + i) * pitch + j, &block[i], BLOCK);
        }
    }
}

static size_t lanes_up(size_t size) {
    return (size + LANES - 1) / LANES * LANES;
}

int resize_part(unsigned char *out, const Image *in, CropBox box, ResizeSpan across, ResizeSpan down,
                ResizeFilter filter, Arena *arena, Error *err) {
    assert(box.left >= 0 && box.top >= 0 && box.width >= 1 && box.height >= 1);
    assert(box.left + box.width <= in->width && box.top + box.height <= in->height);
    size_t mark = arena_mark(arena);
    Taps x, y;
    make_taps(&x, box.width, across, &filters[filter], arena);
    make_taps(&y, box.height, down, &filters[filter], arena);
    size_t in_row = (size_t)(x.high - x.low) * 3, out_row = (size_t)x.count * 3, pitch = lanes_up(out_row);
    int n_rows = y.high - y.low;
    unsigned char *columns = arena_alloc(arena, lanes_up(in_row), LANES);
    unsigned char *resized = arena_alloc(arena, pitch, LANES);
    unsigned char *rows = arena_alloc(arena, n_rows, pitch);
    unsigned char *scratch = arena_alloc(arena, pitch, 1);
    int result = 0;
    if (arena_failed(arena)) {
        result = error_memory(err);
        goto out;
    }
    for (int r = 0; r < n_rows; r += LANES) {
        int n = n_rows - r < LANES ? n_rows - r : LANES;
        size_t first = (size_t)(box.top + y.low + r) * in->width + (box.left + x.low);
        rows_to_columns(columns, in->rgb + first * 3, (size_t)in->width * 3, n, in_row);
        resize_across(resized, columns, &x);
        columns_to_rows(rows + (size_t)r * pitch, pitch, n, resized);
    }
    resize_down(out, out_row, rows, pitch, &y, scratch);
out:
    arena_reset(arena, mark);
    return result;
}

int image_resize(Image *out, const Image *in, CropBox box, int out_w, int out_h, ResizeFilter filter,
                 Arena *arena, Error *err) {
    assert(out_w >= 1 && out_h >= 1);
    size_t mark = arena_mark(arena);
    *out = (Image){.width = out_w, .height = out_h};
    out->rgb = arena_alloc(arena, (size_t)out_w * out_h, 3);
    if (arena_failed(arena))
        return error_memory(err);
    ResizeSpan across = {out_w, 0, out_w}, down = {out_h, 0, out_h};
    if (resize_part(out->rgb, in, box, across, down, filter, arena, err) < 0) {
        arena_reset(arena, mark);
        *out = (Image){0};
        return -1;
    }
    return 0;
}
