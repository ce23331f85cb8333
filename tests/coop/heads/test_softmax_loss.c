/* test_softmax_loss.c: the loss of logits near and far apart against double, and its gradient. */
#include "coop/heads/softmax_loss.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { B = 4, K = 7 };

static void test_against_double(void **state) {
    (void)state;
    const float sizes[] = {0.1f, 3, 60};
    const int labels[B] = {2, 0, 6, 3};
    for (int s = 0; s < 3; s++) {
        float logits[B * K], want[B * K];
        double loss = 0;
        int n_correct, correct = 0;
        fill_normal(logits, B * K, (double)sizes[s], 7);
        for (int i = 0; i < B; i++) {
            double sum = 0;
            int best = 0;
            for (int k = 0; k < K; k++) {
                sum += exp((double)logits[i * K + k]);
                best = logits[i * K + k] > logits[i * K + best] ? k : best;
            }
            loss += (log(sum) - (double)logits[i * K + labels[i]]) / B;
            for (int k = 0; k < K; k++)
                want[i * K + k] = (float)(5 * (exp((double)logits[i * K + k]) / sum - (k == labels[i])) / B);
            correct += best == labels[i];
        }
        assert_int_equal(count_correct(logits, labels, B, K), correct);
        for (int i = 0; i < B * K; i++)
            logits[i] /= 5;
        const double got = softmax_loss(NULL, logits, labels, B, K, 5, &n_correct);
        assert_true(fabs(got - loss) < 1e-5 * (1 + loss));
        assert_int_equal(n_correct, correct);
        assert_close("gradient", logits, want, B * K, 1e-5);
    }
}

/* A share that is too small for a float still has its loss; what is not a number is seen. */
static void test_extremes(void **state) {
    (void)state;
    const int label = 1;
    float logits[] = {1000, 0}, bad[] = {0, NAN};
    assert_true(fabs(softmax_loss(NULL, logits, &label, 1, 2, 1, NULL) - 1000) < 1e-3);
    assert_false(isfinite(softmax_loss(NULL, bad, &label, 1, 2, 1, NULL)));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_double),
                                       cmocka_unit_test(test_extremes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
