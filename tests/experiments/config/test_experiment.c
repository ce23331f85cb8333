/* test_experiment.c: experiments/config/experiment.c: what follows from the fields of an experiment. */
#include "experiments/config/experiment.h"
#include "tests/support/experiment_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_auto_epochs(void **state) {
    (void)state;
    assert_int_equal(auto_epochs("dtd", 1), 50);
    assert_int_equal(auto_epochs("dtd", 2), 100);
    assert_int_equal(auto_epochs("dtd", 4), 100);
    assert_int_equal(auto_epochs("dtd", 8), 200);
    assert_int_equal(auto_epochs("dtd", 16), 200);
    assert_int_equal(auto_epochs("dtd", 64), 200);
    assert_int_equal(auto_epochs("dtd", SHOTS_ALL), 200);
    assert_int_equal(auto_epochs(NULL, 16), 200);
    assert_int_equal(auto_epochs("imagenet", 16), 50);
    assert_int_equal(auto_epochs("imagenet", SHOTS_ALL), 50);
}

static void test_dataset_names(void **state) {
    Trial *trial = *state;
    static const struct {
        const char *dataset, *name;
    } cases[] = {
        {"{name: dtd, root: d}", "dtd"},
        {"{name: dtd, root: d, subsample_classes: new}", "dtd_new"},
        {"{format: split, images: x, split: a/split_zhou_tiny_novel.json}", "tiny_novel"},
        {"{format: csv, csv: my photos.csv}", "my_photos"},
        {"{format: folder, train: a/flowers/train/, test: a/flowers/test}", "flowers"},
        {"{format: folder, test: cats}", "cats"},
        {"{format: folder, images: ~/my photos/}", "my_photos"},
        {"{format: csv, csv: a/pets.csv, images: b}", "pets"},
        {"{format: folder, test: test}", "test"},
        {"{format: folder, test: ../test}", "unnamed"},
        {"{format: folder, name: '../../etc', test: test}", "etc"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char yaml[512];
        snprintf(yaml, sizeof yaml, "model: {weights: /}\nmethods: [linear_probe: {}]\ndataset: %s\n",
                 cases[i].dataset);
        trial_read_ok(trial, yaml, NULL);
        assert_string_equal(experiment_dataset_name(&trial->experiment, trial->arena), cases[i].name);
        assert_string_equal(experiment_backbone_name(&trial->experiment, trial->arena), "unnamed");
    }
}

static void test_default_template(void **state) {
    (void)state;
    assert_string_equal(default_template(&(DatasetSpec){.name = "oxford_pets"}),
                        "a photo of a {}, a type of pet.");
    assert_string_equal(default_template(&(DatasetSpec){.name = "oxford_pets", .template = "{}!"}), "{}!");
    assert_string_equal(default_template(&(DatasetSpec){0}), "a photo of a {}.");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auto_epochs), cmocka_unit_test(test_default_template),
        cmocka_unit_test_setup_teardown(test_dataset_names, trial_setup, trial_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
