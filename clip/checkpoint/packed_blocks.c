/* packed_blocks.c: see packed_blocks.h */
#include "clip/checkpoint/packed_blocks.h"

static void pack(PackedMatrix *packed, const float *w, int n_in, int n_out, Precision precision,
                 Arena *arena) {
    if (arena)
        packed_create(packed, w, n_in, n_out, true, precision, arena);
    else
        packed_borrow(packed, w, n_in, n_out, true);
}

void pack_block(PackedBlock *packed, const BlockWeights *block, int C, int F, bool last, Precision precision,
                Arena *arena) {
    if (last) {
        pack(&packed->q_proj, block->in_proj_w, C, C, precision, arena);
        pack(&packed->kv_proj, block->in_proj_w + (size_t)C * (size_t)C, C, 2 * C, precision, arena);
    } else {
        pack(&packed->in_proj, block->in_proj_w, C, 3 * C, precision, arena);
    }
    pack(&packed->out_proj, block->out_proj_w, C, C, precision, arena);
    pack(&packed->c_fc, block->c_fc_w, C, F, precision, arena);
    pack(&packed->c_proj, block->c_proj_w, F, C, precision, arena);
}
