/* resnet_unit.c: see resnet_unit.h */
#include "clip/train/resnet_unit.h"

#include "clip/base/minimum.h"
#include "clip/math/conv.h"

#include <assert.h>
#include <stdio.h>

/* --- the table of a unit --- */

static ConvNorm conv_norm(const Parameters *parameters, const char *prefix, const char *conv,
                          const char *norm, int stride, int side, Arena *arena) {
    const char *names[] = {"weight", "bias", "running_mean", "running_var"};
    const Parameter *w = parameters_find(parameters, "%s%s.weight", prefix, conv), *of_norm[4];
    assert(w && w->n_dims == 4);
    ConvNorm c = {.shape = {(int)w->shape[1], (int)w->shape[0], (int)w->shape[2], stride},
                  .side = side,
                  .out_side = side / stride,
                  .w = w->value,
                  .d_w = w->gradient};
    for (int i = 0; i < 4; i++) {
        of_norm[i] = parameters_find(parameters, "%s%s.%s", prefix, norm, names[i]);
        assert(of_norm[i] && of_norm[i]->count == (size_t)c.shape.n_out);
    }
    const Parameter *n_batches = parameters_find(parameters, "%s%s.num_batches_tracked", prefix, norm);
    c.norm = batch_norm_create(c.shape.n_out, of_norm[0]->value, of_norm[1]->value, of_norm[2]->value,
                               of_norm[3]->value, arena);
    c.d_norm_w = of_norm[0]->gradient;
    c.d_norm_b = of_norm[1]->gradient;
    c.n_batches = n_batches ? n_batches->value : NULL;
    return c;
}

ResnetUnit unit_stem(const Parameters *parameters, int image_size, int width, Arena *arena) {
    ResnetUnit unit = {.is_stem = true, .pooled = 2, .side = image_size, .out_side = image_size / 4};
    unit.n_in = 3;
    unit.n_out = width;
    for (int i = 0; i < 3; i++) {
        char conv[8], norm[8];
        snprintf(conv, sizeof conv, "conv%d", i + 1);
        snprintf(norm, sizeof norm, "bn%d", i + 1);
        unit.conv[i] = conv_norm(parameters, "visual.", conv, norm, i == 0 ? 2 : 1,
                                 i == 0 ? image_size : image_size / 2, arena);
    }
    return unit;
}

ResnetUnit unit_bottleneck(const Parameters *parameters, const char *prefix, int side, int n_in, int inner,
                           int stride, Arena *arena) {
    ResnetUnit unit = {.pooled = stride == 2 ? 1 : -1, .side = side, .out_side = side / stride};
    unit.n_in = n_in;
    unit.n_out = 4 * inner;
    unit.has_shortcut = stride == 2 || n_in != unit.n_out;
    unit.conv[0] = conv_norm(parameters, prefix, "conv1", "bn1", 1, side, arena);
    unit.conv[1] = conv_norm(parameters, prefix, "conv2", "bn2", 1, side, arena);
    unit.conv[2] = conv_norm(parameters, prefix, "conv3", "bn3", 1, unit.out_side, arena);
    if (unit.has_shortcut)
        unit.shortcut =
            conv_norm(parameters, prefix, "downsample.0", "downsample.1", 1, unit.out_side, arena);
    return unit;
}

static bool conv_is_trained(const ConvNorm *c) {
    return c->d_w || c->d_norm_w || c->d_norm_b;
}

bool unit_is_trained(const ResnetUnit *unit) {
    bool trained = unit->has_shortcut && conv_is_trained(&unit->shortcut);
    for (int i = 0; i < 3; i++)
        trained = trained || conv_is_trained(&unit->conv[i]);
    return trained;
}

void unit_freeze_norms(ResnetUnit *unit) {
    for (int i = 0; i < 3; i++)
        unit->conv[i].norm.frozen = true;
    unit->shortcut.norm.frozen = true;
}

/* --- the sizes of its maps --- */

static size_t map_size(int side, int channels) {
    return (size_t)side * (size_t)side * (size_t)channels;
}

static size_t in_size(const ConvNorm *c) {
    return map_size(c->side, c->shape.n_in);
}

static size_t out_size(const ConvNorm *c) {
    return map_size(c->out_side, c->shape.n_out);
}

static bool shortcut_is_pooled(const ResnetUnit *unit) {
    return unit->has_shortcut && unit->side != unit->out_side;
}

size_t unit_x_size(const ResnetUnit *unit) {
    size_t size = unit->has_shortcut ? out_size(&unit->shortcut) : 0;
    for (int i = 0; i < 3; i++)
        size = max_size(size, out_size(&unit->conv[i]));
    return size;
}

size_t unit_y_size(const ResnetUnit *unit, int i) {
    const size_t size = in_size(&unit->conv[i + 1]);
    return i == 1 && shortcut_is_pooled(unit) ? max_size(size, in_size(&unit->shortcut)) : size;
}

static float *take(float **floats, size_t size, size_t *taken) {
    float *map = *floats;
    *taken += size;
    if (map)
        *floats += size;
    return map;
}

/* Floats of n images; without `floats`, only counts them. */
static size_t place(ResnetUnit *unit, float *floats, size_t n) {
    size_t taken = 0;
    if (unit->is_stem)
        unit->maps.in = take(&floats, n * in_size(&unit->conv[0]), &taken);
    for (int i = 0; i < 3; i++)
        unit->maps.x[i] = take(&floats, n * out_size(&unit->conv[i]), &taken);
    for (int i = 0; i < 2; i++)
        unit->maps.y[i] = take(&floats, n * in_size(&unit->conv[i + 1]), &taken);
    if (shortcut_is_pooled(unit))
        unit->maps.shortcut_in = take(&floats, n * in_size(&unit->shortcut), &taken);
    if (unit->has_shortcut)
        unit->maps.shortcut_x = take(&floats, n * out_size(&unit->shortcut), &taken);
    return taken;
}

size_t unit_maps_size(const ResnetUnit *unit) {
    ResnetUnit copy = *unit;
    return place(&copy, NULL, 1);
}

void unit_place_maps(ResnetUnit *unit, float *floats, int n) {
    place(unit, floats, (size_t)n);
}

/* --- forward --- */

/* What the tiles of a unit work on: a batch, or one of its convolutions. */
typedef struct {
    ResnetUnit *unit;
    UnitRoom *room;
    int k;          /* the convolution */
    const float *d; /* backward: the gradient behind its norm and ReLU */
    float *d_x;     /* and before them */
    double *sums;   /* (n, 2, C) */
    ConvNorm *conv;
    const float *x; /* out of it */
} Step;

static double *sums_of(const Step *s, int image) {
    return s->sums + 2 * (size_t)image * (size_t)s->conv->norm.C;
}

static void sums_after(void *context, int image) {
    const Step *s = context;
    batch_norm_sums(&s->conv->norm, sums_of(s, image), s->x + (size_t)image * out_size(s->conv),
                    s->conv->out_side * s->conv->out_side);
}

/* The pixels of an image, channels last. */
static void pixels_before(void *context, int image) {
    const Step *s = context;
    const size_t area = map_size(s->unit->side, 1), at = (size_t)image * 3 * area;
    float *in = s->unit->maps.in + at;
    const float *pixels = s->unit->pixels + at;
    for (size_t i = 0; i < area; i++)
        for (size_t c = 0; c < 3; c++)
            in[3 * i + c] = pixels[c * area + i];
}

static void relu_before(void *context, int image) {
    const Step *s = context;
    const ResnetUnit *unit = s->unit;
    const ConvNorm *last = &unit->conv[s->k - 1];
    norm_relu_forward(&last->norm, unit->maps.y[s->k - 1] + (size_t)image * in_size(s->conv),
                      unit->maps.x[s->k - 1] + (size_t)image * out_size(last), last->out_side,
                      unit->pooled == s->k - 1);
}

static void pool_before(void *context, int image) {
    const Step *s = context;
    const ResnetUnit *unit = s->unit;
    avg_pool_forward(unit->maps.shortcut_in + (size_t)image * in_size(&unit->shortcut),
                     unit->in + (size_t)image * map_size(unit->side, unit->n_in), unit->side, unit->side,
                     unit->n_in);
}

/* x of one convolution, and what its norm does from then on */
static void conv_norm_forward(Step *s, float *x, const float *in, void (*before)(void *, int), int n,
                              NormBy by) {
    ConvNorm *c = s->conv;
    s->x = x;
    s->sums = s->room->sums;
    if (c->norm.frozen && by == NORM_BATCH)
        by = NORM_RUNNING;
    const ConvHooks hooks = {before, by == NORM_BATCH ? sums_after : NULL, s};
    if (by == NORM_RUNNING)
        batch_norm_running(&c->norm);
    trained_conv_forward(s->room->conv, x, in, c->w, c->shape, n, c->side, hooks);
    if (by != NORM_BATCH)
        return;
    batch_norm_finish(&c->norm, s->sums, n, c->out_side * c->out_side, true);
    if (c->n_batches)
        ++*c->n_batches;
}

static void out_tile(void *context, int image, int worker) {
    (void)worker;
    const Step *s = context;
    const ResnetUnit *unit = s->unit;
    const ConvNorm *last = &unit->conv[2];
    const size_t size = map_size(unit->out_side, unit->n_out), i = (size_t)image;
    const float *x = unit->maps.x[2] + i * out_size(last);
    if (unit->is_stem)
        norm_relu_forward(&last->norm, unit->out + i * size, x, last->out_side, true);
    else
        norm_add_relu_forward(&last->norm, unit->out + i * size, x,
                              unit->has_shortcut ? &unit->shortcut.norm : NULL,
                              (unit->has_shortcut ? unit->maps.shortcut_x : unit->in) + i * size,
                              unit->out_side * unit->out_side);
}

void unit_forward(ResnetUnit *unit, UnitRoom *room, int n, NormBy by) {
    const UnitMaps *maps = &unit->maps;
    Step s = {.unit = unit, .room = room};
    for (s.k = 0; s.k < 3; s.k++) {
        s.conv = &unit->conv[s.k];
        const float *in = s.k > 0 ? maps->y[s.k - 1] : unit->is_stem ? maps->in : unit->in;
        conv_norm_forward(&s, maps->x[s.k], in,
                          s.k > 0         ? relu_before
                          : unit->is_stem ? pixels_before
                                          : NULL,
                          n, by);
    }
    if (unit->has_shortcut) {
        const bool pooled = shortcut_is_pooled(unit);
        s.conv = &unit->shortcut;
        conv_norm_forward(&s, maps->shortcut_x, pooled ? maps->shortcut_in : unit->in,
                          pooled ? pool_before : NULL, n, by);
    }
    if (by != NORM_AGAIN) /* out is there */
        pool_run(room->pool, n, out_tile, &s);
}

/* --- backward --- */

/* The sums of convolution k's norm, from the gradient behind its ReLU (and pool). */
static void relu_sums(void *context, int image) {
    const Step *s = context;
    const ConvNorm *c = s->conv;
    const bool pooled = s->unit->pooled == s->k;
    const size_t size = out_size(c), i = (size_t)image;
    norm_relu_sums(&c->norm, sums_of(s, image), s->d + i * (pooled ? size / 4 : size), s->x + i * size,
                   c->out_side, pooled);
}

static void relu_backward(void *context, int image) {
    const Step *s = context;
    const ConvNorm *c = s->conv;
    const bool pooled = s->unit->pooled == s->k;
    const size_t size = out_size(c), i = (size_t)image;
    norm_relu_backward(&c->norm, s->d_x + i * size, s->d + i * (pooled ? size / 4 : size), s->x + i * size,
                       c->out_side, pooled);
}

/* The same for a norm whose result is only added. */
static void added_backward(void *context, int image) {
    const Step *s = context;
    const ConvNorm *c = s->conv;
    const size_t size = out_size(c), at = (size_t)image * size;
    norm_backward(&c->norm, s->d_x + at, s->d + at, s->x + at, c->out_side * c->out_side);
}

/* The last ReLU of a bottleneck: g becomes the gradient before it; sums of both norms that were added. */
static void last_sums(void *context, int image, int worker) {
    (void)worker;
    const Step *s = context;
    const ResnetUnit *unit = s->unit;
    if (unit->is_stem) {
        relu_sums(context, image);
        return;
    }
    const int pixels = unit->out_side * unit->out_side;
    const size_t at = (size_t)image * map_size(unit->out_side, unit->n_out);
    float *g = s->room->g + at;
    norm_sums(&s->conv->norm, sums_of(s, image), g, unit->out + at, unit->maps.x[2] + at, pixels);
    if (unit->has_shortcut)
        norm_sums(&unit->shortcut.norm, s->room->shortcut_sums + 2 * (size_t)image * (size_t)unit->n_out, g,
                  NULL, unit->maps.shortcut_x + at, pixels);
}

typedef struct {
    Step *step;
    void (*run)(void *context, int image);
} Each;

static void each_tile(void *context, int image, int worker) {
    (void)worker;
    const Each *each = context;
    each->run(each->step, image);
}

static void norm_gradient(ConvNorm *c, const double *sums, int n) {
    batch_norm_gradient(&c->norm, c->d_norm_w, c->d_norm_b, sums, n, c->out_side * c->out_side);
}

static void unpool_after(void *context, int image) {
    const Step *s = context;
    const ResnetUnit *unit = s->unit;
    avg_pool_backward(s->room->h + (size_t)image * map_size(unit->side, unit->n_in),
                      s->room->u[1] + (size_t)image * in_size(&unit->shortcut), unit->side, unit->n_in);
}

/* t = the gradient of x, by `before`; then that of what was convolved goes to d_in (NULL: nowhere), and that
 * of the weights to them. */
static void conv_backward(Step *s, const float *in, float *d_in, bool accumulate, ConvHooks hooks, int n) {
    const ConvNorm *c = s->conv;
    s->d_x = s->room->t;
    if (d_in)
        trained_conv_input(s->room->conv, d_in, s->d_x, c->w, c->shape, n, c->side, accumulate, hooks);
    else if (c->d_w)
        pool_run(s->room->pool, n, each_tile, &(Each){s, hooks.before});
    if (c->d_w)
        conv_gradient(s->room->gradient, c->d_w, s->d_x, in, c->shape, n, c->side);
}

/* From g, the gradient of the sum; that of `in` goes to h. */
static void shortcut_backward(ResnetUnit *unit, UnitRoom *room, int n, bool needs_input) {
    const bool pooled = shortcut_is_pooled(unit);
    Step s = {.unit = unit, .room = room, .k = -1, .d = room->g, .conv = &unit->shortcut};
    s.x = unit->maps.shortcut_x;
    norm_gradient(&unit->shortcut, room->shortcut_sums, n);
    conv_backward(&s, pooled ? unit->maps.shortcut_in : unit->in,
                  !needs_input ? NULL
                  : pooled     ? room->u[1]
                               : room->h,
                  false, (ConvHooks){added_backward, pooled ? unpool_after : NULL, &s}, n);
}

/* The hooks of two neighbouring convolutions work together: the gradient of what convolution k read is that
 * behind the ReLU of k - 1, whose sums are taken at once. */
typedef struct {
    Step step, below;
    void (*run)(void *context, int image);
} Pair;

static void pair_before(void *context, int image) {
    Pair *pair = context;
    pair->run(&pair->step, image);
}

static void pair_after(void *context, int image) {
    Pair *pair = context;
    relu_sums(&pair->below, image);
}

static Step step_of(ResnetUnit *unit, UnitRoom *room, int k) {
    return (Step){.unit = unit,
                  .room = room,
                  .k = k,
                  .d = k == 2 ? room->g : room->u[k],
                  .d_x = room->t,
                  .sums = room->sums,
                  .conv = &unit->conv[k],
                  .x = unit->maps.x[k]};
}

void unit_backward(ResnetUnit *unit, UnitRoom *room, int n, bool needs_input) {
    Pair pair = {.step = step_of(unit, room, 2)};
    pool_run(room->pool, n, last_sums, &pair.step);
    norm_gradient(&unit->conv[2], room->sums, n);
    if (unit->has_shortcut)
        shortcut_backward(unit, room, n, needs_input);
    for (int k = 2; k > 0; k--) {
        pair.run = k == 2 && !unit->is_stem ? added_backward : relu_backward;
        pair.below = step_of(unit, room, k - 1);
        conv_backward(&pair.step, unit->maps.y[k - 1], room->u[k - 1], false,
                      (ConvHooks){pair_before, pair_after, &pair}, n);
        pair.step = pair.below;
        norm_gradient(pair.step.conv, room->sums, n);
    }
    float *d_in = !needs_input ? NULL : unit->has_shortcut ? room->h : room->g;
    conv_backward(&pair.step, unit->is_stem ? unit->maps.in : unit->in, d_in, true,
                  (ConvHooks){relu_backward, NULL, &pair.step}, n);
    if (d_in == room->h) {
        room->h = room->g;
        room->g = d_in;
    }
}

double unit_flops(const ResnetUnit *unit, bool backward) {
    double flops = 0;
    for (int i = 0; i < 3 + unit->has_shortcut; i++) {
        const ConvNorm *c = i < 3 ? &unit->conv[i] : &unit->shortcut;
        const double forward = 2.0 * (double)out_size(c) * c->shape.n_in * c->shape.kernel * c->shape.kernel;
        flops += !backward ? forward : c->shape.stride == 2 ? 2 * forward : 3 * forward;
    }
    return flops;
}
