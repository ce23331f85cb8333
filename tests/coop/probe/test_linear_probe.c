/* test_linear_probe.c: the objective against central differences, whole fits and searches against
 * scikit-learn.
 *
 * tests/fixtures/linear_probe.safetensors holds four sets of Gaussian clusters with very unequal columns, and
 * what scikit-learn's LogisticRegression (max_iter=1000) and lpclip's search make of them:
 *   <set>.{train,val,test}, ..._labels      features (n, E) F32, labels (n) I32
 *   <set>.<case>.{coef,intercept,numbers}   F64; numbers = C, accuracy on the searched items, on the test
 * items Sets: k25 (25 classes, 4 shots), k3, k2, one (10 classes, 1 shot, a constant first column). Cases:
 * search, noval (searched on the training items), fit_1e6 and fit_1 (one fit; accuracy on the training
 * items).
 */
#include "coop/probe/linear_probe.h"

#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FIT_TOLERANCE                                                                                        \
    1e-8 /* of weights and biases together; measured: 1.5e-12 at most, on six kernels of OpenBLAS */
#define GRADIENT_TOLERANCE 1e-7

/* Infinity unless everything is finite and the reference nonzero. */
static double double_error(const double *got, const double *want, size_t n) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(got[i]) || !isfinite(want[i]))
            return INFINITY;
        difference += (got[i] - want[i]) * (got[i] - want[i]);
        size += want[i] * want[i];
    }
    return size > 0 ? sqrt(difference / size) : INFINITY;
}

static void the_comparison_can_fail(void **state) {
    (void)state;
    const double want[] = {1, 2, 3}, zero[] = {0, 0, 0};
    double got[] = {1, 2, 3};
    assert_true(double_error(got, want, 3) == 0);
    assert_true(double_error(got, zero, 3) > FIT_TOLERANCE);
    assert_true(double_error(zero, want, 3) > FIT_TOLERANCE);
    got[1] += 1e-3;
    assert_true(double_error(got, want, 3) > FIT_TOLERANCE);
    got[1] = NAN;
    assert_true(double_error(got, want, 3) > FIT_TOLERANCE);
}

/* --- data --- */

typedef struct {
    ProbeData train, val, test;
    int E, K;
} Set;

static ProbeData part(const TensorFile *file, const char *set, const char *name, Arena *arena) {
    char key[64];
    size_t count;
    ProbeData data = {0};
    snprintf(key, sizeof key, "%s.%s", set, name);
    data.features = fixture_floats(file, key, arena, &count);
    snprintf(key, sizeof key, "%s.%s_labels", set, name);
    data.labels = fixture_ints(file, key, arena, &count);
    data.n = (int)count;
    return data;
}

static Set set_open(const TensorFile *file, const char *name, Arena *arena) {
    char key[64];
    snprintf(key, sizeof key, "%s.train", name);
    const Tensor *x = tensors_find(file, key);
    assert_non_null(x);
    Set set = {.train = part(file, name, "train", arena),
               .val = part(file, name, "val", arena),
               .test = part(file, name, "test", arena),
               .E = (int)x->shape[1]};
    for (int i = 0; i < set.train.n; i++)
        set.K = set.train.labels[i] >= set.K ? set.train.labels[i] + 1 : set.K;
    return set;
}

static const double *doubles(const TensorFile *file, const char *set, const char *name, const char *field,
                             size_t count, Arena *arena) {
    char key[64];
    snprintf(key, sizeof key, "%s.%s.%s", set, name, field);
    const Tensor *tensor = tensors_find(file, key);
    assert_non_null(tensor);
    assert_int_equal(tensor->dtype, DTYPE_F64);
    assert_int_equal(tensor->count, count);
    double *out = ARENA_NEW(arena, double, count);
    assert_non_null(out);
    memcpy(out, tensor->data, tensor->size);
    return out;
}

/* n items of K classes, each class present when n >= K: a mean of its own and noise. */
static ProbeData clusters(int n, int E, int K, uint32_t seed, Arena *arena) {
    float *x = arena_floats(arena, n, E), *mean = arena_floats(arena, K, E);
    int *labels = ARENA_NEW(arena, int, n);
    assert_false(arena_failed(arena));
    fill_normal(x, (size_t)n * E, 0.5, seed);
    fill_normal(mean, (size_t)K * E, 0.3, seed + 1);
    for (int i = 0; i < n; i++) {
        labels[i] = (i * 7) % K;
        for (int e = 0; e < E; e++)
            x[(size_t)i * E + e] += mean[(size_t)labels[i] * E + e];
    }
    return (ProbeData){x, labels, n};
}

static double accuracy_of(const LinearProbe *probe, const ProbeData *data, Arena *arena) {
    int K = probe->n_classes, hits = 0;
    float *scores = arena_floats(arena, data->n, K);
    assert_non_null(scores);
    linear_probe_scores(probe, scores, data->features, data->n);
    for (int i = 0; i < data->n; i++) {
        int best = 0;
        for (int k = 1; k < K; k++)
            best = scores[i * K + k] > scores[i * K + best] ? k : best;
        hits += best == data->labels[i];
    }
    return (double)hits / data->n;
}

/* --- the objective --- */

static double loss_at(const double *parameters, double *gradient, const ProbeData *data, int E, int K,
                      double C, Pool *pool, Arena *arena) {
    double loss;
    Error err = {0};
    assert_int_equal(linear_probe_objective(&loss, gradient, parameters, data, E, K, C, pool, arena, &err),
                     0);
    return loss;
}

static void check_gradient(int n, int E, int K, bool each) {
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    ProbeData data = clusters(n, E, K, 11, arena);
    int size = (K == 2 ? 1 : K) * (E + 1);
    double *w = ARENA_NEW(arena, double, size), *g = ARENA_NEW(arena, double, size);
    double *unused = ARENA_NEW(arena, double, size), *numeric = ARENA_NEW(arena, double, size);
    float *noise = arena_floats(arena, 2, size);
    assert_false(arena_failed(arena));
    fill_normal(noise, 2 * (size_t)size, 0.2, 5);
    for (int i = 0; i < size; i++)
        w[i] = noise[i];
    const double C = 0.05, h = 1e-5;
    loss_at(w, g, &data, E, K, C, pool, arena);
    if (each) {
        for (int i = 0; i < size; i++) {
            double kept = w[i];
            w[i] = kept + h;
            double up = loss_at(w, unused, &data, E, K, C, pool, arena);
            w[i] = kept - h;
            numeric[i] = (up - loss_at(w, unused, &data, E, K, C, pool, arena)) / (2 * h);
            w[i] = kept;
        }
        assert_true(double_error(g, numeric, size) < GRADIENT_TOLERANCE);
    } else { /* along random directions, one tenth of the entries each */
        for (int direction = 0; direction < 10; direction++) {
            double along = 0, ends[2];
            for (int i = direction; i < size; i += 10)
                along += g[i] * noise[size + i];
            for (int side = 0; side < 2; side++) {
                double step = side ? h : -h;
                for (int i = direction; i < size; i += 10)
                    w[i] = noise[i] + step * noise[size + i];
                ends[side] = loss_at(w, unused, &data, E, K, C, pool, arena);
            }
            for (int i = direction; i < size; i += 10)
                w[i] = noise[i];
            double slope = (ends[1] - ends[0]) / (2 * h);
            assert_true(double_error(&along, &slope, 1) < GRADIENT_TOLERANCE);
        }
    }
    pool_free(pool);
    arena_free(arena);
}

static void gradient_is_the_difference(void **state) {
    (void)state;
    check_gradient(30, 7, 5, true);
    check_gradient(30, 7, 3, true);
    check_gradient(20, 7, 2, true);       /* the sigmoid */
    check_gradient(300, 300, 140, false); /* several tiles of items, classes and features */
}

/* The loss of a K = 2 sigmoid, computed the plain way. */
static void loss_is_the_formula(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Pool *pool = pool_create(1);
    const float x[] = {1.0f, 2.0f, -1.5f, 0.5f, 0.25f, -3.0f};
    const int labels[] = {0, 1, 1};
    const double w[] = {0.3, -0.7, 0.2}, C = 0.5;
    double g[3], want = 0;
    ProbeData data = {x, labels, 3};
    for (int i = 0; i < 3; i++) {
        double z = w[0] * x[2 * i] + w[1] * x[2 * i + 1] + w[2], p = 1 / (1 + exp(-z));
        want -= log(labels[i] ? p : 1 - p) / 3;
    }
    want += (w[0] * w[0] + w[1] * w[1]) / (2 * C * 3);
    double got = loss_at(w, g, &data, 2, 2, C, pool, arena);
    assert_true(double_error(&got, &want, 1) < 1e-14);
    pool_free(pool);
    arena_free(arena);
}

/* --- against scikit-learn --- */

static void check_against(const TensorFile *file, const char *name, const char *kind, const Set *set,
                          Pool *pool, Arena *arena) {
    int E = set->E, K = set->K, R = K == 2 ? 1 : K;
    const double *coef = doubles(file, name, kind, "coef", (size_t)R * E, arena);
    const double *intercept = doubles(file, name, kind, "intercept", R, arena);
    const double *numbers = doubles(file, name, kind, "numbers", 3, arena);
    LinearProbe probe;
    Error err = {0};
    const ProbeData none = {0};
    if (strncmp(kind, "fit", 3) == 0)
        assert_int_equal(linear_probe_fit(&probe, &set->train, E, K, numbers[0], pool, arena, &err), 0);
    else
        assert_int_equal(linear_probe_search(&probe, &set->train, strcmp(kind, "noval") ? &set->val : &none,
                                             E, K, pool, arena, &err),
                         0);
    assert_int_equal(probe.n_parameters, R * (E + 1)); /* two classes share a row */
    double *got = ARENA_NEW(arena, double, (size_t)K *(E + 1)),
           *want = ARENA_NEW(arena, double, (size_t)K *(E + 1));
    assert_false(arena_failed(arena));
    for (int k = 0; k < K; k++)
        for (int e = 0; e <= E; e++) {
            double half = K == 2 ? (k ? 0.5 : -0.5) : 1;
            int row = K == 2 ? 0 : k;
            got[k * (E + 1) + e] = e < E ? probe.weights[k * E + e] : probe.bias[k];
            want[k * (E + 1) + e] = half * (e < E ? coef[row * E + e] : intercept[row]);
        }
    double error = double_error(got, want, (size_t)K * (E + 1));
    if (!(error < FIT_TOLERANCE))
        print_error("%s %s: relative error %g, C %g where %g is expected\n", name, kind, error, probe.C,
                    numbers[0]);
    assert_true(error < FIT_TOLERANCE);
    assert_true(fabs(probe.C / numbers[0] - 1) < 1e-9);
    assert_true(fabs(probe.val_accuracy - numbers[1]) < 1e-12);
    assert_true(fabs(accuracy_of(&probe, &set->test, arena) - numbers[2]) < 1e-6);
}

static void agrees_with_scikit_learn(void **state) {
    (void)state;
    static const char *sets[] = {"k25", "k3", "k2", "one"};
    static const char *kinds[] = {"fit_1e6", "fit_1", "search", "noval"};
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    TensorFile *file = fixture_open(FIXTURES "linear_probe.safetensors");
    for (size_t s = 0; s < sizeof sets / sizeof *sets; s++) {
        Set set = set_open(file, sets[s], arena);
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            check_against(file, sets[s], kinds[k], &set, pool, arena);
    }
    tensors_close(file);
    pool_free(pool);
    arena_free(arena);
}

static void no_val_and_empty_val_are_the_same(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Pool *pool = pool_create(1);
    Error err = {0};
    LinearProbe a, b;
    ProbeData train = clusters(24, 5, 3, 3, arena), empty = {0};
    assert_int_equal(linear_probe_search(&a, &train, NULL, 5, 3, pool, arena, &err), 0);
    assert_int_equal(linear_probe_search(&b, &train, &empty, 5, 3, pool, arena, &err), 0);
    assert_true(a.C == b.C);
    assert_memory_equal(a.weights, b.weights, 15 * sizeof(double));
    assert_true(fabs(accuracy_of(&a, &train, arena) - a.val_accuracy) < 1e-12);
    pool_free(pool);
    arena_free(arena);
}

/* --- threads, shapes, errors --- */

static void threads_do_not_change_bits(void **state) {
    (void)state;
    enum { N = 300, E = 270, K = 140 }; /* over one tile in each direction */
    Arena *arena = arena_create();
    LinearProbe first = {0}, small_first = {0};
    Error err = {0};
    ProbeData data = clusters(N, E, K, 21, arena), small = clusters(400, 16, 4, 22, arena);
    ProbeData val = clusters(200, 16, 4, 22, arena);
    for (int threads = 1; threads <= 5; threads += 2) {
        Pool *pool = pool_create(threads);
        LinearProbe probe;
        assert_int_equal(linear_probe_fit(&probe, &data, E, K, 0.01, pool, arena, &err), 0);
        first = threads == 1 ? probe : first;
        assert_memory_equal(probe.weights, first.weights, (size_t)K * E * sizeof(double));
        assert_memory_equal(probe.bias, first.bias, K * sizeof(double));
        assert_int_equal(linear_probe_search(&probe, &small, &val, 16, 4, pool, arena, &err), 0);
        small_first = threads == 1 ? probe : small_first;
        assert_memory_equal(probe.weights, small_first.weights, 4 * 16 * sizeof(double));
        assert_true(probe.C == small_first.C && probe.val_accuracy == small_first.val_accuracy);
        pool_free(pool);
    }
    arena_free(arena);
}

static void scores_are_the_sum(void **state) {
    (void)state;
    enum { N = 131, E = 259, K = 67 };
    Arena *arena = arena_create();
    LinearProbe probe = {.n_classes = K, .n_features = E};
    probe.weights = ARENA_NEW(arena, double, K *E);
    probe.bias = ARENA_NEW(arena, double, K);
    float *x = arena_floats(arena, N, E), *noise = arena_floats(arena, K, E + 1);
    float *got = arena_floats(arena, N, K), *want = arena_floats(arena, N, K);
    assert_false(arena_failed(arena));
    fill_normal(x, N * E, 1, 31);
    fill_normal(noise, K * (E + 1), 1, 32);
    for (int i = 0; i < K * E; i++)
        probe.weights[i] = noise[i];
    for (int k = 0; k < K; k++)
        probe.bias[k] = noise[K * E + k];
    for (int i = 0; i < N; i++)
        for (int k = 0; k < K; k++) {
            double sum = probe.bias[k];
            for (int e = 0; e < E; e++)
                sum += x[i * E + e] * probe.weights[k * E + e];
            want[i * K + k] = (float)sum;
        }
    linear_probe_scores(&probe, got, x, N);
    assert_close("scores", got, want, N * K, 1e-7);
    arena_free(arena);
}

/* Classes without training items are left out of the fit, as scikit-learn does; one class alone needs no fit.
 */
static void absent_classes_are_never_predicted(void **state) {
    (void)state;
    enum { N = 30, E = 6, K = 3 };
    Arena *arena = arena_create();
    Pool *pool = pool_create(1);
    Error err = {0};
    LinearProbe dense, sparse;
    ProbeData data = clusters(N, E, K, 41, arena), spread = data;
    int *labels = ARENA_NEW(arena, int, N), *twos = ARENA_NEW(arena, int, N);
    float *scores = arena_floats(arena, N, 7);
    assert_false(arena_failed(arena));
    for (int i = 0; i < N; i++) {
        labels[i] = 1 + 2 * data.labels[i]; /* 1, 3, 5 of 0..6 */
        twos[i] = 2;
    }
    spread.labels = labels;
    assert_int_equal(linear_probe_fit(&dense, &data, E, K, 1, pool, arena, &err), 0);
    assert_int_equal(linear_probe_fit(&sparse, &spread, E, 7, 1, pool, arena, &err), 0);
    for (int k = 0; k < K; k++)
        assert_memory_equal(sparse.weights + (1 + 2 * k) * E, dense.weights + k * E, E * sizeof(double));
    assert_true(sparse.val_accuracy == dense.val_accuracy);
    assert_int_equal(dense.n_parameters, K * (E + 1));
    assert_int_equal(sparse.n_parameters, K * (E + 1));
    assert_true(fabs(accuracy_of(&sparse, &spread, arena) - sparse.val_accuracy) < 1e-12);
    linear_probe_scores(&sparse, scores, data.features, N);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < 7; k += 2)
            assert_true(scores[i * 7 + k] < -1e29f);
    spread.labels = twos;
    assert_int_equal(linear_probe_search(&sparse, &spread, NULL, E, 4, pool, arena, &err), 0);
    assert_true(sparse.val_accuracy == 1 && accuracy_of(&sparse, &spread, arena) == 1);
    pool_free(pool);
    arena_free(arena);
}

static void bad_input_is_an_error(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Pool *pool = pool_create(1);
    LinearProbe probe;
    ProbeData data = clusters(12, 4, 3, 51, arena), none = {0}, val = clusters(6, 4, 3, 52, arena);
    Error err = {0};
    assert_int_equal(linear_probe_fit(&probe, &none, 4, 3, 1, pool, arena, &err), -1);
    assert_int_equal(err.kind, ERROR_RUN);
    assert_non_null(strstr(err.text, "no training items"));
    size_t used = arena_used(arena);
    ((float *)val.features)[13] = NAN;
    assert_int_equal(linear_probe_search(&probe, &data, &val, 4, 3, pool, arena, &err), -1);
    assert_int_equal(err.kind, ERROR_RUN);
    assert_string_equal(err.text, "linear probe: validation item 3: feature 1 is not finite");
    assert_true(arena_used(arena) <= used + 4096); /* the scratch is given back */
    ((float *)data.features)[0] = INFINITY;
    assert_int_equal(linear_probe_fit(&probe, &data, 4, 3, 1, pool, arena, &err), -1);
    assert_string_equal(err.text, "linear probe: training item 0: feature 0 is not finite");
    pool_free(pool);
    arena_free(arena);
}

/* Features of a size at which line searches fail: still a finite probe. */
static void huge_features_end_in_a_finite_probe(void **state) {
    (void)state;
    enum { N = 20, E = 8, K = 4 };
    Arena *arena = arena_create();
    Pool *pool = pool_create(1);
    Error err = {0};
    LinearProbe probe;
    for (int power = -20; power <= 36; power += 4) {
        ProbeData data = clusters(N, E, K, 61, arena);
        for (int i = 0; i < N * E; i++)
            ((float *)data.features)[i] *= powf(10, power);
        assert_int_equal(linear_probe_search(&probe, &data, NULL, E, K, pool, arena, &err), 0);
        for (int i = 0; i < K * E; i++)
            assert_true(isfinite(probe.weights[i]));
        assert_true(probe.val_accuracy >= 0.25);
    }
    pool_free(pool);
    arena_free(arena);
}

/* Well-separated clusters of large features, where line searches overshoot by far: each fit must come to
 * scikit-learn's stopping rule, max |gradient| <= 1e-4.
 */
static void large_features_converge(void **state) {
    (void)state;
    enum { N = 10, E = 128, K = 5 };
    Arena *arena = arena_create();
    Pool *pool = pool_create(1);
    Error err = {0};
    double w[K * (E + 1)], g[K * (E + 1)];
    for (uint32_t seed = 100; seed < 160; seed++) {
        size_t mark = arena_mark(arena);
        LinearProbe probe;
        ProbeData data = clusters(N, E, K, seed, arena);
        for (int i = 0; i < N * E; i++)
            ((float *)data.features)[i] *= 10;
        assert_int_equal(linear_probe_fit(&probe, &data, E, K, 100, pool, arena, &err), 0);
        for (int k = 0; k < K; k++) {
            memcpy(w + k * (E + 1), probe.weights + k * E, E * sizeof *w);
            w[k * (E + 1) + E] = probe.bias[k];
        }
        loss_at(w, g, &data, E, K, 100, pool, arena);
        for (int i = 0; i < K * (E + 1); i++)
            assert_true(fabs(g[i]) <= 1e-4);
        arena_reset(arena, mark);
    }
    pool_free(pool);
    arena_free(arena);
}

static atomic_int asks_left;

static int stop_later(void *context, Error *err) {
    (void)context;
    return atomic_fetch_sub(&asks_left, 1) <= 0 ? error_run(err, "stopped") : 0;
}

/* Wherever in a search the stop comes, within a fit or between two. */
static void a_search_can_be_stopped(void **state) {
    (void)state;
    enum { E = 8, K = 3 };
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    pool_set_stop(pool, stop_later, NULL);
    ProbeData data = clusters(30, E, K, 61, arena);
    int n_stopped = 0;
    for (int asks = 0; asks < 2000; asks += 37) {
        LinearProbe probe;
        Error err = {0};
        atomic_store(&asks_left, asks);
        if (linear_probe_search(&probe, &data, NULL, E, K, pool, arena, &err) == 0)
            continue;
        assert_string_equal(err.text, "stopped");
        n_stopped++;
    }
    assert_true(n_stopped > 10);
    pool_free(pool);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_comparison_can_fail),
        cmocka_unit_test(gradient_is_the_difference),
        cmocka_unit_test(loss_is_the_formula),
        cmocka_unit_test(agrees_with_scikit_learn),
        cmocka_unit_test(no_val_and_empty_val_are_the_same),
        cmocka_unit_test(threads_do_not_change_bits),
        cmocka_unit_test(scores_are_the_sum),
        cmocka_unit_test(absent_classes_are_never_predicted),
        cmocka_unit_test(bad_input_is_an_error),
        cmocka_unit_test(large_features_converge),
        cmocka_unit_test(huge_features_end_in_a_finite_probe),
        cmocka_unit_test(a_search_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
