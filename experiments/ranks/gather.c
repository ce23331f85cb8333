/* gather.c: see gather.h. Each rank sends its part to every other: in all, what a ring would send. */
#include "experiments/ranks/gather.h"

#include <stdlib.h>

void *ranks_malloc(RankGroup *ranks, size_t count, size_t size) {
    void *block = malloc(count * size + 1);
    if (!block)
        ranks_abort(ranks, "out of memory");
    return block;
}

void ranks_gather(RankGroup *ranks, int kind, void *all, const size_t *offsets) {
    const int n = ranks_count(ranks), self = ranks_index(ranks);
    char *bytes = all;
    if (n == 1)
        return;
    RankBlock *blocks = ranks_malloc(ranks, 2 * (size_t)(n - 1), sizeof *blocks);
    RankBlock *send = blocks, *receive = blocks + n - 1;
    for (int i = 1; i < n; i++) { /* not all to rank 0 first */
        const int to = (self + i) % n, from = (self + n - i) % n;
        *send++ = (RankBlock){to, bytes + offsets[self], offsets[self + 1] - offsets[self]};
        *receive++ = (RankBlock){from, bytes + offsets[from], offsets[from + 1] - offsets[from]};
    }
    ranks_exchange(ranks, kind, blocks, n - 1, blocks + n - 1, n - 1);
    free(blocks);
}
