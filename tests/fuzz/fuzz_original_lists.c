/* fuzz_original_lists.c: the bytes as few-shot lists of a dataset, and as preprocessed.pkl of ImageNet. */
#include "tests/fuzz/fuzz.h"

#include "datasets/lists/original_lists.h"

#include <stdio.h>
#include <stdlib.h>

static Item train[] = {{"a/1.jpg", 0}, {"a/2.jpg", 0}, {"b/1.jpg", 1}}, val[] = {{"b/2.jpg", 1}},
            test[] = {{"a/3.jpg", 0}};
static const char *names[] = {"a", "b"};

static int few_shot(const uint8_t *data, size_t size) {
    FuzzFile input;
    fuzz_open(&input, data, size);
    const char *path = fuzz_write(&input, "shot_1-seed_1.pkl", data, size);
    char start[64];
    snprintf(start, sizeof start, "%s", path);
    const Dataset dataset = {.name = "fuzz",
                             .source = "fuzz.json",
                             .root = "fuzz/images",
                             .n_classes = 2,
                             .class_names = names,
                             .train = {train, 3},
                             .val = {val, 1},
                             .test = {test, 1},
                             .kept_few_shot = input.folder,
                             .kept_tail = "fuzz/images"};
    ItemList few = dataset.train, few_val = dataset.val;
    const bool was_read =
        original_lists_few_shot(&few, &few_val, &dataset, 1, 1, input.arena, &input.err) == 0;
    for (int i = 0; was_read && i < few.n; i++)
        if (few.items[i].label < 0 || few.items[i].label > 1 || few.items[i].path[0] == '/')
            abort();
    return fuzz_close(&input, was_read, start);
}

static int preprocessed(const uint8_t *data, size_t size) {
    FuzzFile input;
    fuzz_open(&input, data, size);
    Dataset dataset = {.name = "fuzz", .root = "fuzz/images", .kept_tail = "fuzz/images"};
    const bool was_read = original_lists_dataset(&dataset, input.path, input.arena, &input.err) == 0;
    for (int i = 0; was_read && i < dataset.train.n; i++)
        if (dataset.train.items[i].label < 0 || dataset.train.items[i].label >= dataset.n_classes)
            abort();
    return fuzz_close(&input, was_read, NULL);
}

int fuzz_original_lists(const uint8_t *data, size_t size) {
    const int few = few_shot(data, size), all = preprocessed(data, size);
    return few || all;
}

FUZZ_ENTRY(fuzz_original_lists)
