/* fuzz_safetensors.c: one container of tensors. */
#include "tests/fuzz/fuzz.h"

int fuzz_safetensors(const uint8_t *data, size_t size) {
    return fuzz_tensors(data, size);
}

FUZZ_ENTRY(fuzz_safetensors)
FUZZ_MUTATOR(fuzz_mutate_safetensors)
