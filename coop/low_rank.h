/* low_rank.h: low-rank matrices beside the projections of a frozen tower's attention (Hu et al. 2022), as
 * CLIP-LoRA trains them (Zanella and Ben Ayed 2024).
 *
 *     q = h W_q^T + b + s dropout(h) A^T B^T     and k, v likewise, each with matrices and a mask of its own
 *
 * A (r, C) is uniform in (-1/sqrt(C), 1/sqrt(C)) at the start, which is PyTorch's
 * kaiming_uniform_(a=sqrt(5)), B (C, r) zero; s is alpha / sqrt(r), as in the authors' code, or alpha / r.
 * Trained, W + s B A does the same without them.
 *
 * The mask is drawn for each row that the tower computes, so prompts must not share rows. It is a function of
 * seed, step, tower, block, row and column, and can be drawn again at any time.
 */
#ifndef COOP_LOW_RANK_H
#define COOP_LOW_RANK_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/base/random.h"
#include "clip/train/parameters.h"
#include "clip/train/qkv_additions.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int rank; /* r */
    double alpha;
    bool by_root;   /* s is alpha / sqrt(r) */
    double dropout; /* the share of zeros; the rest is scaled up. In steps of 1/65536 */
    bool q, k, v;
    int first, end; /* blocks [first, end) */
} LowRankConfig;

double low_rank_scale(const LowRankConfig *config); /* s */

/* Those of one tower: in ascending order of blocks, for q, k, v: A, then B. */
typedef struct {
    LowRankConfig config;
    int width;        /* C */
    float *values;    /* (low_rank_count) */
    float *gradients; /* (low_rank_count), to which backward passes add */
    bool dropping;    /* false: as in a test */
    uint64_t key;     /* of the masks of this step: low_rank_key */
    QkvAdditions additions;

    /* For the duration of a call. */
    int n_rows;
    float *x;       /* (n_rows, C) */
    float *u, *d_u; /* (n_rows, r) */
    Pool *pool;
} LowRank;

size_t low_rank_count(const LowRankConfig *config, int width);

/* For a tower in whose blocks at most n_rows rows come together. Values and gradients are the caller's to
 * set; the rest is owned by the arena. Pool borrowed; NULL, with an error, when there is no memory. */
LowRank *low_rank_create(const LowRankConfig *config, int width, int n_rows, Pool *pool, Arena *arena,
                         Error *err);

/* The values of the start. */
void low_rank_draw(LowRank *low_rank, Rng *rng);

uint64_t low_rank_key(uint32_t seed, long step, bool is_image);

/* Matrices of the block's q, k or v (0, 1, 2); false when it has none. Either may be NULL. */
bool low_rank_matrices(const LowRank *low_rank, int layer, int which, float **A, float **B);

/* w (C, C), the rows of in_proj_weight that are its: w += s B A. */
void low_rank_merge(float *w, const float *A, const float *B, int width, int rank, double scale);

#endif
