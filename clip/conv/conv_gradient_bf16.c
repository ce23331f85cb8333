/* conv_gradient_bf16.c: see conv_gradient_bf16.h
 *
 * A product with k places, which are pixels and what lies between them. With W the side of a map and nine
 * taps, a line of `in` is a zero and W pixels, an image has such a line of zeros above and one below it,
 * which it shares with the next image, and zeros follow the last:
 *
 *     0 0 0 0 0 | 0 a b c d | 0 e f g h | 0 0 0 0 0 | 0 ...
 *
 * So output pixel (y, x) is place y (W + 1) + x, where d_out has zeros after each line and image, and tap
 * (dy, dx) meets it dy (W + 1) + dx places on. As a panel holds pairs of places there are two, of which one
 * begins with the second place: each tap finds its pairs in one of them.
 */
#include "clip/conv/conv_gradient_bf16.h"

#include "clip/base/minimum.h"

#include <string.h>

static int line_length(const ConvPixels *p) {
    return p->taps == 1 ? p->side : p->side + 1;
}

/* Lines from one image to the next. */
static int image_lines(const ConvPixels *p) {
    return p->taps == 1 ? p->rows : p->rows + 1;
}

/* From the first output pixel to the last. */
static int count_places(const ConvPixels *p) {
    const int lines = (p->images - 1) * image_lines(p) + p->rows;
    return lines * line_length(p) - (p->taps == 1 ? 0 : 1);
}

/* Places of `in` that the last tap may meet; what no pixel is behind is zero. */
static int count_in(const ConvPixels *p) {
    const int last_tap = p->taps == 1 ? 0 : 2 * line_length(p) + 2;
    return bf16_padded(bf16_padded(count_places(p)) + last_tap);
}

ConvBf16Sizes conv_gradient_bf16_sizes(const ConvPixels *p, int channels) {
    const size_t in = (size_t)count_in(p), rows = (size_t)bf16_padded(channels); /* whole tiles of AMX */
    return (ConvBf16Sizes){.left = rows * (size_t)bf16_padded(count_places(p)),
                           .right = (p->taps == 1 ? 1 : 2) * in * BF16_PANEL,
                           .lines = in + 1};
}

/* Where the pixels of a map (n, side, side, C) are, from place `at` on; NULL: nowhere. With a border, rows
 * above and below are those of `in`. */
static void find_lines(const float **lines, int n, const ConvPixels *p, const float *map, int C, int border) {
    const size_t side = (size_t)p->side;
    memset(lines, 0, (size_t)n * sizeof *lines);
    for (int i = 0; i < p->images; i++) {
        const float *image = map + (size_t)(p->image + i) * side * side * (size_t)C;
        for (int y = -border; y < p->rows + border; y++) {
            const float **line = lines + (i * image_lines(p) + y + border) * line_length(p) + border;
            for (int x = 0; p->row + y >= 0 && p->row + y < p->side && x < p->side; x++)
                line[x] = image + ((size_t)(p->row + y) * side + (size_t)x) * (size_t)C;
        }
    }
}

/* All taps of a panel of `in`. */
static void multiply_taps(const ConvGradientBf16 *g, int column) {
    const ConvPixels *p = &g->pixels;
    const size_t second = (size_t)count_in(p) * BF16_PANEL;
    for (int tap = 0; tap < p->taps; tap++) {
        const int at = tap / 3 * line_length(p) + tap % 3;
        float *sums = g->sums + (size_t)tap * g->width + (size_t)column;
        const Bf16Block block = {.out = sums,
                                 .start = sums,
                                 .a = g->left,
                                 .panel =
                                     g->right + (size_t)(at % 2) * second + (size_t)(at / 2) * 2 * BF16_PANEL,
                                 .ldc = p->taps * (int)g->width,
                                 .rows = g->channels,
                                 .k = count_places(p),
                                 .columns = min_int(BF16_PANEL, g->n_in - column)};
        bf16_block(g->kernel, &block);
    }
}

void conv_gradient_bf16(const ConvGradientBf16 *g) {
    const ConvPixels *p = &g->pixels;
    const int n_places = count_places(p), n_in = count_in(p), border = p->taps == 1 ? 0 : 1;
    find_lines(g->lines, n_places, p, g->d_out, g->n_out, 0);
    bf16_left_lines(g->left, g->lines, g->first, g->channels, n_places);
    find_lines(g->lines, n_in + 1, p, g->in, g->n_in, border);
    for (int column = 0; column < g->n_in; column += BF16_PANEL) {
        const int columns = min_int(BF16_PANEL, g->n_in - column);
        bf16_right_lines(g->right, g->lines, column, columns, n_in);
        if (border)
            bf16_right_lines(g->right + (size_t)n_in * BF16_PANEL, g->lines + 1, column, columns, n_in);
        multiply_taps(g, column);
    }
}
