/* row_product.h: rows times a fixed matrix, each row as if it were alone. */
#ifndef COOP_LEARNED_ROW_PRODUCT_H
#define COOP_LEARNED_ROW_PRODUCT_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"
#include "clip/math/packed.h"

/* Takes w (n_out, n_in), which is borrowed; the rest is owned by the arena: ask arena_failed. */
void row_product_create(PackedMatrix *matrix, const float *w, int n_in, int n_out, Arena *arena);

/* out (rows, n_out) = in (rows, n_in) w^T. The bits of a row depend on that row alone. */
void row_product(Pool *pool, float *out, const float *in, const PackedMatrix *matrix, int rows);

#endif
