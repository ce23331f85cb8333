/* conv_gradient.c: see conv_gradient.h
 *
 * The kernel holds 6 channels of d_out x 64 of `in` in registers (AVX2: 6 x 16). `in` is copied panel by
 * panel of 64 channels. With W the side of a map, a row of a panel is a zero and W pixels, and one zero
 * follows the last; so the pixel right of a row is the zero of the next one, and tap (dy, dx) of output pixel
 * (y, x) is at (y + dy) (W + 1) + x + dx:
 *
 *     0 0 0 0 0 | 0 a b c d | 0 e f g h | 0 0 0 0 0 | 0
 *
 * A convolution with stride 2 (the stem's first one, with 3 channels) has its neighbourhoods gathered
 * instead, and is then one tap with 9 n_in channels.
 */
#include "clip/conv/conv_gradient.h"

#include "clip/base/minimum.h"
#include "clip/base/simd.h"
#include "clip/conv/conv_gradient_bf16.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_KERNELS 1
#include <immintrin.h>
#else
#define HAVE_KERNELS 0
#endif

enum {
    PANEL = 64,
    ROWS = 6,
    ROUND = 16,         /* channels of `in` are rounded up to it */
    CHUNK_PIXELS = 256, /* about */
    BLOCK_1 = 96,       /* output channels of a tile with one tap, and with nine */
    BLOCK_9 = 24,
    CHUNK_PIXELS_BF16 = 512,
    BLOCK_BF16 = 128,       /* at most */
    TILES = 32,             /* so many, if the parts' sums are not too large for that: */
    PARTS_FLOATS = 1 << 20, /* of all parts, unless there is one alone */
    REDUCE_ROWS = 8
};

/* What one call of the kernel does: sums (rows, stride) += d_out^T in, over n pixels. */
typedef struct {
    const float *d_out; /* (n, ROWS) */
    const float *in;    /* rows of PANEL */
    const int *places;  /* (n), which of them */
    int n;
    float *sums;
    size_t stride;
} Block;

typedef void (*Kernel)(int rows, int vectors, const Block *block);

#if HAVE_KERNELS

#define KERNEL kernel_512
#define BITS 512
#include "clip/conv/conv_gradient_kernel.h"

#define KERNEL kernel_256
#define BITS 256
#include "clip/conv/conv_gradient_kernel.h"

#endif

static void kernel_plain(int rows, int vectors, const Block *block) { /* a vector is a float */
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) {
            float sum = 0;
            for (int k = 0; k < block->n; k++)
                sum += block->d_out[k * ROWS + i] * block->in[(size_t)block->places[k] * PANEL + (size_t)j];
            block->sums[(size_t)i * block->stride + (size_t)j] += sum;
        }
}

/* How a gradient is cut; follows from the sizes alone. */
typedef struct {
    ConvShape shape;
    int n, side, out_side;
    int taps, columns; /* channels of `in` for each */
    bool gathered;
    bool halves;
    size_t width, row;         /* columns rounded up; floats of a row of sums: taps width */
    int rows, images;          /* of a chunk: so many rows of one image, or all of so many images */
    int chunks, parts, blocks; /* in all */
    int block_rows;            /* output channels of a block */
    int padded, segment,
        pixels; /* places of a row of a panel, of an image, and pixels of the largest chunk */
} Plan;

struct ConvGradient {
    Pool *pool;
    Kernel kernel;
    int floats, vectors;
    Bf16Kernel bf16; /* NONE: float */
    float *sums;     /* (parts, n_out, row) */
    float *a, *b;    /* (workers, ...): copies of d_out and of `in` */
    int *places;     /* (workers, pixels) */
    size_t a_size, b_size, places_size;
    uint16_t *left, *right; /* (workers, ...): the same in bfloat16 */
    const float **lines;
    ConvBf16Sizes sizes;
};

static int clamp(int x, int least, int most) {
    return x < least ? least : x > most ? most : x;
}

/* Larger blocks in bfloat16, where copying costs more beside the products, as long as each thread has two
 * tiles; no bit depends on them. */
static int block_rows_bf16(int n_out, int parts, int threads) {
    const int blocks = ceil_div(2 * threads, parts), rows = ceil_div(n_out, blocks);
    return clamp(bf16_padded(rows), BF16_K_STEP, BLOCK_BF16);
}

static Plan plan_of(const ConvGradient *room, ConvShape shape, int n, int side) {
    Plan p = {.shape = shape, .n = n, .side = side, .out_side = side / shape.stride};
    const int taps = shape.kernel * shape.kernel, area = p.out_side * p.out_side;
    p.gathered = shape.stride == 2;
    p.halves = room->bf16 != BF16_NONE && !p.gathered;
    const int chunk = p.halves ? CHUNK_PIXELS_BF16 : CHUNK_PIXELS;
    p.taps = p.gathered ? 1 : taps;
    p.columns = p.gathered ? taps * shape.n_in : shape.n_in;
    p.width = (size_t)(ceil_div(p.columns, ROUND) * ROUND);
    p.row = (size_t)p.taps * p.width;
    p.rows = clamp(chunk / p.out_side, 1, p.out_side);
    p.images = p.rows < p.out_side ? 1 : clamp(chunk / area, 1, n);
    p.chunks = p.rows < p.out_side ? n * ceil_div(p.out_side, p.rows) : ceil_div(n, p.images);
    p.block_rows = p.taps == 1 ? BLOCK_1 : BLOCK_9;
    p.blocks = ceil_div(shape.n_out, p.block_rows);
    const size_t fit = PARTS_FLOATS / ((size_t)shape.n_out * p.row);
    p.parts = clamp(TILES / p.blocks, 1, fit < 1 ? 1 : fit < TILES ? (int)fit : TILES);
    p.parts = clamp(p.parts, 1, p.chunks);
    if (p.halves) {
        p.block_rows = block_rows_bf16(shape.n_out, p.parts, pool_threads(room->pool));
        p.blocks = ceil_div(shape.n_out, p.block_rows);
    }
    p.padded = p.taps == 1 ? p.out_side : p.out_side + 1;
    p.segment = p.taps == 1 ? p.rows * p.padded : (p.rows + 2) * p.padded + 1;
    p.pixels = p.images * p.rows * p.out_side;
    return p;
}

bool conv_gradient_vectors(ConvGradient *room, int floats) {
    Kernel kernel = floats == 1 ? kernel_plain : NULL;
    int vectors = PANEL;
#if HAVE_KERNELS
    if (floats == 16 && __builtin_cpu_supports("avx512f"))
        kernel = kernel_512, vectors = 4;
    if (floats == 8 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        kernel = kernel_256, vectors = 2;
#endif
    if (!kernel)
        return false;
    room->kernel = kernel;
    room->floats = floats;
    room->vectors = vectors;
    return true;
}

bool conv_gradient_halves(ConvGradient *room, Bf16Kernel kernel) {
    if (room->bf16 == BF16_NONE || !bf16_can_multiply(kernel))
        return false;
    room->bf16 = kernel;
    return true;
}

/* The largest chunk of a shape. */
static ConvPixels pixels_of(const Plan *p) {
    return (ConvPixels){.taps = p->taps, .side = p->side, .images = p->images, .rows = p->rows};
}

static void grow(ConvGradient *room, const Plan *p) {
    if (!p->halves) {
        room->a_size = max_size(room->a_size, (size_t)p->pixels * (size_t)p->block_rows + PANEL);
        room->b_size = max_size(room->b_size, (size_t)p->images * (size_t)p->segment * PANEL);
        room->places_size = max_size(room->places_size, (size_t)p->pixels);
        return;
    }
    const ConvPixels pixels = pixels_of(p);
    const ConvBf16Sizes sizes = conv_gradient_bf16_sizes(&pixels, BLOCK_BF16);
    room->sizes.left = max_size(room->sizes.left, sizes.left);
    room->sizes.right = max_size(room->sizes.right, sizes.right);
    room->sizes.lines = max_size(room->sizes.lines, sizes.lines);
}

ConvGradient *conv_gradient_create(const ConvShape *shapes, const int *sides, int n_shapes, int n,
                                   Precision precision, Pool *pool, Arena *arena) {
    ConvGradient *room = ARENA_NEW(arena, ConvGradient, 1);
    if (!room)
        return NULL;
    const size_t workers = (size_t)pool_threads(pool);
    size_t sums = 0;
    room->pool = pool;
    if (precision_here(precision) == PRECISION_BFLOAT16)
        room->bf16 = bf16_best_kernel();
    for (int i = 0; i < n_shapes; i++) { /* parts are fewer for fewer images, and so are images of a chunk */
        const Plan p = plan_of(room, shapes[i], n, sides[i]);
        sums = max_size(sums, (size_t)p.parts * (size_t)shapes[i].n_out * p.row);
        grow(room, &p);
    }
    room->sums = arena_floats(arena, sums, 1);
    room->a = arena_floats(arena, workers, room->a_size);
    room->b = arena_floats(arena, workers, room->b_size);
    room->places = arena_alloc(arena, workers * room->places_size, sizeof *room->places);
    room->left = arena_alloc(arena, workers * room->sizes.left, sizeof *room->left);
    room->right = arena_alloc(arena, workers * room->sizes.right, sizeof *room->right);
    room->lines = arena_alloc(arena, workers * room->sizes.lines, sizeof *room->lines);
    (void)(conv_gradient_vectors(room, 16) || conv_gradient_vectors(room, 8) ||
           conv_gradient_vectors(room, 1));
    return room;
}

typedef struct {
    const ConvGradient *room;
    Plan plan;
    float *d_w;
    const float *d_out, *in;
} Job;

/* Rows [row, row + rows) of images [image, image + images). */
typedef struct {
    int image, images, row, rows, pixels;
} Chunk;

static Chunk chunk_at(const Plan *p, int index) {
    Chunk c = {.images = 1};
    if (p->rows < p->out_side) {
        const int per_image = ceil_div(p->out_side, p->rows);
        c.image = index / per_image;
        c.row = index % per_image * p->rows;
        c.rows = min_int(p->rows, p->out_side - c.row);
    } else {
        c.image = index * p->images;
        c.images = min_int(p->images, p->n - c.image);
        c.rows = p->out_side;
    }
    c.pixels = c.images * c.rows * p->out_side;
    return c;
}

static void find_places(const Plan *p, const Chunk *c, int *places) {
    for (int i = 0; i < c->images; i++)
        for (int y = 0; y < c->rows; y++)
            for (int x = 0; x < p->out_side; x++)
                *places++ = i * p->segment + y * p->padded + x;
}

/* a (groups, pixels, ROWS) of output channels [first, first + n). What is behind the last channel of a group
 * is not read. */
static void copy_d_out(const Plan *p, const Chunk *c, float *a, const float *d_out, int first, int n) {
    const size_t n_out = (size_t)p->shape.n_out, side = (size_t)p->out_side;
    const float *from = d_out + ((size_t)c->image * side + (size_t)c->row) * side * n_out + first;
    const size_t group = (size_t)c->pixels * ROWS;
    const int whole = n / ROWS, rest = n % ROWS;
    for (int k = 0; k < c->pixels; k++, from += n_out, a += ROWS) {
        for (int g = 0; g < whole; g++)
            memcpy(a + (size_t)g * group, from + g * ROWS, ROWS * sizeof *a);
        for (int i = 0; i < rest; i++)
            a[(size_t)whole * group + (size_t)i] = from[whole * ROWS + i];
    }
}

/* A whole panel's: the compiler moves it by the widest vectors there are. */
typedef float Whole __attribute__((vector_size(PANEL * sizeof(float)), aligned(4), may_alias));

/* Channels [first, first + n) of a pixel, or zeros; and zeros up to whole vectors. */
static inline float *copy_pixel(float *b, const float *pixel, int n) {
    if (n == PANEL) {
        *(Whole *)b = pixel ? *(const Whole *)pixel : (Whole){0};
        return b + PANEL;
    }
    const int rounded = ceil_div(n, ROUND) * ROUND;
    if (pixel)
        memcpy(b, pixel, (size_t)n * sizeof *b);
    else
        memset(b, 0, (size_t)n * sizeof *b);
    memset(b + n, 0, (size_t)(rounded - n) * sizeof *b);
    return b + PANEL;
}

VECTOR_CLONES static void copy_rows(const Plan *p, const Chunk *c, float *b, const float *in, int first,
                                    int n) {
    const size_t C = (size_t)p->shape.n_in, side = (size_t)p->side;
    const int border = p->taps == 1 ? 0 : 1;
    for (int i = 0; i < c->images; i++) {
        float *to = b + (size_t)i * (size_t)p->segment * PANEL;
        for (int y = c->row - border; y < c->row + c->rows + border; y++) {
            const bool inside = y >= 0 && y < p->side;
            const float *from =
                inside ? in + ((size_t)(c->image + i) * side + (size_t)y) * side * C + first : NULL;
            if (border)
                to = copy_pixel(to, NULL, n);
            for (int x = 0; x < p->side; x++)
                to = copy_pixel(to, from ? from + (size_t)x * C : NULL, n);
        }
        if (border)
            copy_pixel(to, NULL, n);
    }
}

/* Columns [first, first + n) of the neighbourhood (tap, channel) of each output pixel. */
static void gather(const Plan *p, const Chunk *c, float *b, const float *in, int first, int n) {
    const int C = p->shape.n_in, side = p->side, stride = p->shape.stride;
    for (int k = 0; k < c->pixels; k++, b += PANEL) {
        const int x = k % p->out_side * stride, line = c->row + k / p->out_side;
        const int y = line % p->out_side * stride, image = c->image + line / p->out_side;
        copy_pixel(b, NULL, n);
        for (int j = 0; j < n; j++) {
            const int tap = (first + j) / C, v = y + tap / 3 - 1, u = x + tap % 3 - 1;
            if (v >= 0 && v < side && u >= 0 && u < side)
                b[j] =
                    in[(((size_t)image * (size_t)side + (size_t)v) * (size_t)side + (size_t)u) * (size_t)C +
                       (size_t)((first + j) % C)];
        }
    }
}

/* One panel of `in` meets all copied channels of d_out. */
static void panel_sums(const Job *job, const float *a, const float *b, Block block, int panel, int channels) {
    const ConvGradient *room = job->room;
    const Plan *p = &job->plan;
    const int n = min_int(PANEL, (int)p->width - panel * PANEL) / room->floats;
    float *sums = block.sums + panel * PANEL;
    for (int tap = 0; tap < p->taps; tap++) {
        const float *at = b + (size_t)(tap / 3 * p->padded + tap % 3) * PANEL;
        for (int first = 0; first < channels; first += ROWS) {
            block.d_out = a + (size_t)first * (size_t)block.n;
            for (int j = 0; j < n; j += room->vectors) {
                block.in = at + j * room->floats;
                block.sums = sums + (size_t)first * p->row + (size_t)tap * p->width + j * room->floats;
                room->kernel(min_int(ROWS, channels - first), min_int(room->vectors, n - j), &block);
            }
        }
    }
}

/* Channels [first, first + channels) of d_out, which sums are of. */
typedef struct {
    int first, channels, worker;
    float *sums;
} Rows;

static void add_chunk(const Job *job, const Chunk *chunk, const Rows *rows) {
    const ConvGradient *room = job->room;
    const Plan *p = &job->plan;
    float *a = room->a + (size_t)rows->worker * room->a_size,
          *b = room->b + (size_t)rows->worker * room->b_size;
    int *places = room->places + (size_t)rows->worker * room->places_size;
    const Block block = {.places = places, .n = chunk->pixels, .sums = rows->sums, .stride = p->row};
    find_places(p, chunk, places);
    copy_d_out(p, chunk, a, job->d_out, rows->first, rows->channels);
    for (int column = 0; column < p->columns; column += PANEL) {
        (p->gathered ? gather : copy_rows)(p, chunk, b, job->in, column, min_int(PANEL, p->columns - column));
        panel_sums(job, a, b, block, column / PANEL, rows->channels);
    }
}

static void add_chunk_bf16(const Job *job, const Chunk *chunk, const Rows *rows) {
    const ConvGradient *room = job->room;
    const Plan *p = &job->plan;
    ConvPixels pixels = pixels_of(p);
    pixels.image = chunk->image;
    pixels.images = chunk->images;
    pixels.row = chunk->row;
    pixels.rows = chunk->rows;
    const size_t worker = (size_t)rows->worker;
    const ConvGradientBf16 g = {.kernel = room->bf16,
                                .pixels = pixels,
                                .d_out = job->d_out,
                                .in = job->in,
                                .n_in = p->shape.n_in,
                                .n_out = p->shape.n_out,
                                .first = rows->first,
                                .channels = rows->channels,
                                .width = p->width,
                                .sums = rows->sums,
                                .left = room->left + worker * room->sizes.left,
                                .right = room->right + worker * room->sizes.right,
                                .lines = room->lines + worker * room->sizes.lines};
    conv_gradient_bf16(&g);
}

static void sum_tile(void *context, int tile, int worker) {
    const Job *job = context;
    const Plan *p = &job->plan;
    const int part = tile / p->blocks, first = tile % p->blocks * p->block_rows;
    const int begin = (int)((int64_t)p->chunks * part / p->parts),
              end = (int)((int64_t)p->chunks * (part + 1) / p->parts);
    const Rows rows = {.first = first,
                       .channels = min_int(p->block_rows, p->shape.n_out - first),
                       .worker = worker,
                       .sums = job->room->sums +
                               ((size_t)part * (size_t)p->shape.n_out + (size_t)first) * p->row};
    memset(rows.sums, 0, (size_t)rows.channels * p->row * sizeof *rows.sums);
    for (int i = begin; i < end; i++) {
        const Chunk chunk = chunk_at(p, i);
        (p->halves ? add_chunk_bf16 : add_chunk)(job, &chunk, &rows);
    }
}

/* Adds the parts' sums for some output channels, and their total to the gradient. */
static void reduce_tile(void *context, int tile, int worker) {
    (void)worker;
    const Job *job = context;
    const Plan *p = &job->plan;
    const int taps = p->shape.kernel * p->shape.kernel, n_in = p->shape.n_in;
    const size_t width = p->gathered ? (size_t)n_in : p->width; /* from one tap to the next */
    const int first = tile * REDUCE_ROWS, end = min_int(p->shape.n_out, first + REDUCE_ROWS);
    for (int o = first; o < end; o++) {
        float *sum = job->room->sums + (size_t)o * p->row;
        for (int part = 1; part < p->parts; part++) {
            const float *more = sum + (size_t)part * (size_t)p->shape.n_out * p->row;
            for (size_t i = 0; i < p->row; i++)
                sum[i] += more[i];
        }
        float *d_w = job->d_w + (size_t)o * (size_t)n_in * (size_t)taps;
        for (int i = 0; i < n_in; i++)
            for (int t = 0; t < taps; t++)
                d_w[i * taps + t] += sum[(size_t)t * width + (size_t)i];
    }
}

void conv_gradient(ConvGradient *room, float *d_w, const float *d_out, const float *in, ConvShape shape,
                   int n, int side) {
    Job job = {.room = room, .plan = plan_of(room, shape, n, side), .d_w = d_w, .d_out = d_out, .in = in};
    pool_run(room->pool, job.plan.parts * job.plan.blocks, sum_tile, &job);
    pool_run(room->pool, ceil_div(shape.n_out, REDUCE_ROWS), reduce_tile, &job);
}
