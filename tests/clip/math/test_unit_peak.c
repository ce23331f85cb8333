/* test_unit_peak.c: no kernel is faster than the unit that it runs on, and the unit is named. */
#include "clip/math/unit_peak.h"

#include "clip/math/product.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The two are measured in turns, and the best of each counts: other programs spoil single ones, and many at
 * once most of them. */
static void no_kernel_is_faster(void **state) {
    (void)state;
    if (scratch_instrumented())
        skip();
    for (int p = PRECISION_FLOAT32; p <= PRECISION_BFLOAT16; p++) {
        const Precision precision = (Precision)p;
        double unit = 0, kernel = 0;
        if (precision_here(precision) != precision || strcmp(unit_name(precision), "none") == 0)
            continue;
        for (int i = 0; i < 60 && (i < 3 || unit <= 0.95 * kernel || unit >= 5 * kernel); i++) {
            const double u = unit_peak_gflops(precision), k = product_peak_gflops(precision);
            unit = u > unit ? u : unit;
            kernel = k > kernel ? k : kernel;
        }
        assert_true(unit > 0.95 * kernel);
        assert_true(unit < 5 * kernel);
    }
}

/* A unit has a name exactly where it has a peak. */
static void names(void **state) {
    static const Precision all[] = {PRECISION_FLOAT32, PRECISION_BFLOAT16, PRECISION_AUTO};
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(strcmp(unit_name(all[i]), "none") != 0, unit_peak_gflops(all[i]) > 0);
    assert_string_equal(unit_name(PRECISION_AUTO), unit_name(precision_here(PRECISION_AUTO)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_kernel_is_faster),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
