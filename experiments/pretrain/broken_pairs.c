/* broken_pairs.c: see broken_pairs.h */
#include "experiments/pretrain/broken_pairs.h"

enum { MOST_NAMED = 1000 };

void broken_pairs_tell(BrokenPairs *broken, const LoadedBatch *batch) {
    const int n_lines = (int)(sizeof batch->broken / sizeof *batch->broken);
    for (int i = 0; i < batch->n_broken && i < n_lines; i++) {
        if (text_map_find(&broken->named, batch->broken[i]))
            continue;
        if (broken->named.n == MOST_NAMED)
            progress_print(broken->progress, "skipped: %d pairs by now; no more are named", MOST_NAMED);
        if (broken->named.n > MOST_NAMED)
            continue;
        if (broken->named.n < MOST_NAMED)
            progress_print(broken->progress, "skipped: %s", batch->broken[i]);
        const char *copy = arena_strdup(broken->named.arena, batch->broken[i]);
        if (copy)
            text_map_put(&broken->named, copy, 1);
    }
    if (batch->n_broken > n_lines && broken->n_unnamed == 0)
        progress_print(broken->progress, "skipped: %d more one after the other", batch->n_broken - n_lines);
    broken->n_unnamed += batch->n_broken > n_lines ? batch->n_broken - n_lines : 0;
}
