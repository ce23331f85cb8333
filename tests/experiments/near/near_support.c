/* near_support.c: see near_support.h */
#include "tests/experiments/near/near_support.h"

#include "experiments/near/clusters.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { CLUSTERS = 50 };

void near_support_need(void) {
    if (clusters_known())
        return;
    print_message("skipped: built without FAISS (make FAISS=1)\n");
    skip();
}

void near_support_feature(float *feature, uint32_t seed) {
    float noise[SUPPORT_E];
    double sum = 0;
    support_feature(feature, SUPPORT_E, seed % CLUSTERS);
    support_feature(noise, SUPPORT_E, 1000 + seed);
    for (int k = 0; k < SUPPORT_E; k++) {
        feature[k] += 0.5f * noise[k];
        sum += (double)feature[k] * (double)feature[k];
    }
    for (int k = 0; k < SUPPORT_E; k++)
        feature[k] = (float)(feature[k] / sqrt(sum));
}

void near_support_add(const char *path, const IndexKind *kind, uint32_t first, uint32_t n, uint32_t dead) {
    Error err = {0};
    IndexWriter *writer = index_writer_open(path, kind, &err);
    if (!writer)
        fail_msg("%s", err.text);
    const PhotoIndex *index = index_writer_index(writer);
    for (uint64_t i = 0; index && dead > 0 && i < index->n; i += dead)
        if (!photo_index_is_dead(index, i))
            assert_int_equal(index_writer_remove(writer, i, &err), 0);
    for (uint32_t i = first; i < first + n; i++) {
        float feature[SUPPORT_E];
        char name[64];
        const IndexEntry entry = support_entry(i, name);
        near_support_feature(feature, i);
        assert_int_equal(index_writer_add(writer, &entry, feature, &err), 0);
    }
    assert_int_equal(index_writer_commit(writer, &err), 0);
    index_writer_close(writer);
}

PhotoIndex *near_support_open(const char *path) {
    Error err = {0};
    PhotoIndex *index = photo_index_open(path, &err);
    if (!index)
        fail_msg("%s", err.text);
    return index;
}
