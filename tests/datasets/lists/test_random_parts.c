/* test_random_parts.c: datasets/lists/random_parts.c
 *
 * The references were drawn by Python 3.11: random.seed(seed), then per class random.shuffle of the sorted
 * paths, cut at round(n p_trn) and round(n p_val) behind it. A digest is SHA-256 of the lines "path label\n",
 * each list ended by "-\n".
 */
#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "datasets/lists/dataset_open.h"
#include "datasets/lists/list_check.h"
#include "datasets/lists/random_parts.h"
#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Classes of these sizes, in an order that depends on the key. */
static Dataset make_dataset(Lists *lists, const int *sizes, int n_classes, uint32_t key) {
    ItemList list = {0};
    for (int k = 0; k < n_classes; k++)
        list.n += sizes[k];
    list.items = ARENA_NEW(lists->arena, Item, list.n);
    int at = 0;
    for (int k = 0; k < n_classes; k++)
        for (int i = 0; i < sizes[k]; i++)
            list.items[at++] = (Item){.path = arena_printf(lists->arena, "c%d/%d.jpg", k, i), .label = k};
    for (int i = list.n - 1; i > 0; i--) {
        key = key * 1664525u + 1013904223u;
        int j = (int)((key >> 8) % (uint32_t)(i + 1));
        Item item = list.items[i];
        list.items[i] = list.items[j];
        list.items[j] = item;
    }
    return (Dataset){.source = "photos", .n_classes = n_classes, .train = list};
}

static void print_list(Buffer *out, const ItemList *list) {
    for (int i = 0; i < list->n; i++)
        buffer_printf(out, "%s %d\n", list->items[i].path, list->items[i].label);
    buffer_puts(out, "-\n");
}

static void test_python(void **state) {
    static const int sizes[] = {4, 5, 6, 7, 10, 13, 15, 20, 25, 37, 64, 100, 333, 1000};
    static const struct {
        uint32_t seed;
        double p_trn, p_val;
        const char *digest;
    } cases[] = {{1, 0.5, 0.2, "6da1e5be3d7c69f3613e473df315217fb497591430719e2657701cc4ec047064"},
                 {2, 0.5, 0.2, "4788bd47ed18b583dd3e15509106413578e06115e0fec45c563217bf2aa88593"},
                 {0, 0.5, 0.2, "7b2fd116717ef3954c8970d0291f73159a4b0da6064d1227f6feaf5d1fcc6665"},
                 {2147483647, 0.6, 0.1, "6be3259b9eff5ebe3cde8ec95c1223735c7f16565b357a5841e9031bb2aec68d"},
                 {3, 0.25, 0.25, "c8e8f6b85713229bd8aa542aa63d683a0f6cdc09fa4c92f36dfbe750c7ad9244"}};
    Lists *lists = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (uint32_t key = 1; key <= 3; key++) { /* the order of the list does not matter */
            char digest[65];
            Dataset dataset = make_dataset(lists, sizes, 14, key);
            lists_assert_ok(lists, random_parts(&dataset, cases[i].p_trn, cases[i].p_val, cases[i].seed,
                                                lists->arena, &lists->err));
            assert_true(dataset.drawn);
            Buffer out = {0};
            print_list(&out, &dataset.train);
            print_list(&out, &dataset.val);
            print_list(&out, &dataset.test);
            digest_bytes(digest, buffer_text(&out), out.size);
            buffer_free(&out);
            assert_string_equal(digest, cases[i].digest);
        }
}

/* Every class trains; one of two or more images is tested too. */
static void test_small_classes(void **state) {
    static const struct {
        int n;
        double p_trn, p_val;
        int train, val, test;
    } cases[] = {{1, 0.5, 0.2, 1, 0, 0},    {2, 0.5, 0.2, 1, 0, 1},   {3, 0.5, 0.2, 2, 0, 1},
                 {4, 0.5, 0.2, 2, 1, 1},    {5, 0.5, 0.2, 2, 1, 2},   {2, 0.01, 0.9, 1, 0, 1},
                 {3, 0.01, 0.9, 1, 1, 1},   {2, 0.98, 0, 1, 0, 1},    {1, 0.01, 0.01, 1, 0, 0},
                 {10, 0.98, 0.01, 9, 0, 1}, {100, 0.5, 0, 50, 0, 50}, {0, 0.5, 0.2, 0, 0, 0}};
    Lists *lists = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Dataset dataset = make_dataset(lists, &cases[i].n, 1, 1);
        lists_assert_ok(lists,
                        random_parts(&dataset, cases[i].p_trn, cases[i].p_val, 1, lists->arena, &lists->err));
        assert_int_equal(dataset.train.n, cases[i].train);
        assert_int_equal(dataset.val.n, cases[i].val);
        assert_int_equal(dataset.test.n, cases[i].test);
    }
}

static void test_twice(void **state) {
    Lists *lists = *state;
    Item items[] = {{"b", 0}, {"a", 0}, {"a", 1}, {"b", 0}};
    Dataset dataset = {.source = "l.csv", .n_classes = 2, .train = {items, 4}};
    lists_assert_error(lists, random_parts(&dataset, 0.5, 0.2, 1, lists->arena, &lists->err),
                       "l.csv: image 'b' comes twice");
}

/* A folder, and a CSV that lists its files backwards, are drawn alike. */
static void test_folder_and_csv(void **state) {
    Lists *lists = *state;
    const char *rows = "";
    for (int i = 0; i < 40; i++) {
        const char *path = arena_printf(lists->arena, "%s/%d.jpg", i % 3 ? "dog" : "big cat", i);
        lists_file(lists, arena_printf(lists->arena, "@/pets/%s", path), "x");
        rows = arena_printf(lists->arena, "%s,%s\n%s", path, i % 3 ? "dog" : "big cat", rows);
    }
    lists_file(lists, "@/pets.csv", arena_printf(lists->arena, "path,class\n%s", rows));
    DatasetSpec folder = {.format = "folder", .images = lists_path(lists, "@/pets")};
    DatasetSpec csv = {.format = "csv", .csv = lists_path(lists, "@/pets.csv"), .images = folder.images};
    lists_assert_ok(lists, dataset_open(&lists->dataset, &folder, lists->arena, &lists->err));
    lists_assert_classes(lists, "big cat, dog");
    assert_string_equal(lists->dataset.name, "pets");
    lists_assert_ok(lists, dataset_check_images(&lists->dataset, NULL, &lists->err));
    Dataset other;
    lists_assert_ok(lists, dataset_open(&other, &csv, lists->arena, &lists->err));
    const ItemList *ours[] = {&lists->dataset.train, &lists->dataset.val, &lists->dataset.test};
    const ItemList *theirs[] = {&other.train, &other.val, &other.test};
    static const int counts[] = {7 + 13, 3 + 5, 4 + 8};
    for (int part = 0; part < 3; part++) {
        assert_int_equal(ours[part]->n, counts[part]);
        assert_int_equal(theirs[part]->n, counts[part]);
        for (int i = 0; i < counts[part]; i++) {
            assert_string_equal(ours[part]->items[i].path, theirs[part]->items[i].path);
            assert_int_equal(ours[part]->items[i].label, theirs[part]->items[i].label);
        }
    }
    csv.split_seed = 2;
    lists_assert_ok(lists, dataset_open(&other, &csv, lists->arena, &lists->err));
    assert_string_not_equal(ours[0]->items[0].path, other.train.items[0].path);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)
    const struct CMUnitTest tests[] = {TEST(test_python), TEST(test_small_classes), TEST(test_twice),
                                       TEST(test_folder_and_csv)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
