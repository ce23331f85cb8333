/* near_lists.c: see near_lists.h */
#include "experiments/near/near_lists.h"

#include "clip/base/checksum.h"
#include "clip/math/half.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 64, ALIGN = 64, VERSION = 1, SUM = 4 };
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

/* Bytes of the rows, with what pads them. */
static uint64_t rows_size(uint64_t m, uint64_t E) {
    return (m * E * 2 + ALIGN - 1) / ALIGN * ALIGN;
}

/* --- writing --- */

/* sums (K). */
static int write_rows(FileWriter *writer, uint32_t *sums, const NearLists *lists, const PhotoIndex *index,
                      Arena *arena, Error *err) {
    static const unsigned char zeros[ALIGN];
    const size_t E = (size_t)lists->E;
    float *row = arena_floats(arena, 1, E);
    unsigned char *half = arena_alloc(arena, E, 2);
    if (arena_failed(arena))
        return error_memory(err);
    for (int k = 0; k < lists->K; k++) {
        sums[k] = 0;
        for (uint32_t i = lists->starts[k]; i < lists->starts[k + 1]; i++) {
            if (photo_index_feature(index, lists->numbers[i], row, err) < 0)
                return -1;
            float_to_bfloat16(half, row, E);
            sums[k] = checksum(sums[k], half, E * 2);
            file_append(writer, half, E * 2);
        }
    }
    const uint64_t m = lists->starts[lists->K];
    file_append(writer, zeros, (size_t)(rows_size(m, E) - m * E * 2));
    return 0;
}

static int write_parts(FileWriter *writer, const NearLists *lists, const PhotoIndex *index, Arena *arena,
                       Error *err) {
    const uint64_t m = lists->starts[lists->K];
    const uint64_t fields[] = {VERSION,
                               (uint64_t)lists->E,
                               (uint64_t)lists->K,
                               (uint64_t)lists->n_recall,
                               lists->n,
                               m,
                               lists->segments | (uint64_t)lists->sum << 32};
    unsigned char header[HEADER];
    uint32_t *sums = ARENA_NEW(arena, uint32_t, (size_t)lists->K + 1);
    if (!sums)
        return error_memory(err);
    memcpy(header, magic, sizeof magic);
    for (int i = 0; i < 7; i++)
        index_number_write(header + 8 + 8 * i, fields[i]);
    const struct {
        const void *data;
        size_t size;
    } parts[] = {{lists->recall, (size_t)lists->n_recall * sizeof *lists->recall},
                 {lists->centres, (size_t)lists->K * (size_t)lists->E * sizeof *lists->centres},
                 {lists->starts, ((size_t)lists->K + 1) * sizeof *lists->starts},
                 {sums, (size_t)lists->K * sizeof *sums},
                 {lists->numbers, (size_t)m * sizeof *lists->numbers}};
    file_append(writer, header, sizeof header);
    if (write_rows(writer, sums, lists, index, arena, err) < 0)
        return -1;
    uint32_t sum = checksum(0, header, sizeof header);
    for (int i = 0; i < 5; i++) {
        sum = checksum(sum, parts[i].data, parts[i].size);
        file_append(writer, parts[i].data, parts[i].size);
    }
    file_append(writer, &sum, SUM);
    return 0;
}

int near_lists_write(const NearLists *lists, const PhotoIndex *index, const char *path, Error *err) {
    FileWriter *writer = file_create(path, err);
    Arena *arena = arena_create();
    int result = writer ? 0 : -1;
    if (result == 0)
        result = arena ? write_parts(writer, lists, index, arena, err) : error_memory(err);
    if (result == 0)
        result = file_commit(writer, err);
    else
        file_discard(writer);
    arena_free(arena);
    return result;
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
    const size_t recall = HEADER + rows_size(m, E), centres = recall + fields[3] * sizeof(NearRecall),
                 starts = centres + K * E * sizeof(float), sums = starts + (K + 1) * 4,
                 numbers = sums + K * 4, end = numbers + m * 4;
    uint32_t sum;
    if (size != end + SUM)
        return damaged(path, "its size", err);
    memcpy(&sum, bytes + end, SUM);
    if (checksum(checksum(0, bytes, HEADER), bytes + recall, end - recall) != sum)
        return damaged(path, "its checksum", err);
    lists->E = (int)E;
    lists->K = (int)K;
    lists->n_recall = (int)fields[3];
    lists->n = fields[4];
    lists->segments = (uint32_t)fields[6];
    lists->sum = (uint32_t)(fields[6] >> 32);
    memcpy(lists->recall, bytes + recall, (size_t)lists->n_recall * sizeof *lists->recall);
    lists->centres = (const float *)(const void *)(bytes + centres);
    lists->starts = (const uint32_t *)(const void *)(bytes + starts);
    lists->sums = (const uint32_t *)(const void *)(bytes + sums);
    lists->numbers = (const uint32_t *)(const void *)(bytes + numbers);
    lists->rows = bytes + HEADER;
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

NearLists *near_lists_create(Error *err) {
    Arena *arena = arena_create();
    NearLists *lists = ARENA_NEW(arena, NearLists, 1);
    if (!lists) {
        error_memory(err);
        arena_free(arena);
        return NULL;
    }
    *lists = (NearLists){.arena = arena};
    return lists;
}

NearLists *near_lists_open(const char *path, const PhotoIndex *index, Error *err) {
    NearLists *lists = near_lists_create(err);
    if (!lists)
        return NULL;
    lists->path = arena_strdup(lists->arena, path);
    if (!lists->path)
        error_memory(err);
    else if (file_map(&lists->map, path, err) == 0 &&
             read_parts(lists, lists->map.data, lists->map.size, path, err) == 0 &&
             check_state(lists, index, path, err) == 0)
        return lists;
    near_lists_close(lists);
    return NULL;
}

void near_lists_close(NearLists *lists) {
    if (!lists)
        return;
    file_unmap(&lists->map);
    arena_free(lists->arena);
}
