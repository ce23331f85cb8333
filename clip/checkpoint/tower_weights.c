/* tower_weights.c: see tower_weights.h */
#include "clip/checkpoint/tower_weights.h"

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
