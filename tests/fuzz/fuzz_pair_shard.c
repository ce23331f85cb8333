/* fuzz_pair_shard.c: tar files with images and captions; every byte of these is looked at. */
#include "tests/fuzz/fuzz.h"

#include "clip/base/checksum.h"
#include "datasets/pairs/pairs.h"

#include <stdlib.h>
#include <string.h>
#include <unistr.h>

static uint32_t volatile seen;

int fuzz_pair_shard(const uint8_t *data, size_t size) {
    FuzzFile input;
    fuzz_open(&input, data, size);
    PairSource *source = pairs_open_shards(input.path, &input.err);
    for (int i = 0; source && i < pairs_count(source); i++) {
        Error err = {0};
        Pair pair;
        if (pairs_get(source, i, 0, 0, &pair, input.arena, &err) < 0)
            abort();
        seen = checksum(seen, pair.image, pair.size);
        if (u8_check((const uint8_t *)pair.caption, strlen(pair.caption)) || !*pair.caption)
            abort();
    }
    const bool was_read = source != NULL;
    pairs_close(source);
    return fuzz_close(&input, was_read, NULL);
}

FUZZ_ENTRY(fuzz_pair_shard)

#ifdef LIBFUZZER
enum { BLOCK = 512 };

/* Most changes to a header break its checksum, and nothing behind it would ever run: it is mended. */
static size_t mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    size = LLVMFuzzerMutate(data, size, max_size);
    for (size_t at = 0; seed % 8 != 0 && at + BLOCK <= size; at += BLOCK) {
        unsigned sum = 0;
        if (memcmp(data + at + 257, "ustar", 5) != 0)
            continue;
        memset(data + at + 148, ' ', 8);
        for (size_t i = 0; i < BLOCK; i++)
            sum += data[at + i];
        for (size_t i = 0; i < 6; i++)
            data[at + 148 + i] = (uint8_t)('0' + (sum >> (15 - 3 * i) & 7));
        data[at + 154] = '\0';
    }
    return size;
}

FUZZ_MUTATOR(mutate)
#endif
