/* test_bench_machine.c: a machine has a name, kernels, and only features that its kernels can use. */
#include "experiments/bench/bench_machine.h"

#include "clip/math/packed_bf16.h"
#include "clip/math/strips.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void it_is_named(void **state) {
    Machine machine;
    (void)state;
    bench_machine(&machine);
    assert_true(machine.processors >= 1);
    assert_true(*machine.processor && !strchr(machine.processor, '\n'));
    assert_non_null(strstr(machine.kernels, "float: "));
    assert_non_null(strstr(machine.kernels, "OpenBLAS: "));
    assert_int_equal(strstr(machine.kernels, "AVX-512, 64") != NULL, strip_best_panel() == 64);
    assert_int_equal(strstr(machine.kernels, "bfloat16: none") != NULL, bf16_best_kernel() == BF16_NONE);
    if (bf16_best_kernel() != BF16_NONE) /* valgrind shows programs another processor than the kernel does */
        assert_non_null(strstr(machine.features, "avx512_bf16"));
    json_t *json = bench_machine_json(&machine);
    assert_string_equal(json_string_value(json_object_get(json, "processor")), machine.processor);
    assert_int_equal(json_integer_value(json_object_get(json, "processors")), machine.processors);
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
