/* weights.c: see weights.h */
#include "clip/checkpoint/weights.h"

#include "clip/checkpoint/packed_blocks.h"
#include "clip/checkpoint/shapes.h"

#include <stdio.h>
#include <string.h>

bool weights_have_layer_scale(const Checkpoint *cp, const char *prefix, int n_layers) {
    char name[NAME_SIZE];
    for (int i = 0; i < 2 * n_layers; i++) {
        snprintf(name, sizeof name, "%s%d.ls_%d.gamma", prefix, i / 2, i % 2 + 1);
        if (checkpoint_has(cp, name))
            return true;
    }
    return false;
}

/* Where the matrices of a block are. */
typedef struct {
    MatrixSource in_proj, out_proj, c_fc, c_proj;
} BlockSources;

/* Finds the vectors and matrices of a block. LayerScale goes into the linear layer before it, gamma (W x +
 * b) = (gamma W) x + gamma b, row by row. Each weight is rounded once, so this is exact where gamma is a
 * power of two. */
static BlockSources find_block(Checkpoint *cp, BlockWeights *block, const char *prefix, int i, bool scaled,
                               int C, int F) {
    char p[64];
    snprintf(p, sizeof p, "%s%d.", prefix, i);
    const float *gamma_1 = scaled ? checkpoint_vector(cp, C, "%sls_1.gamma", p) : NULL;
    const float *gamma_2 = scaled ? checkpoint_vector(cp, C, "%sls_2.gamma", p) : NULL;
    *block = (BlockWeights){
        .ln_1_w = checkpoint_vector(cp, C, "%sln_1.weight", p),
        .ln_1_b = checkpoint_vector(cp, C, "%sln_1.bias", p),
        .in_proj_b = checkpoint_vector(cp, 3 * C, "%sattn.in_proj_bias", p),
        .out_proj_b = checkpoint_scaled(cp, gamma_1, C, "%sattn.out_proj.bias", p),
        .ln_2_w = checkpoint_vector(cp, C, "%sln_2.weight", p),
        .ln_2_b = checkpoint_vector(cp, C, "%sln_2.bias", p),
        .c_fc_b = checkpoint_vector(cp, F, "%smlp.c_fc.bias", p),
        .c_proj_b = checkpoint_scaled(cp, gamma_2, C, "%smlp.c_proj.bias", p),
    };
    BlockSources sources;
    checkpoint_source(cp, &sources.in_proj, NULL, 3 * C, C, "%sattn.in_proj_weight", p);
    checkpoint_source(cp, &sources.out_proj, gamma_1, C, C, "%sattn.out_proj.weight", p);
    checkpoint_source(cp, &sources.c_fc, NULL, F, C, "%smlp.c_fc.weight", p);
    checkpoint_source(cp, &sources.c_proj, gamma_2, C, F, "%smlp.c_proj.weight", p);
    return sources;
}

static bool lie_in_place(const BlockSources *sources) {
    return matrix_in_place(&sources->in_proj) && matrix_in_place(&sources->out_proj) &&
           matrix_in_place(&sources->c_fc) && matrix_in_place(&sources->c_proj);
}

/* checkpoint_pack or checkpoint_defer */
typedef void (*PackFn)(Checkpoint *cp, PackedMatrix *packed, const MatrixSource *source, int first, int rows);

/* Like pack_block, from the file. */
static void read_packed(Checkpoint *cp, PackedBlock *packed, const BlockSources *sources, int C, bool last,
                        PackFn pack) {
    if (last) {
        pack(cp, &packed->q_proj, &sources->in_proj, 0, C);
        pack(cp, &packed->kv_proj, &sources->in_proj, C, 2 * C);
    } else {
        pack(cp, &packed->in_proj, &sources->in_proj, 0, 3 * C);
    }
    pack(cp, &packed->out_proj, &sources->out_proj, 0, sources->out_proj.rows);
    pack(cp, &packed->c_fc, &sources->c_fc, 0, sources->c_fc.rows);
    pack(cp, &packed->c_proj, &sources->c_proj, 0, sources->c_proj.rows);
}

static void read_plain(Checkpoint *cp, BlockWeights *block, const BlockSources *sources) {
    block->in_proj_w = checkpoint_floats(cp, &sources->in_proj);
    block->out_proj_w = checkpoint_floats(cp, &sources->out_proj);
    block->c_fc_w = checkpoint_floats(cp, &sources->c_fc);
    block->c_proj_w = checkpoint_floats(cp, &sources->c_proj);
}

/* Matrices of an image tower that is opened for a few images, or that are in the map in the form in which
 * they are needed, are used there, and each product packs what it needs: labelling one image must not copy
 * them all. The text tower is always packed: it runs thousands of times. */
static const PackedBlock *read_blocks(Checkpoint *cp, const BlockWeights **out, const char *prefix,
                                      int n_layers, int C, int F, bool may_defer) {
    BlockWeights *blocks = ARENA_NEW(cp->arena, BlockWeights, n_layers);
    PackedBlock *packed = ARENA_NEW(cp->arena, PackedBlock, n_layers);
    const bool scaled = weights_have_layer_scale(cp, prefix, n_layers);
    if (!cp->failed && arena_failed(cp->arena))
        cp->failed = error_memory(cp->err) < 0;
    for (int i = 0; i < n_layers && !cp->failed; i++) {
        const bool last = i == n_layers - 1;
        BlockSources sources = find_block(cp, &blocks[i], prefix, i, scaled, C, F);
        if (cp->failed)
            break;
        const bool defer = may_defer && (cp->late || lie_in_place(&sources));
        if (packed_is_supported()) {
            read_packed(cp, &packed[i], &sources, C, last, defer ? checkpoint_defer : checkpoint_pack);
        } else {
            read_plain(cp, &blocks[i], &sources);
            pack_block(&packed[i], &blocks[i], C, F, last, PRECISION_FLOAT32, NULL);
        }
    }
    *out = blocks;
    return packed;
}

/* Long-CLIP's second table replaces all but the first rows. */
static const float *read_positions(Checkpoint *cp, int n, int C) {
    const float *first = checkpoint_matrix(cp, n, C, "positional_embedding");
    if (!checkpoint_has(cp, "positional_embedding_res"))
        return first;
    const float *second = checkpoint_matrix(cp, n, C, "positional_embedding_res");
    float *out = arena_floats(cp->arena, (size_t)n, (size_t)C);
    if (!cp->failed && !out)
        cp->failed = error_memory(cp->err) < 0;
    if (cp->failed)
        return NULL;
    const size_t kept = (size_t)LONG_CLIP_KEPT * (size_t)C, all = (size_t)n * (size_t)C;
    memcpy(out, first, kept * sizeof *out);
    memcpy(out + kept, second + kept, (all - kept) * sizeof *out);
    return out;
}

void text_read(Checkpoint *cp, TextWeights *text) {
    const int C = text->width;
    MatrixSource tokens;
    if (checkpoint_source(cp, &tokens, NULL, text->n_vocab, C, "token_embedding.weight"))
        text->token_embedding = checkpoint_floats(cp, &tokens);
    text->positional_embedding = read_positions(cp, text->n_positions, C);
    text->forward =
        read_blocks(cp, &text->blocks, "transformer.resblocks.", text->n_layers, C, text->mlp_width, false);
    text->ln_final_w = checkpoint_vector(cp, C, "ln_final.weight");
    text->ln_final_b = checkpoint_vector(cp, C, "ln_final.bias");
    text->text_projection = checkpoint_matrix(cp, C, text->embed_dim, "text_projection");
}

void vit_read(Checkpoint *cp, VitWeights *vit) {
    const int C = vit->width, P = vit->patch_size;
    const bool is_float = cp->precision == PRECISION_FLOAT32;
    vit->conv1_w = (is_float ? checkpoint_large : checkpoint_tensor)(cp, "visual.conv1.weight", 4,
                                                                     (int64_t[]){C, 3, P, P});
    if (vit->conv1_w && !is_float)
        packed_create(&vit->conv1, vit->conv1_w, 3 * P * P, C, true, cp->precision, cp->arena);
    vit->class_embedding = checkpoint_vector(cp, C, "visual.class_embedding");
    vit->positional_embedding = checkpoint_matrix(cp, vit->n_tokens, C, "visual.positional_embedding");
    vit->ln_pre_w = checkpoint_vector(cp, C, "visual.ln_pre.weight");
    vit->ln_pre_b = checkpoint_vector(cp, C, "visual.ln_pre.bias");
    vit->forward = read_blocks(cp, &vit->blocks, "visual.transformer.resblocks.", vit->n_layers, C,
                               vit->mlp_width, is_float);
    vit->ln_post_w = checkpoint_vector(cp, C, "visual.ln_post.weight");
    vit->ln_post_b = checkpoint_vector(cp, C, "visual.ln_post.bias");
    vit->proj = checkpoint_matrix(cp, C, vit->embed_dim, "visual.proj");
}

/* The blocks of layer i + 1: `width << i` channels inside, four times as many outside. */
static void read_layer(Checkpoint *cp, ResnetWeights *resnet, int i) {
    const int inner = resnet->width << i, outer = 4 * inner;
    int n_in = i == 0 ? resnet->width : 2 * inner;
    BottleneckWeights *blocks = ARENA_NEW(cp->arena, BottleneckWeights, resnet->n_blocks[i]);
    if (!blocks && !cp->failed)
        cp->failed = error_memory(cp->err) < 0;
    for (int j = 0; j < resnet->n_blocks[i] && !cp->failed; j++) {
        BottleneckWeights *block = &blocks[j];
        char prefix[64];
        snprintf(prefix, sizeof prefix, "visual.layer%d.%d.", i + 1, j);
        checkpoint_conv(cp, &block->conv1, inner, n_in, 1, prefix, "conv1", "bn1");
        checkpoint_conv(cp, &block->conv2, inner, inner, 3, prefix, "conv2", "bn2");
        checkpoint_conv(cp, &block->conv3, outer, inner, 1, prefix, "conv3", "bn3");
        block->stride = i > 0 && j == 0 ? 2 : 1;
        block->has_downsample = block->stride > 1 || n_in != outer;
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "%sdownsample.0.weight", prefix);
        if (!block->has_downsample && checkpoint_has(cp, name))
            checkpoint_fail(cp, name, "CLIP has no such weight in this block");
        if (block->has_downsample)
            checkpoint_conv(cp, &block->downsample, outer, n_in, 1, prefix, "downsample.0", "downsample.1");
        n_in = outer;
    }
    resnet->layers[i] = blocks;
}

void resnet_read(Checkpoint *cp, ResnetWeights *resnet) {
    const int W = resnet->width, C = resnet->attn_width, E = resnet->embed_dim;
    checkpoint_conv(cp, &resnet->stem[0], W / 2, 3, 3, "visual.", "conv1", "bn1");
    checkpoint_conv(cp, &resnet->stem[1], W / 2, W / 2, 3, "visual.", "conv2", "bn2");
    checkpoint_conv(cp, &resnet->stem[2], W, W / 2, 3, "visual.", "conv3", "bn3");
    for (int i = 0; i < 4; i++)
        read_layer(cp, resnet, i);
    const char *pool = "visual.attnpool.";
    resnet->positional_embedding = checkpoint_matrix(cp, resnet->n_tokens, C, "%spositional_embedding", pool);
    checkpoint_rows(cp, &resnet->q_proj, C, C, "%sq_proj.weight", pool);
    resnet->q_proj_b = checkpoint_vector(cp, C, "%sq_proj.bias", pool);
    checkpoint_rows(cp, &resnet->k_proj, C, C, "%sk_proj.weight", pool);
    resnet->k_proj_b = checkpoint_vector(cp, C, "%sk_proj.bias", pool);
    checkpoint_rows(cp, &resnet->v_proj, C, C, "%sv_proj.weight", pool);
    resnet->v_proj_b = checkpoint_vector(cp, C, "%sv_proj.bias", pool);
    checkpoint_rows(cp, &resnet->c_proj, E, C, "%sc_proj.weight", pool);
    resnet->c_proj_b = checkpoint_vector(cp, E, "%sc_proj.bias", pool);
}
