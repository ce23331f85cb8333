/* packed_support.h: what holds for products with any packed matrix. */
#ifndef TESTS_SUPPORT_PACKED_SUPPORT_H
#define TESTS_SUPPORT_PACKED_SUPPORT_H

#include "clip/math/packed.h"

/* A row alone, among others, in any place, with 1, 3 and 5 threads: the same bits. */
void check_bits_of_rows(const PackedMatrix *packed);

#endif
