/* test_shares.c: parts of a gradient, added and stepped by the ranks that own them, leave the bits of one
 * rank. Started again by itself as several ranks, where it was built with MPI. */
#include "experiments/shares/shares.h"

#include "tests/experiments/ranks_support.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { PARTS = 5, STEPS = 3 };

/* A large matrix of the image tower, some small ones, a statistic, and one that is not trained. */
static bool is_trained(const Parameter *parameter, void *context) {
    (void)context;
    return strcmp(parameter->name, "fixed") != 0;
}

static Parameters make(Arena *arena) {
    Parameters all = {.arena = arena};
    parameters_add(&all, 2, (int64_t[]){700, 300}, "visual.large");
    parameters_add(&all, 1, (int64_t[]){7}, "visual.small");
    parameters_add(&all, 1, (int64_t[]){5}, "visual.running")->is_buffer = true;
    parameters_add(&all, 1, (int64_t[]){99}, "fixed");
    parameters_add(&all, 2, (int64_t[]){260, 270}, "text");
    parameters_add(&all, 0, NULL, "logit_scale");
    for (int i = 0; i < all.n; i++)
        fill_normal(all.items[i].value, all.items[i].count, 1, (uint32_t)i);
    parameters_train(&all, is_trained, NULL);
    return all;
}

static void fill_part(const Parameters *all, int step, int part) {
    for (int i = 0; i < all->n; i++)
        if (all->items[i].gradient)
            fill_normal(all->items[i].gradient, all->items[i].count, 1 + part,
                        (uint32_t)(1000 * step + 10 * part + i));
}

static double step(Shares *shares, ParameterOptimizer *optimizer, int number) {
    const int n_ranks = ranks_count(shares->ranks), self = ranks_index(shares->ranks);
    const Parameter *strange;
    for (int first = 0; first < PARTS; first += n_ranks) {
        const int n = PARTS - first < n_ranks ? PARTS - first : n_ranks;
        if (self < n)
            fill_part(shares->parameters, number, first + self);
        for (int group = 0; group < SHARES_GROUPS; group++)
            shares_send(shares, group, n);
        shares_add(shares, n, first == 0, NULL);
    }
    const double norm = shares_finish(shares, &strange, NULL);
    parameter_optimizer_step(optimizer, &shares->own, 1e-2, NULL);
    shares_give_values(shares);
    return strange ? -1 : norm;
}

/* Some steps; then what the optimiser remembers comes together in rank 0. Returns a digest of all. */
static double train(RankGroup *ranks, Error *err) {
    Arena *arena = arena_create();
    Parameters all = make(arena);
    Shares shares;
    if (shares_open(&shares, ranks, &all, arena, err) < 0)
        return -1;
    ParameterOptimizer optimizer = parameter_optimizer(
        &all, &shares.own, (StepOptions){.kind = STEP_ADAMW, .beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-6});
    double digest = 0;
    for (int i = 0; i < STEPS; i++)
        digest += step(&shares, &optimizer, i);
    shares_collect(&shares, &optimizer);
    for (int i = 0; i < all.n; i++)
        for (size_t k = 0; k < all.items[i].count; k++) {
            digest = 1.0000001 * digest + all.items[i].value[k];
            if (optimizer.first[i] && ranks_index(ranks) == 0)
                digest += optimizer.first[i][k] - optimizer.second[i][k];
        }
    arena_free(arena);
    return digest;
}

/* Of several ranks, given what one has found. */
static int be_a_rank(const char *expected) {
    RankGroup *ranks;
    Error err = {0};
    char found[64];
    if (ranks_open(&ranks, &err) < 0 || ranks_count(ranks) == 1)
        return 1;
    snprintf(found, sizeof found, "%.17g", train(ranks, &err));
    if (ranks_index(ranks) == 0 && strcmp(found, expected) != 0)
        ranks_abort(ranks, "finds other bits than one process");
    ranks_close(ranks);
    return 0;
}

/* One rank alone: the sum of the parts. */
static void test_alone(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Parameters all = make(arena);
    Shares shares;
    double square = 0;
    assert_int_equal(shares_open(&shares, NULL, &all, arena, NULL), 0);
    assert_int_equal(shares.n_own, parameters_count(&all, true));
    ParameterOptimizer optimizer = parameter_optimizer(&all, &shares.own, (StepOptions){.kind = STEP_SGD});
    const double norm = step(&shares, &optimizer, 0);
    float *sums = arena_floats(arena, 1, 270 * 260);
    for (int part = 0; part < PARTS; part++) {
        fill_part(&all, 0, part);
        for (int i = 0; i < 270 * 260; i++)
            sums[i] += all.items[4].gradient[i];
    }
    for (int i = 0; i < 270 * 260; i++)
        square += (double)sums[i] * sums[i];
    assert_true(norm > sqrt(square) && isfinite(norm) && square > 1);
    assert_true(shares_bytes(&shares, PARTS) == 0);
    arena_free(arena);
}

/* What is not finite is named. */
static void test_strange(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Parameters all = make(arena);
    Shares shares;
    const Parameter *strange;
    assert_int_equal(shares_open(&shares, NULL, &all, arena, NULL), 0);
    fill_part(&all, 0, 0);
    all.items[1].gradient[3] = NAN;
    shares_add(&shares, 1, true, NULL);
    assert_true(isnan(shares_finish(&shares, &strange, NULL)));
    assert_string_equal(strange->name, "visual.small");
    arena_free(arena);
}

static void test_several(void **state) {
    char self[4096] = {0}, command[8400];
    (void)state;
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    const char *name = ranks_launcher(self);
    const double alone = train(NULL, NULL);
    for (int n = 2; n <= 5; n++) {
        snprintf(command, sizeof command, "%s -n %d '%s' %.17g", name, n, self, alone);
        assert_int_equal(system(command), 0);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alone), cmocka_unit_test(test_strange),
                                       cmocka_unit_test(test_several)};
    if (argc == 2)
        return be_a_rank(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
