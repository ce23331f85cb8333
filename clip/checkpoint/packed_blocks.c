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

void text_prepare_training(TextWeights *text, Arena *arena) {
    PackedBlock *backward = text->backward ? NULL : ARENA_NEW(arena, PackedBlock, text->n_layers);
    if (!backward)
        return;
    for (int l = 0; l < text->n_layers; l++) {
        const PackedBlock *forward = &text->forward[l];
        if (l == text->n_layers - 1) {
            packed_transpose(&backward[l].q_proj, &forward->q_proj, arena);
            packed_transpose(&backward[l].kv_proj, &forward->kv_proj, arena);
        } else {
            packed_transpose(&backward[l].in_proj, &forward->in_proj, arena);
        }
        packed_transpose(&backward[l].out_proj, &forward->out_proj, arena);
        packed_transpose(&backward[l].c_fc, &forward->c_fc, arena);
        packed_transpose(&backward[l].c_proj, &forward->c_proj, arena);
    }
    if (!arena_failed(arena))
        text->backward = backward;
}
