/* test_tensors_open.c: clip/tensors/tensors_open.c; shards are in test_shards.c */
#include "clip/base/files.h"
#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/tensors_open.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURE "tests/fixtures/clip_vit.safetensors"

static void test_open(void **state) {
    (void)state;
    Error err = {0};
    TensorFile *file = tensors_open(FIXTURE, &err);
    assert_non_null(file);
    assert_string_equal(tensors_path(file), FIXTURE);
    assert_string_equal(tensors_format(file), "safetensors");
    FileMap map;
    char digest[65];
    assert_int_equal(file_map(&map, FIXTURE, &err), 0);
    digest_bytes(digest, map.data, map.size);
    file_unmap(&map);
    assert_string_equal(tensors_digest(file), digest);
    assert_ptr_equal(tensors_digest(file), tensors_digest(file));
    tensors_close(file);
    tensors_close(NULL);
}

static void test_no_file(void **state) {
    char path[512];
    Error err = {0};
    assert_null(tensors_open("tests/fixtures/absent", &err));
    assert_string_equal(err.text, "tests/fixtures/absent: cannot open: No such file or directory");
    scratch_file(scratch_path(state, "empty", path, sizeof path), "", 0);
    assert_null(tensors_open(path, &err));
    assert_non_null(strstr(err.text, "empty: the file is empty"));
}

/* Begun early, asked for or not: the digest is that of the bytes. */
static void test_digest(void **state) {
    enum { SIZE = 3 << 20 };
    Error err = {0};
    char path[512], want[65];
    float *values = calloc(SIZE, sizeof *values);
    TensorOut tensor = {"w", DTYPE_F32, 1, {SIZE}, values};
    scratch_path(state, "d.safetensors", path, sizeof path);
    assert_int_equal(safetensors_write(path, &tensor, 1, NULL, 0, &err), 0);
    FileMap map;
    assert_int_equal(file_map(&map, path, &err), 0);
    digest_bytes(want, map.data, map.size);
    file_unmap(&map);
    for (int early = 0; early < 2; early++) {
        TensorFile *file = tensors_open_large(path, early, NULL, &err);
        assert_string_equal(tensors_digest(file), want);
        assert_string_equal(tensors_digest(file), want);
        tensors_close(file);
    }
    tensors_close(tensors_open_large(path, true, NULL, &err)); /* nobody wants it any more */
    scratch_flip(path, 8, 0xff);
    assert_null(tensors_open_large(path, true, NULL, &err));
    free(values);
}

/* Wherever they lie: the tensors and the digest are those of the file, and the bytes stay the caller's. */
static void test_bytes(void **state) {
    (void)state;
    Error err = {0};
    FileMap map;
    TensorFile *file = tensors_open(FIXTURE, &err);
    assert_int_equal(file_map(&map, FIXTURE, &err), 0);
    unsigned char *bytes = malloc(map.size + 1);
    memcpy(bytes + 1, map.data, map.size); /* at an odd address */
    TensorFile *again = tensors_open_bytes(bytes + 1, map.size, "in memory", &err);
    assert_non_null(again);
    assert_string_equal(tensors_path(again), "in memory");
    assert_string_equal(tensors_digest(again), tensors_digest(file));
    assert_int_equal(tensors_count(again), tensors_count(file));
    const Tensor *a = tensors_find(file, "visual.proj"), *b = tensors_find(again, "visual.proj");
    float *want = calloc(a->count, sizeof *want), *got = calloc(b->count, sizeof *got);
    assert_int_equal(tensor_to_float(file, a, want, &err), 0);
    assert_int_equal(tensor_to_float(again, b, got, &err), 0);
    assert_memory_equal(got, want, a->count * sizeof *want);
    tensors_close(again);
    assert_memory_equal(bytes + 1, map.data, map.size);
    assert_null(tensors_open_bytes(bytes + 1, map.size - 1, "in memory", &err));
    assert_non_null(strstr(err.text, "in memory: "));
    assert_null(tensors_open_bytes(bytes, 0, "nothing", &err));
    assert_string_equal(err.text, "nothing: no bytes");
    free(want);
    free(got);
    free(bytes);
    file_unmap(&map);
    tensors_close(file);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_bytes),
        IN_SCRATCH(test_no_file),
        IN_SCRATCH(test_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
