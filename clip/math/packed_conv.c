/* packed_conv.c: see packed_conv.h
 *
 * The kernel holds 6 pixels x 64 channels of the output in registers (AVX2: 6 x 16). Around it, from the
 * inside out: all pixels of a chunk meet a block of the panel that stays in the second-level cache; then the
 * next block goes on from their sums; then the next panel; then the next chunk.
 */
#include "clip/math/packed_conv.h"

#include "clip/base/minimum.h"
#include "clip/math/packed.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_KERNELS 1
#include <immintrin.h>
#else
#define HAVE_KERNELS 0
#endif

enum {
    PANEL = PACKED_CONV_PANEL,
    ROWS = 6,
    TAPS = 9,
    BLOCK_ROWS = 512,         /* of a panel: 128 KiB */
    CHUNK_FLOATS = 192 << 10, /* of the input that a chunk of pixels reads, about */
    MIN_CHUNK = 16 * ROWS,
    TILES_PER_THREAD = 4,
    AHEAD = 4 /* rows of the panel fetched before they are needed */
};

/* What one call of the kernel does: out = max(out + bias + sum over taps and channels, floor). */
typedef struct {
    const float *taps[TAPS][ROWS]; /* each pixel's channels at each tap */
    int n_taps, channels;
    const float *w; /* (n_taps channels, PANEL), columns of which the kernel reads as many as it has sums */
    const float *bias; /* NULL: none */
    bool accumulate;   /* with out as it is */
    float floor;       /* 0 for a ReLU, -inf for none */
    float *out;        /* (rows, out_stride) */
    size_t out_stride;
} Block;

typedef void (*Kernel)(int rows, int vectors, const Block *block);

#if HAVE_KERNELS

#define KERNEL kernel_512
#define BITS 512
#include "clip/math/packed_conv_kernel.h"

#define KERNEL kernel_256
#define BITS 256
#include "clip/math/packed_conv_kernel.h"

#endif

/* The kernel for vectors of this many floats, and how many of them it sums side by side; NULL: not on this
 * processor. */
static Kernel kernel_of(int floats, int *vectors) {
#if HAVE_KERNELS
    *vectors = floats == 16 ? 4 : 2;
    if (floats == 16 && __builtin_cpu_supports("avx512f"))
        return kernel_512;
    if (floats == 8 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return kernel_256;
#else
    (void)floats;
#endif
    *vectors = 0;
    return NULL;
}

static size_t panel_size(int n_in, int kernel) {
    return (1 + (size_t)kernel * (size_t)kernel * (size_t)n_in) * PANEL;
}

size_t packed_conv_place(int n_in, int kernel, int channel) {
    return (size_t)(channel / PANEL) * panel_size(n_in, kernel) + (size_t)(channel % PANEL);
}

size_t packed_conv_size(int n_in, int n_out, int kernel) {
    return packed_is_supported() ? ((size_t)n_out + PANEL - 1) / PANEL * panel_size(n_in, kernel) : 0;
}

void packed_conv_pack(float *panels, const ConvWeights *conv) {
    const size_t n_out = (size_t)conv->n_out, size = panel_size(conv->n_in, conv->kernel);
    memset(panels, 0, (n_out + PANEL - 1) / PANEL * size * sizeof *panels);
    for (size_t first = 0; first < n_out; first += PANEL) {
        const size_t columns = n_out - first < PANEL ? n_out - first : PANEL;
        memcpy(panels, conv->b + first, columns * sizeof *panels);
        for (size_t row = 1; row < size / PANEL; row++)
            memcpy(panels + row * PANEL, conv->w + (row - 1) * n_out + first, columns * sizeof *panels);
        panels += size;
    }
}

/* --- one convolution --- */

typedef struct {
    float *out;      /* (n_pixels, n_out) */
    const float *in; /* (n, H, W, n_in) */
    const float *zeros;
    const ConvWeights *conv;
    int H, W, stride;
    bool accumulate;
    float floor;
    Kernel kernel;
    int floats, vectors;
    int n_pixels, n_panels, chunk; /* pixels: of all images; of a tile */
} Job;

/* Rows of a panel: channels [channel, channel + channels) of n_taps taps. */
typedef struct {
    int tap, n_taps, channel, channels;
} Part;

/* An output pixel. */
typedef struct {
    int x, y, image;
} Pixel;

/* From the first tap of a neighbourhood to each of a part. */
static void tap_offsets(ptrdiff_t *offsets, const Job *job, const Part *part) {
    const int side = job->conv->kernel;
    for (int t = 0; t < part->n_taps; t++) {
        const int row = (part->tap + t) / side, column = (part->tap + t) % side;
        offsets[t] = ((ptrdiff_t)row * job->W + column) * job->conv->n_in + part->channel;
    }
}

static void next_pixel(const Job *job, Pixel *at) {
    if (++at->x < job->W / job->stride)
        return;
    at->x = 0;
    if (++at->y < job->H / job->stride)
        return;
    at->y = 0;
    at->image++;
}

/* Where the taps of n output pixels are, from *at on, which becomes the one after them. */
static void find_taps(const float *taps[][ROWS], const Job *job, const Part *part, const ptrdiff_t *offsets,
                      Pixel *at, int n) {
    const int side = job->conv->kernel, H = job->H, W = job->W;
    for (int i = 0; i < n; i++, next_pixel(job, at)) {
        const int v = at->y * job->stride - side / 2, u = at->x * job->stride - side / 2;
        const ptrdiff_t first = ((at->image * (ptrdiff_t)H + v) * W + u) * job->conv->n_in;
        if (v >= 0 && v + side <= H && u >= 0 && u + side <= W) {
            for (int t = 0; t < part->n_taps; t++)
                taps[t][i] = job->in + (first + offsets[t]);
            continue;
        }
        for (int t = 0; t < part->n_taps; t++) { /* at an edge */
            const int tap_v = v + (part->tap + t) / side, tap_u = u + (part->tap + t) % side;
            const bool inside = tap_v >= 0 && tap_v < H && tap_u >= 0 && tap_u < W;
            taps[t][i] = inside ? job->in + (first + offsets[t]) : job->zeros + part->channel;
        }
    }
}

/* Runs the kernel over the first `columns` columns of the block, in pieces of its own width. */
static void run_kernel(const Job *job, Block *block, int rows, int columns) {
    float *out = block->out;
    const float *w = block->w, *bias = block->bias;
    for (int j = 0; j < columns; j += job->vectors * job->floats) {
        const int vectors = (columns - j + job->floats - 1) / job->floats;
        block->out = out + j;
        block->w = w + j;
        block->bias = bias ? bias + j : NULL;
        job->kernel(rows, min_int(vectors, job->vectors), block);
    }
}

/* The same where the columns end inside a vector: the sums are in a buffer. */
static void run_partial(const Job *job, Block *block, int rows, int columns) {
    float buffer[ROWS * PANEL] = {0}, *out = block->out;
    const size_t stride = block->out_stride, bytes = (size_t)columns * sizeof *out;
    for (int i = 0; i < rows; i++)
        memcpy(buffer + i * PANEL, out + (size_t)i * stride, bytes);
    block->out = buffer;
    block->out_stride = PANEL;
    run_kernel(job, block, rows, columns);
    for (int i = 0; i < rows; i++)
        memcpy(out + (size_t)i * stride, buffer + i * PANEL, bytes);
}

/* Pixels [first, first + n) of the channels of one panel, for one part of the panel. */
static void part_forward(const Job *job, const Part *part, int panel, int first, int n) {
    const ConvWeights *conv = job->conv;
    const int column = panel * PANEL, columns = min_int(PANEL, conv->n_out - column);
    const int row = part->tap * conv->n_in + part->channel, n_groups = (n + ROWS - 1) / ROWS;
    const int n_taps = conv->kernel * conv->kernel;
    const bool begins = row == 0,
               ends = part->tap + part->n_taps == n_taps && part->channel + part->channels == conv->n_in;
    const float *bias = conv->panels + (size_t)panel * panel_size(conv->n_in, conv->kernel);
    Block block = {.n_taps = part->n_taps,
                   .channels = part->channels,
                   .accumulate = job->accumulate || !begins,
                   .floor = ends ? job->floor : -__builtin_inff()};
    const int out_w = job->W / job->stride, out_h = job->H / job->stride;
    Pixel at = {first % out_w, first / out_w % out_h, first / out_w / out_h};
    ptrdiff_t offsets[TAPS];
    tap_offsets(offsets, job, part);
    for (int i = 0, begin = first, rows; i < n_groups; i++, begin += rows) {
        rows = n / n_groups + (i < n % n_groups);
        find_taps(block.taps, job, part, offsets, &at, rows);
        block.bias = begins ? bias : NULL;
        block.w = bias + (1 + (size_t)row) * PANEL;
        block.out = job->out + (size_t)begin * (size_t)conv->n_out + column;
        block.out_stride = (size_t)conv->n_out;
        if (columns == job->vectors * job->floats)
            job->kernel(rows, job->vectors, &block);
        else
            (columns % job->floats ? run_partial : run_kernel)(job, &block, rows, columns);
    }
}

/* Some pixels of the channels of one panel. */
static void tile_forward(void *context, int tile, int worker) {
    (void)worker;
    const Job *job = context;
    const int C = job->conv->n_in, n_taps = job->conv->kernel * job->conv->kernel;
    const int taps = BLOCK_ROWS / C > 1 ? BLOCK_ROWS / C : 1;
    const int panel = tile % job->n_panels, first = tile / job->n_panels * job->chunk;
    const int n = min_int(job->chunk, job->n_pixels - first);
    for (int tap = 0; tap < n_taps; tap += taps)
        for (int channel = 0; channel < C; channel += BLOCK_ROWS) {
            const Part part = {tap, min_int(taps, n_taps - tap), channel, min_int(BLOCK_ROWS, C - channel)};
            part_forward(job, &part, panel, first, n);
        }
}

/* As many pixels as stay in the cache, or fewer, so that all threads have some tiles to share. */
static int chunk_of(const Job *job, int n_threads) {
    const int fit = CHUNK_FLOATS / job->conv->n_in;
    const int share = (int)((int64_t)job->n_pixels * job->n_panels / (TILES_PER_THREAD * n_threads));
    const int chunk = n_threads > 1 ? min_int(fit, share) : fit;
    return chunk > MIN_CHUNK ? chunk / ROWS * ROWS : MIN_CHUNK;
}

/* False if this processor has no vectors of so many floats. */
static bool run_job(Job *job, Pool *pool, int floats, int n) {
    const ConvWeights *conv = job->conv;
    assert(job->H % job->stride == 0 && job->W % job->stride == 0 &&
           (conv->kernel == 3 || conv->kernel == 1));
    job->floats = floats;
    job->kernel = kernel_of(floats, &job->vectors);
    if (!job->kernel)
        return false;
    job->n_pixels = n * (job->H / job->stride) * (job->W / job->stride);
    job->n_panels = (conv->n_out + PANEL - 1) / PANEL;
    job->chunk = chunk_of(job, pool_threads(pool));
    pool_run(pool, (job->n_pixels + job->chunk - 1) / job->chunk * job->n_panels, tile_forward, job);
    return true;
}

bool packed_conv_forward_as(int floats, float *out, const float *in, const ConvWeights *conv, int n, int H,
                            int W, int stride, bool accumulate, bool relu, const float *zeros) {
    Job job = {.out = out,
               .in = in,
               .zeros = zeros,
               .conv = conv,
               .H = H,
               .W = W,
               .stride = stride,
               .accumulate = accumulate,
               .floor = relu ? 0 : -__builtin_inff()};
    return run_job(&job, NULL, floats, n);
}

void packed_conv_forward(float *out, const float *in, const ConvWeights *conv, int n, int H, int W,
                         int stride, bool accumulate, bool relu, const float *zeros) {
    packed_conv_forward_shared(NULL, out, in, conv, n, H, W, stride, accumulate, relu, zeros, NULL);
}

typedef struct {
    const ConvWeights *conv;
    float *panels;
} Making;

static void make_one(void *context, int panel, int worker) {
    (void)worker;
    const Making *making = context;
    const ConvWeights *conv = making->conv;
    conv->make_panel(conv->context, making->panels + (size_t)panel * panel_size(conv->n_in, conv->kernel),
                     panel);
}

void packed_conv_forward_shared(Pool *pool, float *out, const float *in, const ConvWeights *conv, int n,
                                int H, int W, int stride, bool accumulate, bool relu, const float *zeros,
                                float *panels) {
    ConvWeights made = *conv;
    if (!conv->panels) {
        Making making = {.conv = conv, .panels = panels};
        pool_run(pool, (conv->n_out + PANEL - 1) / PANEL, make_one, &making);
        made.panels = panels;
    }
    Job job = {.out = out,
               .in = in,
               .zeros = zeros,
               .conv = &made,
               .H = H,
               .W = W,
               .stride = stride,
               .accumulate = accumulate,
               .floor = relu ? 0 : -__builtin_inff()};
    (void)(run_job(&job, pool, 16, n) || run_job(&job, pool, 8, n));
}
