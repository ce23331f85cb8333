/* test_tip_adapter_file.c: a learned cache on disk. What is written comes back to the bit; a file that is
 * cut, damaged or another's is an error of one line. */
#include "coop/tip_adapter_file.h"

#include "clip/tensors/safetensors_write.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { N = 5, E = 4 };
static const char DIGEST[] = "0123456789abcdef";

/* An adapter as logits want it, and room for its numbers. */
typedef struct {
    TipAdapter adapter;
    float keys[N * E];
    int labels[N];
} Subject;

static void make(Subject *subject, int n) {
    for (int i = 0; i < N; i++)
        subject->labels[i] = i % 3;
    fill_normal(subject->keys, N * E, 1, 7);
    subject->adapter = (TipAdapter){.n_keys = n,
                                    .n_classes = 3,
                                    .embed_dim = E,
                                    .keys = subject->keys,
                                    .labels = subject->labels,
                                    .alpha = 1.17,
                                    .beta = 5.5};
}

static void write_adapter(const char *path) {
    Subject subject;
    Error err = {0};
    make(&subject, N);
    if (tip_adapter_write(path, &subject.adapter, DIGEST, &err) < 0)
        fail_msg("%s", err.text);
}

static void assert_refused(const char *path, int n, const char *digest, const char *reason) {
    Subject subject;
    Error err = {0};
    make(&subject, n);
    assert_int_equal(tip_adapter_read(path, &subject.adapter, digest, &err), -1);
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_int_equal(strncmp(err.text, path, strlen(path)), 0);
    assert_null(strchr(err.text, '\n'));
    if (!strstr(err.text, reason))
        fail_msg("'%s' where '%s' is expected", err.text, reason);
}

static void test_round_trip(void **state) {
    char path[512];
    Subject written, read;
    Error err = {0};
    write_adapter(scratch_path(state, "cache.safetensors", path, sizeof path));
    make(&written, N);
    make(&read, N);
    memset(read.keys, 0, sizeof read.keys);
    read.adapter.alpha = read.adapter.beta = 0;
    if (tip_adapter_read(path, &read.adapter, DIGEST, &err) < 0)
        fail_msg("%s", err.text);
    assert_memory_equal(read.keys, written.keys, sizeof read.keys);
    assert_true(read.adapter.alpha == (double)1.17f && read.adapter.beta == 5.5);
    assert_int_equal(scratch_count(state), 1);

    Arena *arena = arena_create();
    TensorFile *file = fixture_open(path);
    size_t count;
    const int *labels = fixture_ints(file, "labels", arena, &count);
    assert_int_equal(count, N);
    assert_memory_equal(labels, written.labels, sizeof written.labels);
    tensors_close(file);
    arena_free(arena);
}

static void test_another(void **state) {
    char path[512];
    assert_refused(scratch_path(state, "missing", path, sizeof path), N, DIGEST, "No such file");
    write_adapter(scratch_path(state, "cache.safetensors", path, sizeof path));
    assert_refused(path, N, "0123456789abcdee", "a cache of another configuration");
    assert_refused(path, N - 1, DIGEST, "tensor keys: shape [5, 4] where [4, 4] is needed");
    const MetadataOut metadata[] = {{"format", "coop-state"}, {"config", DIGEST}};
    assert_int_equal(safetensors_write(path, NULL, 0, metadata, 2, NULL), 0);
    assert_refused(path, N, DIGEST, "not the cache of a Tip-Adapter");
}

static void test_damage(void **state) {
    char path[512];
    Subject subject;
    Error err = {0};
    make(&subject, N);
    subject.keys[6] = NAN;
    scratch_path(state, "cache.safetensors", path, sizeof path);
    assert_int_equal(tip_adapter_write(path, &subject.adapter, DIGEST, &err), 0);
    assert_refused(path, N, DIGEST, "keys");
    write_adapter(path);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    fclose(file);
    assert_in_range(size, 100, 2000);
    for (long at = 0; at < size; at++)
        for (int bit = 0; bit < 8; bit++) {
            scratch_flip(path, (size_t)at, (unsigned char)(1 << bit));
            assert_refused(path, N, DIGEST, ": ");
            scratch_flip(path, (size_t)at, (unsigned char)(1 << bit));
        }
    while (size-- > 0) {
        assert_int_equal(truncate(path, size), 0);
        assert_refused(path, N, DIGEST, ": ");
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_round_trip), TEST(test_another), TEST(test_damage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
