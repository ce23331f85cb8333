/* support.h: what several tests need. */
#ifndef TESTS_SUPPORT_SUPPORT_H
#define TESTS_SUPPORT_SUPPORT_H

#include "clip/base/arena.h"
#include "clip/base/random.h"
#include "clip/checkpoint/model.h"
#include "clip/tensors/tensors.h"

#include <stddef.h>
#include <stdio.h>

#define FIXTURES "tests/fixtures/"

/* |a - b| / |b| over n elements. Infinity when b is all zero, or anything is not finite: such a comparison
 * proves nothing. */
double relative_error(const float *a, const float *b, size_t n);

/* Fails the test, naming what, unless relative_error(a, b, n) <= tolerance. */
void assert_close(const char *what, const float *a, const float *b, size_t n, double tolerance);

/* n values N(0, scale^2) from a stream of their own. */
void fill_normal(float *x, size_t n, double scale, uint32_t seed);

/* (rows, columns) of unit length from sin(a + b i), which any language makes alike. */
void fill_waves(float *x, int rows, int columns, double a, double b);

/* The tensor `name` as floats, owned by the arena; fails the test when it is missing. */
const float *fixture_floats(const TensorFile *file, const char *name, Arena *arena, size_t *count);
const int *fixture_ints(const TensorFile *file, const char *name, Arena *arena, size_t *count); /* I32 */
TensorFile *fixture_open(const char *path);

/* All that was written to a stream of tmpfile(), owned by the arena. */
char *stream_text(FILE *stream, Arena *arena);

#endif
