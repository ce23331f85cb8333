/* packed_blocks.h: the matrices of a tower's blocks, packed once (clip/base/packed.h). */
#ifndef CLIP_PACKED_BLOCKS_H
#define CLIP_PACKED_BLOCKS_H

#include "clip/base/packed.h"
#include "clip/model.h"

typedef enum {
    PACK_FORWARD, /* out = in w^T: a matrix is (n_in, n_out) */
    PACK_BACKWARD /* d_in = d_out w: a matrix is (n_out, n_in) */
} PackFor;

struct PackedBlock {
    PackedMatrix in_proj;         /* of all blocks but the last, */
    PackedMatrix q_proj, kv_proj; /* in which few rows ask: the rows of in_proj apart */
    PackedMatrix out_proj, c_fc, c_proj;
};

/* (n_layers) blocks of width C and MLP width F, owned by the arena; check arena_failed. */
const PackedBlock *pack_blocks(const BlockWeights *blocks, int n_layers, int C, int F, PackFor pack_for,
                               Arena *arena);

/* Fills text->forward and text->backward. */
void text_pack(TextWeights *text, Arena *arena);

#endif
