/* test_options.c: options of older and newer headers, and values out of range. */
#include "coop/library/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_init(void **state) {
    (void)state;
    coop_options options;
    memset(&options, 7, sizeof options);
    coop_options_init(&options, sizeof options);
    assert_int_equal(options.size, sizeof options);
    assert_int_equal(options.threads, 0);
    assert_null(options.checkpoint);
    coop_options_init(NULL, sizeof options);
    memset(&options, 7, sizeof options);
    coop_options_init(&options, offsetof(coop_options, checkpoint)); /* an older header's */
    assert_null(options.stop_context);
    assert_non_null(options.checkpoint);
}

/* What an older header did not know is zero, whatever lies there. */
static void test_older(void **state) {
    (void)state;
    coop_options old, read;
    memset(&old, 7, sizeof old);
    coop_options_init(&old, offsetof(coop_options, precision));
    old.threads = 3;
    assert_int_equal(options_read(&read, &old, NULL), 0);
    assert_int_equal(read.threads, 3);
    assert_int_equal(read.precision, COOP_PRECISION_AS_LEARNED);
    assert_null(read.checkpoint);
}

static void test_newer(void **state) {
    (void)state;
    struct {
        coop_options known;
        int unknown, more;
    } newer;
    coop_options read;
    Error err = {0};
    coop_options_init(&newer.known, sizeof newer);
    newer.known.threads = 2;
    assert_int_equal(options_read(&read, &newer.known, &err), 0);
    assert_int_equal(read.threads, 2);
    newer.unknown = 1;
    assert_int_equal(options_read(&read, &newer.known, &err), -1);
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_non_null(strstr(err.text, COOP_VERSION));
}

static void refuse(coop_options options, const char *part) {
    coop_options read;
    Error err = {0};
    assert_int_equal(options_read(&read, &options, &err), -1);
    assert_int_equal(err.kind, ERROR_USAGE);
    if (!strstr(err.text, part))
        fail_msg("%s", err.text);
}

static void test_ranges(void **state) {
    (void)state;
    coop_options good, bad, read;
    coop_options_init(&good, sizeof good);
    assert_int_equal(options_read(&read, &good, NULL), 0);
    assert_int_equal(options_read(&read, NULL, NULL), 0);
    bad = good, bad.size = 0, refuse(bad, "coop_options_init");
    bad = good, bad.threads = -1, refuse(bad, "threads -1");
    bad = good, bad.threads = 100000, refuse(bad, "threads 100000");
    bad = good, bad.images = -1, refuse(bad, "images -1");
    bad = good, bad.heads = -2, refuse(bad, "heads -2");
    bad = good, bad.precision = (coop_precision)4, refuse(bad, "precision 4");
    bad = good, bad.activation = (coop_activation)-1, refuse(bad, "activation -1");
    bad = good, bad.exif = (coop_exif)3, refuse(bad, "exif 3");
    bad = good, bad.towers = (coop_towers)9, refuse(bad, "towers 9");
    bad = good, bad.position = (coop_position)3, refuse(bad, "position 3");
}

static void test_meaning(void **state) {
    (void)state;
    coop_options options;
    coop_options_init(&options, sizeof options);
    options.towers = COOP_IMAGES;
    options.images = 2;
    options.activation = COOP_GELU;
    options.precision = COOP_AUTO_PRECISION;
    options.position = COOP_FRONT;
    options.checkpoint = "weights";
    const LoadedModelOptions model = options_of_model(&options);
    assert_int_equal(model.towers, CLIP_IMAGE | CLIP_FEW_IMAGES);
    assert_int_equal(model.activation, CLIP_ACTIVATION_GELU);
    assert_int_equal(model.precision, PRECISION_AUTO);
    const ClassifierOptions classifier = options_of_classifier(&options);
    assert_string_equal(classifier.weights, "weights");
    assert_int_equal(classifier.position, POSITION_FRONT);
    assert_int_equal(classifier.n_images, 2);
    assert_true(classifier.set_precision);
    options.precision = COOP_PRECISION_AS_LEARNED;
    assert_false(options_of_classifier(&options).set_precision);
    options.precision = COOP_FLOAT32;
    assert_true(options_of_classifier(&options).set_precision);
    assert_int_equal(options_of_model(&options).precision, PRECISION_FLOAT32);
    options.images = 0;
    options.towers = COOP_BOTH;
    assert_int_equal(options_of_model(&options).towers, CLIP_BOTH);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_init), cmocka_unit_test(test_older),
                                       cmocka_unit_test(test_newer), cmocka_unit_test(test_ranges),
                                       cmocka_unit_test(test_meaning)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
