/* The contrastive loss: against PyTorch's numbers, its definition in double, and central differences. */
#include "clip/train/contrastive.h"

#include "clip/base/arena.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* --- the definition --- */

/* u v^T of the unit rows, (n, n) in double */
static double *cosines(const float *image, const float *text, int n, int E, Arena *arena) {
    double *out = ARENA_NEW(arena, double, (size_t)n *n), *length = ARENA_NEW(arena, double, 2 * n);
    for (int i = 0; i < n; i++)
        for (int e = 0; e < E; e++) {
            length[i] += (double)image[i * E + e] * image[i * E + e];
            length[n + i] += (double)text[i * E + e] * text[i * E + e];
        }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int e = 0; e < E; e++)
                sum += (double)image[i * E + e] * text[j * E + e];
            out[(size_t)i * n + j] = sum / sqrt(length[i] * length[n + j]);
        }
    return out;
}

static double naive_loss(const float *image, const float *text, double s, int n, int E) {
    Arena *arena = arena_create();
    const double *c = cosines(image, text, n, E, arena), scale = exp(s);
    double *columns = ARENA_NEW(arena, double, n), loss = 0;
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (int j = 0; j < n; j++) {
            const double e = exp(scale * (c[(size_t)i * n + j] - 1));
            sum += e;
            columns[j] += e;
        }
        loss += log(sum) + 2 * scale * (1 - c[(size_t)i * n + i]);
    }
    for (int j = 0; j < n; j++)
        loss += log(columns[j]);
    arena_free(arena);
    return loss / (2.0 * n);
}

/* The largest difference between a gradient and central differences at a few places, over its length. */
static double worst_difference(const float *gradient, float *x, const float *image, const float *text,
                               double s, int n, int E) {
    const float h = 1e-3f;
    double square = 0, worst = 0;
    for (int i = 0; i < n * E; i++)
        square += (double)gradient[i] * gradient[i];
    for (int k = 0; k < 12; k++) {
        const int i = k * 37 % (n * E);
        const float kept = x[i];
        x[i] = kept + h;
        const double above = naive_loss(image, text, s, n, E);
        const float up = x[i];
        x[i] = kept - h;
        const double slope = (above - naive_loss(image, text, s, n, E)) / ((double)up - x[i]);
        x[i] = kept;
        worst = fmax(worst, fabs(slope - gradient[i]) / sqrt(square));
    }
    return worst;
}

/* --- tests --- */

/* torch 2.15 in float: F.normalize, e^s u v^T, F.cross_entropy of both directions */
static void test_torch(void **state) {
    (void)state;
    enum { N = 5, E = 7 };
    const float d_image_0[] = {-0.48363354802131653f, -0.547609269618988f,  0.030089914798736572f,
                               0.3767790198326111f,   0.04004122316837311f, -0.37557488679885864f,
                               -0.1465325653553009f};
    const float d_text_4[] = {-0.09968873858451843f, -0.6894429922103882f,  -0.903323233127594f,
                              -0.6528695821762085f,  -0.12332332879304886f, 0.41230833530426025f,
                              0.7567427158355713f};
    float image[N * E], text[N * E], d_image[N * E], d_text[N * E];
    double loss, d_s;
    Error err = {0};
    for (int i = 0; i < N * E; i++) {
        image[i] = (float)(2 * sin(0.3 + 0.7 * i) + 0.1);
        text[i] = (float)(0.5 * sin(1.1 + 1.3 * i));
    }
    assert_int_equal(contrastive_loss(&loss, d_image, d_text, &d_s, image, text, 2.5f, N, E, NULL, &err), 0);
    assert_float_equal(loss, 5.7365765, 1e-6);
    assert_float_equal(d_s, 5.2944434, 1e-6);
    assert_close("d_image", d_image, d_image_0, E, 1e-6);
    assert_close("d_text", d_text + (N - 1) * E, d_text_4, E, 1e-6);
}

/* Scales of a new model, of a trained one, and of one row. */
static void test_gradients(void **state) {
    (void)state;
    const struct {
        int n, E;
        float s;
    } cases[] = {{33, 12, 2.65f}, {20, 40, 4.6f}, {70, 8, 0}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const int n = cases[k].n, E = cases[k].E;
        const float s = cases[k].s;
        const size_t size = (size_t)n * (size_t)E;
        Arena *arena = arena_create();
        float *image = arena_floats(arena, size, 1), *text = arena_floats(arena, size, 1);
        float *d_image = arena_floats(arena, size, 1), *d_text = arena_floats(arena, size, 1);
        double loss, d_s;
        Error err = {0};
        fill_normal(image, size, 3, 1);
        fill_normal(text, size, 2, 2);
        for (size_t i = 0; i < size; i++) /* pairs that are alike, as in training */
            text[i] += 0.3f * image[i];
        assert_int_equal(contrastive_loss(&loss, d_image, d_text, &d_s, image, text, s, n, E, NULL, &err), 0);
        assert_true(fabs(loss - naive_loss(image, text, s, n, E)) < 2e-6 * (1 + loss));
        assert_true(worst_difference(d_image, image, image, text, s, n, E) < 1e-4);
        assert_true(worst_difference(d_text, text, image, text, s, n, E) < 1e-4);
        const double slope =
            (naive_loss(image, text, s + 1e-4, n, E) - naive_loss(image, text, s - 1e-4, n, E)) / 2e-4;
        assert_true(fabs(d_s - slope) < 1e-5 * (1 + fabs(slope)));
        arena_free(arena);
    }
}

static void test_one_pair(void **state) {
    (void)state;
    const float image[] = {1, 2, 3}, text[] = {-1, 0, 2};
    float d[3] = {7, 7, 7};
    double loss, d_s;
    Error err = {0};
    assert_int_equal(contrastive_loss(&loss, d, NULL, &d_s, image, text, 4, 1, 3, NULL, &err), 0);
    assert_true(loss == 0 && d_s == 0);
    for (int i = 0; i < 3; i++)
        assert_true(d[i] == 0);
}

/* The same bits on one and three threads, whatever else is asked for; with several blocks of logits too. */
static void test_bits(void **state) {
    (void)state;
    const int n = scratch_instrumented() ? 150 : 4200, E = 6;
    const size_t size = (size_t)n * (size_t)E;
    Arena *arena = arena_create();
    Pool *pool = pool_create(3);
    float *image = arena_floats(arena, size, 1), *text = arena_floats(arena, size, 1), *d[4];
    double loss[3], d_s[2];
    Error err = {0};
    fill_normal(image, size, 1, 3);
    fill_normal(text, size, 1, 4);
    for (int i = 0; i < 4; i++)
        d[i] = arena_floats(arena, size, 1);
    assert_int_equal(contrastive_loss(&loss[0], d[0], d[1], &d_s[0], image, text, 3, n, E, NULL, &err), 0);
    assert_int_equal(contrastive_loss(&loss[1], d[2], NULL, &d_s[1], image, text, 3, n, E, pool, &err), 0);
    assert_int_equal(contrastive_loss(&loss[2], NULL, d[3], NULL, image, text, 3, n, E, pool, &err), 0);
    assert_true(loss[0] == loss[1] && loss[0] == loss[2] && d_s[0] == d_s[1]);
    assert_memory_equal(d[0], d[2], size * sizeof **d);
    assert_memory_equal(d[1], d[3], size * sizeof **d);
    assert_true(fabs(loss[0] - naive_loss(image, text, 3, n, E)) < 1e-5);
    assert_true(worst_difference(d[0], image, image, text, 3, 40, E) > 0.1); /* other pairs: it can fail */
    pool_free(pool);
    arena_free(arena);
}

/* A gradient over several blocks is that of one: with the pairs in another order, the rows are too. */
static void test_blocks(void **state) {
    (void)state;
    const int n = scratch_instrumented() ? 100 : 4200, E = 4;
    const size_t size = (size_t)n * (size_t)E;
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    float *x[2], *y[2], *d_x[2], *d_y[2];
    double loss[2], d_s[2];
    Error err = {0};
    for (int i = 0; i < 2; i++) {
        x[i] = arena_floats(arena, size, 1);
        y[i] = arena_floats(arena, size, 1);
        d_x[i] = arena_floats(arena, size, 1);
        d_y[i] = arena_floats(arena, size, 1);
    }
    fill_normal(x[0], size, 1, 5);
    fill_normal(y[0], size, 1, 6);
    for (int i = 0; i < n; i++) {
        memcpy(x[1] + (n - 1 - i) * E, x[0] + i * E, (size_t)E * sizeof **x);
        memcpy(y[1] + (n - 1 - i) * E, y[0] + i * E, (size_t)E * sizeof **y);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(contrastive_loss(&loss[i], d_x[i], d_y[i], &d_s[i], x[i], y[i], 3, n, E, pool, &err),
                         0);
    assert_true(fabs(loss[0] - loss[1]) < 1e-6 && fabs(d_s[0] - d_s[1]) < 1e-5);
    for (int i = 0; i < n; i += 7) {
        assert_close("d_image", d_x[1] + (n - 1 - i) * E, d_x[0] + i * E, (size_t)E, 1e-4);
        assert_close("d_text", d_y[1] + (n - 1 - i) * E, d_y[0] + i * E, (size_t)E, 1e-4);
    }
    pool_free(pool);
    arena_free(arena);
}

static void test_not_finite(void **state) {
    (void)state;
    const float image[] = {1, NAN, 3, 4}, text[] = {-1, 1, 2, 2};
    double loss;
    Error err = {0};
    assert_int_equal(contrastive_loss(&loss, NULL, NULL, NULL, image, text, 4, 2, 2, NULL, &err), 0);
    assert_true(isnan(loss));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torch), cmocka_unit_test(test_gradients), cmocka_unit_test(test_one_pair),
        cmocka_unit_test(test_bits),  cmocka_unit_test(test_blocks),    cmocka_unit_test(test_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
