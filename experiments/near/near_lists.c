/* near_lists.c: see near_lists.h */
#include "experiments/near/near_lists.h"

#include "clip/base/checksum.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 64, VERSION = 1, SUM = 4 };
static const char magic[8] = {'c', 'o', 'o', 'p', 'n', 'e', 'a', 'r'};

_Static_assert(sizeof(NearRecall) == 16, "as in the file");

const char *near_lists_path(const char *index_path, Arena *arena) {
    return arena_printf(arena, "%s.near", index_path);
}

uint32_t near_lists_sum(const PhotoIndex *index, int n) {
    uint32_t sum = checksum(0, index->about, strlen(index->about));
    for (int s = 0; s < n; s++) {
        const IndexSegment *segment = &index->segments[s];
        const uint64_t parts[] = {segment->first,
                                  segment->n,
                                  segment->n_dead,
                                  segment->foot.size,
                                  segment->foot.features_sum,
                                  segment->foot.dead_sum,
                                  segment->foot.records_sum};
        sum = checksum(sum, parts, sizeof parts);
    }
    return sum;
}

/* --- writing --- */

int near_lists_write(const NearLists *lists, const char *path, Error *err) {
    const uint64_t fields[] = {VERSION,
                               (uint64_t)lists->E,
                               (uint64_t)lists->K,
                               (uint64_t)lists->n_recall,
                               lists->n,
                               lists->starts[lists->K],
                               lists->segments | (uint64_t)lists->sum << 32};
    unsigned char header[HEADER];
    memcpy(header, magic, sizeof magic);
    for (int i = 0; i < 7; i++)
        index_number_write(header + 8 + 8 * i, fields[i]);
    const struct {
        const void *data;
        size_t size;
    } parts[] = {{header, sizeof header},
                 {lists->recall, (size_t)lists->n_recall * sizeof *lists->recall},
                 {lists->centres, (size_t)lists->K * (size_t)lists->E * sizeof *lists->centres},
                 {lists->starts, ((size_t)lists->K + 1) * sizeof *lists->starts},
                 {lists->numbers, (size_t)lists->starts[lists->K] * sizeof *lists->numbers}};
    FileWriter *writer = file_create(path, err);
    uint32_t sum = 0;
    if (!writer)
        return -1;
    for (int i = 0; i < 5; i++) {
        sum = checksum(sum, parts[i].data, parts[i].size);
        file_append(writer, parts[i].data, parts[i].size);
    }
    file_append(writer, &sum, SUM);
    return file_commit(writer, err);
}

/* --- reading --- */

static int damaged(const char *path, const char *what, Error *err) {
    return error_set(err, "%s: damaged, or not written by coop search --approximate: %s", path, what);
}

static bool is_in_order(const NearLists *lists) {
    if (lists->starts[0] != 0)
        return false;
    for (int k = 0; k < lists->K; k++)
        if (lists->starts[k] > lists->starts[k + 1])
            return false;
    for (uint32_t i = 0; i < lists->starts[lists->K]; i++)
        if (lists->numbers[i] >= lists->n)
            return false;
    return true;
}

static int read_parts(NearLists *lists, const unsigned char *bytes, size_t size, const char *path,
                      Error *err) {
    uint64_t fields[7];
    if (size < HEADER + SUM || memcmp(bytes, magic, sizeof magic) != 0)
        return damaged(path, "its beginning", err);
    for (int i = 0; i < 7; i++)
        fields[i] = index_number_read(bytes + 8 + 8 * i);
    const uint64_t E = fields[1], K = fields[2], m = fields[5];
    if (fields[0] != VERSION)
        return error_set(err, "%s: of version %" PRIu64 ", which this coop does not know", path, fields[0]);
    if (E < 1 || E > 1 << 16 || K < 1 || K > 1 << 20 || fields[3] < 1 || fields[3] > NEAR_STEPS ||
        fields[4] > UINT32_MAX || m > fields[4])
        return damaged(path, "its header", err);
    const size_t centres = HEADER + fields[3] * sizeof(NearRecall), starts = centres + K * E * sizeof(float),
                 numbers = starts + (K + 1) * 4, end = numbers + m * 4;
    uint32_t sum;
    if (size != end + SUM)
        return damaged(path, "its size", err);
    memcpy(&sum, bytes + end, SUM);
    if (checksum(0, bytes, end) != sum)
        return damaged(path, "its checksum", err);
    lists->E = (int)E;
    lists->K = (int)K;
    lists->n_recall = (int)fields[3];
    lists->n = fields[4];
    lists->segments = (uint32_t)fields[6];
    lists->sum = (uint32_t)(fields[6] >> 32);
    memcpy(lists->recall, bytes + HEADER, (size_t)lists->n_recall * sizeof *lists->recall);
    lists->centres = (const float *)(const void *)(bytes + centres);
    lists->starts = (const uint32_t *)(const void *)(bytes + starts);
    lists->numbers = (const uint32_t *)(const void *)(bytes + numbers);
    return lists->starts[K] == m && is_in_order(lists) ? 0 : damaged(path, "its lists", err);
}

static int check_state(const NearLists *lists, const PhotoIndex *index, const char *path, Error *err) {
    if (lists->E != index->E || lists->segments > (uint32_t)index->n_segments || lists->n > index->n ||
        lists->sum != near_lists_sum(index, (int)lists->segments))
        return error_set(err, "%s: made of another index, or of one that was written anew since", path);
    return index->n - lists->n <= lists->n / 4
               ? 0
               : error_set(err, "%s: made when the index had %" PRIu64 " entries; it has %" PRIu64, path,
                           lists->n, index->n);
}

NearLists *near_lists_open(const char *path, const PhotoIndex *index, Error *err) {
    Arena *arena = arena_create();
    NearLists *lists = ARENA_NEW(arena, NearLists, 1);
    size_t size;
    if (!lists) {
        error_memory(err);
        arena_free(arena);
        return NULL;
    }
    lists->arena = arena;
    const unsigned char *bytes = file_bytes(path, &size, arena, err);
    if (bytes && read_parts(lists, bytes, size, path, err) == 0 && check_state(lists, index, path, err) == 0)
        lists->clusters = clusters_open(lists->centres, lists->K, lists->E, err);
    if (lists->clusters)
        return lists;
    near_lists_close(lists);
    return NULL;
}

void near_lists_close(NearLists *lists) {
    if (!lists)
        return;
    clusters_close(lists->clusters);
    arena_free(lists->arena);
}
