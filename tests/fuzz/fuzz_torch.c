/* fuzz_torch.c: zip archives, those of PyTorch, with an optimiser and without, and of NumPy among them.
 * (Archives without checksums, as PyTorch may be told to write, let a fuzzer past the CRC.) */
#include "tests/fuzz/fuzz.h"

#include "clip/tensors/tensors_open.h"
#include "clip/tensors/zip.h"

#include <stdlib.h>
#include <string.h>

/* With the state of an optimiser. */
static void open_training(const uint8_t *data, size_t size) {
    FuzzFile input;
    fuzz_open(&input, data, size);
    TensorFile *file = tensors_open_training(input.path, &input.err);
    for (int i = 0; file && i < tensors_count(file); i++)
        if (dtype_is_floating(tensors_at(file, i)->dtype))
            (void)tensor_finite(tensors_at(file, i), 0, tensors_at(file, i)->count);
    const bool was_read = file != NULL;
    tensors_close(file);
    fuzz_close(&input, was_read, NULL);
}

int fuzz_torch(const uint8_t *data, size_t size) {
    Arena *arena = arena_create();
    Error err = {0};
    ZipArchive zip;
    if (zip_open(&zip, "zip", data, size, arena, &err) == 0)
        for (size_t i = 0; i < zip.n_members; i++) {
            unsigned sum = 0;
            const unsigned char *bytes = zip_bytes(&zip, &zip.members[i], &err);
            for (size_t k = 0; bytes && k < zip.members[i].size; k++)
                sum += bytes[k];
            if (bytes && sum > 255 * size)
                abort();
        }
    arena_free(arena);
    open_training(data, size);
    return fuzz_tensors(data, size);
}

FUZZ_ENTRY(fuzz_torch)
