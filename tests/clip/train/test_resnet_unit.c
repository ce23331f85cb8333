/* The stem and bottlenecks of every kind: central differences, and the same maps when computed again. */
#include "clip/train/resnet_unit.h"

#include "tests/support/resnet_support.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 3 };

/* One unit of a small tower, on its own. */
typedef struct {
    Arena *arena;
    TrainableClip *clip;
    ResnetUnit unit;
    UnitRoom room;
    float *in, *d_out;
    size_t in_size, out_size; /* all images */
} Case;

static ResnetUnit unit_of(const TrainableClip *clip, int kind, Arena *arena) {
    const Parameters *p = &clip->parameters;
    const int W = clip->image.width;
    return kind == 0   ? unit_stem(p, 16, W, arena)
           : kind == 1 ? unit_bottleneck(p, "visual.layer1.0.", 8, W, W, 1, arena)
           : kind == 2 ? unit_bottleneck(p, "visual.layer1.1.", 8, 4 * W, W, 1, arena)
                       : unit_bottleneck(p, "visual.layer2.0.", 8, 4 * W, 2 * W, 2, arena);
}

static Case case_create(int kind) {
    Case c = {.arena = arena_create(), .clip = resnet_clip((ResnetSize){64, 6, {2, 1, 0, 0}, 5})};
    Arena *a = c.arena;
    c.unit = unit_of(c.clip, kind, a);
    ResnetUnit *u = &c.unit;
    ConvShape shapes[4];
    int sides[4];
    for (int i = 0; i < 3 + u->has_shortcut; i++) {
        shapes[i] = i < 3 ? u->conv[i].shape : u->shortcut.shape;
        sides[i] = i < 3 ? u->conv[i].side : u->shortcut.side;
    }
    c.in_size = (size_t)N * u->side * u->side * u->n_in;
    c.out_size = (size_t)N * u->out_side * u->out_side * u->n_out;
    const size_t largest = c.in_size > c.out_size ? c.in_size : c.out_size;
    c.room.pool = pool_create(2);
    c.room.conv = conv_room_create(shapes, 3 + u->has_shortcut, PRECISION_FLOAT32, c.room.pool, a);
    c.room.gradient =
        conv_gradient_create(shapes, sides, 3 + u->has_shortcut, N, PRECISION_FLOAT32, c.room.pool, a);
    c.room.sums = ARENA_NEW(a, double, N * 2 * 1000);
    c.room.shortcut_sums = ARENA_NEW(a, double, N * 2 * 1000);
    c.room.g = arena_floats(a, largest, 1);
    c.room.h = arena_floats(a, largest, 1);
    c.room.t = arena_floats(a, N, unit_x_size(u));
    for (int k = 0; k < 2; k++)
        c.room.u[k] = arena_floats(a, N, unit_y_size(u, k));
    unit_place_maps(u, arena_floats(a, N, unit_maps_size(u)), N);
    u->in = c.in = arena_floats(a, c.in_size, 1);
    u->pixels = c.in;
    u->out = arena_floats(a, c.out_size, 1);
    c.d_out = arena_floats(a, c.out_size, 1);
    fill_normal(c.in, c.in_size, 1, 1);
    fill_normal(c.d_out, c.out_size, 0.1, 2);
    return c;
}

static void case_free(Case *c) {
    pool_free(c->room.pool);
    resnet_clip_free(c->clip);
    arena_free(c->arena);
}

static double loss(Case *c) {
    double sum = 0;
    unit_forward(&c->unit, &c->room, N, NORM_BATCH);
    for (size_t i = 0; i < c->out_size; i++)
        sum += (double)c->unit.out[i] * c->d_out[i];
    return sum;
}

/* Along the gradient, whose length is then the slope. Norms make the loss curved; floats make it rough. */
static void check_slope(Case *c, const char *name, float *value, const float *gradient, size_t n) {
    double square = 0, size = 0, sides[2];
    for (size_t i = 0; i < n; i++) {
        square += (double)gradient[i] * gradient[i];
        size += (double)value[i] * value[i];
    }
    const double length = sqrt(square), h = 5e-4 * sqrt(size);
    float *keep = arena_floats(c->arena, n, 1);
    memcpy(keep, value, n * sizeof *keep);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n; i++)
            value[i] = keep[i] + (float)((side ? h : -h) * gradient[i] / length);
        sides[side] = loss(c);
    }
    memcpy(value, keep, n * sizeof *keep);
    const double slope = (sides[1] - sides[0]) / (2 * h);
    if (!(fabs(slope / length - 1) < 0.02))
        fail_msg("%s: slope %g along a gradient of length %g", name, slope, length);
}

static void test_differences(void **state) {
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        Case c = case_create(kind);
        int checked = 0;
        loss(&c);
        memcpy(c.room.g, c.d_out, c.out_size * sizeof *c.d_out);
        unit_backward(&c.unit, &c.room, N, kind > 0);
        float *d_in = arena_floats(c.arena, c.in_size, 1);
        memcpy(d_in, c.room.g, c.in_size * sizeof *d_in);
        if (kind > 0)
            check_slope(&c, "in", c.in, d_in, c.in_size);
        for (int i = 0; i < c.clip->parameters.n; i++) {
            const Parameter *p = &c.clip->parameters.items[i];
            double square = 0;
            for (size_t j = 0; p->gradient && j < p->count; j++)
                square += (double)p->gradient[j] * p->gradient[j];
            if (square == 0)
                continue;
            check_slope(&c, p->name, p->value, p->gradient, p->count);
            checked++;
        }
        assert_int_equal(checked, 3 * (3 + c.unit.has_shortcut));
        assert_true(unit_is_trained(&c.unit));
        case_free(&c);
    }
}

static void test_again(void **state) {
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        Case c = case_create(kind);
        const size_t n = (size_t)N * unit_maps_size(&c.unit);
        size_t count;
        float *maps = c.unit.is_stem ? c.unit.maps.in : c.unit.maps.x[0];
        float *want = arena_floats(c.arena, n, 1);
        loss(&c);
        const float *statistics = resnet_statistics(c.clip, c.arena, &count);
        memcpy(want, maps, n * sizeof *maps);
        memset(maps, 0, n * sizeof *maps);
        unit_forward(&c.unit, &c.room, N, NORM_AGAIN);
        assert_memory_equal(maps, want, n * sizeof *maps);
        assert_memory_equal(resnet_statistics(c.clip, c.arena, &count), statistics,
                            count * sizeof *statistics);
        case_free(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
