/* test_provenance.c: coop/learned/provenance.c */
#include "coop/learned/provenance.h"

#include "clip/base/files.h"
#include "clip/tensors/safetensors_write.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const float numbers[] = {1, -2, 3.5f};
static const int labels[] = {4, 5};

static void write_file(const char *path, const MetadataOut *metadata, int n) {
    Error err = {0};
    const TensorOut tensors[] = {{"labels", DTYPE_I32, 1, {2}, labels},
                                 {"numbers", DTYPE_F32, 2, {3, 1}, numbers}};
    if (safetensors_write(path, tensors, 2, metadata, n, &err) < 0)
        fail_msg("%s", err.text);
}

static Provenance read_file(const char *path, Arena *arena) {
    Provenance made;
    Error err = {0};
    TensorFile *file = fixture_open(path);
    if (provenance_read(&made, file, arena, &err) < 0)
        fail_msg("%s", err.text);
    tensors_close(file);
    return made;
}

static void check(const Provenance *a, const Provenance *b) {
    assert_string_equal(a->method, b->method);
    assert_int_equal(a->num_shots, b->num_shots);
    assert_int_equal(a->seed, b->seed);
    assert_true(a->val_accuracy == b->val_accuracy || (isnan(a->val_accuracy) && isnan(b->val_accuracy)));
    assert_true(fabs(a->accuracy - b->accuracy) < 1e-8);
    assert_string_equal(a->key, b->key);
    assert_string_equal(a->program, b->program);
}

/* It replaces an earlier one; tensors and other metadata stay, and the file is checked by its checksum. */
static void test_put(void **state) {
    static const MetadataOut old[] = {{"format", "x"}, {"method", "old"}, {"seed", "7"}, SAFETENSORS_CHECKED};
    static const Provenance each[] = {{"coop", 16, 3, 0.75, 2. / 3, "k1", "coop 1"},
                                      {"zeroshot", 0, -1, NAN, 1, "k2", "coop 1"},
                                      {"linear_probe", ALL_SHOTS, 1, 0, 0.5, "k3", "coop 2"}};
    char path[512];
    Error err = {0};
    Arena *arena = arena_create();
    scratch_path(state, "f.safetensors", path, sizeof path);
    write_file(path, old, 4);
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        assert_int_equal(provenance_put(path, &each[i], &err), 0);
        const Provenance read = read_file(path, arena);
        check(&read, &each[i]);
        TensorFile *file = fixture_open(path);
        assert_true(tensors_checked(file));
        assert_string_equal(tensors_metadata(file, "format"), "x");
        assert_int_equal(tensors_count(file), 2);
        assert_memory_equal(tensors_find(file, "numbers")->data, numbers, sizeof numbers);
        assert_int_equal(tensors_find(file, "numbers")->shape[0], 3);
        assert_memory_equal(tensors_find(file, "labels")->data, labels, sizeof labels);
        tensors_close(file);
    }
    assert_int_equal(provenance_put("tests/none", &each[0], &err), -1);
    arena_free(arena);
}

/* The same bytes, however often. */
static void test_bytes(void **state) {
    static const MetadataOut format = {"format", "x"};
    static const Provenance made = {"coop", 16, 3, 0.75, 2. / 3, "k1", "coop 1"};
    char path[512], first[65], second[65];
    Error err = {0};
    scratch_path(state, "f.safetensors", path, sizeof path);
    write_file(path, &format, 1);
    for (int i = 0; i < 2; i++) {
        FileMap map;
        assert_int_equal(provenance_put(path, &made, &err), 0);
        assert_int_equal(file_map(&map, path, &err), 0);
        digest_bytes(i ? second : first, map.data, map.size);
        file_unmap(&map);
    }
    assert_string_equal(first, second);
}

static void test_unknown(void **state) {
    static const MetadataOut format = {"format", "x"};
    char path[512];
    Arena *arena = arena_create();
    scratch_path(state, "f.safetensors", path, sizeof path);
    write_file(path, &format, 1);
    const Provenance made = read_file(path, arena);
    assert_null(made.method);
    assert_int_equal(made.num_shots, -1);
    assert_int_equal(made.seed, -1);
    assert_true(isnan(made.val_accuracy) && isnan(made.accuracy));
    arena_free(arena);
}

static void test_refusals(void **state) {
    static const MetadataOut bad[] = {{"num_shots", "many"}, {"num_shots", "-1"},   {"seed", ""},
                                      {"seed", "9e99"},      {"accuracy", "1.5"},   {"accuracy", "nan"},
                                      {"val_accuracy", "x"}, {"val_accuracy", "1x"}};
    char path[512], expected[600];
    Arena *arena = arena_create();
    scratch_path(state, "f.safetensors", path, sizeof path);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Provenance made;
        Error err = {0};
        write_file(path, &bad[i], 1);
        TensorFile *file = fixture_open(path);
        assert_int_equal(provenance_read(&made, file, arena, &err), -1);
        snprintf(expected, sizeof expected, "%s: metadata: %s '%s'", path, bad[i].key, bad[i].value);
        assert_string_equal(err.text, expected);
        tensors_close(file);
    }
    arena_free(arena);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(test_put), IN_SCRATCH(test_bytes), IN_SCRATCH(test_unknown),
                                       IN_SCRATCH(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
