/* test_prolip_search.c: rate and distance against the authors' program, from 20 steps of each, and being
 * stopped.
 */
#include "coop/heads/prolip_search.h"
#include "tests/coop/heads/heads_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int search(HeadsBench *bench, ProlipFound *found, Pool *pool, Error *err) {
    const size_t view = (size_t)HEADS_N * HEADS_W;
    float *turned = arena_floats(bench->arena, HEADS_V, view), proj[HEADS_W * HEADS_E], bias[HEADS_E],
          w0[HEADS_E * HEADS_W], val[HEADS_N * HEADS_W];
    memcpy(turned, bench->wide + view, view * sizeof *turned); /* theirs begins with the second view */
    memcpy(turned + view, bench->wide, view * sizeof *turned);
    fill_waves(proj, HEADS_W, HEADS_E, 0.6, 0.77);
    fill_waves(bias, 1, HEADS_E, 0.2, 0.5);
    fill_waves(val, HEADS_N, HEADS_W, 0.8, 1.71);
    for (int i = 0; i < HEADS_N * HEADS_W; i++)
        val[i] *= 4;
    for (int e = 0; e < HEADS_E; e++)
        for (int c = 0; c < HEADS_W; c++)
            w0[e * HEADS_W + c] = proj[c * HEADS_E + e];
    const ProlipConfig config = {.loss = {.n_classes = HEADS_K,
                                          .embed_dim = HEADS_E,
                                          .text = bench->text_unit,
                                          .logit_scale = HEADS_LOGIT_SCALE,
                                          .max_batch = HEADS_N,
                                          .pool = pool},
                                 .width = HEADS_W,
                                 .w0 = w0,
                                 .bias = bias};
    TrainData data = heads_data(bench, turned, HEADS_W, false);
    data.n_views = HEADS_V;
    OptimConfig optim = heads_optim_of(OPTIMIZER_ADAM, 1, 0, 20);
    optim.epsilon = 1e-4;
    optim.warmup_epoch = 0;
    optim.batch_size = HEADS_N;
    const ProlipImages images = {val, bench->labels, HEADS_N};
    return prolip_search(found, &config, &data, &optim, &images, pool, err);
}

static void test_reference(void **state) {
    HeadsBench *bench = *state;
    const float *expected = heads_fixture(bench, "prolip.found");
    Pool *pools[] = {NULL, bench->pool};
    for (int i = 0; i < 2; i++) {
        ProlipFound found;
        assert_int_equal(search(bench, &found, pools[i], NULL), 0);
        assert_true((float)found.lr == expected[0]);
        assert_true((float)found.lambda == expected[1]);
        assert_int_equal(found.n_correct, (int)expected[2]);
    }
}

static int stop(void *context, Error *err) {
    return ++*(int *)context > 3 ? error_set(err, "enough") : 0;
}

static void test_stopped(void **state) {
    HeadsBench *bench = *state;
    Error err = {0};
    ProlipFound found;
    Pool *pool = pool_create(1);
    int n = 0;
    pool_set_stop(pool, stop, &n);
    assert_int_equal(search(bench, &found, pool, &err), -1);
    assert_string_equal(err.text, "enough");
    pool_free(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {HEADS_TEST(test_reference), HEADS_TEST(test_stopped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
