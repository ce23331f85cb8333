/* Batch norms with what is behind them: forward against the formula in double, backward against central
 * differences of it. */
#include "clip/conv/batch_norm.h"

#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* More channels than are summed together, more pixels than are summed in float. */
enum { N = 3, SIDE = 6, PIXELS = SIDE * SIDE, C = 300, ALL = N * PIXELS };

typedef enum { RELU, POOL, ADD, ADD_NORM } Kind;

typedef struct {
    Arena *arena;
    float *x, *z, *d_out, *w, *b, *z_w, *z_b; /* x, z (N, PIXELS, C) */
    BatchNorm norm, z_norm;
} Case;

static float *normals(Arena *arena, size_t n, double mean, uint32_t seed) {
    float *x = arena_floats(arena, n, 1);
    fill_normal(x, n, 1, seed);
    for (size_t i = 0; i < n; i++)
        x[i] += (float)mean;
    return x;
}

static Case case_create(void) {
    Case c = {.arena = arena_create()};
    c.x = normals(c.arena, (size_t)ALL * C, 3, 1);
    c.z = normals(c.arena, (size_t)ALL * C, -1, 2);
    c.d_out = normals(c.arena, (size_t)ALL * C, 0, 3);
    c.w = normals(c.arena, C, 1, 4);
    c.b = normals(c.arena, C, 0, 5);
    c.z_w = normals(c.arena, C, 1, 6);
    c.z_b = normals(c.arena, C, 0, 7);
    for (int i = 0; i < C; i++) /* so that no channel is all zero */
        c.b[i] *= 0.1f, c.z_b[i] *= 0.1f, c.w[i] += copysignf(0.5f, c.w[i]);
    c.norm = batch_norm_create(C, c.w, c.b, normals(c.arena, C, 0, 8), normals(c.arena, C, 5, 9), c.arena);
    c.z_norm =
        batch_norm_create(C, c.z_w, c.z_b, arena_floats(c.arena, C, 1), arena_floats(c.arena, C, 1), c.arena);
    return c;
}

static void statistics(BatchNorm *norm, const float *x, Arena *arena) {
    double *sums = ARENA_NEW(arena, double, N * 2 * C);
    for (int i = 0; i < N; i++)
        batch_norm_sums(norm, sums + i * 2 * C, x + (size_t)i * PIXELS * C, PIXELS);
    batch_norm_finish(norm, sums, N, PIXELS, true);
}

/* --- one channel by the formula --- */

typedef struct {
    double x[ALL], z[ALL], w, b, z_w, z_b, d_out[ALL];
} Channel;

static Channel channel_of(const Case *k, int c) {
    Channel ch = {.w = k->w[c], .b = k->b[c], .z_w = k->z_w[c], .z_b = k->z_b[c]};
    for (int i = 0; i < ALL; i++) {
        ch.x[i] = k->x[(size_t)i * C + c];
        ch.z[i] = k->z[(size_t)i * C + c];
        ch.d_out[i] = k->d_out[(size_t)i * C + c]; /* POOL: the first quarter */
    }
    return ch;
}

static void moments(const double *x, double *mean, double *squares) {
    *mean = *squares = 0;
    for (int i = 0; i < ALL; i++)
        *mean += x[i] / ALL;
    for (int i = 0; i < ALL; i++)
        *squares += (x[i] - *mean) * (x[i] - *mean);
}

static double normed(const double *x, int i, double mean, double squares, double w, double b) {
    return (x[i] - mean) / sqrt(squares / ALL + 1e-5) * w + b;
}

static double channel_out(const Channel *c, Kind kind, double *out) {
    double mean, squares, z_mean, z_squares, loss = 0;
    moments(c->x, &mean, &squares);
    moments(c->z, &z_mean, &z_squares);
    memset(out, 0, ALL * sizeof *out);
    for (int i = 0; i < ALL; i++) {
        double y = normed(c->x, i, mean, squares, c->w, c->b);
        if (kind == ADD)
            y += c->z[i];
        if (kind == ADD_NORM)
            y += normed(c->z, i, z_mean, z_squares, c->z_w, c->z_b);
        const int row = i / SIDE, cell = row / 2 * (SIDE / 2) + i % SIDE / 2;
        out[kind == POOL ? cell : i] += (y > 0 ? y : 0) * (kind == POOL ? 0.25 : 1);
    }
    for (int i = 0; i < (kind == POOL ? ALL / 4 : ALL); i++)
        loss += out[i] * c->d_out[i];
    return loss;
}

static double slope(Channel *c, double *at, Kind kind) {
    double out[ALL], keep = *at, h = 1e-6;
    *at = keep + h;
    const double up = channel_out(c, kind, out);
    *at = keep - h;
    const double down = channel_out(c, kind, out);
    *at = keep;
    return (up - down) / (2 * h);
}

/* --- all channels by the functions --- */

static void forward(Case *k, Kind kind, float *out) {
    statistics(&k->norm, k->x, k->arena);
    statistics(&k->z_norm, k->z, k->arena);
    for (int i = 0; i < N; i++) {
        const size_t at = (size_t)i * PIXELS * C;
        if (kind == RELU || kind == POOL)
            norm_relu_forward(&k->norm, out + (kind == POOL ? at / 4 : at), k->x + at, SIDE, kind == POOL);
        else
            norm_add_relu_forward(&k->norm, out + at, k->x + at, kind == ADD_NORM ? &k->z_norm : NULL,
                                  k->z + at, PIXELS);
    }
}

typedef struct {
    float *x, *z, *w, *b;
} Gradients;

static Gradients backward(Case *k, Kind kind, const float *out) {
    const size_t image = (size_t)PIXELS * C;
    Gradients g = {arena_floats(k->arena, N, image), arena_floats(k->arena, N, image),
                   arena_floats(k->arena, C, 1), arena_floats(k->arena, C, 1)};
    double *sums = ARENA_NEW(k->arena, double, N * 2 * C), *z_sums = ARENA_NEW(k->arena, double, N * 2 * C);
    float *d = arena_floats(k->arena, N, image);
    memcpy(d, k->d_out, N * image * sizeof *d);
    const bool pool = kind == POOL, adds = kind >= ADD;
    const size_t step = pool ? image / 4 : image;
    for (size_t i = 0; i < N; i++) {
        double *of_image = sums + i * 2 * C;
        if (!adds)
            norm_relu_sums(&k->norm, of_image, d + i * step, k->x + i * image, SIDE, pool);
        else
            norm_sums(&k->norm, of_image, d + i * image, out + i * image, k->x + i * image, PIXELS);
        if (kind == ADD_NORM)
            norm_sums(&k->z_norm, z_sums + i * 2 * C, d + i * image, NULL, k->z + i * image, PIXELS);
    }
    batch_norm_gradient(&k->norm, g.w, g.b, sums, N, PIXELS);
    batch_norm_gradient(&k->z_norm, NULL, NULL, z_sums, N, PIXELS);
    for (size_t i = 0; i < N; i++) {
        if (!adds)
            norm_relu_backward(&k->norm, g.x + i * image, d + i * step, k->x + i * image, SIDE, pool);
        else
            norm_backward(&k->norm, g.x + i * image, d + i * image, k->x + i * image, PIXELS);
        if (kind == ADD_NORM)
            norm_backward(&k->z_norm, g.z + i * image, d + i * image, k->z + i * image, PIXELS);
    }
    if (kind == ADD)
        g.z = d;
    return g;
}

static void check_kind(Kind kind) {
    Case k = case_create();
    float *out = arena_floats(k.arena, ALL, C);
    forward(&k, kind, out);
    const Gradients g = backward(&k, kind, out);
    for (int c = 0; c < C; c += 13) {
        Channel ch = channel_of(&k, c);
        double want[ALL];
        float a[ALL], b[ALL], norms[2] = {g.w[c], g.b[c]}, want_norms[2];
        channel_out(&ch, kind, want);
        for (int i = 0; i < ALL; i++) {
            a[i] = out[(size_t)i * C + c];
            b[i] = (float)want[i];
        }
        assert_close("out", a, b, kind == POOL ? ALL / 4 : ALL, 1e-6);
        for (int i = 0; i < ALL; i++) {
            a[i] = g.x[(size_t)i * C + c];
            b[i] = (float)slope(&ch, &ch.x[i], kind);
        }
        assert_close("d_x", a, b, ALL, 1e-5);
        for (int i = 0; kind >= ADD && i < ALL; i++) {
            a[i] = g.z[(size_t)i * C + c];
            b[i] = (float)slope(&ch, &ch.z[i], kind);
        }
        if (kind >= ADD)
            assert_close("d_z", a, b, ALL, 1e-5);
        want_norms[0] = (float)slope(&ch, &ch.w, kind);
        want_norms[1] = (float)slope(&ch, &ch.b, kind);
        assert_close("d_w, d_b", norms, want_norms, 2, 1e-5);
    }
    arena_free(k.arena);
}

static void test_kinds(void **state) {
    (void)state;
    for (int kind = RELU; kind <= ADD_NORM; kind++)
        check_kind((Kind)kind);
}

/* The running variance is the unbiased one; a mean far from zero costs no digits. */
static void test_running(void **state) {
    (void)state;
    Case k = case_create();
    for (size_t i = 0; i < (size_t)ALL * C; i++)
        k.x[i] += 10000;
    float *mean = arena_floats(k.arena, C, 1), *var = arena_floats(k.arena, C, 1);
    for (int c = 0; c < C; c++) {
        const Channel ch = channel_of(&k, c);
        double m, squares;
        moments(ch.x, &m, &squares);
        mean[c] = (float)(0.9 * k.norm.running_mean[c] + 0.1 * m);
        var[c] = (float)(0.9 * k.norm.running_var[c] + 0.1 * squares / (ALL - 1));
    }
    statistics(&k.norm, k.x, k.arena);
    assert_close("running_mean", k.norm.running_mean, mean, C, 1e-7);
    assert_close("running_var", k.norm.running_var, var, C, 2e-7);
    batch_norm_running(&k.norm);
    assert_close("mean", k.norm.mean, mean, C, 1e-7);

    const float before = k.norm.running_var[0]; /* of one number there is no unbiased variance */
    double sums[2 * C];
    batch_norm_sums(&k.norm, sums, k.x, 1);
    batch_norm_finish(&k.norm, sums, 1, 1, true);
    assert_true(k.norm.running_var[0] == before && k.norm.running_mean[0] != mean[0]);
    arena_free(k.arena);
}

static void test_avg_pool(void **state) {
    (void)state;
    float d_out[4 * 3], d_in[16 * 3];
    fill_normal(d_out, 12, 1, 1);
    avg_pool_backward(d_in, d_out, 4, 3);
    for (int i = 0; i < 48; i++) {
        const int pixel = i / 3, cell = pixel / 4 / 2 * 2 + pixel % 4 / 2;
        assert_true(d_in[i] == d_out[cell * 3 + i % 3] / 4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_running),
        cmocka_unit_test(test_avg_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
