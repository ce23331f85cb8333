/* trained_conv.c: see trained_conv.h */
#include "clip/conv/trained_conv.h"

#include "clip/base/minimum.h"
#include "clip/math/conv_bf16.h"
#include "clip/math/packed_conv.h"

#include <assert.h>

/* PACK: output channels that are packed together. GROUP_PIXELS: about as many output pixels share a reading
 * of the weights. */
enum { PACK = 32, GROUP_PIXELS = 384 };

struct ConvRoom {
    Pool *pool;
    bool plain;      /* neither panels nor halves */
    Bf16Kernel bf16; /* NONE: float */
    float *panels;
    uint16_t *halves;
    float *w, *columns;          /* plain: (k, n_out); conv_forward's scratch, one for each worker */
    size_t w_size, columns_size; /* of a worker */
    float *rows;      /* (workers, PACK, k): rows of the weight, in the order of taps, then channels */
    size_t rows_size; /* of a worker */
    const float *zeros;
};

/* One matrix of weights, as (n_out, kernel^2 n_in). */
typedef struct {
    ConvRoom *room;
    const float *w;  /* (n_out, n_in, kernel^2) of the forward pass */
    ConvShape shape; /* of the convolution that is to be done */
    bool turned;     /* for the input gradient */
} Packing;

ConvRoom *conv_room_create(const ConvShape *shapes, int n_shapes, Precision precision, Pool *pool,
                           Arena *arena) {
    size_t panels = 0, halves = 0, weights = 0, rows = 0, channels = 0;
    for (int i = 0; i < 2 * n_shapes; i++) { /* each forward and backward */
        const ConvShape s = shapes[i / 2];
        const int n_in = i & 1 ? s.n_out : s.n_in, n_out = i & 1 ? s.n_in : s.n_out;
        const size_t k = (size_t)s.kernel * (size_t)s.kernel * (size_t)n_in;
        panels = max_size(panels, packed_conv_size(n_in, n_out, s.kernel));
        halves = max_size(halves, (k + 31) / 32 * 32 * (((size_t)n_out + PACK - 1) / PACK * PACK));
        weights = max_size(weights, k * (size_t)n_out);
        rows = max_size(rows, k * PACK);
        channels = max_size(channels, (size_t)n_in);
    }
    ConvRoom *room = ARENA_NEW(arena, ConvRoom, 1);
    if (!room)
        return NULL;
    const size_t workers = (size_t)pool_threads(pool);
    const bool wants_bf16 = precision_here(precision) == PRECISION_BFLOAT16;
    *room = (ConvRoom){.pool = pool,
                       .bf16 = wants_bf16 ? bf16_best_kernel() : BF16_NONE,
                       .w_size = weights,
                       .columns_size = conv_scratch_size((int)channels),
                       .rows_size = rows};
    if (room->bf16 != BF16_NONE)
        room->halves = arena_alloc(arena, halves, sizeof *room->halves);
    else if (panels > 0)
        room->panels = arena_floats(arena, panels, 1);
    else
        conv_room_plain(room, arena);
    room->rows = arena_floats(arena, workers, rows);
    room->zeros = arena_floats(arena, max_size(channels, 1), 1);
    return room;
}

void conv_room_plain(ConvRoom *room, Arena *arena) {
    room->plain = true;
    room->bf16 = BF16_NONE;
    room->w = arena_floats(arena, room->w_size, 1);
    room->columns = arena_floats(arena, (size_t)pool_threads(room->pool), room->columns_size);
}

/* rows (count, taps, n_in) of output channels first .. first + count - 1 */
static void gather_rows(const Packing *p, float *rows, int first, int count) {
    const int taps = p->shape.kernel * p->shape.kernel, n_in = p->shape.n_in, n_out = p->shape.n_out;
    const size_t k = (size_t)taps * (size_t)n_in;
    if (!p->turned)
        for (int j = 0; j < count; j++) {
            const float *w = p->w + (size_t)(first + j) * k;
            float *row = rows + (size_t)j * k;
            for (int c = 0; c < n_in; c++)
                for (int t = 0; t < taps; t++)
                    row[t * n_in + c] = w[c * taps + t];
        }
    else
        for (int c = 0; c < n_in; c++) {
            const float *w = p->w + ((size_t)c * (size_t)n_out + (size_t)first) * (size_t)taps;
            for (int j = 0; j < count; j++)
                for (int t = 0; t < taps; t++)
                    rows[(size_t)j * k + (size_t)(t * n_in + c)] = w[j * taps + taps - 1 - t];
        }
}

/* Rows become columns, `stride` apart, in pieces that stay in the cache. */
static void transpose_rows(float *out, size_t stride, const float *rows, int count, size_t k) {
    enum { PIECE = 16 };
    for (size_t at = 0; at < k; at += PIECE)
        for (int j = 0; j < count; j++)
            for (size_t i = at; i < min_size(k, at + PIECE); i++)
                out[i * stride + (size_t)j] = rows[(size_t)j * k + i];
}

static void pack_tile(void *context, int tile, int worker) {
    const Packing *p = context;
    ConvRoom *room = p->room;
    const int first = tile * PACK, count = min_int(PACK, p->shape.n_out - first);
    const size_t k = (size_t)p->shape.kernel * (size_t)p->shape.kernel * (size_t)p->shape.n_in;
    float *rows = room->rows + (size_t)worker * room->rows_size;
    gather_rows(p, rows, first, count);
    if (room->bf16 != BF16_NONE)
        bf16_rows(room->halves, rows, first, count, (int)k);
    else if (room->plain)
        transpose_rows(room->w + first, (size_t)p->shape.n_out, rows, count, k);
    else {
        float *panel = room->panels + packed_conv_place(p->shape.n_in, p->shape.kernel, first);
        for (int j = 0; j < count; j++)
            panel[j] = 0; /* the bias */
        transpose_rows(panel + PACKED_CONV_PANEL, PACKED_CONV_PANEL, rows, count, k);
    }
}

/* --- the convolution --- */

typedef struct {
    ConvRoom *room;
    float *out;
    const float *in;
    ConvWeights weights;
    int n, side, stride, group;
    bool accumulate;
    ConvHooks hooks;
} Job;

static void convolve(const Job *job, int first, int n, int worker) {
    const ConvRoom *room = job->room;
    const ConvWeights *conv = &job->weights;
    const size_t side = (size_t)job->side, out_side = side / (size_t)job->stride;
    const size_t in_size = side * side * (size_t)conv->n_in,
                 out_size = out_side * out_side * (size_t)conv->n_out;
    float *out = job->out + (size_t)first * out_size;
    const float *in = job->in + (size_t)first * in_size;
    const int H = job->side;
    if (conv->halves)
        conv_bf16_forward(out, in, conv, n, H, H, job->stride, job->accumulate, false);
    else if (conv->panels)
        packed_conv_forward(out, in, conv, n, H, H, job->stride, job->accumulate, false, room->zeros);
    else
        for (int i = 0; i < n; i++)
            conv_forward(out + (size_t)i * out_size, in + (size_t)i * in_size, conv, H, H, job->stride,
                         job->accumulate, false, room->columns + (size_t)worker * room->columns_size);
}

static void conv_tile(void *context, int tile, int worker) {
    const Job *job = context;
    const int first = tile * job->group, n = min_int(job->group, job->n - first);
    for (int i = first; job->hooks.before && i < first + n; i++)
        job->hooks.before(job->hooks.context, i);
    convolve(job, first, n, worker);
    for (int i = first; job->hooks.after && i < first + n; i++)
        job->hooks.after(job->hooks.context, i);
}

/* Images of a tile: enough for the weights, but every worker has some. No bit depends on it. */
static int group_of(int n, int out_side, int workers) {
    const int fit = GROUP_PIXELS / (out_side * out_side), share = (n + workers - 1) / workers;
    return fit < 1 ? 1 : min_int(fit, share);
}

static void run(Packing *packing, Job *job) {
    ConvRoom *room = packing->room;
    const ConvShape shape = packing->shape;
    pool_run(room->pool, (shape.n_out + PACK - 1) / PACK, pack_tile, packing);
    job->room = room;
    job->stride = shape.stride;
    job->weights = (ConvWeights){.n_in = shape.n_in,
                                 .n_out = shape.n_out,
                                 .kernel = shape.kernel,
                                 .w = room->w,
                                 .b = room->zeros,
                                 .panels = room->plain ? NULL : room->panels,
                                 .halves = room->bf16 != BF16_NONE ? room->halves : NULL,
                                 .bf16 = room->bf16};
    job->group = group_of(job->n, job->side / job->stride, pool_threads(room->pool));
    pool_run(room->pool, (job->n + job->group - 1) / job->group, conv_tile, job);
}

void trained_conv_forward(ConvRoom *room, float *out, const float *in, const float *w, ConvShape shape, int n,
                          int side, ConvHooks hooks) {
    Packing packing = {.room = room, .w = w, .shape = shape};
    Job job = {.out = out, .in = in, .n = n, .side = side, .hooks = hooks};
    run(&packing, &job);
}

void trained_conv_input(ConvRoom *room, float *d_in, const float *d_out, const float *w, ConvShape shape,
                        int n, int side, bool accumulate, ConvHooks hooks) {
    assert(shape.stride == 1);
    const ConvShape turned = {shape.n_out, shape.n_in, shape.kernel, 1};
    Packing packing = {.room = room, .w = w, .shape = turned, .turned = true};
    Job job = {.out = d_in, .in = d_out, .n = n, .side = side, .accumulate = accumulate, .hooks = hooks};
    run(&packing, &job);
}
