/* fuzz_shards.c: lists of shards, beside two shards with the tensors a, b and c, d. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

/* A safetensors file with two tensors of one float. */
static void write_shard(FuzzFile *input, const char *file, char first, char second) {
    unsigned char bytes[256] = {0};
    int n = snprintf((char *)bytes + 8, sizeof bytes - 8,
                     "{\"%c\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                     "\"%c\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[4,8]}}",
                     first, second);
    bytes[0] = (unsigned char)n;
    memset(bytes + 8 + n, 0, 8);
    fuzz_write(input, file, bytes, 8 + (size_t)n + 8);
}

int fuzz_shards(const uint8_t *data, size_t size) {
    FuzzFile input;
    fuzz_open(&input, data, 0);
    input.size = size;
    write_shard(&input, "1.safetensors", 'a', 'b');
    write_shard(&input, "2.safetensors", 'c', 'd');
    return fuzz_tensors_at(&input, fuzz_write(&input, "model.safetensors.index.json", data, size));
}

FUZZ_ENTRY(fuzz_shards)
