/* strips.h: the micro-kernel of float products, one for each vector width, chosen at run time.
 *
 * A strip is some rows of a times one panel of b, which is `panel` columns side by side, (k, panel) and
 * contiguous. Its sums stay in registers; per step of k it reads one row of the panel and one number of each
 * of its rows. Every sum is one chain of fused multiply-adds over k in ascending order.
 */
#ifndef CLIP_MATH_STRIPS_H
#define CLIP_MATH_STRIPS_H

#include <stdbool.h>
#include <stddef.h>

enum {
    STRIP_ROWS = 6,   /* at most: with 4 vectors of 32 registers, or 2 of 16, the sums fill these */
    STRIP_PANEL = 64, /* the widest panel */
    STRIP_AHEAD = 8   /* floats fetched per step of k: eight strips together fetch a panel of 64 columns */
};

/* c (mr, panel) = start + bias + a (mr, k) b (k, panel) */
typedef struct {
    int mr, k, columns; /* columns: of the panel that are needed; others of c may get anything or nothing */
    const float *a, *b;
    int lda, ldc;       /* from one row to the next of a; of c and start */
    const float *start; /* (mr, panel), may be c; NULL: zero */
    const float *bias;  /* (panel); NULL: zero */
    float *c;
    const float *ahead; /* k STRIP_AHEAD floats that are needed soon: fetched into the second-level cache */
} Strip;

typedef void (*StripKernel)(const Strip *strip);

/* The columns of a panel: 64 with AVX-512, 16 with AVX2, 0 where no kernel runs. */
int strip_best_panel(void);
bool strip_can_multiply(int panel); /* 0: always, since nothing is packed */
StripKernel strip_kernel(int panel);

/* The needed columns alone: what follows them in c, start and bias is left alone. */
void strip_run(StripKernel kernel, const Strip *strip, int panel);

/* out (columns, rows) = in (rows, columns) transposed; steps are from one row to the next. Only where a
 * kernel runs. */
void strip_transpose(float *out, size_t out_step, const float *in, size_t in_step, int rows, int columns);

#endif
