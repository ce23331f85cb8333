/* test_point_yaml.c: experiments/grid/point_yaml.c: config.yaml is an experiment of its point alone. */
#include "experiments/grid/grid.h"
#include "experiments/grid/point_yaml.h"
#include "tests/support/experiment_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* point_yaml read back is an experiment of exactly that point: same key, folder, label and output. */
static void check_round_trip(Trial *trial, const char *text) {
    Grid grid = trial_expand(trial, text);
    Experiment experiment = trial->experiment;
    for (int i = 0; i < grid.n; i++) {
        const Point *point = &grid.points[i];
        char *yaml = point_yaml(&experiment, point, trial->arena);
        assert_non_null(yaml);
        Grid one = trial_expand(trial, yaml);
        if (one.n != 1 || strcmp(one.points[0].key, point->key) != 0)
            fail_msg("%s\nbecame\n%s\nfrom\n%s", point->config, one.points[0].config, yaml);
        assert_string_equal(one.points[0].config, point->config);
        assert_string_equal(one.points[0].folder, point->folder);
        assert_string_equal(one.points[0].label, point->label);
        assert_int_equal(one.points[0].logits, point->logits);
        assert_string_equal(trial->experiment.output, experiment.output);
        assert_string_equal(trial->experiment.cache, experiment.cache);
        assert_string_equal(trial->experiment.name, experiment.name);
        assert_int_equal(trial->experiment.memory_budget, experiment.memory_budget);
        assert_int_equal(trial->experiment.model.activation, experiment.model.activation);
        assert_int_equal(trial->experiment.model.heads, experiment.model.heads);
        assert_int_equal(trial->experiment.model.precision, experiment.model.precision);
    }
}

static void test_round_trip(void **state) {
    Trial *trial = *state;
    check_round_trip(
        trial, "name: 'it''s \"q\" \\ \xc3\xa9'\nmodel: {weights: \"m, {x}: #1.pt\", vocab: 'auto', "
               "activation: gelu, heads: 20, precision: bfloat16}\n"
               "dataset: {format: split, images: 'a b', split: \"c'd.json\", subsample_classes: new, "
               "exif: rotate}\n"
               "grid: {num_shots: [1, all], seed: [0, 2147483647]}\nmemory_budget: 1GB\n"
               "methods:\n- zeroshot: {templates: [ensemble, 'a \"{}\" \\']}\n- zeroshot:\n"
               "- linear_probe:\n- coop: {n_ctx: [1, 5], ctx_init: ['', 'true', '12'], "
               "csc: [true, false], class_token_position: [front, middle], lr: [0.1, 1e-7]}\n"
               "optim: {momentum: 0.3333333333333333, weight_decay: 0, warmup_epoch: 0, shuffle: false, "
               "lr_scheduler: constant, batch_size: 1}\naugment: {views: 3}\noutputs: {logits: true}\n");
    check_round_trip(trial,
                     "model: {weights: m.pt}\ndataset: {name: imagenet, root: ~/d}\n"
                     "methods: [coop: {}, zeroshot: , linear_probe: {name: LP},\n"
                     "          text_layer: {layer: [bias, linear], lr: 1e-5, max_epoch: 3, templates: ['a "
                     "{}', 'b {}']},\n"
                     "          tip_adapter: {train: [true, false], alpha: 0.3, search: false, lr: 1e-4}]\n"
                     "augment: {views: 4}\n");
    check_round_trip(trial, "model: {weights: m.pt}\ndataset: {format: csv, csv: d.csv}\n"
                            "methods: [coop: {max_epoch: [auto, 9]}]\n");
    check_round_trip(trial,
                     "model: {weights: m.pt}\ndataset: {format: folder, images: my photos, p_trn: 0.3, "
                     "split_seed: 7,\n  class_names: n.txt, template: '{}.'}\n"
                     "methods: [zeroshot: , coop: ]\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, trial_setup, trial_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
