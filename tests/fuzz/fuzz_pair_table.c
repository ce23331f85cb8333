/* fuzz_pair_table.c: tables of images and captions. */
#include "tests/fuzz/fuzz.h"

#include "datasets/pairs/pairs.h"

#include <stdlib.h>
#include <string.h>
#include <unistr.h>

int fuzz_pair_table(const uint8_t *data, size_t size) {
    FuzzFile input;
    fuzz_open(&input, data, size);
    PairSource *source = pairs_open_table(input.path, NULL, NULL, NULL, "/dev", &input.err);
    for (int i = 0; source && i < pairs_count(source); i++) {
        Error err = {0};
        Pair pair; /* there are no such images, but captions are UTF-8, and there is a word in each */
        size_t mark = arena_mark(input.arena);
        if (pairs_get(source, i, 0, 0, &pair, input.arena, &err) < 0 && err.kind != ERROR_INPUT)
            abort();
        if (u8_check((const uint8_t *)pair.caption, strlen(pair.caption)) || !*pair.caption)
            abort();
        arena_reset(input.arena, mark);
    }
    const bool was_read = source != NULL;
    pairs_close(source);
    return fuzz_close(&input, was_read, NULL);
}

FUZZ_ENTRY(fuzz_pair_table)
