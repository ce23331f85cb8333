/* test_npz.c: arrays as NumPy stores them, read as tensors; and what is refused. (npz_write.c has been read
 * by NumPy.) */
#include "clip/base/files.h"
#include "clip/tensors/npz_write.h"
#include "clip/tensors/tensors_open.h"
#include "clip/tensors/zip_write.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_round_trip(void **state) {
    static const double rows[] = {1, -2.5, 3, 0.125, 5, 6};
    static const int64_t labels[] = {7, 8};
    static const float number = 4;
    const TensorOut out[] = {{"feature_list", DTYPE_F64, 2, {2, 3}, rows},
                             {"label_list", DTYPE_I64, 1, {2}, labels},
                             {"scalar", DTYPE_F32, 0, {0}, &number}};
    char path[600];
    float read[6];
    Error err = {0};
    scratch_path(state, "a.npz", path, sizeof path);
    assert_int_equal(npz_write(path, out, 3, &err), 0);
    TensorFile *file = tensors_open(path, &err);
    if (!file)
        fail_msg("%s", err.text);
    assert_string_equal(tensors_format(file), "npz");
    assert_int_equal(tensors_count(file), 3);
    const Tensor *tensor = tensors_need(file, "feature_list", 2, (const int64_t[]){2, 3}, &err);
    assert_non_null(tensor);
    assert_int_equal(tensor_to_float(file, tensor, read, &err), 0);
    for (int i = 0; i < 6; i++)
        assert_true((double)read[i] == rows[i]);
    tensor = tensors_find(file, "label_list");
    assert_true(tensor->dtype == DTYPE_I64 && tensor->n_dims == 1 && tensor->shape[0] == 2);
    assert_memory_equal(tensor->data, labels, sizeof labels);
    tensor = tensors_find(file, "scalar");
    assert_true(tensor->dtype == DTYPE_F32 && tensor->n_dims == 0 && tensor->count == 1);
    tensors_close(file);
}

/* An archive of one array with such a version and header, and 16 bytes behind it. */
static void write_array(const char *path, int version, const char *header) {
    char bytes[400];
    Error err = {0};
    const size_t n = strlen(header), n_fixed = version > 1 ? 12 : 10;
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (char)version;
    bytes[8] = (char)n;
    memcpy(bytes + n_fixed, header, n);
    ZipWriter *zip = zip_create(path, &err);
    zip_add(zip, "a.npy", &(ZipPart){bytes, n_fixed + n + 16}, 1);
    assert_int_equal(zip_commit(zip, &err), 0);
}

static void test_headers(void **state) {
    static const struct {
        int version;
        const char *header, *refusal; /* NULL: it is read */
    } cases[] = {
        {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n", NULL},
        {2, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n", NULL},
        {3, "{'shape': (1, 2), 'fortran_order': False, 'descr': \"<f8\"}\n", NULL},
        {4, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n", "not an array of NumPy"},
        {1, "{'descr': '>f8', 'fortran_order': False, 'shape': (2,), }\n", "its type '>f8'"},
        {1, "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }\n", "its type '|O'"},
        {1, "{'descr': '<f8', 'fortran_order': True, 'shape': (2,), }\n", "not in C order"},
        {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, -1), }\n", "its shape cannot be read"},
        {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }\n",
         "its shape cannot be read"},
        {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }\n",
         "cut: 16 bytes where 24 are needed"},
        {1, "", "its type"}};
    char path[600];
    scratch_path(state, "a.npz", path, sizeof path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error err = {0};
        write_array(path, cases[i].version, cases[i].header);
        TensorFile *file = tensors_open(path, &err);
        if (!cases[i].refusal != (file != NULL) || (cases[i].refusal && !strstr(err.text, cases[i].refusal)))
            fail_msg("%s: %s", cases[i].header, err.text);
        tensors_close(file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_headers, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
