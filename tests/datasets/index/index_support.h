/* index_support.h: small indexes of photos that tests fill. */
#ifndef TESTS_DATASETS_INDEX_INDEX_SUPPORT_H
#define TESTS_DATASETS_INDEX_INDEX_SUPPORT_H

#include "datasets/index/index_writer.h"

enum { SUPPORT_E = 24 };

/* {"of": "test"} */
IndexKind support_kind(IndexNumbers numbers);
/* A unit vector (E) that depends on the seed. */
void support_feature(float *feature, int E, uint32_t seed);
/* "photos/SEED.jpg" with digest, size, time and orientation of the seed; the path lies in the buffer. */
IndexEntry support_entry(uint32_t seed, char path[64]);
void support_add(IndexWriter *writer, uint32_t seed);
/* Three commits: 0..4; 5..7, with 1 dead; 8..11, with 3 and 6 dead. */
void support_write(const char *path, IndexNumbers numbers);
/* Fails the test unless entry `number` is that of the seed, feature and all. */
void support_expect(const PhotoIndex *index, uint64_t number, uint32_t seed);

#endif
