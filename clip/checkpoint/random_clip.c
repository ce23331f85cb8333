/* random_clip.c: see random_clip.h */
#include "clip/checkpoint/random_clip.h"

#include "clip/base/random.h"
#include "clip/checkpoint/packed_blocks.h"
#include "clip/math/blas.h"
#include "clip/math/packed_conv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Drawing a hundred million normal numbers would take seconds: every weight is read from one table, round
 * and round, each starting at a different place. The length is a prime, so that rows of a matrix differ. */
#define TABLE_SIZE 65521

typedef struct {
    Arena *arena;
    Precision precision;
    float *table; /* (TABLE_SIZE) N(0, 1) */
    size_t next;
} Source;

static Source source_create(uint32_t seed, Arena *arena) {
    Source source = {.arena = arena, .table = arena_floats(arena, TABLE_SIZE, 1)};
    if (!source.table)
        return source;
    Rng rng;
    rng_stream(&rng, seed, STREAM_BENCH, 0, 0);
    for (size_t i = 0; i < TABLE_SIZE; i++)
        source.table[i] = (float)rng_normal(&rng);
    return source;
}

/* n numbers N(mean, scale^2) */
static const float *draw(Source *source, size_t n, double mean, double scale) {
    float *out = arena_floats(source->arena, n, 1);
    if (!out)
        return NULL;
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(mean + scale * (double)source->table[(source->next + i) % TABLE_SIZE]);
    source->next += n * 7 + 12345;
    return out;
}

static const float *draw_matrix(Source *source, int n_out, int n_in) {
    return draw(source, (size_t)n_out * (size_t)n_in, 0, 1 / sqrt((double)n_in));
}

static const BlockWeights *draw_blocks(Source *source, int width, int n_layers) {
    size_t C = (size_t)width;
    BlockWeights *blocks = ARENA_NEW(source->arena, BlockWeights, n_layers);
    if (!blocks)
        return NULL;
    for (int l = 0; l < n_layers; l++)
        blocks[l] = (BlockWeights){.ln_1_w = draw(source, C, 1, 0.1),
                                   .ln_1_b = draw(source, C, 0, 0.1),
                                   .in_proj_w = draw_matrix(source, 3 * width, width),
                                   .in_proj_b = draw(source, 3 * C, 0, 0.1),
                                   .out_proj_w = draw_matrix(source, width, width),
                                   .out_proj_b = draw(source, C, 0, 0.1),
                                   .ln_2_w = draw(source, C, 1, 0.1),
                                   .ln_2_b = draw(source, C, 0, 0.1),
                                   .c_fc_w = draw_matrix(source, 4 * width, width),
                                   .c_fc_b = draw(source, 4 * C, 0, 0.1),
                                   .c_proj_w = draw_matrix(source, width, 4 * width),
                                   .c_proj_b = draw(source, C, 0, 0.1)};
    return blocks;
}

/* The unpacked matrices are kept beside the packed ones: tests compare with them. */
static const PackedBlock *pack(Source *source, const BlockWeights *blocks, int n_layers, int width) {
    PackedBlock *packed = ARENA_NEW(source->arena, PackedBlock, n_layers);
    for (int l = 0; l < n_layers && !arena_failed(source->arena); l++)
        pack_block(&packed[l], &blocks[l], width, 4 * width, l == n_layers - 1, source->precision,
                   source->arena);
    return arena_failed(source->arena) ? NULL : packed;
}

static TextWeights draw_text(Source *source, int width, int n_layers, int n_vocab, int embed_dim) {
    size_t C = (size_t)width;
    TextWeights text = {.n_vocab = n_vocab,
                        .n_positions = ARCHITECTURE_POSITIONS,
                        .width = width,
                        .n_heads = width < 64 ? 1 : width / 64,
                        .n_layers = n_layers,
                        .mlp_width = 4 * width,
                        .embed_dim = embed_dim,
                        .activation = ACTIVATION_QUICK_GELU,
                        .norm_eps = LAYER_NORM_EPS,
                        .token_embedding = draw(source, (size_t)n_vocab * C, 0, 0.1),
                        .positional_embedding = draw(source, ARCHITECTURE_POSITIONS * C, 0, 0.1),
                        .blocks = draw_blocks(source, width, n_layers),
                        .ln_final_w = draw(source, C, 1, 0.1),
                        .ln_final_b = draw(source, C, 0, 0.1),
                        .text_projection = draw(source, C * (size_t)embed_dim, 0, 1 / sqrt((double)width))};
    text.forward = pack(source, text.blocks, n_layers, width);
    if (text.forward)
        text_prepare_training(&text, source->arena);
    return text;
}

TextWeights text_random(int width, int n_layers, int n_vocab, int embed_dim, uint32_t seed, Arena *arena) {
    Source source = source_create(seed, arena);
    return draw_text(&source, width, n_layers, n_vocab, embed_dim);
}

static VitWeights draw_vit(Source *source, const Architecture *a) {
    int width = a->vision[0], patch = a->vision[2], side = a->image_size / patch;
    size_t C = (size_t)width, T = (size_t)side * (size_t)side + 1;
    VitWeights vit = {.image_size = a->image_size,
                      .patch_size = patch,
                      .width = width,
                      .n_heads = width / 64,
                      .n_layers = a->vision[1],
                      .mlp_width = 4 * width,
                      .embed_dim = a->embed_dim,
                      .n_tokens = (int)T,
                      .activation = ACTIVATION_QUICK_GELU,
                      .norm_eps = LAYER_NORM_EPS,
                      .conv1_w = draw_matrix(source, width, 3 * patch * patch),
                      .class_embedding = draw(source, C, 0, 0.1),
                      .positional_embedding = draw(source, T * C, 0, 0.1),
                      .ln_pre_w = draw(source, C, 1, 0.1),
                      .ln_pre_b = draw(source, C, 0, 0.1),
                      .ln_post_w = draw(source, C, 1, 0.1),
                      .ln_post_b = draw(source, C, 0, 0.1),
                      .blocks = draw_blocks(source, width, a->vision[1]),
                      .proj = draw(source, C * (size_t)a->embed_dim, 0, 1 / sqrt((double)width))};
    vit.forward = pack(source, vit.blocks, vit.n_layers, width);
    if (vit.forward && source->precision == PRECISION_BFLOAT16)
        packed_create(&vit.conv1, vit.conv1_w, 3 * patch * patch, width, true, source->precision,
                      source->arena);
    return vit;
}

static ConvWeights draw_conv(Source *source, int n_in, int n_out, int kernel) {
    const bool bf16 = source->precision == PRECISION_BFLOAT16;
    const size_t size = bf16 ? 0 : packed_conv_size(n_in, n_out, kernel);
    ConvWeights conv = {.n_in = n_in,
                        .n_out = n_out,
                        .kernel = kernel,
                        .w = draw_matrix(source, n_out, n_in * kernel * kernel),
                        .b = draw(source, (size_t)n_out, 0, 0.1)};
    float *panels = size ? arena_floats(source->arena, size, 1) : NULL;
    if (panels && !arena_failed(source->arena))
        packed_conv_pack(panels, &conv);
    conv.panels = panels;
    if (bf16 && !arena_failed(source->arena))
        conv.halves = bf16_pack(conv.w, kernel * kernel * n_in, n_out, false, source->arena);
    conv.bf16 = bf16 ? bf16_best_kernel() : BF16_NONE;
    return conv;
}

static const BottleneckWeights *draw_layer(Source *source, int n_blocks, int *n_in, int planes, int stride) {
    BottleneckWeights *blocks = ARENA_NEW(source->arena, BottleneckWeights, n_blocks);
    if (!blocks)
        return NULL;
    for (int i = 0; i < n_blocks; i++) {
        int step = i == 0 ? stride : 1;
        blocks[i] = (BottleneckWeights){.conv1 = draw_conv(source, *n_in, planes, 1),
                                        .conv2 = draw_conv(source, planes, planes, 3),
                                        .conv3 = draw_conv(source, planes, 4 * planes, 1),
                                        .has_downsample = step > 1 || *n_in != 4 * planes,
                                        .stride = step};
        if (blocks[i].has_downsample)
            blocks[i].downsample = draw_conv(source, *n_in, 4 * planes, 1);
        *n_in = 4 * planes;
    }
    return blocks;
}

static ResnetWeights draw_resnet(Source *source, const Architecture *a) {
    int width = a->resnet_width, C = 32 * width, side = a->image_size / 32, n_in = width;
    ResnetWeights rn = {.image_size = a->image_size, .width = width, .embed_dim = a->embed_dim};
    memcpy(rn.n_blocks, a->vision, sizeof rn.n_blocks);
    rn.stem[0] = draw_conv(source, 3, width / 2, 3);
    rn.stem[1] = draw_conv(source, width / 2, width / 2, 3);
    rn.stem[2] = draw_conv(source, width / 2, width, 3);
    for (int i = 0; i < 4; i++)
        rn.layers[i] = draw_layer(source, rn.n_blocks[i], &n_in, width << i, i == 0 ? 1 : 2);
    rn.n_tokens = side * side + 1;
    rn.attn_width = C;
    rn.n_heads = C / 64;
    rn.positional_embedding = draw(source, (size_t)rn.n_tokens * (size_t)C, 0, 0.1);
    const float **weights[] = {&rn.q_proj.w, &rn.k_proj.w, &rn.v_proj.w};
    const float **biases[] = {&rn.q_proj_b, &rn.k_proj_b, &rn.v_proj_b};
    for (int i = 0; i < 3; i++) {
        *weights[i] = draw_matrix(source, C, C);
        *biases[i] = draw(source, (size_t)C, 0, 0.1);
    }
    rn.c_proj.w = draw_matrix(source, a->embed_dim, C);
    rn.c_proj_b = draw(source, (size_t)a->embed_dim, 0, 0.1);
    return rn;
}

Clip *clip_random(const Architecture *architecture, ClipTowers towers, Precision precision, uint32_t seed,
                  Error *err) {
    const Architecture *a = architecture;
    Arena *arena = arena_create();
    Clip *clip = ARENA_NEW(arena, Clip, 1);
    if (clip) {
        Source source = source_create(seed, arena);
        source.precision = precision_here(precision);
        *clip = (Clip){.image_size = a->image_size,
                       .embed_dim = a->embed_dim,
                       .n_vocab = ARCHITECTURE_VOCABULARY,
                       .logit_scale = 4.6f,
                       .precision = source.precision,
                       .mean = {0.5f, 0.5f, 0.5f},
                       .std = {0.25f, 0.25f, 0.25f},
                       .arena = arena,
                       .image = a->resnet_width ? IMAGE_TOWER_RESNET : IMAGE_TOWER_VIT};
        snprintf(clip->name, sizeof clip->name, "%s", a->name);
        if (towers & CLIP_TEXT)
            clip->text = draw_text(&source, a->text_width, ARCHITECTURE_TEXT_LAYERS, ARCHITECTURE_VOCABULARY,
                                   a->embed_dim);
        if (towers & CLIP_IMAGE && a->resnet_width)
            clip->resnet = draw_resnet(&source, a);
        else if (towers & CLIP_IMAGE)
            clip->vit = draw_vit(&source, a);
    }
    if (arena_failed(arena) || blas_room_prepare(NULL) < 0) {
        arena_free(arena);
        error_memory(err);
        return NULL;
    }
    return clip;
}
