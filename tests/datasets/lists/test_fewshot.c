/* test_fewshot.c: datasets/lists/fewshot.c
 *
 * The references were drawn by Python 3.11: random.seed(seed), then per class in order of first appearance
 * random.sample(items, n), or all items when there are fewer; train first, then val with min(n, 4). A digest
 * is SHA-256 of the lines "path label\n", each list ended by "-\n", of all shots (and seeds) behind each
 * other.
 */
#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "datasets/lists/dataset_open.h"
#include "datasets/lists/fewshot.h"
#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void print_list(Buffer *out, const ItemList *list) {
    for (int i = 0; i < list->n; i++)
        buffer_printf(out, "%s %d\n", list->items[i].path, list->items[i].label);
    buffer_puts(out, "-\n");
}

/* Draws and prints; the memory is given back. */
static void draw(Lists *lists, Buffer *out, const Dataset *dataset, int shots, uint32_t seed) {
    ItemList train, val;
    size_t mark = arena_mark(lists->arena);
    lists_assert_ok(lists, dataset_few_shot(&train, &val, dataset, shots, seed, lists->arena, &lists->err));
    print_list(out, &train);
    print_list(out, &val);
    arena_reset(lists->arena, mark);
}

static void assert_digest(Buffer *out, const char *expected) {
    char digest[65];
    digest_bytes(digest, buffer_text(out), out->size);
    buffer_free(out);
    assert_string_equal(digest, expected);
}

/* --- a generated dataset: 24 classes of 1 to 3000 images, in random order --- */

#define N_SIZES 24

static ItemList generate(Lists *lists, const int *sizes, char tag) {
    int left[N_SIZES];
    ItemList list = {0};
    for (int c = 0; c < N_SIZES; c++) {
        left[c] = sizes[c];
        list.n += sizes[c];
    }
    list.items = ARENA_NEW(lists->arena, Item, list.n);
    assert_non_null(list.items);
    uint32_t x = 2022;
    for (int i = 0; i < list.n; i++) {
        x = x * 1664525u + 1013904223u;
        int c = (int)((x >> 8) % N_SIZES);
        while (left[c] == 0)
            c = (c + 1) % N_SIZES;
        left[c]--;
        list.items[i] = (Item){.path = arena_printf(lists->arena, "%c%d.jpg", tag, i), .label = c};
    }
    return list;
}

static Dataset generate_dataset(Lists *lists) {
    static const int train[N_SIZES] = {1,  2,  3,  4,  5,  7,   12,  16,  17,   20,   21,   22,
                                       23, 37, 64, 85, 86, 100, 277, 300, 1000, 1300, 2000, 3000};
    int val[N_SIZES];
    for (int i = 0; i < N_SIZES; i++)
        val[i] = 1 + i * 5 % 9;
    return (Dataset){
        .n_classes = N_SIZES, .train = generate(lists, train, 't'), .val = generate(lists, val, 'v')};
}

static void test_generated(void **state) {
    static const struct {
        uint32_t seed;
        const char *digest;
    } cases[] = {{1, "eb8a927cc36c9fbd8d7fb6bd8c54d5b68c2905dc1cb722684e4fe4fe38643bd9"},
                 {2, "e287677af25a4d8a1ef7d6f39cd263c6f18ff389ad2230134481ab32239895a0"},
                 {3, "235d1ca20cfb941154108d0fd148634b749202de85383da296849ae2c4c3a9d7"},
                 {0, "4cd09376e38ccec11c3fd64651a79886b483f7b7fb78f3116e3bcbb1e9ea3fae"},
                 {4294967295u, "2eeaea98ca2623620971d78fd0da39f3056a73641e614d21ae65807c5fc01b78"}};
    Lists *lists = *state;
    Dataset dataset = generate_dataset(lists);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Buffer out = {0};
        for (int shots = 1; shots <= 16; shots++)
            draw(lists, &out, &dataset, shots, cases[i].seed);
        assert_digest(&out, cases[i].digest);
    }
}

/* --- classes of every size from 1 to 300, and some large ones --- */

#define N_EVERY 305

static int every_size(int label) {
    static const int large[] = {512, 1000, 1024, 2047, 4096};
    return label < 300 ? label + 1 : large[label - 300];
}

static int every_val_size(int label) {
    return 1 + label % 9;
}

/* The i-th images of all classes together, classes in a fixed order that is not that of their labels. */
static ItemList interleave(Lists *lists, int (*size)(int label), char tag) {
    ItemList list = {0};
    for (int label = 0; label < N_EVERY; label++)
        list.n += size(label);
    list.items = ARENA_NEW(lists->arena, Item, list.n);
    assert_non_null(list.items);
    for (int i = 0, at = 0; at < list.n; i++)
        for (int j = 0; j < N_EVERY; j++) {
            int label = j * 7 % N_EVERY;
            if (i < size(label))
                list.items[at++] =
                    (Item){.path = arena_printf(lists->arena, "%c%d/%d", tag, label, i), .label = label};
        }
    return list;
}

static void test_every_size(void **state) {
    static const char *const digests[] = {"79cfac597acfcb344806d113ed7de1f1f034d4df36caa78edcc2c3e9cc283a74",
                                          "ed75f1a6f047a2170809d731df9ad3299d823cb9fc6adb3112cc2760d18b52d4",
                                          "c27caa7450f4c96eeecd546782f7f2165d92b9f9cd087f9972c6fb6ed116d54b"};
    Lists *lists = *state;
    Dataset dataset = {.n_classes = N_EVERY,
                       .train = interleave(lists, every_size, 't'),
                       .val = interleave(lists, every_val_size, 'v')};
    for (uint32_t seed = 1; seed <= 3; seed++) {
        Buffer out = {0};
        for (int shots = 1; shots <= 16; shots++)
            draw(lists, &out, &dataset, shots, seed);
        assert_digest(&out, digests[seed - 1]);
    }
}

/* --- split files --- */

static Dataset open_split(Lists *lists, const char *path, const char *classes) {
    Dataset dataset;
    DatasetSpec spec = {.format = "split", .images = ".", .split = path, .subsample_classes = classes};
    lists_assert_ok(lists, dataset_open(&dataset, &spec, lists->arena, &lists->err));
    return dataset;
}

/* A split file; then "all", "base" and "new". The draw is made for all classes, whichever are kept. */
typedef struct {
    const char *path, *digests[3];
} SplitCase;

static void check_split(Lists *lists, const SplitCase *split) {
    static const char *const classes[] = {"all", "base", "new"};
    static const uint32_t seeds[] = {1, 2, 3, 0, 4294967295u};
    static const int shots[] = {1, 2, 4, 8, 16};
    for (int c = 0; c < 3; c++) {
        Dataset dataset = open_split(lists, split->path, classes[c]);
        Buffer out = {0};
        for (int s = 0; s < 5; s++)
            for (int n = 0; n < 5; n++)
                draw(lists, &out, &dataset, shots[n], seeds[s]);
        assert_digest(&out, split->digests[c]);
    }
}

static const char golden[] = "tests/fixtures/split_zhou_Golden.json";

static void test_golden(void **state) {
    static const SplitCase split = {golden,
                                    {"c29ccea6dc31dd0fdfa65cbc7b53e2c3b2a7c76211717dbd6e589e95733dc8d3",
                                     "da7d432553f147d7f89c574508e983b9349816be5bdf812e52f00cb3e17991d4",
                                     "91c55dbce9347753397f0b3f8d8b5cab7a1b6b3b0fb2b1e0caae3b432b7105c8"}};
    check_split(*state, &split);
}

/* Seed 1, two shots, in full. */
static void test_golden_in_full(void **state) {
    Lists *lists = *state;
    ItemList train, val;
    Dataset dataset = open_split(lists, golden, "all");
    lists_assert_ok(lists, dataset_few_shot(&train, &val, &dataset, 2, 1, lists->arena, &lists->err));
    lists_assert_items(lists, &train,
                       "shape05/0002.jpg 5, shape05/0000.jpg 5, shape00/0000.jpg 0, shape00/0002.jpg 0, "
                       "shape07/0000.jpg 7, shape07/0002.jpg 7, shape08/0002.jpg 8, shape08/0000.jpg 8, "
                       "shape03/0000.jpg 3, shape03/0002.jpg 3, shape01/0002.jpg 1, shape01/0001.jpg 1, "
                       "shape06/0000.jpg 6, shape06/0002.jpg 6, shape02/0002.jpg 2, shape02/0001.jpg 2, "
                       "shape04/0002.jpg 4, shape04/0000.jpg 4, shape09/0001.jpg 9, shape09/0000.jpg 9");
    lists_assert_items(lists, &val,
                       "shape00/0003.jpg 0, shape01/0003.jpg 1, shape02/0003.jpg 2, shape03/0003.jpg 3, "
                       "shape04/0003.jpg 4, shape05/0003.jpg 5, shape06/0003.jpg 6, shape07/0003.jpg 7, "
                       "shape08/0003.jpg 8, shape09/0003.jpg 9");
    dataset = open_split(lists, golden, "base");
    lists_assert_ok(lists, dataset_few_shot(&train, &val, &dataset, 2, 1, lists->arena, &lists->err));
    lists_assert_items(lists, &train,
                       "shape00/0000.jpg 0, shape00/0002.jpg 0, shape03/0000.jpg 3, shape03/0002.jpg 3, "
                       "shape01/0002.jpg 1, shape01/0001.jpg 1, shape02/0002.jpg 2, shape02/0001.jpg 2, "
                       "shape04/0002.jpg 4, shape04/0000.jpg 4");
}

static void test_shared(void **state) {
    static const SplitCase splits[] = {
        {"../shared/demo/camouflage/split_zhou_camouflage.json",
         {"ba11b77bd27a75d56746979394a886824c6926ce0729d8086181cd52401d936c",
          "c1b3e0a28d7d50dccef0e5353149a7d505f152eefd3e896ef0867b8d48e65e83",
          "7ba01557b10ead526870a140d2a66bdc9879e182a4176c69495ee3da28ffbbee"}},
        {"../shared/photos/cifar10/split_zhou_CIFAR10.json",
         {"b19a33d6fbacc425961574a7cc97c36277e8bc0a3ef8f4defecebc36879990cf",
          "d3070626f5e1d001a9335e2ad85774847e717928a4e9a2074004fb9905d7bc88",
          "ecad763c734c10c6910571056d77b4a01b922605d375388536da29f1e12f01e2"}},
        {"../shared/photos/tiny_base/split_zhou_tiny_base.json",
         {"6fb6314a7085705fb9a06414b7e52dd1b86802489e52e4df3beada15c46df6f4",
          "748930e7812c7bba4b174ded16c0df0794e4516302e146135c40594a88ce90d3",
          "689179fd2ee1af90b6e3401550ddba12b4a9b9a53efd15bd78c453d47c0e0e65"}},
        {"../shared/photos/tiny_novel/split_zhou_tiny_novel.json",
         {"c543eaa8f35890c886a7162a1e5bbb62add54dd79715432fcd44312d6a573419",
          "4eb55717f0313743693536f7178c2320b4cbcdf98b502120e10a62b27ccf000b",
          "23c2c3971d33378150e114a6dcf0cc005d43a74261d7320e13025cdc9e48f2c6"}},
    };
    int n_checked = 0;
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        if (!file_exists(splits[i].path)) {
            print_message("skipped: %s is not there\n", splits[i].path);
            continue;
        }
        check_split(*state, &splits[i]);
        n_checked++;
    }
    if (n_checked == 0)
        skip();
}

/* --- other numbers of validation images --- */

/* As many as of training (drawn by Python as the others are), or all. */
static void test_validation(void **state) {
    Lists *lists = *state;
    Dataset dataset = generate_dataset(lists);
    ItemList train, val, usual, ignored;
    Buffer out = {0};
    for (int shots = 1; shots <= 16; shots++) {
        lists_assert_ok(
            lists, dataset_few_shot_with(&train, &val, &dataset, shots, shots, 1, lists->arena, &lists->err));
        print_list(&out, &train);
        print_list(&out, &val);
    }
    assert_digest(&out, "3857a529cd1ea711d3a644ef7962b89230782f11e693fe798e89e2aa4a09ddee");
    lists_assert_ok(lists, dataset_few_shot_with(&train, &val, &dataset, 5, 0, 1, lists->arena, &lists->err));
    lists_assert_ok(lists, dataset_few_shot(&usual, &ignored, &dataset, 5, 1, lists->arena, &lists->err));
    assert_int_equal(val.n, dataset.val.n);
    assert_int_equal(train.n, usual.n);
    for (int i = 0; i < train.n; i++)
        assert_ptr_equal(train.items[i].path, usual.items[i].path);
}

/* --- the rest --- */

static void test_all_shots(void **state) {
    Lists *lists = *state;
    Dataset dataset = generate_dataset(lists);
    ItemList train, val;
    lists_assert_ok(lists, dataset_few_shot(&train, &val, &dataset, 0, 1, lists->arena, &lists->err));
    assert_int_equal(train.n, dataset.train.n);
    assert_int_equal(val.n, dataset.val.n);
    assert_ptr_not_equal(train.items, dataset.train.items);
    for (int i = 0; i < train.n; i++) {
        assert_ptr_equal(train.items[i].path, dataset.train.items[i].path);
        assert_int_equal(train.items[i].label, dataset.train.items[i].label);
    }
    lists_assert_error(lists, dataset_few_shot(&train, &val, &dataset, -1, 1, lists->arena, &lists->err),
                       "num_shots: -1 is negative (0 is all)");
}

/* More shots than any class has: all images, grouped by class, and no random number is used. */
static void test_too_many_shots(void **state) {
    Item items[] = {{"a", 1}, {"b", 0}, {"c", 1}, {"d", 0}, {"e", 1}};
    Dataset dataset = {.n_classes = 3, .train = {items, 5}, .val = {items, 5}};
    Lists *lists = *state;
    ItemList train, val;
    for (uint32_t seed = 0; seed < 5; seed++) {
        lists_assert_ok(
            lists, dataset_few_shot(&train, &val, &dataset, 2147483647, seed, lists->arena, &lists->err));
        lists_assert_items(lists, &train, "a 1, c 1, e 1, b 0, d 0");
        lists_assert_items(lists, &val, "a 1, c 1, e 1, b 0, d 0");
    }
    dataset = (Dataset){.n_classes = 2};
    lists_assert_ok(lists, dataset_few_shot(&train, &val, &dataset, 4, 1, lists->arena, &lists->err));
    assert_int_equal(train.n + val.n, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)
    const struct CMUnitTest tests[] = {TEST(test_generated),      TEST(test_every_size), TEST(test_golden),
                                       TEST(test_golden_in_full), TEST(test_shared),     TEST(test_all_shots),
                                       TEST(test_too_many_shots), TEST(test_validation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
