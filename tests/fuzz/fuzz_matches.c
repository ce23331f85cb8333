/* fuzz_matches.c: captions that fit and that do not: Winoground's files, SugarCrepe's, ARO's, tables. */
#include "tests/fuzz/fuzz.h"

#include "datasets/captions/match_set.h"

#include <stdlib.h>
#include <string.h>
#include <unistr.h>

int fuzz_matches(const uint8_t *data, size_t size) {
    FuzzFile input;
    MatchSet set;
    fuzz_open(&input, data, size);
    const bool was_read = match_set_read(&set, input.path, NULL, input.arena, &input.err) == 0;
    if (was_read && (set.n < 1 || set.images.n != (set.pairs ? 2 : 1) * set.n || set.firsts[0] != 0))
        abort();
    for (int i = 0; was_read && i < set.n; i++)
        if (set.firsts[i + 1] - set.firsts[i] < 2 || (set.pairs && set.firsts[i + 1] - set.firsts[i] != 2))
            abort();
    for (int i = 0; was_read && i < set.firsts[set.n]; i++)
        if (!*set.texts[i] || u8_check((const uint8_t *)set.texts[i], strlen(set.texts[i])))
            abort();
    for (int i = 0; was_read && i < set.n_labels; i++)
        if (set.labels[i].item >= set.n || set.labels[i].tag >= set.n_tags)
            abort();
    return fuzz_close(&input, was_read, NULL);
}

FUZZ_ENTRY(fuzz_matches)
