/* fuzz_class_names.c: files of class names. */
#include "tests/fuzz/fuzz.h"

#include "datasets/lists/class_names.h"

#include <stdlib.h>

int fuzz_class_names(const uint8_t *data, size_t size) {
    FuzzFile input;
    const char *present[] = {"n01", "big cat", "dog"};
    Dataset dataset = {.source = "photos", .n_classes = 3, .class_names = present};
    fuzz_open(&input, data, size);
    bool was_read = class_names_apply(&dataset, input.path, input.arena, &input.err) == 0;
    for (int label = 0; was_read && label < dataset.n_classes; label++)
        if (!dataset.class_names[label][0])
            abort();
    return fuzz_close(&input, was_read, NULL);
}

FUZZ_ENTRY(fuzz_class_names)
