/* fuzz_split_json.c: split files, with all classes and with the base classes alone, up to the few-shot lists.
 */
#include "tests/fuzz/fuzz.h"

#include "datasets/lists/dataset_open.h"
#include "datasets/lists/fewshot.h"

#include <stdlib.h>
#include <string.h>

int fuzz_split_json(const uint8_t *data, size_t size) {
    FuzzFile input;
    Dataset all, base;
    ItemList train, val;
    fuzz_open(&input, data, size);
    DatasetSpec spec = {.format = "split", .split = input.path, .images = "images"};
    bool was_read = dataset_open(&all, &spec, input.arena, &input.err) == 0;
    for (int i = 0; was_read && i < all.train.n; i++)
        if (all.train.items[i].label >= all.n_classes || all.train.items[i].path[0] == '/')
            abort();
    spec.subsample_classes = "base";
    was_read = was_read && dataset_open(&base, &spec, input.arena, &input.err) == 0;
    if (was_read && base.train.n > 0)
        was_read = dataset_few_shot(&train, &val, &base, 2, 1, input.arena, &input.err) == 0;
    return fuzz_close(&input, was_read, NULL);
}

FUZZ_ENTRY(fuzz_split_json)
