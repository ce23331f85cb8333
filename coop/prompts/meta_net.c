/* meta_net.c: see meta_net.h. */
#include "coop/prompts/meta_net.h"

#include "clip/math/gemm.h"
#include "clip/math/ops.h"

#include <assert.h>
#include <math.h>
#include <string.h>

MetaNet meta_net(int n_in, int n_hidden, int n_out, MetaActivation activation, Pool *pool, int max_rows,
                 Arena *arena) {
    const size_t rows = (size_t)max_rows, H = (size_t)n_hidden;
    return (MetaNet){.n_in = n_in,
                     .n_hidden = n_hidden,
                     .n_out = n_out,
                     .activation = activation,
                     .pool = pool,
                     .max_rows = max_rows,
                     .sum = arena_floats(arena, rows, H),
                     .hidden = arena_floats(arena, rows, H),
                     .d_hidden = arena_floats(arena, rows, H)};
}

/* Where the parts of the parameters begin. */
typedef struct {
    size_t b1, w2, b2, end;
} Layout;

static Layout layout_of(const MetaNet *net) {
    const size_t I = (size_t)net->n_in, H = (size_t)net->n_hidden, O = (size_t)net->n_out;
    return (Layout){.b1 = H * I, .w2 = H * I + H, .b2 = H * I + H + O * H, .end = H * I + H + O * H + O};
}

size_t meta_net_size(const MetaNet *net) {
    return layout_of(net).end;
}

void meta_net_start(const MetaNet *net, float *parameters, Rng *generator) {
    const Layout at = layout_of(net);
    const float first = (float)(1 / sqrt(net->n_in)), second = (float)(1 / sqrt(net->n_hidden));
    rng_torch_uniform(generator, parameters, at.w2, -first, first);
    rng_torch_uniform(generator, parameters + at.w2, at.end - at.w2, -second, second);
}

static void activate(MetaNet *net, size_t n) {
    if (net->activation == META_QUICK_GELU) {
        activation_forward(net->hidden, net->sum, n, ACTIVATION_QUICK_GELU);
        return;
    }
    for (size_t i = 0; i < n; i++)
        net->hidden[i] = net->sum[i] > 0 ? net->sum[i] : 0;
}

void meta_net_forward(MetaNet *net, float *out, const float *in, const float *parameters, int rows) {
    const Layout at = layout_of(net);
    assert(rows <= net->max_rows);
    linear_forward(net->pool, net->sum, in, parameters, parameters + at.b1, rows, net->n_in, net->n_hidden,
                   false);
    activate(net, (size_t)rows * (size_t)net->n_hidden);
    linear_forward(net->pool, out, net->hidden, parameters + at.w2, parameters + at.b2, rows, net->n_hidden,
                   net->n_out, false);
}

/* bias (n) = the sum of the rows */
static void sum_rows(float *bias, const float *x, int rows, int n) {
    memset(bias, 0, (size_t)n * sizeof *bias);
    for (int i = 0; i < rows; i++)
        add_rows(bias, x + (size_t)i * (size_t)n, (size_t)n);
}

void meta_net_backward(MetaNet *net, float *gradient, const float *d_out, const float *in,
                       const float *parameters, int rows) {
    const Layout at = layout_of(net);
    const size_t n = (size_t)rows * (size_t)net->n_hidden;
    linear_backward_weight(net->pool, gradient + at.w2, d_out, net->hidden, rows, net->n_hidden, net->n_out);
    sum_rows(gradient + at.b2, d_out, rows, net->n_out);
    linear_backward(net->pool, net->d_hidden, d_out, parameters + at.w2, rows, net->n_hidden, net->n_out,
                    false);
    if (net->activation == META_QUICK_GELU)
        activation_backward(net->d_hidden, net->d_hidden, net->sum, n, ACTIVATION_QUICK_GELU);
    else
        for (size_t i = 0; i < n; i++)
            net->d_hidden[i] = net->sum[i] > 0 ? net->d_hidden[i] : 0;
    linear_backward_weight(net->pool, gradient, net->d_hidden, in, rows, net->n_in, net->n_hidden);
    sum_rows(gradient + at.b1, net->d_hidden, rows, net->n_hidden);
}
