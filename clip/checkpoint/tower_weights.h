/* tower_weights.h: the weights of both towers, as tables of pointers.
 *
 * Dimensions, here and everywhere: B images, K classes, N nodes, T positions, C width, H heads, D head size,
 * L layers, E embedding, V vocabulary, M context vectors, S image side, P patch side. Weight names and shapes
 * are those of openai/CLIP's model.py.
 */
#ifndef CLIP_CHECKPOINT_TOWER_WEIGHTS_H
#define CLIP_CHECKPOINT_TOWER_WEIGHTS_H

#include "clip/base/arena.h"
#include "clip/checkpoint/packed_blocks.h"
#include "clip/math/conv.h"
#include "clip/math/ops.h"

#include <stdbool.h>

typedef struct {
    int n_vocab, n_positions, width, n_heads, n_layers, mlp_width, embed_dim; /* V, T, C, H, L, F, E */
    Activation activation;
    float norm_eps;                       /* of all layer norms */
    const float *token_embedding;         /* (V, C) */
    const float *positional_embedding;    /* (T, C) */
    const BlockWeights *blocks;           /* (L) */
    const PackedBlock *forward;           /* (L) */
    const PackedBlock *backward;          /* (L); NULL before clip_prepare_training */
    const float *ln_final_w, *ln_final_b; /* (C) */
    const float *text_projection;         /* (C, E): feature = x P */
} TextWeights;

typedef struct {
    int image_size, patch_size, width, n_heads, n_layers, mlp_width, embed_dim; /* S, P, C, H, L, F, E */
    int n_tokens;                                                               /* T = (S/P)^2 + 1 */
    Activation activation;
    float norm_eps;                    /* of all layer norms */
    const float *conv1_w;              /* (C, 3 P P) */
    PackedMatrix conv1;                /* the same, packed; only in bfloat16: else bf16 is NONE */
    const float *class_embedding;      /* (C) */
    const float *positional_embedding; /* (T, C) */
    const float *ln_pre_w, *ln_pre_b, *ln_post_w, *ln_post_b; /* (C) */
    const BlockWeights *blocks;                               /* (L) */
    const PackedBlock *forward;                               /* (L) */
    const float *proj;                                        /* (C, E); NULL: features are of width C = E */
} VitWeights;

typedef struct {
    ConvWeights conv1, conv2, conv3;
    bool has_downsample;
    ConvWeights downsample;
    int stride; /* 1 or 2, by an average pool after conv2 and before the downsample convolution */
} BottleneckWeights;

typedef struct {
    int image_size, width, embed_dim;   /* S; channels after the stem; E */
    int n_blocks[4];                    /* blocks of layer1 .. layer4 */
    ConvWeights stem[3];                /* stem[0] has stride 2; an average pool of 2 follows stem[2] */
    const BottleneckWeights *layers[4]; /* (n_blocks[i]) each */
    /* attention pool over T = (S/32)^2 + 1 tokens of C = 32 width channels */
    int n_tokens, attn_width, n_heads;           /* T, C, C/64 */
    const float *positional_embedding;           /* (T, C) */
    RowMatrix q_proj, k_proj, v_proj;            /* (C, C) */
    const float *q_proj_b, *k_proj_b, *v_proj_b; /* (C) */
    RowMatrix c_proj;                            /* (E, C) */
    const float *c_proj_b;                       /* (E); NULL: features are of width C = E */
} ResnetWeights;

/* Fills in text->backward from text->forward, for d_in = d_out w; a second call does nothing. Owned by the
 * arena. */
void text_prepare_training(TextWeights *text, Arena *arena);

#endif
