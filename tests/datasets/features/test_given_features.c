/* test_given_features.c: rows by path, and files that are not of the dataset's lists. */
#include "datasets/features/given_features.h"

#include "clip/base/arena.h"
#include "clip/tensors/npz_write.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static Item train[] = {{"a.png", 0}, {"b.png", 1}, {"c.png", 1}}, test[] = {{"d.png", 0}, {"e.png", 1}};
static const Dataset dataset = {
    .name = "d", .source = "d.json", .n_classes = 2, .train = {train, 3}, .test = {test, 2}};

static void write_part(void **state, const char *name, int n, int width, const int64_t *labels) {
    char path[600];
    double rows[12];
    Error err = {0};
    for (int i = 0; i < n * width; i++)
        rows[i] = 10 * n + i;
    const TensorOut out[] = {{"feature_list", DTYPE_F64, 2, {n, width}, rows},
                             {"label_list", DTYPE_I64, 1, {n}, labels}};
    assert_int_equal(npz_write(scratch_path(state, name, path, sizeof path), out, 2, &err), 0);
}

static void refuses(const char *folder, const char *expected) {
    Error err = {0};
    assert_null(given_features_open(folder, &dataset, &err));
    if (!strstr(err.text, expected))
        fail_msg("%s", err.text);
}

static void test_rows(void **state) {
    static const int64_t of_train[] = {0, 1, 1}, of_test[] = {0, 1}, other[] = {1, 0, 1};
    char folder[600], digest[65];
    Error err = {0};
    float rows[6];
    scratch_path(state, "", folder, sizeof folder);
    folder[strlen(folder) - 1] = '\0';
    refuses(folder, "neither train.npz, val.npz nor test.npz");
    write_part(state, "train.npz", 3, 2, of_train);
    write_part(state, "test.npz", 2, 2, of_test);
    GivenFeatures *given = given_features_open(folder, &dataset, &err);
    if (!given)
        fail_msg("%s", err.text);
    assert_int_equal(given_features_width(given), 2);
    memcpy(digest, given_features_digest(given), 65);
    Item items[] = {
        {"e.png", 1}, {"b.png", 0}, {"e.png", 1}}; /* as of a dataset that was cut to some classes */
    assert_int_equal(given_features_get(given, rows, &(ItemList){items, 3}, &err), 0);
    assert_memory_equal(rows, ((const float[]){22, 23, 32, 33, 22, 23}), sizeof rows);
    items[0].path = "f.png";
    assert_int_equal(given_features_get(given, rows, &(ItemList){items, 1}, &err), -1);
    assert_non_null(strstr(err.text, "no features of f.png"));
    given_features_close(given);

    write_part(state, "test.npz", 2, 3, of_test);
    refuses(folder, "shape [2, 3] where [?, 2] is needed");
    write_part(state, "test.npz", 3, 2, of_train);
    refuses(folder, "3 rows and 3 labels where the list of d.json has 2 images");
    write_part(state, "test.npz", 2, 2, other);
    refuses(folder, "row 0: 1 where d.json has 0 of d.png: lists in another order");
    refuses("/nowhere", "/nowhere: no such folder");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
