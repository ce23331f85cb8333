/* matrices.h: the large weights of a checkpoint, read by all threads.
 *
 * A tower first says which matrices it needs and where their rows are to go. Then all of them are read
 * together, in pieces of MATRIX_ROWS rows: converted, checked, scaled and handed on. So halves become packed
 * floats without a copy of the matrix in between, and each thread is the first to touch the memory that it
 * fills.
 */
#ifndef CLIP_CHECKPOINT_MATRICES_H
#define CLIP_CHECKPOINT_MATRICES_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/tensors/tensors.h"

#include <stdatomic.h>

enum { MATRIX_ROWS = 64 }; /* a multiple of what a packed panel holds */

typedef struct {
    const Tensor *parts[3]; /* (n_parts) each with the same number of rows, one below the other; borrowed */
    int n_parts;
    int rows, columns;  /* of all parts together */
    const float *gamma; /* (rows): row r is multiplied by gamma[r]; NULL: none is. Borrowed */
    atomic_bool *bad;   /* set by matrix_read when it meets a NaN or Inf; NULL: there are none. Borrowed */
} MatrixSource;

/* The matrix where it is in the map, if it can be used there unchanged; else NULL. */
const float *matrix_in_place(const MatrixSource *source);

/* out (rows, count) = numbers k0 .. k0 + count - 1 of rows first .. first + rows - 1 */
void matrix_read(const MatrixSource *source, float *out, int first, int rows, int k0, int count);

/* Where a row lies in the file, *bytes of it. */
const void *matrix_where(const MatrixSource *source, int row, size_t *bytes);

/* Takes rows (n, source->columns): number first and following of the rows that were asked for. Different rows
 * of one target come from different threads. */
typedef void (*PutRows)(void *target, const MatrixSource *source, const float *rows, int first, int n);

typedef struct MatrixJob MatrixJob;

typedef struct {
    Arena *arena; /* of the jobs, and of whatever is needed until they are done; borrowed */
    MatrixJob *jobs, **end;
    int n_jobs;
} MatrixQueue;

/* Adds a job: rows first .. first + rows - 1 of the source will be put into the target, which must outlive
 * the queue; without `put` they are only checked. Check arena_failed of the queue's arena. */
void matrices_add(MatrixQueue *queue, const MatrixSource *source, int first, int rows, PutRows put,
                  void *target);

/* Does all jobs. A NaN or Inf is an error, as in tensor_to_float, for the first matrix that has one. */
int matrices_read(const MatrixQueue *queue, const TensorFile *file, Pool *pool, Error *err);

/* Weights of a tower for a few images, which are checked as they are used, not before: a pass over all of
 * them costs as much as reading them. */
typedef struct {
    MatrixQueue queue; /* the check that was put off */
    atomic_bool bad;   /* one that was used is NaN or Inf: the check finds it */
} LateCheck;

#endif
