/* test_linear_classifier.c: scale, weights and bias. */
#include "coop/heads/linear_classifier.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_logits(void **state) {
    (void)state;
    Arena *arena = arena_create();
    LinearClassifier classifier = linear_classifier(2, 3, arena);
    const float images[] = {1, 0, 0, 0, 2, 1}, weights[] = {1, 2, 3, -1, 0, 1}, want[] = {12, -5, 72, 15};
    for (int i = 0; i < 6; i++)
        classifier.weights[i] = weights[i];
    classifier.bias[0] = 2;
    classifier.bias[1] = 5;
    classifier.scale = 10;
    float logits[4];
    linear_classifier_logits(&classifier, NULL, logits, images, 2);
    assert_close("logits", logits, want, 4, 1e-6);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_logits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
