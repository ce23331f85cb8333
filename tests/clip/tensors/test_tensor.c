/* test_tensor.c: clip/tensors/tensor.c */
#include "clip/tensors/tensor.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_dtypes(void **state) {
    (void)state;
    assert_int_equal(dtype_size(DTYPE_F64), 8);
    assert_int_equal(dtype_size(DTYPE_BF16), 2);
    assert_int_equal(dtype_size(DTYPE_I16), 2);
    assert_int_equal(dtype_size(DTYPE_BOOL), 1);
    assert_string_equal(dtype_name(DTYPE_BF16), "BF16");
    assert_string_equal(dtype_name(DTYPE_I64), "I64");
    for (int i = DTYPE_F64; i <= DTYPE_BOOL; i++) {
        assert_int_equal(dtype_from_name(dtype_name((DType)i)), i);
        assert_int_equal(dtype_is_floating((DType)i), i <= DTYPE_BF16);
    }
    assert_int_equal(dtype_from_name("f32"), -1);
    assert_int_equal(dtype_from_name(""), -1);
}

static void test_shape_text(void **state) {
    (void)state;
    char out[300], small[8];
    Tensor tensor = {.n_dims = 0};
    assert_string_equal(tensor_shape_text(&tensor, out, sizeof out), "[]");
    tensor = (Tensor){.n_dims = 2, .shape = {4, 128}};
    assert_ptr_equal(tensor_shape_text(&tensor, out, sizeof out), out);
    assert_string_equal(out, "[4, 128]");
    assert_string_equal(tensor_shape_text(&tensor, small, sizeof small), "[4, 128"); /* cut, not overrun */
    tensor = (Tensor){.n_dims = 8};
    for (int i = 0; i < 8; i++)
        tensor.shape[i] = INT64_MAX;
    assert_string_equal(shape_text(2, (int64_t[]){-1, 7}, small, sizeof small), "[?, 7]");
    assert_int_equal(strlen(tensor_shape_text(&tensor, out, 200)), 8 * 19 + 7 * 2 + 2);
}

static void test_shape_size(void **state) {
    (void)state;
    size_t count, size;
    assert_int_equal(shape_size(DTYPE_F16, 2, (int64_t[]){3, 5}, &count, &size), 0);
    assert_int_equal(count, 15);
    assert_int_equal(size, 30);
    assert_int_equal(shape_size(DTYPE_F64, 0, NULL, &count, &size), 0);
    assert_int_equal(count, 1);
    assert_int_equal(size, 8);
    assert_int_equal(shape_size(DTYPE_I8, 1, (int64_t[]){-1}, &count, &size), -1);
    assert_int_equal(shape_size(DTYPE_I8, 2, (int64_t[]){INT64_MAX, 3}, &count, &size), -1);
    assert_int_equal(shape_size(DTYPE_F32, 1, (int64_t[]){INT64_MAX}, &count, &size), -1);
}

/* A few elements from the middle; the check sees those alone. */
static void test_elements(void **state) {
    (void)state;
    const uint16_t halves[] = {0x7c00, 0x3c00, 0xc000, 0x7e00};
    const Tensor tensor = {.dtype = DTYPE_F16, .data = (const unsigned char *)halves, .count = 4};
    float out[4] = {0};
    assert_true(tensor_elements(&tensor, 1, 2, out));
    assert_true(out[0] == 1 && out[1] == -2 && out[2] == 0);
    assert_true(tensor_finite(&tensor, 1, 2));
    assert_false(tensor_finite(&tensor, 0, 2));
    assert_false(tensor_finite(&tensor, 2, 2));
    assert_false(tensor_elements(&tensor, 0, 4, out));
    tensor_convert(&tensor, 0, 4, out);
    assert_true(isinf(out[0]) && out[1] == 1 && isnan(out[3]));
}

static void test_check_out(void **state) {
    (void)state;
    char longest[514];
    memset(longest, 'n', 513);
    longest[513] = '\0';
    const TensorOut good[] = {{"b", DTYPE_F32, 1, {1}, ""}, {"a", DTYPE_F32, 1, {1}, ""}};
    const TensorOut twice[] = {
        {"a", DTYPE_F32, 1, {1}, ""}, {"b", DTYPE_F32, 0, {0}, ""}, {"a", DTYPE_I8, 0, {0}, ""}};
    const TensorOut odd = {"\xff", DTYPE_F32, 0, {0}, ""}, large = {"l", DTYPE_F32, 1, {INT64_MAX}, ""};
    const TensorOut lengthy = {longest, DTYPE_F32, 0, {0}, ""};
    Error err = {0};
    assert_int_equal(tensors_check_out("P", good, 2, &err), 0);
    assert_int_equal(tensors_check_out("P", NULL, 0, &err), 0);
    assert_int_equal(err.kind, ERROR_NONE);
    assert_int_equal(tensors_check_out("P", twice, 3, &err), -1);
    assert_string_equal(err.text, "P: tensor a: is there twice");
    assert_int_equal(tensors_check_out("P", &odd, 1, &err), -1);
    assert_string_equal(err.text, "P: tensor ?: the name is not UTF-8, or over 512 bytes");
    assert_int_equal(tensors_check_out("P", &large, 1, &err), -1);
    assert_string_equal(err.text, "P: tensor l: the shape is too large");
    assert_int_equal(tensors_check_out("P", &lengthy, 1, &err), -1);
    assert_non_null(strstr(err.text, "nnn: the name is not UTF-8, or over 512 bytes"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dtypes),   cmocka_unit_test(test_shape_text), cmocka_unit_test(test_shape_size),
        cmocka_unit_test(test_elements), cmocka_unit_test(test_check_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
