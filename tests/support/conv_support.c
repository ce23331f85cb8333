/* conv_support.c: see conv_support.h */
#include "tests/support/conv_support.h"

#include "tests/support/support.h"

void conv_visit(ConvShape s, int n, int side, ConvVisit visit, void *context) {
    const int out_side = side / s.stride, taps = s.kernel * s.kernel, pixels = n * out_side * out_side;
    for (int p = 0; p < pixels; p++)
        for (int t = 0; t < taps; t++) {
            const int x = p % out_side * s.stride + t % s.kernel - s.kernel / 2;
            const int y = p / out_side % out_side * s.stride + t / s.kernel - s.kernel / 2;
            if (x < 0 || x >= side || y < 0 || y >= side)
                continue;
            const int pixel = (p / out_side / out_side * side + y) * side + x;
            for (int o = 0; o < s.n_out; o++)
                for (int i = 0; i < s.n_in; i++)
                    visit(context, (size_t)p * s.n_out + o, ((size_t)o * s.n_in + i) * taps + t,
                          (size_t)pixel * s.n_in + i);
        }
}

typedef struct {
    double *result;
    const float *a, *b;
} Sums;

static void add_out(void *context, size_t at, size_t weight, size_t from) {
    const Sums *s = context;
    s->result[at] += (double)s->a[weight] * s->b[from];
}

static void add_in(void *context, size_t at, size_t weight, size_t from) {
    const Sums *s = context;
    s->result[from] += (double)s->a[weight] * s->b[at];
}

static void add_weight(void *context, size_t at, size_t weight, size_t from) {
    const Sums *s = context;
    s->result[weight] += (double)s->a[at] * s->b[from];
}

void naive_conv(double *out, const float *in, const float *w, ConvShape shape, int n, int side) {
    conv_visit(shape, n, side, add_out, &(Sums){out, w, in});
}

void naive_conv_input(double *d_in, const float *d_out, const float *w, ConvShape shape, int n, int side) {
    conv_visit(shape, n, side, add_in, &(Sums){d_in, w, d_out});
}

void naive_conv_weight(double *d_w, const float *d_out, const float *in, ConvShape shape, int n, int side) {
    conv_visit(shape, n, side, add_weight, &(Sums){d_w, d_out, in});
}

static float *to_floats(const double *x, const float *start, size_t n, Arena *arena) {
    float *y = arena_floats(arena, n, 1);
    for (size_t i = 0; i < n; i++)
        y[i] = (float)(x[i] + (start ? (double)start[i] : 0));
    return y;
}

static float *normals(size_t n, uint32_t seed, Arena *arena) {
    float *x = arena_floats(arena, n, 1);
    fill_normal(x, n, 1, seed);
    return x;
}

ConvCase conv_case(ConvShape s, int n, int side, Arena *arena) {
    ConvCase c = {.shape = s, .n = n, .side = side};
    const size_t out_side = (size_t)(side / s.stride);
    c.in_size = (size_t)n * side * side * s.n_in;
    c.out_size = (size_t)n * out_side * out_side * s.n_out;
    c.w_size = (size_t)s.n_out * s.n_in * s.kernel * s.kernel;
    c.in = normals(c.in_size, 1, arena);
    c.w = normals(c.w_size, 2, arena);
    c.d_out = normals(c.out_size, 3, arena);
    c.start = normals(c.in_size, 4, arena);
    double *out = ARENA_NEW(arena, double, c.out_size), *d_in = ARENA_NEW(arena, double, c.in_size);
    double *d_w = ARENA_NEW(arena, double, c.w_size);
    naive_conv(out, c.in, c.w, s, n, side);
    naive_conv_input(d_in, c.d_out, c.w, s, n, side);
    naive_conv_weight(d_w, c.d_out, c.in, s, n, side);
    c.out = to_floats(out, NULL, c.out_size, arena);
    c.d_in = to_floats(d_in, c.start, c.in_size, arena);
    c.d_w = to_floats(d_w, NULL, c.w_size, arena);
    return c;
}
