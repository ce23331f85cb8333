/* packed_blocks.h: the weights of a transformer's blocks, as they are and packed for many products
 * (clip/math/packed.h). */
#ifndef CLIP_CHECKPOINT_PACKED_BLOCKS_H
#define CLIP_CHECKPOINT_PACKED_BLOCKS_H

#include "clip/math/packed.h"

/* One pre-norm residual attention block: x += attn(ln_1(x)); x += mlp(ln_2(x)). */
typedef struct {
    const float *ln_1_w, *ln_1_b;         /* (C) */
    const float *in_proj_w, *in_proj_b;   /* (3C, C), (3C): rows q, k, v */
    const float *out_proj_w, *out_proj_b; /* (C, C), (C) */
    const float *ln_2_w, *ln_2_b;         /* (C) */
    const float *c_fc_w, *c_fc_b;         /* (F, C), (F) */
    const float *c_proj_w, *c_proj_b;     /* (C, F), (C) */
} BlockWeights; /* in a tower that was read from a file, the matrices are packed, and NULL here */

typedef struct {
    PackedMatrix in_proj;         /* of every block but the last */
    PackedMatrix q_proj, kv_proj; /* of the last, which needs the queries of few rows: in_proj in two parts */
    PackedMatrix out_proj, c_fc, c_proj;
} PackedBlock; /* the same matrices, packed */

/* Packs the matrices of one block of width C and MLP width F for the forward pass, out = in w^T; `last` is
 * for the last block of a tower. Owned by the arena; check arena_failed. Without an arena they are not
 * packed: they are borrowed where they are, as floats. */
void pack_block(PackedBlock *packed, const BlockWeights *block, int C, int F, bool last, Precision precision,
                Arena *arena);

#endif
