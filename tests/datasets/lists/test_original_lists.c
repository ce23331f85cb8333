/* test_original_lists.c: datasets/lists/original_lists.c: few-shot lists as the original code keeps them. The
 * pickles are built here as Python's protocol 4 writes them: with frames, a memo and STACK_GLOBAL. */
#include "datasets/lists/original_lists.h"

#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "datasets/lists/fewshot.h"
#include "tests/support/list_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SHORT_TEXT "\x8c" /* SHORT_BINUNICODE */
#define MEMOIZE "\x94"

static void put_short(Buffer *out, const char *text) {
    buffer_puts(out, SHORT_TEXT);
    buffer_putc(out, (char)strlen(text));
    buffer_puts(out, text);
    buffer_puts(out, MEMOIZE);
}

typedef struct {
    const char *path, *name;
    int label;
} Image;

/* The first object brings its class and keys into the memo; `module` is its module. */
static void put_image(Buffer *out, const Image *image, const char *module) {
    put_short(out, module);
    put_short(out, "Datum");
    buffer_puts(out, "\x93" MEMOIZE ")\x81" MEMOIZE "}" MEMOIZE "(");
    put_short(out, "_impath");
    put_short(out, image->path);
    put_short(out, "_label");
    buffer_putc(out, 'K');
    buffer_putc(out, (char)image->label);
    put_short(out, "_domain");
    buffer_append(out, "K\0", 2);
    put_short(out, "_classname");
    put_short(out, image->name);
    buffer_puts(out, "ub");
}

static void put_list(Buffer *out, const char *key, const Image *images, int n, const char *module) {
    put_short(out, key);
    buffer_puts(out, "]" MEMOIZE "(");
    for (int i = 0; i < n; i++)
        put_image(out, &images[i], module);
    buffer_putc(out, 'e');
}

static void write_pickle(Lists *lists, const char *name, const Image *images, int n, const char *module) {
    Buffer out = {0};
    buffer_puts(&out, "\x80\x04}" MEMOIZE "(");
    put_list(&out, "train", images, n, module);
    buffer_puts(&out, "u.");
    const char *path = lists_file(lists, name, "");
    scratch_file(path, out.bytes, out.size);
    buffer_free(&out);
}

#define DATUM "dassl.data.datasets.base_dataset"

/* The letters of list_support.h, said to lie in a known dataset's folder. */
static Dataset *open_letters(Lists *lists, const char *classes) {
    lists_assert_ok(lists, lists_open(lists, lists_letters(lists, classes)));
    Dataset *dataset = &lists->dataset;
    dataset->kept_few_shot = lists_path(lists, "@/kept");
    dataset->kept_tail = "letters/images";
    if (dataset->whole) {
        ((Dataset *)dataset->whole)->kept_few_shot = dataset->kept_few_shot;
        ((Dataset *)dataset->whole)->kept_tail = dataset->kept_tail;
    }
    return dataset;
}

/* The path of a training image as another machine had it. */
static const char *elsewhere(Lists *lists, const Dataset *dataset, int i) {
    return arena_printf(lists->arena, "/home/them/letters/images/%s", dataset->train.items[i].path);
}

static Image image_of(Lists *lists, const Dataset *dataset, int i) {
    const int label = dataset->train.items[i].label;
    return (Image){elsewhere(lists, dataset, i), dataset->class_names[label], label + dataset->first_class};
}

static void test_read(void **state) {
    Lists *lists = *state;
    const Dataset *dataset = open_letters(lists, NULL);
    ItemList train, val, plain, plain_val;
    const Image images[] = {image_of(lists, dataset, 2), image_of(lists, dataset, 0)};
    lists_assert_ok(lists, dataset_few_shot(&plain, &plain_val, dataset, 1, 1, lists->arena, &lists->err));
    write_pickle(lists, "@/kept/shot_1-seed_1.pkl", images, 2, DATUM);
    lists_assert_ok(lists, dataset_few_shot(&train, &val, dataset, 1, 1, lists->arena, &lists->err));
    assert_int_equal(train.n, 2);
    assert_ptr_equal(train.items[0].path, dataset->train.items[2].path); /* lives as long as the dataset */
    assert_ptr_equal(train.items[1].path, dataset->train.items[0].path);
    assert_int_equal(train.items[0].label, dataset->train.items[2].label);
    assert_int_equal(val.n, plain_val.n); /* none is kept, as of ImageNet */
    lists_assert_ok(lists, dataset_few_shot(&train, &val, dataset, 1, 2, lists->arena, &lists->err));
    assert_int_not_equal(train.n, 2); /* another seed is drawn */
}

/* What is kept has all classes. */
static void test_subsampled(void **state) {
    Lists *lists = *state;
    const Dataset *dataset = open_letters(lists, "new");
    ItemList train, val;
    const Image images[] = {{"/x/letters/images/a/9.jpg", dataset->whole->class_names[0], 0},
                            image_of(lists, dataset, 0)};
    write_pickle(lists, "@/kept/shot_1-seed_1.pkl", images, 2, DATUM);
    lists_assert_ok(lists, dataset_few_shot(&train, &val, dataset, 1, 1, lists->arena, &lists->err));
    assert_int_equal(train.n, 1);
    assert_int_equal(train.items[0].label, dataset->train.items[0].label);
}

static void refuses(Lists *lists, const Dataset *dataset, Image image, const char *module,
                    const char *expected) {
    ItemList train, val;
    write_pickle(lists, "@/kept/shot_1-seed_1.pkl", &image, 1, module);
    const int status = dataset_few_shot(&train, &val, dataset, 1, 1, lists->arena, &lists->err);
    lists_assert_error(lists, status, lists_path(lists, expected));
}

static void test_refusals(void **state) {
    Lists *lists = *state;
    const Dataset *dataset = open_letters(lists, NULL);
    Image image = image_of(lists, dataset, 0), good = image;
    refuses(lists, dataset, image, "os", "@/kept/shot_1-seed_1.pkl: train[0]: no Datum of Dassl");
    image.path = "/home/them/others/images/a/1.jpg";
    refuses(lists, dataset, image, DATUM,
            "@/kept/shot_1-seed_1.pkl: train[0]: '/home/them/others/images/a/1.jpg' does not lie in a folder "
            "letters/images");
    image.path = "/home/them/letters/images/none.jpg";
    refuses(lists, dataset, image, DATUM,
            "@/kept/shot_1-seed_1.pkl: train: 'none.jpg' is not among the dataset's images for that");
    image = good;
    image.label = 99;
    refuses(lists, dataset, image, DATUM,
            "@/kept/shot_1-seed_1.pkl: train[0]: label 99, where there are 5 classes");
    image = good;
    image.name = "other";
    refuses(lists, dataset, image, DATUM,
            arena_printf(lists->arena,
                         "@/kept/shot_1-seed_1.pkl: train[0]: class %d is 'other', but '%s' in %s",
                         good.label, good.name, dataset->source));
}

/* What is written is read again, and what is not there is drawn. */
static void test_write(void **state) {
    Lists *lists = *state;
    const Dataset *dataset = open_letters(lists, NULL);
    ItemList train, val, again, val_again;
    const char *path = original_lists_path(dataset, 2, 3, lists->arena);
    assert_string_equal(path, lists_path(lists, "@/kept/shot_2-seed_3.pkl"));
    lists_assert_ok(lists, make_folders(dataset->kept_few_shot, &lists->err));
    lists_assert_ok(lists, dataset_few_shot(&train, &val, dataset, 2, 3, lists->arena, &lists->err));
    Dataset there = *dataset;
    there.root = "/data/letters/images";
    lists_assert_ok(lists, original_lists_write(path, &there, &train, &val, lists->arena, &lists->err));
    lists_assert_ok(lists, dataset_few_shot(&again, &val_again, dataset, 2, 3, lists->arena, &lists->err));
    assert_int_equal(again.n, train.n);
    assert_int_equal(val_again.n, val.n);
    for (int i = 0; i < train.n; i++) {
        assert_string_equal(again.items[i].path, train.items[i].path);
        assert_int_equal(again.items[i].label, train.items[i].label);
    }
}

static void test_dataset(void **state) {
    Lists *lists = *state;
    Dataset dataset = {.root = "images", .kept_tail = "imagenet/images"};
    const Image images[] = {{"/a/imagenet/images/train/n01/1.JPEG", "tench", 0},
                            {"/a/imagenet/images/train/n02/2.JPEG", "goldfish", 1}};
    write_pickle(lists, "@/preprocessed.pkl", images, 2, DATUM);
    const char *path = lists_path(lists, "@/preprocessed.pkl");
    lists_assert_error(lists, original_lists_dataset(&dataset, path, lists->arena, &lists->err),
                       lists_path(lists, "@/preprocessed.pkl: no list 'test'"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read, lists_setup, lists_teardown),
        cmocka_unit_test_setup_teardown(test_subsampled, lists_setup, lists_teardown),
        cmocka_unit_test_setup_teardown(test_refusals, lists_setup, lists_teardown),
        cmocka_unit_test_setup_teardown(test_write, lists_setup, lists_teardown),
        cmocka_unit_test_setup_teardown(test_dataset, lists_setup, lists_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
