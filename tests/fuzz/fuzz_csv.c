/* fuzz_csv.c: lists of images as comma-separated values, up to the few-shot lists drawn from them. */
#include "tests/fuzz/fuzz.h"

#include "datasets/lists/dataset_open.h"
#include "datasets/lists/fewshot.h"

#include <string.h>

int fuzz_csv(const uint8_t *data, size_t size) {
    FuzzFile input;
    Dataset dataset;
    ItemList train, val;
    fuzz_open(&input, data, size);
    DatasetSpec spec = {.format = "csv", .csv = input.path, .images = "images"};
    bool was_read = dataset_open(&dataset, &spec, input.arena, &input.err) == 0;
    if (was_read && dataset.train.n > 0)
        was_read = dataset_few_shot(&train, &val, &dataset, 1, 1, input.arena, &input.err) == 0;
    return fuzz_close(&input, was_read, NULL);
}

FUZZ_ENTRY(fuzz_csv)
