/* checksum.c: see checksum.h */
#include "clip/base/checksum.h"

#include "clip/base/files.h"
#include "clip/base/minimum.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define PIECE ((size_t)8 << 20) /* bytes; enough that putting sums together costs nothing */

uint32_t checksum(uint32_t before, const void *data, size_t size) {
    return size > 0 ? libdeflate_crc32(before, data, size) : before; /* NULL would begin anew */
}

typedef struct {
    const unsigned char *data;
    size_t size;     /* all of it */
    uint32_t sums[]; /* one of each piece */
} Shared;

static void sum_piece(void *context, int piece, int worker) {
    (void)worker;
    Shared *shared = context;
    const size_t first = (size_t)piece * PIECE;
    shared->sums[piece] = checksum(0, shared->data + first, min_size(PIECE, shared->size - first));
}

uint32_t checksum_shared(Pool *pool, uint32_t before, const void *data, size_t size) {
    const int n = (int)((size + PIECE - 1) / PIECE);
    Shared *shared =
        pool_threads(pool) > 1 && n > 1 ? malloc(sizeof *shared + (size_t)n * sizeof *shared->sums) : NULL;
    if (!shared)
        return checksum(before, data, size);
    shared->data = data;
    shared->size = size;
    pool_run(pool, n, sum_piece, shared);
    for (int i = 0; i < n; i++)
        before = (uint32_t)crc32_combine(before, shared->sums[i],
                                         (z_off_t)min_size(PIECE, size - (size_t)i * PIECE));
    free(shared);
    return before;
}

void checksum_text(char out[CHECKSUM_TEXT], uint32_t sum) {
    snprintf(out, CHECKSUM_TEXT, "%08" PRIx32, sum);
}

int checksum_file(char out[CHECKSUM_TEXT], const char *path, Error *err) {
    FileMap map;
    if (file_map(&map, path, err) < 0)
        return -1;
    checksum_text(out, checksum(0, map.data, map.size));
    file_unmap(&map);
    return 0;
}
