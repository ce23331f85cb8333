/* test_distributions.c: experiments/statistics/distributions.c against SciPy 1.x (t.ppf, chi2.sf,
 * studentized_range.ppf with infinite degrees of freedom). */
#include "experiments/statistics/distributions.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_close(double value, double expected) {
    if (!(fabs(value - expected) <= 1e-10 * fabs(expected)))
        fail_msg("%.17g instead of %.17g", value, expected);
}

static void test_student(void **state) {
    (void)state;
    static const struct {
        int df;
        double at_95, at_99;
    } cases[] = {{1, 12.706204736174698, 63.65674116287159},  {2, 4.302652729749462, 9.924843200918287},
                 {3, 3.1824463052837078, 5.840909309733355},  {4, 2.7764451051977934, 4.604094871349992},
                 {5, 2.5705818356363146, 4.032142983555228},  {9, 2.262157162798205, 3.249835541592126},
                 {10, 2.228138851986274, 3.16927267261695},   {30, 2.0422724563012378, 2.7499956535672254},
                 {99, 1.9842169515864174, 2.626405457280827}, {1001, 1.9623367052808798, 2.5807497687505245}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_close(student_quantile(0.95, cases[i].df), cases[i].at_95);
        assert_close(student_quantile(0.99, cases[i].df), cases[i].at_99);
    }
    assert_true(fabs(student_quantile(0.95, 1000000) - 1.9599639845400545) < 3e-6); /* nearly normal */
}

static void test_chi_square(void **state) {
    (void)state;
    static const struct {
        double x;
        int df;
        double tail;
    } cases[] = {{3.84, 1, 0.05004352124870519},  {5.99, 2, 0.05003662708658629},
                 {10.5, 3, 0.014760897143990665}, {20, 10, 0.029252688076961124},
                 {7, 9, 0.6371194071693984},      {120, 19, 1.1092173716436164e-16},
                 {0.1, 4, 0.9987908957257497}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_close(chi_square_tail(cases[i].x, cases[i].df), cases[i].tail);
    for (int df = 1; df <= 4; df++)
        assert_close(chi_square_tail(0, df), 1);
    assert_true(chi_square_tail(1e6, 7) == 0);
}

static void test_normal_range(void **state) {
    (void)state;
    static const struct {
        int k;
        double q; /* over the root of 2, as the tables of Nemenyi's test have it */
    } cases[] = {{2, 1.9599639845400545}, {3, 2.343700586378409},  {4, 2.569031772546482},
                 {5, 2.7277743708703763}, {10, 3.163683577053373}, {20, 3.5437991315177815},
                 {50, 3.9923432900094076}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_close(normal_range_quantile(0.95, cases[i].k) * M_SQRT1_2, cases[i].q);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_student), cmocka_unit_test(test_chi_square),
                                       cmocka_unit_test(test_normal_range)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
