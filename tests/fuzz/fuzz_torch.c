/* fuzz_torch.c: zip archives, those of PyTorch among them. (Archives without checksums, as PyTorch may be
 * told to write, let a fuzzer past the CRC.) */
#include "tests/fuzz/fuzz.h"

#include "clip/tensors/zip.h"

#include <stdlib.h>
#include <string.h>

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
    return fuzz_tensors(data, size);
}

FUZZ_ENTRY(fuzz_torch)
