/* matrices.h: the big weights of a checkpoint, read by all threads.
 *
 * A tower first says which matrices it needs and what becomes of their rows. Then all of them are read at
 * once, in pieces of MATRIX_ROWS rows: converted, checked, scaled and handed on. So halves become packed
 * floats without a copy of the matrix in between, and each thread is the first to touch what it fills.
 */
#ifndef CLIP_CHECKPOINT_MATRICES_H
#define CLIP_CHECKPOINT_MATRICES_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/tensors/tensors.h"

enum { MATRIX_ROWS = 64 }; /* a multiple of what a packed panel holds */

typedef struct {
    const Tensor *parts[3]; /* (n_parts) of equally many rows, one below the other; borrowed */
    int n_parts;
    int rows, columns;  /* of all parts together */
    const float *gamma; /* (rows): row r is multiplied by gamma[r]; NULL: by nothing. Borrowed */
} MatrixSource;

/* The matrix where it lies in the map, if it can be used there as it is; else NULL. */
const float *matrix_in_place(const MatrixSource *source);

/* out (rows, count) = numbers k0 .. k0 + count - 1 of rows first .. first + rows - 1 */
void matrix_read(const MatrixSource *source, float *out, int first, int rows, int k0, int count);

/* Takes rows (n, source->columns), which are row first, first + 1, ... of those asked for. Different rows of
 * one target come from different threads. */
typedef void (*PutRows)(void *target, const MatrixSource *source, const float *rows, int first, int n);

typedef struct MatrixJob MatrixJob;

typedef struct {
    Arena *arena; /* of the jobs, and for what is needed until they are done; borrowed */
    MatrixJob *jobs, **end;
    int n_jobs;
} MatrixQueue;

/* Rows first .. first + rows - 1 of the source will be put into the target, which outlives the queue; a NULL
 * put only checks them. Check arena_failed of the queue's arena. */
void matrices_add(MatrixQueue *queue, const MatrixSource *source, int first, int rows, PutRows put,
                  void *target);

/* Does all that was added. A NaN or Inf is the error of tensor_to_float, of the first matrix that has one. */
int matrices_read(const MatrixQueue *queue, const TensorFile *file, Pool *pool, Error *err);

#endif
