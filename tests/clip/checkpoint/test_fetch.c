/* test_fetch.c: tensors that are fetched stay as they were. */
#include "clip/checkpoint/fetch.h"

#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/tensors_open.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 3 << 20 }; /* floats: more than a piece */

/* Nothing can be told of the kernel's memory for sure; that all numbers are there can. */
static void test_fetch(void **state) {
    char path[512];
    Error err = {0};
    float *values = calloc(COUNT, sizeof *values);
    assert_non_null(values);
    for (int i = 0; i < COUNT; i++)
        values[i] = (float)i;
    const TensorOut tensors[] = {{"ln_final.weight", DTYPE_F32, 1, {5}, values},
                                 {"visual.a", DTYPE_F32, 1, {COUNT}, values},
                                 {"visual.b", DTYPE_F32, 1, {0}, values},
                                 {"visual.c", DTYPE_F32, 1, {3}, values}};
    assert_int_equal(
        safetensors_write(scratch_path(state, "m.safetensors", path, sizeof path), tensors, 4, NULL, 0, &err),
        0);
    TensorFile *file = tensors_open(path, &err);
    Pool *pool = pool_create(2);
    for (int towers = 0; towers < 4; towers++)
        fetch_tensors(file, towers & 1, towers & 2, towers > 1 ? pool : NULL);
    for (int i = 0; i < 4; i++) {
        const Tensor *tensor = tensors_find(file, tensors[i].name);
        assert_memory_equal(tensor->data, values, tensor->size);
    }
    pool_free(pool);
    tensors_close(file);
    free(values);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fetch, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
