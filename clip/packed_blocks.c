/* packed_blocks.c: see packed_blocks.h */
#include "clip/packed_blocks.h"

static void pack(PackedMatrix *packed, const float *w, int n_out, int n_in, PackFor pack_for, Arena *arena) {
    if (pack_for == PACK_FORWARD)
        packed_create(packed, w, n_in, n_out, true, arena);
    else
        packed_create(packed, w, n_out, n_in, false, arena);
}

const PackedBlock *pack_blocks(const BlockWeights *blocks, int n_layers, int C, int F, PackFor pack_for,
                               Arena *arena) {
    PackedBlock *packed = ARENA_NEW(arena, PackedBlock, n_layers);
    for (int l = 0; packed && l < n_layers; l++) {
        if (l < n_layers - 1) {
            pack(&packed[l].in_proj, blocks[l].in_proj_w, 3 * C, C, pack_for, arena);
        } else {
            pack(&packed[l].q_proj, blocks[l].in_proj_w, C, C, pack_for, arena);
            pack(&packed[l].kv_proj, blocks[l].in_proj_w + (size_t)C * (size_t)C, 2 * C, C, pack_for, arena);
        }
        pack(&packed[l].out_proj, blocks[l].out_proj_w, C, C, pack_for, arena);
        pack(&packed[l].c_fc, blocks[l].c_fc_w, F, C, pack_for, arena);
        pack(&packed[l].c_proj, blocks[l].c_proj_w, C, F, pack_for, arena);
    }
    return packed;
}

void text_pack(TextWeights *text, Arena *arena) {
    text->forward =
        pack_blocks(text->blocks, text->n_layers, text->width, text->mlp_width, PACK_FORWARD, arena);
    text->backward =
        pack_blocks(text->blocks, text->n_layers, text->width, text->mlp_width, PACK_BACKWARD, arena);
}
