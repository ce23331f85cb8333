/* test_metrics.c: experiments/results/metrics.c and tensorboard.c: epochs come back, and a training that was
 * stopped and resumed leaves the bytes of one that was not. */
#include "clip/base/files.h"
#include "experiments/results/metrics.h"
#include "experiments/results/tensorboard.h"
#include "tests/support/experiment_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *file_in(Trial *trial, const char *folder, const char *name) {
    return arena_printf(trial->arena, "%s/%s/%s", (const char *)trial->scratch, folder, name);
}

static EpochReport report_of(int epoch) {
    return (EpochReport){.epoch = epoch,
                         .n_steps = 3,
                         .lr = 0.002 / epoch,
                         .loss = 1.0 / (3 * epoch),
                         .accuracy = 1 - 0.7 / epoch};
}

/* Opens behind n_before epochs, adds those up to n_after. */
static void train(Trial *trial, const char *folder, int n_before, int n_after) {
    MetricsWriter writer = {0};
    const char *path = file_in(trial, folder, "");
    assert_int_equal(make_folders(path, &trial->err), 0);
    assert_int_equal(metrics_open(&writer, path, 0, n_before, trial->arena, &trial->err), 0);
    for (int epoch = n_before + 1; epoch <= n_after; epoch++)
        metrics_add(&writer, (EpochReport[]){report_of(epoch)});
    assert_int_equal(metrics_sync(&writer, &trial->err), 0);
    metrics_close(&writer);
    metrics_close(&writer);
}

static void assert_same(Trial *trial, const char *name) {
    size_t n_a, n_b;
    char *a = file_read(file_in(trial, "whole", name), 1 << 20, trial->arena, &n_a, NULL);
    char *b = file_read(file_in(trial, "resumed", name), 1 << 20, trial->arena, &n_b, NULL);
    assert_true(a && b && n_a == n_b && memcmp(a, b, n_a) == 0);
}

static void test_resume(void **state) {
    Trial *trial = *state;
    train(trial, "whole", 0, 7);
    train(trial, "resumed", 0, 4);
    train(trial, "resumed", 2, 5); /* the state knew two of the four */
    train(trial, "resumed", 5, 7);
    assert_same(trial, METRICS_FILE);
    assert_same(trial, TENSORBOARD_FILE);
    MetricsList list;
    assert_int_equal(metrics_read(&list, file_in(trial, "resumed", METRICS_FILE), trial->arena, &trial->err),
                     0);
    assert_int_equal(list.n, 7);
    for (int i = 0; i < 7; i++) {
        EpochReport report = report_of(i + 1);
        char text[3][40];
        snprintf(text[0], 40, "%.9g", report.lr);
        snprintf(text[1], 40, "%.9g", report.loss);
        snprintf(text[2], 40, "%.9g", 100 * report.accuracy);
        assert_int_equal(list.epochs[i].epoch, i + 1);
        assert_true(list.epochs[i].lr == strtod(text[0], NULL) &&
                    list.epochs[i].loss == strtod(text[1], NULL) &&
                    list.epochs[i].accuracy == strtod(text[2], NULL));
    }
}

static void test_damage(void **state) {
    Trial *trial = *state;
    static const char good[] = "{\"epoch\": 1, \"lr\": 1e-05, \"loss\": 2, \"accuracy\": 50}\n";
    static const char *const bad[] = {"\n",
                                      "{}\n",
                                      "[1]\n",
                                      "{\"epoch\": 0, \"lr\": 1, \"loss\": 2, \"accuracy\": 5}\n",
                                      "{\"epoch\": 2, \"lr\": \"1\", \"loss\": 2, \"accuracy\": 5}\n",
                                      "\xff\n"};
    train(trial, "x", 0, 0);
    const char *path = file_in(trial, "x", METRICS_FILE);
    MetricsList list;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *text = arena_printf(trial->arena, "%s%s", good, bad[i]);
        scratch_file(path, text, strlen(text));
        assert_int_equal(metrics_read(&list, path, trial->arena, &trial->err), -1);
        assert_string_equal(
            trial->err.text,
            arena_printf(trial->arena, "%s: line 2: damaged, or not the numbers of an epoch", path));
    }
    const char *torn = arena_printf(trial->arena, "%s{\"epoch\": 2", good);
    scratch_file(path, torn, strlen(torn));
    assert_int_equal(metrics_read(&list, path, trial->arena, &trial->err), 0);
    assert_int_equal(list.n, 1);
}

/* What a state counts must be there, bit for bit; what comes behind it need not. */
static void test_flipped_bits(void **state) {
    Trial *trial = *state;
    const char *folder = file_in(trial, "x", ""), *path = file_in(trial, "x", METRICS_FILE);
    size_t size, n_two;
    train(trial, "x", 0, 2);
    file_read(path, 1 << 20, trial->arena, &n_two, NULL);
    train(trial, "x", 2, 3);
    char *text = file_read(path, 1 << 20, trial->arena, &size, NULL);
    for (size_t at = 0; at < size; at += at == n_two - 2 ? 1 : 3) {
        MetricsWriter writer = {0};
        text[at] ^= 1;
        scratch_file(path, text, size);
        Error err = {0};
        int result = metrics_open(&writer, folder, 0, 2, trial->arena, &err);
        metrics_close(&writer);
        assert_int_equal(result, at < n_two ? -1 : 0);
        if (result < 0) {
            size_t left;
            assert_int_equal(err.kind, ERROR_INPUT);
            assert_memory_equal(file_read(path, 1 << 20, trial->arena, &left, NULL), text, size);
        }
        text[at] ^= 1;
    }
    MetricsWriter writer = {0};
    scratch_file(path, text, n_two);
    assert_int_equal(metrics_open(&writer, folder, 0, 3, trial->arena, &trial->err), -1);
    assert_non_null(strstr(trial->err.text, ": line 3: not epoch 3"));
}

/* The records as TensorBoard's own protobuf classes write them. */
static void test_records(void **state) {
    Trial *trial = *state;
    static const unsigned char expected[] = {
        0x0f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x6d, 0x53, 0x2b, 0x09, 0x1a, 0x0d, 0x62,
        0x72, 0x61, 0x69, 0x6e, 0x2e, 0x45, 0x76, 0x65, 0x6e, 0x74, 0x3a, 0x32, 0xfc, 0x98, 0x51,
        0x29, 0x1b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x1a, 0x0d, 0x9e, 0x13, 0x09, 0x00,
        0x00, 0x00, 0x00, 0x00, 0xc0, 0x72, 0x40, 0x10, 0xac, 0x02, 0x2a, 0x0d, 0x0a, 0x0b, 0x0a,
        0x04, 0x6c, 0x6f, 0x73, 0x73, 0x15, 0x00, 0x00, 0x40, 0x3f, 0x38, 0x7f, 0x51, 0xaa};
    assert_int_equal(crc32c("123456789", 9), 0xe3069283u);
    const char *path = file_in(trial, ".", "events");
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    tensorboard_begin(out);
    tensorboard_scalar(out, "loss", 300, 0.75);
    assert_int_equal(fclose(out), 0);
    size_t size;
    char *bytes = file_read(path, 1 << 20, trial->arena, &size, NULL);
    assert_int_equal(size, sizeof expected);
    assert_memory_equal(bytes, expected, size);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_resume, trial_setup, trial_teardown),
        cmocka_unit_test_setup_teardown(test_damage, trial_setup, trial_teardown),
        cmocka_unit_test_setup_teardown(test_flipped_bits, trial_setup, trial_teardown),
        cmocka_unit_test_setup_teardown(test_records, trial_setup, trial_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
