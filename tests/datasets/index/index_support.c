/* index_support.c: see index_support.h */
#include "tests/datasets/index/index_support.h"

#include "clip/base/random.h"
#include "clip/math/half.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

IndexKind support_kind(IndexNumbers numbers) {
    return (IndexKind){numbers, SUPPORT_E, "{\"of\": \"test\"}"};
}

void support_feature(float *feature, int E, uint32_t seed) {
    uint64_t state = seed * 2654435761u + 1;
    double sum = 0;
    for (int k = 0; k < E; k++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        feature[k] = (float)(state >> 40) / (1 << 23) - 1;
        sum += (double)feature[k] * (double)feature[k];
    }
    for (int k = 0; k < E; k++)
        feature[k] = (float)(feature[k] / sqrt(sum));
}

IndexEntry support_entry(uint32_t seed, char path[64]) {
    const int n = snprintf(path, 64, "photos/%u.jpg", seed);
    IndexEntry entry = {.path = path,
                        .digest = digest_of(path, (size_t)n),
                        .size = (uint64_t)seed << 33,
                        .changed_ns = -(int64_t)seed,
                        .orientation = (int)(seed % 8) + 1};
    if (seed % 3 == 2) {
        snprintf(path + n + 1, 64 - (size_t)n - 1, "m%u.png", seed);
        entry.member = path + n + 1;
    }
    return entry;
}

void support_add(IndexWriter *writer, uint32_t seed) {
    float feature[SUPPORT_E];
    char path[64];
    Error err = {0};
    const IndexEntry entry = support_entry(seed, path);
    support_feature(feature, SUPPORT_E, seed);
    assert_int_equal(index_writer_add(writer, &entry, feature, &err), 0);
}

void support_write(const char *path, IndexNumbers numbers) {
    static const uint32_t ends[] = {5, 8, 12};
    const IndexKind kind = support_kind(numbers);
    Error err = {0};
    uint32_t seed = 0;
    for (int c = 0; c < 3; c++) {
        IndexWriter *writer = index_writer_open(path, &kind, &err);
        assert_non_null(writer);
        for (; seed < ends[c]; seed++)
            support_add(writer, seed);
        if (c == 1)
            assert_int_equal(index_writer_remove(writer, 1, &err), 0);
        for (uint64_t number = 3; c == 2 && number <= 6; number += 3)
            assert_int_equal(index_writer_remove(writer, number, &err), 0);
        assert_int_equal(index_writer_commit(writer, &err), 0);
        index_writer_close(writer);
    }
}

void support_expect(const PhotoIndex *index, uint64_t number, uint32_t seed) {
    float feature[SUPPORT_E], expected[SUPPORT_E];
    char path[64];
    IndexEntry entry;
    Error err = {0};
    const IndexEntry wanted = support_entry(seed, path);
    assert_int_equal(photo_index_entry(index, number, &entry, &err), 0);
    assert_string_equal(entry.path, wanted.path);
    assert_int_equal(entry.member != NULL, wanted.member != NULL);
    if (wanted.member)
        assert_string_equal(entry.member, wanted.member);
    assert_true(digest_equal(&entry.digest, &wanted.digest));
    assert_true(entry.size == wanted.size && entry.changed_ns == wanted.changed_ns);
    assert_int_equal(entry.orientation, wanted.orientation);
    support_feature(expected, SUPPORT_E, seed);
    if (index->numbers == INDEX_BFLOAT16) {
        unsigned char halves[2 * SUPPORT_E];
        float_to_bfloat16(halves, expected, SUPPORT_E);
        bfloat16_to_float(expected, halves, SUPPORT_E);
    }
    assert_int_equal(photo_index_feature(index, number, feature, &err), 0);
    assert_memory_equal(feature, expected, sizeof feature);
}
