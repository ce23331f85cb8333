/* packed_blocks.h: the matrices of a tower's blocks, packed once (clip/math/packed.h). */
#ifndef CLIP_CHECKPOINT_PACKED_BLOCKS_H
#define CLIP_CHECKPOINT_PACKED_BLOCKS_H

#include "clip/checkpoint/model.h"
#include "clip/math/packed.h"

struct PackedBlock {
    PackedMatrix in_proj;         /* of all blocks but the last, */
    PackedMatrix q_proj, kv_proj; /* in which few rows ask: the rows of in_proj apart */
    PackedMatrix out_proj, c_fc, c_proj;
};

/* Packs the matrices of one block of width C and MLP width F for the forward pass, out = in w^T; owned by the
 * arena, check arena_failed. Without an arena they are borrowed as they lie, as floats. */
void pack_block(PackedBlock *packed, const BlockWeights *block, int C, int F, bool last, Precision precision,
                Arena *arena);

/* Fills text->backward from text->forward, for d_in = d_out w; does nothing the second time. Owned by the
 * arena. */
void text_prepare_training(TextWeights *text, Arena *arena);

#endif
