/* test_tensors.c: clip/tensors/tensors.c */
#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/tensors_open.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURE "tests/fixtures/clip_vit.safetensors"

/* --- looking up --- */

static void test_lookup(void **state) {
    (void)state;
    Error err = {0};
    TensorFile *file = tensors_open(FIXTURE, &err);
    assert_non_null(file);
    assert_true(tensors_count(file) > 50);
    const unsigned char *end = tensors_at(file, 0)->data;
    for (int i = 0; i < tensors_count(file); i++) {
        const Tensor *tensor = tensors_at(file, i);
        assert_ptr_equal(tensors_find(file, tensor->name), tensor);
        assert_ptr_equal(tensor->data, end);
        assert_int_equal(tensor->size, tensor->count * dtype_size(tensor->dtype));
        end += tensor->size;
    }
    assert_null(tensors_find(file, "positional_embeddin"));
    assert_null(tensors_find(file, ""));
    assert_null(tensors_metadata(file, "nothing"));
    tensors_close(file);
}

static void test_need(void **state) {
    (void)state;
    Error err = {0};
    TensorFile *file = tensors_open(FIXTURE, &err);
    assert_non_null(file);
    const Tensor *tensor = tensors_find(file, "positional_embedding");
    assert_non_null(tensor);
    assert_int_equal(tensor->n_dims, 2);
    char text[64];
    int64_t any[] = {-1, tensor->shape[1]}, wrong[] = {-1, tensor->shape[1] + 1};
    assert_ptr_equal(tensors_need(file, "positional_embedding", 2, tensor->shape, &err), tensor);
    assert_ptr_equal(tensors_need(file, "positional_embedding", 2, any, &err), tensor);
    assert_int_equal(err.kind, ERROR_NONE);
    assert_null(tensors_need(file, "positional_embedding", 2, wrong, &err));
    snprintf(text, sizeof text, "[%d, %d]", (int)tensor->shape[0], (int)tensor->shape[1]);
    char want[200];
    snprintf(want, sizeof want, FIXTURE ": tensor positional_embedding: shape %s where [?, %d] is needed",
             text, (int)wrong[1]);
    assert_string_equal(err.text, want);
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_null(tensors_need(file, "positional_embedding", 1, any, &err));
    snprintf(want, sizeof want, FIXTURE ": tensor positional_embedding: shape %s where [?] is needed", text);
    assert_string_equal(err.text, want);
    assert_null(tensors_need(file, "no.weight", 0, NULL, &err));
    assert_string_equal(err.text, FIXTURE ": tensor no.weight: missing");
    tensors_close(file);
}

/* --- conversion --- */

static TensorFile *write_and_open(void **state, const TensorOut *tensors, int n) {
    char path[4200];
    Error err = {0};
    scratch_path(state, "t.safetensors", path, sizeof path);
    if (safetensors_write(path, tensors, n, NULL, 0, &err) < 0)
        fail_msg("%s", err.text);
    TensorFile *file = tensors_open(path, &err);
    if (!file)
        fail_msg("%s", err.text);
    return file;
}

static void assert_to_float(const TensorFile *file, const char *name, const float *want, size_t n) {
    Error err = {0};
    float *out = malloc((n + 1) * sizeof *out);
    const Tensor *tensor = tensors_find(file, name);
    assert_non_null(tensor);
    assert_int_equal(tensor->count, n);
    out[n] = -7;
    assert_int_equal(tensor_to_float(file, tensor, out, &err), 0);
    assert_memory_equal(out, want, n * sizeof *out);
    assert_true(out[n] == -7);
    free(out);
}

static void test_conversions(void **state) {
    const double f64[] = {1.0 / 3, -1e-300, 3e38};
    const float f64_want[] = {(float)(1.0 / 3), -0.0f, 3e38f};
    const float f32[] = {1.5f, -0.0f, 1e-45f, 3.4e38f, 0.1f};
    const uint16_t f16[] = {0x3c00, 0x8001, 0x7bff};
    const float f16_want[] = {1, -0x1p-24f, 65504};
    const uint16_t bf16[] = {0x3f80, 0xc040, 0x0001, 0x7f7f, 0x8000};
    const float bf16_want[] = {1, -3, 0x1p-133f, 0x1.fep127f, -0.0f};
    const unsigned char odd[] = {1, 2, 3};
    const TensorOut tensors[] = {
        {"odd", DTYPE_U8, 1, {3}, odd},     {"f64", DTYPE_F64, 1, {3}, f64},
        {"f32", DTYPE_F32, 2, {5, 1}, f32}, {"f16", DTYPE_F16, 1, {3}, f16},
        {"bf16", DTYPE_BF16, 1, {5}, bf16}, {"none", DTYPE_F32, 2, {3, 0}, NULL},
        {"scalar", DTYPE_F32, 0, {0}, f32},
    };
    TensorFile *file = write_and_open(state, tensors, 7);
    assert_to_float(file, "f64", f64_want, 3);
    assert_to_float(file, "f32", f32, 5);
    assert_to_float(file, "f16", f16_want, 3);
    assert_to_float(file, "bf16", bf16_want, 5);
    assert_to_float(file, "none", NULL, 0);
    assert_to_float(file, "scalar", f32, 1);
    Error err = {0};
    float out[3];
    int64_t shape = 3;
    char want[5000];
    snprintf(want, sizeof want, "%s: tensor odd: type U8 where a floating type is needed",
             tensors_path(file));
    assert_int_equal(tensor_to_float(file, tensors_find(file, "odd"), out, &err), -1);
    assert_string_equal(err.text, want);
    assert_null(tensors_need(file, "odd", 1, &shape, &err));
    assert_string_equal(err.text, want);
    tensors_close(file);
}

/* One bad element at `index` of n zeros. */
static void check_not_finite(void **state, DType dtype, const void *bad, size_t n, size_t index,
                             const char *what) {
    size_t item = dtype_size(dtype);
    unsigned char *data = calloc(n, item);
    float *out = malloc(n * sizeof *out);
    memcpy(data + index * item, bad, item);
    memcpy(data + (n - 1) * item, bad, item); /* a later one: the first is named */
    TensorOut tensor = {"w", dtype, 1, {(int64_t)n}, data};
    TensorFile *file = write_and_open(state, &tensor, 1);
    Error err = {0};
    char want[5000];
    snprintf(want, sizeof want, "%s: tensor w: element %zu is %s", tensors_path(file), index, what);
    assert_int_equal(tensor_to_float(file, tensors_at(file, 0), out, &err), -1);
    assert_string_equal(err.text, want);
    assert_int_equal(err.kind, ERROR_INPUT);
    tensors_close(file);
    free(data);
    free(out);
}

static void test_not_finite(void **state) {
    check_not_finite(state, DTYPE_F32, &(float){NAN}, 100, 17, "NaN");
    check_not_finite(state, DTYPE_F32, &(float){INFINITY}, 9000, 8999, "Inf");
    check_not_finite(state, DTYPE_F32, &(float){-INFINITY}, 9000, 4095, "-Inf");
    check_not_finite(state, DTYPE_F16, &(uint16_t){0x7e00}, 9000, 4096, "NaN");
    check_not_finite(state, DTYPE_F16, &(uint16_t){0x7c01}, 20, 0, "NaN");
    check_not_finite(state, DTYPE_F16, &(uint16_t){0xfc00}, 20, 19, "-Inf");
    check_not_finite(state, DTYPE_BF16, &(uint16_t){0x7f80}, 20, 3, "Inf");
    check_not_finite(state, DTYPE_BF16, &(uint16_t){0xff81}, 20, 3, "NaN");
    check_not_finite(state, DTYPE_F64, &(double){NAN}, 20, 3, "NaN");
    check_not_finite(state, DTYPE_F64, &(double){-INFINITY}, 20, 3, "-Inf");
    check_not_finite(state, DTYPE_F64, &(double){-1e39}, 20, 3, "too large for a float");
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_need),
        IN_SCRATCH(test_conversions),
        IN_SCRATCH(test_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
