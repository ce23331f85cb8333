/* packed.h: products with a frozen matrix that is packed once.
 *
 * A general sgemm rearranges ("packs") both factors at every call. The weights of a frozen tower never
 * change, so they are packed when the tower is opened, and a call only streams them. Every element of a
 * product is one chain of fused multiply-adds over k in ascending order, whatever the tile, the number of
 * rows or the place of a row among them: the bits of a row depend on that row alone, so tiles may be cut to
 * suit the threads.
 *
 * Layout: panels of `panel` columns (64 with AVX-512, 16 with AVX2), each (k, panel) and contiguous, the last
 * one padded with zeros:
 *     [ b[0][0..63] b[1][0..63] ... b[k-1][0..63] | b[0][64..127] ... ]
 * On a processor with neither, the matrix stays as it is and OpenBLAS multiplies it. A matrix in bfloat16 has
 * panels of its own kind (packed_bf16.h).
 */
#ifndef CLIP_MATH_PACKED_H
#define CLIP_MATH_PACKED_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"
#include "clip/math/packed_bf16.h"
#include "clip/math/precision.h"

#include <stdbool.h>

/* out (rows, count) = numbers k0 .. k0 + count - 1 of rows first .. first + rows - 1 of a weight (n, k). May
 * be called from any thread. */
typedef void (*PackedRead)(const void *context, float *out, int first, int rows, int k0, int count);

/* Where row `row` of a weight lies in memory, *bytes of it, and the following rows behind it: while one panel
 * is multiplied, the rows of the next are fetched. */
typedef const void *(*PackedWhere)(const void *context, int row, size_t *bytes);

typedef struct {
    int k, n;            /* the matrix is (k, n) */
    int panel;           /* columns of a panel; 0: not packed */
    float *panels;       /* (panels, k, panel) */
    const float *source; /* as given to packed_create; used when not packed. Borrowed */
    bool transposed;     /* of the source */
    uint16_t *halves;    /* panels in bfloat16, instead of `panels` */
    Bf16Kernel bf16;     /* what multiplies them; NONE: the matrix is in float */
    PackedRead read;     /* instead of `panels`: each product makes its panels from what this reads */
    PackedWhere where;
    const void *context; /* of `read` and `where`. Borrowed */
} PackedMatrix;

/* A matrix that is used row by row: where it is, or read when it is needed. */
typedef struct {
    const float *w;      /* (n, k); or NULL */
    PackedRead read;     /* instead of w */
    const void *context; /* of `read`. Borrowed */
} RowMatrix;

/* Packs w: (n, k) if transposed (a linear layer's weight for the forward pass), else (k, n) (the same weight,
 * (n_out, n_in), for the backward pass). Where this processor does not have the precision (precision_here),
 * it is float. Panels are owned by the arena; check arena_failed. */
void packed_create(PackedMatrix *packed, const float *w, int k, int n, bool transposed, Precision precision,
                   Arena *arena);

/* The same in pieces, for a weight (n, k) that is never in memory as a whole; only where packed_is_supported.
 * packed_begin makes room; packed_rows takes rows (count, k) of the weight, where first is a multiple of
 * PACKED_ROWS, and so is count unless they are the last rows. Different threads may bring different rows. */
enum { PACKED_ROWS = 64 };
void packed_begin(PackedMatrix *packed, int k, int n, Precision precision, Arena *arena);
void packed_rows(PackedMatrix *packed, const float *rows, int first, int count);

/* A weight (n, k) that is not packed in advance: each product reads and packs what it needs, panel by panel,
 * in the cache. For few products, and for a matrix that is never transposed; only where packed_is_supported.
 * The bits are those of packed_create. */
void packed_defer(PackedMatrix *packed, int k, int n, PackedRead read, PackedWhere where,
                  const void *context);

/* out (rows, n) = start (rows, n) + bias (n) + in (rows, k) matrix. start may be out itself, or NULL for
 * zero; bias may be NULL. With a pool of NULL the calling thread works alone, as within a tile. */
void packed_product(Pool *pool, float *out, const float *in, const PackedMatrix *matrix, const float *bias,
                    const float *start, int rows);

/* The same, followed by a call of `run` for each tile of out, rows [row, row + rows) and columns [column,
 * column + columns), on the thread that has the tile in its cache. */
typedef struct {
    void (*run)(void *context, int row, int rows, int column, int columns);
    void *context;
} PackedThen;
void packed_product_then(Pool *pool, float *out, const float *in, const PackedMatrix *matrix,
                         const float *bias, const float *start, int rows, PackedThen then);

/* The matrix where it is, without a copy: OpenBLAS multiplies it, and the bits of a row depend on how many
 * rows there are. */
void packed_borrow(PackedMatrix *packed, const float *w, int k, int n, bool transposed);

/* Whether matrices are packed on this processor; if so, the source is not needed after packed_create. */
bool packed_is_supported(void);

/* The transpose (n, k) of a matrix (k, n). */
void packed_transpose(PackedMatrix *transposed, const PackedMatrix *matrix, Arena *arena);

/* For tests: packed_create with float panels of a given width (64 or 16; 0: not packed), and with bfloat16
 * for a given kernel. False, with nothing done, if this processor cannot multiply them. */
bool packed_create_as(PackedMatrix *packed, int panel, const float *w, int k, int n, bool transposed,
                      Arena *arena);
bool packed_create_bf16(PackedMatrix *packed, Bf16Kernel kernel, const float *w, int k, int n,
                        bool transposed, Arena *arena);

#endif
