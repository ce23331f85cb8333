/* The two layers against plain loops and central differences, and their start against PyTorch's. */
#include "coop/prompts/meta_net.h"

#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { I = 5, H = 3, O = 4, ROWS = 6 };

static double act(MetaActivation activation, double x) {
    return activation == META_RELU ? fmax(x, 0) : x / (1 + exp(-1.702 * x));
}

/* [ W1 | b1 | W2 | b2 ] in double. */
static void plain(double *out, const float *in, const float *p, MetaActivation activation) {
    const float *b1 = p + H * I, *w2 = b1 + H, *b2 = w2 + O * H;
    for (int r = 0; r < ROWS; r++) {
        double hidden[H];
        for (int h = 0; h < H; h++) {
            hidden[h] = (double)b1[h];
            for (int i = 0; i < I; i++)
                hidden[h] += (double)p[h * I + i] * (double)in[r * I + i];
            hidden[h] = act(activation, hidden[h]);
        }
        for (int o = 0; o < O; o++) {
            out[r * O + o] = (double)b2[o];
            for (int h = 0; h < H; h++)
                out[r * O + o] += (double)w2[o * H + h] * hidden[h];
        }
    }
}

static double objective(const float *in, const float *p, const float *weights, MetaActivation activation) {
    double out[ROWS * O], sum = 0;
    plain(out, in, p, activation);
    for (int i = 0; i < ROWS * O; i++)
        sum += out[i] * (double)weights[i];
    return sum;
}

static void check(MetaActivation activation) {
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    MetaNet net = meta_net(I, H, O, activation, pool, ROWS, arena);
    float p[H * I + H + O * H + O], in[ROWS * I], out[ROWS * O], weights[ROWS * O], gradient[sizeof p / 4],
        numeric[sizeof p / 4];
    double want[ROWS * O];
    assert_int_equal(meta_net_size(&net), sizeof p / 4);
    fill_normal(p, sizeof p / 4, 0.7, 1);
    fill_normal(in, ROWS * I, 1, 2);
    fill_normal(weights, ROWS * O, 1, 3);
    meta_net_forward(&net, out, in, p, ROWS);
    plain(want, in, p, activation);
    for (int i = 0; i < ROWS * O; i++)
        assert_true(fabs(want[i] - (double)out[i]) < 1e-5);
    meta_net_backward(&net, gradient, weights, in, p, ROWS);
    for (size_t i = 0; i < sizeof p / 4; i++) {
        const float kept = p[i];
        p[i] = kept + 1e-3f;
        const double above = objective(in, p, weights, activation), up = (double)p[i];
        p[i] = kept - 1e-3f;
        numeric[i] = (float)((above - objective(in, p, weights, activation)) / (up - (double)p[i]));
        p[i] = kept;
    }
    assert_close("gradient", gradient, numeric, sizeof p / 4, 1e-4);
    pool_free(pool);
    arena_free(arena);
}

static void test_relu(void **state) {
    (void)state;
    check(META_RELU);
}

static void test_quick_gelu(void **state) {
    (void)state;
    check(META_QUICK_GELU);
}

/* torch.manual_seed(7); torch.nn.Linear(64, 3): what comes first. */
static void test_start(void **state) {
    (void)state;
    Arena *arena = arena_create();
    MetaNet net = meta_net(64, 3, 2, META_RELU, NULL, 1, arena);
    float *p = arena_floats(arena, meta_net_size(&net), 1);
    Rng rng;
    rng_torch_seed(&rng, 7);
    meta_net_start(&net, p, &rng);
    assert_true(p[0] == 0.00873063505f && p[1] == -0.0752992034f);
    assert_true(p[192] == 0.117701277f && p[194] == 0.0285025984f);
    const float bound = (float)(1 / sqrt(3));
    for (size_t i = 195; i < meta_net_size(&net); i++)
        assert_true(p[i] != 0 && fabsf(p[i]) <= bound);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_relu), cmocka_unit_test(test_quick_gelu),
                                       cmocka_unit_test(test_start)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
