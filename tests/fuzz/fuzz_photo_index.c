/* fuzz_photo_index.c: an index of photos. Read: it opens. Whatever it says then, no entry and no search reads
 * beyond the file, and a damaged piece is an error that begins with the file. */
#include "tests/fuzz/fuzz.h"

#include "clip/base/checksum.h"
#include "datasets/index/top_features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void hold_to_word(const PhotoIndex *index, const Error *err) {
    if (err->kind == ERROR_NONE || strncmp(err->text, index->path, strlen(index->path)) != 0)
        abort();
}

static void use(const PhotoIndex *index, float *numbers) {
    const bool is_whole = photo_index_check(index, NULL, NULL) == 0;
    IndexEntry entry;
    Found found[3];
    int n_found;
    for (uint64_t i = 0; i < index->n; i++) {
        Error err = {0};
        if (photo_index_feature(index, i, numbers, &err) < 0 ||
            photo_index_entry(index, i, &entry, &err) < 0) {
            hold_to_word(index, &err);
            if (is_whole)
                abort();
        } else if (strlen(entry.path) + (entry.member ? strlen(entry.member) : 0) > index->map.size)
            abort();
    }
    for (int k = 0; k < index->E; k++)
        numbers[k] = 1 / sqrtf((float)index->E);
    Error err = {0};
    if (top_features(found, &n_found, index, numbers, 1, 3, NULL, &err) < 0)
        hold_to_word(index, &err);
    else if (n_found > 3 || (uint64_t)n_found > index->n - index->n_dead)
        abort();
}

int fuzz_photo_index(const uint8_t *data, size_t size) {
    FuzzFile input;
    fuzz_open(&input, data, size);
    PhotoIndex *index = photo_index_open(input.path, &input.err);
    float *numbers = index ? malloc((size_t)index->E * sizeof *numbers) : NULL;
    if (numbers)
        use(index, numbers);
    free(numbers);
    photo_index_close(index);
    return fuzz_close(&input, index != NULL, NULL);
}

FUZZ_ENTRY(fuzz_photo_index)

#ifdef LIBFUZZER
static void seal(uint8_t *part) {
    const uint32_t sum = checksum(0, part, INDEX_PART - 4);
    memcpy(part + INDEX_PART - 4, &sum, sizeof sum);
}

/* Gives a changed file the checksums that it would have, most of the time, so that what they guard is tried.
 */
static size_t mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    IndexHead head;
    IndexPlaces places;
    IndexHeader header;
    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 8 == 0 || size < INDEX_PART)
        return size;
    seal(data);
    if (index_header_read(&header, data) && header.size <= size) {
        const uint32_t sum = checksum(0, data + INDEX_PART, (size_t)header.size - INDEX_PART);
        memcpy(data + 40, &sum, sizeof sum);
        seal(data);
    }
    for (size_t at = INDEX_PART; at + INDEX_PART <= size; at += INDEX_PART) {
        if (memcmp(data + at, "segment\n", 8) == 0 || memcmp(data + at, "the end\n", 8) == 0)
            seal(data + at);
        if (index_head_read(&head, data + at) &&
            index_places(&places, head.n, head.n_dead, head.names_size,
                         (size_t)header.E * index_number_size(header.numbers)) &&
            places.size <= size - at) {
            const uint32_t sum = checksum(0, data + at + places.dead, (size_t)(places.records - places.dead));
            memcpy(data + at + places.foot + 44, &sum, sizeof sum);
            for (uint64_t i = 0; i < head.n; i++) {
                IndexRecord record;
                uint8_t *here = data + at + places.records + i * INDEX_RECORD;
                index_record_read(&record, here);
                if (record.name_at <= head.names_size &&
                    record.name_size <= head.names_size - record.name_at) {
                    const char *name = (const char *)data + at + places.names + record.name_at;
                    const uint32_t right = index_record_sum(here, name, record.name_size);
                    memcpy(here + INDEX_RECORD - 4, &right, sizeof right);
                }
            }
        }
    }
    return size;
}
#endif

FUZZ_MUTATOR(mutate)
