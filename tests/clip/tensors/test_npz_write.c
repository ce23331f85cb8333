/* test_npz_write.c: clip/tensors/npz_write.c */
#include "clip/base/files.h"
#include "clip/tensors/npz_write.h"
#include "clip/tensors/tensors_open.h"
#include "clip/tensors/zip.h"
#include "tests/support/torch_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const float floats[6] = {0.5f, 1, 2, 3, 4, 5};

/* What numpy.save writes, up to the spaces that fill up the header. */
static const struct {
    TensorOut tensor;
    const char *member, *header;
    size_t size;
} all[] = {
    {{"ctx", DTYPE_F32, 2, {2, 3}, floats},
     "ctx.npy",
     "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
     24},
    {{"f64", DTYPE_F64, 1, {3}, floats},
     "f64.npy",
     "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }",
     24},
    {{"f16", DTYPE_F16, 0, {0}, floats},
     "f16.npy",
     "{'descr': '<f2', 'fortran_order': False, 'shape': (), }",
     2},
    {{"i64", DTYPE_I64, 1, {1}, floats},
     "i64.npy",
     "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }",
     8},
    {{"i32", DTYPE_I32, 1, {1}, floats},
     "i32.npy",
     "{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }",
     4},
    {{"i16", DTYPE_I16, 1, {1}, floats},
     "i16.npy",
     "{'descr': '<i2', 'fortran_order': False, 'shape': (1,), }",
     2},
    {{"i8", DTYPE_I8, 1, {1}, floats},
     "i8.npy",
     "{'descr': '|i1', 'fortran_order': False, 'shape': (1,), }",
     1},
    {{"u8", DTYPE_U8, 1, {1}, floats},
     "u8.npy",
     "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }",
     1},
    {{"a/b", DTYPE_BOOL, 2, {0, 4}, NULL},
     "a/b.npy",
     "{'descr': '|b1', 'fortran_order': False, 'shape': (0, 4), }",
     0},
    {{"caf\xc3\xa9", DTYPE_F32, 8, {1, 1, 1, 1, 1, 1, 1, 6}, floats},
     "caf\xc3\xa9.npy",
     "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 6), }",
     24},
    {{"long",
      DTYPE_F32,
      8,
      {0, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX},
      NULL},
     "long.npy",
     "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9223372036854775807, 9223372036854775807, "
     "9223372036854775807, 9223372036854775807, 9223372036854775807, 9223372036854775807, "
     "9223372036854775807), }",
     0},
};
#define N_ALL ((int)(sizeof all / sizeof all[0]))

static void check_member(const FileMap *map, const ZipArchive *zip, int i) {
    ZipMember *member = zip_find(zip, all[i].member);
    assert_non_null(member);
    const unsigned char *data = zip_bytes(zip, member, NULL);
    assert_non_null(data);
    assert_int_equal((data - map->data) % 64, 0);
    assert_memory_equal(data, "\x93NUMPY\1\0", 8);
    size_t n_header = data[8] | data[9] << 8, n_text = strlen(all[i].header);
    assert_int_equal((10 + n_header) % 64, 0);
    assert_int_equal(member->size, 10 + n_header + all[i].size);
    assert_memory_equal(data + 10, all[i].header, n_text);
    for (size_t at = n_text; at < n_header; at++)
        assert_int_equal(data[10 + at], at + 1 == n_header ? '\n' : ' ');
    assert_true(n_header > n_text && n_header <= n_text + 64);
    if (all[i].size > 0)
        assert_memory_equal(data + 10 + n_header, all[i].tensor.data, all[i].size);
}

static void test_write(void **state) {
    Path path = in_scratch(state, "a.npz");
    TensorOut tensors[N_ALL];
    Error err = {0};
    for (int i = 0; i < N_ALL; i++)
        tensors[i] = all[i].tensor;
    if (npz_write(path.text, tensors, N_ALL, &err) < 0)
        fail_msg("%s", err.text);
    FileMap map;
    ZipArchive zip;
    Arena *arena = arena_create();
    assert_int_equal(file_map(&map, path.text, NULL), 0);
    assert_int_equal(zip_open(&zip, "F", map.data, map.size, arena, NULL), 0);
    assert_int_equal(zip.n_members, N_ALL);
    assert_true(zip.has_crc);
    for (int i = 0; i < N_ALL; i++)
        check_member(&map, &zip, i);
    arena_free(arena);
    file_unmap(&map);
    assert_int_equal(scratch_count(state), 1);
    TensorFile *file = tensors_open(path.text, NULL); /* npz.c reads all of them */
    assert_non_null(file);
    assert_string_equal(tensors_format(file), "npz");
    assert_int_equal(tensors_count(file), N_ALL);
    tensors_close(file);
}

static void check_not_written(void **state, const TensorOut *tensors, int n, const char *reason) {
    Path path = in_scratch(state, "a.npz");
    char want[5000];
    Error err = {0};
    snprintf(want, sizeof want, "%s: %s", path.text, reason);
    assert_int_equal(npz_write(path.text, tensors, n, &err), -1);
    assert_string_equal(err.text, want);
    assert_int_equal(scratch_count(state), 0);
}

static void test_refused(void **state) {
    TensorOut twice[] = {{"a", DTYPE_U8, 0, {0}, "x"}, {"a", DTYPE_U8, 0, {0}, "y"}};
    TensorOut brain = {"w", DTYPE_BF16, 0, {0}, "xy"};
    check_not_written(state, twice, 2, "tensor a: is there twice");
    check_not_written(state, &brain, 1, "tensor w: numpy has no type for BF16");
}

int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(test_write), IN_SCRATCH(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
