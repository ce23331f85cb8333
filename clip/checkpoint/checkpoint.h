/* checkpoint.h: the weights of a tensor file by name and shape, for model.c and the readers below it.
 *
 * Names, shapes and axes are OpenAI's, whatever the flavour of the file (names.h); errors show the file's
 * own.
 *
 * Failure is sticky: after the first one, every call returns NULL, 0 or false and changes nothing, and *err
 * keeps the first message. So a tower asks for all that it needs and looks at `failed` once.
 */
#ifndef CLIP_CHECKPOINT_CHECKPOINT_H
#define CLIP_CHECKPOINT_CHECKPOINT_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/checkpoint/matrices.h"
#include "clip/checkpoint/names.h"
#include "clip/math/conv.h"
#include "clip/math/packed.h"
#include "clip/tensors/tensors.h"

#include <stdbool.h>

/* No dimension of a tensor and no number of layers may exceed these. */
enum { CHECKPOINT_MAX_DIM = 1 << 24, CHECKPOINT_MAX_LAYERS = 1000 };

typedef struct {
    const TensorFile *file; /* borrowed */
    NameScheme names;       /* what it calls its tensors */
    Arena *arena;           /* holds the weights that cannot be used where they are; borrowed */
    MatrixQueue queue;      /* what checkpoint_read will read */
    LateCheck *late;        /* for a few images: of what is read as it is used; else NULL. Borrowed */
    Precision precision;    /* of packed matrices and of convolutions */
    Error *err;
    bool failed;
} Checkpoint;

bool checkpoint_has(const Checkpoint *cp, const char *name);

/* Fails with "FILE: tensor NAME: reason". */
void checkpoint_fail(Checkpoint *cp, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The extent along `axis` of a tensor whose other extents are as given (-1: any); 1 .. CHECKPOINT_MAX_DIM. */
int checkpoint_extent(Checkpoint *cp, const char *name, int axis, int n_dims, const int64_t *shape);

/* How many layers PREFIX0., PREFIX1., ... the file has: the highest number plus one, or 0. (A layer that is
 * missing in between is found when it is read.) A tensor of a layer that is not one of `parts` (at most 24,
 * NULL-terminated) is an error: such a model computes something else. */
int checkpoint_layers(Checkpoint *cp, const char *prefix, const char *const *parts);

/* A weight of exactly the given shape as floats, without NaN or Inf. Borrowed: from the map if there it is
 * one tensor, F32, aligned and not transposed, else from the arena. */
const float *checkpoint_tensor(Checkpoint *cp, const char *name, int n_dims, const int64_t *shape);
const float *checkpoint_matrix(Checkpoint *cp, int rows, int columns, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
const float *checkpoint_vector(Checkpoint *cp, int n, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A vector times gamma, element by element (LayerScale); gamma NULL leaves it alone. */
const float *checkpoint_scaled(Checkpoint *cp, const float *gamma, int n, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* --- large weights: found now, read later by all threads --- */

/* A matrix whose row r is multiplied by gamma[r], unless that is NULL. Not a projection. False on failure. */
bool checkpoint_source(Checkpoint *cp, MatrixSource *source, const float *gamma, int rows, int columns,
                       const char *format, ...) __attribute__((format(printf, 6, 7)));
/* The matrix as floats. Borrowed: from the map if possible, else from the arena. */
const float *checkpoint_floats(Checkpoint *cp, const MatrixSource *source);
/* The same for a tensor of any shape that no flavour transposes. */
const float *checkpoint_large(Checkpoint *cp, const char *name, int n_dims, const int64_t *shape);
/* Rows first .. first + rows - 1, packed. */
void checkpoint_pack(Checkpoint *cp, PackedMatrix *packed, const MatrixSource *source, int first, int rows);

/* The same rows, to be packed by each product (packed_defer); checkpoint_read only checks them, or leaves
 * that to the products (LateCheck). */
void checkpoint_defer(Checkpoint *cp, PackedMatrix *packed, const MatrixSource *source, int first, int rows);

/* A matrix that is used row by row: its floats or, for a few images, what reads them. */
void checkpoint_rows(Checkpoint *cp, RowMatrix *matrix, int rows, int columns, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* A weight of exactly the given shape into out, in the order in which PyTorch has its numbers. */
void checkpoint_fill(Checkpoint *cp, float *out, const char *name, int n_dims, const int64_t *shape);

/* A convolution (n_out, n_in, kernel, kernel) with the batch norm that follows it folded in:
 *     w' = w gamma / sqrt(var + 1e-5)    b' = beta - mean gamma / sqrt(var + 1e-5)
 * in double, laid out as ConvWeights wants it; for a few images in float, its panels are made when they are
 * needed, and checked then. The names are PREFIX CONV ".weight", PREFIX NORM ".weight" and so on. */
void checkpoint_conv(Checkpoint *cp, ConvWeights *conv, int n_out, int n_in, int kernel, const char *prefix,
                     const char *conv_name, const char *norm_name);

/* Reads all of them; from now on their numbers are there. */
void checkpoint_read(Checkpoint *cp, Pool *pool);

#endif
