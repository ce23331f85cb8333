/* The attention pool: against keys and values of all tokens in double, and central differences of that. */
#include "clip/train/attention_pool.h"

#include "tests/support/resnet_support.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 3, T = 5, C = 128, H = 2, D = C / H, E = 11, MAP = N * (T - 1) * C, PARTS = 10 };

/* The map and the parameters, in double. */
typedef struct {
    double *value[PARTS];
    size_t count[PARTS];
    const Parameter *of[PARTS]; /* NULL: the map */
    const float *d_features;
} Reference;

static const char *const names[PARTS] = {
    NULL,          "positional_embedding", "q_proj.weight", "q_proj.bias",   "k_proj.weight",
    "k_proj.bias", "v_proj.weight",        "v_proj.bias",   "c_proj.weight", "c_proj.bias"};
enum { IN_MAP, POSITIONS, Q_W, Q_B, K_W, K_B, V_W, V_B, C_W, C_B };

static Reference reference_create(const TrainableClip *clip, const float *map, const float *d, Arena *arena) {
    Reference r = {.d_features = d};
    for (int i = 0; i < PARTS; i++) {
        const Parameter *p = i ? parameters_find(&clip->parameters, "visual.attnpool.%s", names[i]) : NULL;
        const float *from = p ? p->value : map;
        r.of[i] = p;
        r.count[i] = p ? p->count : MAP;
        r.value[i] = ARENA_NEW(arena, double, r.count[i]);
        for (size_t j = 0; j < r.count[i]; j++)
            r.value[i][j] = from[j];
    }
    return r;
}

static void linear(double *out, const double *in, const double *w, const double *b, int n_in, int n_out) {
    for (int o = 0; o < n_out; o++) {
        out[o] = b[o];
        for (int i = 0; i < n_in; i++)
            out[o] += w[o * n_in + i] * in[i];
    }
}

static void feature(const Reference *r, int image, double *out) {
    static double x[T][C], k[T][C], v[T][C], q[C], pooled[C];
    memset(x, 0, sizeof x);
    memset(pooled, 0, sizeof pooled);
    for (int t = 1; t < T; t++)
        for (int c = 0; c < C; c++) {
            x[t][c] = r->value[IN_MAP][(image * (T - 1) + t - 1) * C + c];
            x[0][c] += x[t][c] / (T - 1);
        }
    for (int t = 0; t < T; t++) {
        for (int c = 0; c < C; c++)
            x[t][c] += r->value[POSITIONS][t * C + c];
        linear(k[t], x[t], r->value[K_W], r->value[K_B], C, C);
        linear(v[t], x[t], r->value[V_W], r->value[V_B], C, C);
    }
    linear(q, x[0], r->value[Q_W], r->value[Q_B], C, C);
    for (int h = 0; h < H; h++) {
        double p[T], sum = 0;
        for (int t = 0; t < T; t++) {
            double score = 0;
            for (int c = h * D; c < (h + 1) * D; c++)
                score += q[c] * k[t][c] / sqrt(D);
            sum += p[t] = exp(score);
        }
        for (int t = 0; t < T; t++)
            for (int c = h * D; c < (h + 1) * D; c++)
                pooled[c] += p[t] / sum * v[t][c];
    }
    linear(out, pooled, r->value[C_W], r->value[C_B], C, E);
}

static double loss(const Reference *r) {
    double sum = 0, out[E];
    for (int i = 0; i < N; i++) {
        feature(r, i, out);
        for (int e = 0; e < E; e++)
            sum += out[e] * r->d_features[i * E + e];
    }
    return sum;
}

/* The loss's derivative along a direction. */
static double slope(Reference *r, int part, const float *direction, Arena *arena) {
    const size_t n = r->count[part];
    double *keep = r->value[part], *moved = ARENA_NEW(arena, double, n), sides[2];
    const double h = 1e-5;
    r->value[part] = moved;
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n; i++)
            moved[i] = keep[i] + (side ? h : -h) * direction[i];
        sides[side] = loss(r);
    }
    r->value[part] = keep;
    return (sides[1] - sides[0]) / (2 * h);
}

static void test_gradients(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Pool *pool = pool_create(3);
    TrainableClip *clip = resnet_clip((ResnetSize){64, C / 32, {0}, E});
    AttentionPool *a = attention_pool_create(clip, pool, N + 1, arena);
    float *map = arena_floats(arena, MAP, 1), *d_map = arena_floats(arena, MAP, 1);
    float *features = arena_floats(arena, N, E), *want = arena_floats(arena, N, E), d[N * E];
    fill_normal(map, MAP, 1, 1);
    fill_normal(d, N * E, 1, 2);
    attention_pool_forward(a, features, map, N);
    attention_pool_backward(a, d_map, d, N);
    Reference r = reference_create(clip, map, d, arena);
    for (int i = 0; i < N; i++) {
        double out[E];
        feature(&r, i, out);
        for (int e = 0; e < E; e++)
            want[i * E + e] = (float)out[e];
    }
    assert_close("features", features, want, N * E, 2e-6);
    for (int part = 0; part < PARTS; part++) {
        const float *gradient = part ? r.of[part]->gradient : d_map;
        float *direction = arena_floats(arena, r.count[part], 1), got[4], slopes[4];
        for (int i = 0; i < 4; i++) {
            fill_normal(direction, r.count[part], 1, (uint32_t)(10 + i));
            double along = 0;
            for (size_t j = 0; j < r.count[part]; j++)
                along += (double)gradient[j] * direction[j];
            got[i] = (float)along;
            slopes[i] = (float)slope(&r, part, direction, arena);
        }
        if (part == K_B) /* zero by construction */
            for (size_t j = 0; j < r.count[part]; j++)
                assert_true(gradient[j] == 0);
        else
            assert_close(part ? names[part] : "map", got, slopes, 4, 1e-5);
    }
    resnet_clip_free(clip);
    pool_free(pool);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
