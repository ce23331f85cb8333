/* packed.h: products with a frozen matrix that was packed once.
 *
 * A general sgemm rearranges ("packs") both factors at every call. The weights of a frozen tower never
 * change, so they are packed when the tower is opened, and a call only streams them. Every element of a
 * product is one chain of fused multiply-adds over k in ascending order, whatever the tile, the number of
 * rows or the place of a row among them: the bits of a row depend on that row alone, so tiles may be cut to
 * suit the threads.
 *
 * Layout: panels of `panel` columns (64 with AVX-512, 16 with AVX2), each panel (k, panel) in one piece, the
 * last one padded with zeros:    [ b[0][0..63] b[1][0..63] ... b[k-1][0..63] | b[0][64..127] ... ] Processors
 * with neither keep the matrix as it is and multiply by gemm(). A matrix in bfloat16 has panels of its own
 * kind (packed_bf16.h).
 */
#ifndef CLIP_MATH_PACKED_H
#define CLIP_MATH_PACKED_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"
#include "clip/math/packed_bf16.h"
#include "clip/math/precision.h"

#include <stdbool.h>

/* out (rows, count) = numbers k0 .. k0 + count - 1 of rows first .. first + rows - 1 of a weight (n, k). From
 * any thread. */
typedef void (*PackedRead)(const void *context, float *out, int first, int rows, int k0, int count);

typedef struct {
    int k, n;            /* the matrix is (k, n) */
    int panel;           /* columns of a panel; 0: not packed */
    float *panels;       /* (panels, k, panel) */
    const float *source; /* as given to packed_create; used when not packed. Borrowed */
    bool transposed;     /* of the source */
    Bf16Kernel bf16;     /* what multiplies `halves`, instead of panels; NONE: float */
    uint16_t *halves;
    PackedRead read;     /* what each product makes panels from, instead of `panels`, */
    const void *context; /* with this. Borrowed */
} PackedMatrix;

/* Packs w: (n, k) if transposed (a linear layer's weight for the forward pass), else (k, n) (the same weight,
 * (n_out, n_in), for the backward pass). A precision that is not to be had here (precision_here) is float.
 * Panels are owned by the arena; check arena_failed. */
void packed_create(PackedMatrix *packed, const float *w, int k, int n, bool transposed, Precision precision,
                   Arena *arena);

/* The same in pieces, for a weight (n, k) that is never there as a whole. packed_begin makes room, where
 * packed_is_supported; packed_rows takes rows (count, k) of the weight, first being a multiple of
 * PACKED_ROWS, and count too unless they are the last. Different rows may come from different threads. */
enum { PACKED_ROWS = 64 };
void packed_begin(PackedMatrix *packed, int k, int n, Precision precision, Arena *arena);
void packed_rows(PackedMatrix *packed, const float *rows, int first, int count);

/* A weight (n, k) that is not packed ahead: each product reads and packs what it needs, panel by panel, in
 * the cache. For few products, of which none is to be transposed; where packed_is_supported. The bits are
 * those of packed_create. */
void packed_defer(PackedMatrix *packed, int k, int n, PackedRead read, const void *context);

/* out (rows, n) = start (rows, n) + bias (n) + in (rows, k) matrix. start may be out itself, or NULL for
 * zero; bias may be NULL. A pool of NULL is the calling thread alone, as in a tile. */
void packed_product(Pool *pool, float *out, const float *in, const PackedMatrix *matrix, const float *bias,
                    const float *start, int rows);

/* The same, and then for each tile of out its rows [row, row + rows), columns [column, column + columns), on
 * the thread that has it in its cache. */
typedef struct {
    void (*run)(void *context, int row, int rows, int column, int columns);
    void *context;
} PackedThen;
void packed_product_then(Pool *pool, float *out, const float *in, const PackedMatrix *matrix,
                         const float *bias, const float *start, int rows, PackedThen then);

/* The matrix as it lies, without a copy: products go by gemm(), and the bits of a row depend on how many rows
 * there are. */
void packed_borrow(PackedMatrix *packed, const float *w, int k, int n, bool transposed);

/* Whether matrices are packed here; if so, nobody needs the source behind packed_create. */
bool packed_is_supported(void);

/* The matrix (n, k) of which `matrix` is the transpose. */
void packed_transpose(PackedMatrix *transposed, const PackedMatrix *matrix, Arena *arena);

/* packed_create with float panels of a given width, 64 or 16, or 0 for no packing, and with bfloat16 for a
 * given kernel: for tests. False, and nothing done, if this processor cannot multiply them. */
bool packed_create_as(PackedMatrix *packed, int panel, const float *w, int k, int n, bool transposed,
                      Arena *arena);
bool packed_create_bf16(PackedMatrix *packed, Bf16Kernel kernel, const float *w, int k, int n,
                        bool transposed, Arena *arena);

#endif
