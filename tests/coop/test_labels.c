/* test_labels.c: see labels.h */
#include "coop/labels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void most_likely_first(void **state) {
    (void)state;
    const float logits[] = {1, 3, 2};
    Label labels[3];
    labels_rank(labels, logits, 3);
    const double sum = exp(1.0 - 3) + 1 + exp(2.0 - 3);
    assert_int_equal(labels[0].label, 1);
    assert_int_equal(labels[1].label, 2);
    assert_int_equal(labels[2].label, 0);
    assert_true(fabs(labels[0].probability - 1 / sum) < 1e-15);
    assert_true(fabs(labels[2].probability - exp(-2.0) / sum) < 1e-15);
}

static void equal_ones_by_label(void **state) {
    (void)state;
    const float logits[] = {-5e4f, 80, 80, 80};
    Label labels[4];
    labels_rank(labels, logits, 4);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(labels[i].label, i + 1);
        assert_true(labels[i].probability == 1.0 / 3);
    }
    assert_true(labels[3].label == 0 && labels[3].probability == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(most_likely_first),
                                       cmocka_unit_test(equal_ones_by_label)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
