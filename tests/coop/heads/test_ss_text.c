/* test_ss_text.c: the closed forms of SS-Text and SS-Text+ against the authors' program. */
#include "coop/heads/head.h"
#include "coop/heads/ss_text.h"
#include "tests/coop/heads/heads_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { N_KEPT = 18 }; /* so that classes are of unequal size */

static SsTextConfig config_of(const HeadsBench *bench) {
    return (SsTextConfig){
        .n_classes = HEADS_K, .embed_dim = HEADS_E, .text = bench->text, .logit_scale = HEADS_LOGIT_SCALE};
}

static void test_reference(void **state) {
    HeadsBench *bench = *state;
    SsTextConfig config = config_of(bench);
    LinearClassifier classifier = linear_classifier(HEADS_K, HEADS_E, bench->arena);
    assert_int_equal(ss_text_fit(&classifier, &config, bench->images, bench->labels, N_KEPT, NULL), 0);
    heads_check(bench, &classifier, "ss_text", 1e-5);
    config.kind = SS_TEXT_PER_CLASS;
    config.repel = true;
    assert_int_equal(ss_text_fit(&classifier, &config, bench->images, bench->labels, N_KEPT, NULL), 0);
    heads_check(bench, &classifier, "ss_text_plus", 1e-5);
    config.kind = SS_TEXT_GIVEN;
    config.repel = false;
    float lambda[HEADS_K];
    const HeadConfig head = {
        .n_classes = HEADS_K, .embed_dim = HEADS_E, .text = bench->text, .logit_scale = HEADS_LOGIT_SCALE};
    assert_int_equal(
        head_zero_shot_lambda(lambda, &head, bench->images, bench->labels, N_KEPT, bench->pool, NULL), 0);
    config.lambda = lambda;
    assert_int_equal(ss_text_fit(&classifier, &config, bench->images, bench->labels, N_KEPT, NULL), 0);
    heads_check(bench, &classifier, "ss_text_clap", 1e-4);
}

/* A class without images is known by its text alone. */
static void test_missing_class(void **state) {
    HeadsBench *bench = *state;
    SsTextConfig config = config_of(bench);
    LinearClassifier classifier = linear_classifier(HEADS_K, HEADS_E, bench->arena);
    for (config.kind = SS_TEXT_ALL; config.kind <= SS_TEXT_PER_CLASS; config.kind++) {
        assert_int_equal(ss_text_fit(&classifier, &config, bench->images, bench->labels, 4, NULL), 0);
        assert_close("text", classifier.weights + 4 * HEADS_E, bench->text_unit + 4 * HEADS_E, HEADS_E, 1e-6);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {HEADS_TEST(test_reference), HEADS_TEST(test_missing_class)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
