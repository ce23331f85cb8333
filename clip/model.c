/* model.c: opens a checkpoint (model.h).
 *
 * Steps: the shapes of a few tensors give the architecture, as build_model of openai/CLIP's model.py finds
 * it; then each tower that was asked for reads its weights, every one checked against the shape that follows.
 * Layout: the Clip lies in its own arena, with the converted weights; weights that are F32 stay in the mapped
 * file.
 */
#include "clip/model.h"

#include "clip/architectures.h"
#include "clip/checkpoint.h"
#include "clip/packed_blocks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HEAD_SIZE = 64, MAX_IMAGE_SIZE = 4096 };

static const char *const block_parts[] = {"ln_1.weight",
                                          "ln_1.bias",
                                          "attn.in_proj_weight",
                                          "attn.in_proj_bias",
                                          "attn.out_proj.weight",
                                          "attn.out_proj.bias",
                                          "ln_2.weight",
                                          "ln_2.bias",
                                          "mlp.c_fc.weight",
                                          "mlp.c_fc.bias",
                                          "mlp.c_proj.weight",
                                          "mlp.c_proj.bias",
                                          NULL};

/* --- architecture --- */

static bool has(const Checkpoint *cp, const char *name) {
    return tensors_find(cp->file, name) != NULL;
}

/* Heads of a transformer of the given width, which `name` has shown. */
static int heads_of(Checkpoint *cp, const char *name, int width) {
    if (width % HEAD_SIZE != 0)
        checkpoint_fail(cp, name, "width %d is no multiple of %d, the size of a head", width, HEAD_SIZE);
    return width / HEAD_SIZE;
}

/* Side of a square grid with one more row of positions than cells. */
static int grid_of(Checkpoint *cp, const char *name, int n_positions) {
    int grid = (int)lround(sqrt(n_positions - 1.0));
    if (!cp->failed && (grid < 1 || grid * grid + 1 != n_positions))
        checkpoint_fail(cp, name, "%d positions where a square number plus one is needed", n_positions);
    return grid;
}

static int checked_image_size(Checkpoint *cp, const char *name, int grid, int cell) {
    if (!cp->failed && (int64_t)grid * cell > MAX_IMAGE_SIZE)
        checkpoint_fail(cp, name, "images of %d cells of %d pixels are too large", grid, cell);
    return cp->failed ? 0 : grid * cell;
}

static int mlp_width_of(Checkpoint *cp, const char *prefix, int width) {
    char name[128];
    snprintf(name, sizeof name, "%s0.mlp.c_fc.weight", prefix);
    return checkpoint_extent(cp, name, 0, 2, (int64_t[]){-1, width});
}

static void text_shapes(Checkpoint *cp, TextWeights *text) {
    const char *blocks = "transformer.resblocks.", *tokens = "token_embedding.weight";
    text->n_vocab = checkpoint_extent(cp, tokens, 0, 2, (int64_t[]){-1, -1});
    text->width = checkpoint_extent(cp, tokens, 1, 2, (int64_t[]){-1, -1});
    text->n_heads = heads_of(cp, tokens, text->width);
    text->n_positions = checkpoint_extent(cp, "positional_embedding", 0, 2, (int64_t[]){-1, text->width});
    text->embed_dim = checkpoint_extent(cp, "text_projection", 1, 2, (int64_t[]){text->width, -1});
    text->n_layers = checkpoint_layers(cp, blocks, block_parts);
    text->mlp_width = mlp_width_of(cp, blocks, text->width);
    text->activation = ACTIVATION_QUICK_GELU;
}

static void vit_shapes(Checkpoint *cp, VitWeights *vit, int embed_dim) {
    const char *blocks = "visual.transformer.resblocks.", *positions = "visual.positional_embedding";
    const char *conv1 = "visual.conv1.weight";
    vit->width = checkpoint_extent(cp, conv1, 0, 4, (int64_t[]){-1, 3, -1, -1});
    vit->patch_size = checkpoint_extent(cp, conv1, 2, 4, (int64_t[]){-1, 3, -1, -1});
    vit->patch_size = checkpoint_extent(cp, conv1, 3, 4, (int64_t[]){-1, 3, -1, vit->patch_size});
    vit->n_heads = heads_of(cp, conv1, vit->width);
    vit->n_tokens = checkpoint_extent(cp, positions, 0, 2, (int64_t[]){-1, vit->width});
    int grid = grid_of(cp, positions, vit->n_tokens);
    vit->image_size = checked_image_size(cp, positions, grid, vit->patch_size);
    vit->embed_dim = checkpoint_extent(cp, "visual.proj", 1, 2, (int64_t[]){vit->width, embed_dim});
    vit->n_layers = checkpoint_layers(cp, blocks, block_parts);
    vit->mlp_width = mlp_width_of(cp, blocks, vit->width);
    vit->activation = ACTIVATION_QUICK_GELU;
}

static void resnet_shapes(Checkpoint *cp, ResnetWeights *resnet, int embed_dim) {
    const char *conv1 = "visual.layer1.0.conv1.weight", *positions = "visual.attnpool.positional_embedding";
    resnet->width = checkpoint_extent(cp, conv1, 0, 4, (int64_t[]){-1, -1, 1, 1});
    if (!cp->failed && (resnet->width % 2 != 0 || resnet->width > CHECKPOINT_MAX_DIM / 32))
        checkpoint_fail(cp, conv1, "width %d is odd or too large", resnet->width);
    resnet->attn_width = cp->failed ? 0 : 32 * resnet->width;
    resnet->n_heads = resnet->attn_width / HEAD_SIZE;
    resnet->n_tokens = checkpoint_extent(cp, positions, 0, 2, (int64_t[]){-1, resnet->attn_width});
    int grid = grid_of(cp, positions, resnet->n_tokens);
    resnet->image_size = checked_image_size(cp, positions, grid, 32);
    resnet->embed_dim = checkpoint_extent(cp, "visual.attnpool.c_proj.weight", 0, 2,
                                          (int64_t[]){embed_dim, resnet->attn_width});
    for (int i = 0; i < 4; i++) {
        char layer[64];
        snprintf(layer, sizeof layer, "visual.layer%d.", i + 1);
        resnet->n_blocks[i] = checkpoint_layers(cp, layer, NULL);
        snprintf(layer, sizeof layer, "visual.layer%d.0.conv1.weight", i + 1);
        if (resnet->n_blocks[i] == 0)
            checkpoint_fail(cp, layer, "missing");
    }
}

/* --- names --- */

static void set_name(Clip *clip) {
    const VitWeights *vit = &clip->vit;
    const ResnetWeights *rn = &clip->resnet;
    const bool is_vit = clip->image == IMAGE_TOWER_VIT;
    int vision[4] = {vit->width, vit->n_layers, vit->patch_size, 0};
    if (!is_vit)
        memcpy(vision, rn->n_blocks, sizeof vision);
    for (int i = 0; architecture_at(i); i++) {
        const Architecture *known = architecture_at(i);
        if (memcmp(vision, known->vision, sizeof vision) == 0 &&
            known->resnet_width == (is_vit ? 0 : rn->width) && known->image_size == clip->image_size &&
            known->embed_dim == clip->embed_dim && known->text_width == clip->text.width &&
            clip->text.n_layers == ARCHITECTURE_TEXT_LAYERS) {
            snprintf(clip->name, sizeof clip->name, "%s", known->name);
            return;
        }
    }
    if (is_vit)
        snprintf(clip->name, sizeof clip->name, "ViT w%d l%d p%d", vision[0], vision[1], vision[2]);
    else
        snprintf(clip->name, sizeof clip->name, "RN w%d (%d,%d,%d,%d)", rn->width, vision[0], vision[1],
                 vision[2], vision[3]);
}

/* --- weights --- */

static const BlockWeights *read_blocks(Checkpoint *cp, const char *prefix, int n_layers, int C, int F) {
    BlockWeights *blocks = ARENA_NEW(cp->arena, BlockWeights, n_layers);
    if (!blocks && !cp->failed)
        cp->failed = error_memory(cp->err) != 0;
    for (int i = 0; i < n_layers && !cp->failed; i++) {
        char p[64];
        snprintf(p, sizeof p, "%s%d.", prefix, i);
        blocks[i] = (BlockWeights){
            .ln_1_w = checkpoint_vector(cp, C, "%sln_1.weight", p),
            .ln_1_b = checkpoint_vector(cp, C, "%sln_1.bias", p),
            .in_proj_w = checkpoint_matrix(cp, 3 * C, C, "%sattn.in_proj_weight", p),
            .in_proj_b = checkpoint_vector(cp, 3 * C, "%sattn.in_proj_bias", p),
            .out_proj_w = checkpoint_matrix(cp, C, C, "%sattn.out_proj.weight", p),
            .out_proj_b = checkpoint_vector(cp, C, "%sattn.out_proj.bias", p),
            .ln_2_w = checkpoint_vector(cp, C, "%sln_2.weight", p),
            .ln_2_b = checkpoint_vector(cp, C, "%sln_2.bias", p),
            .c_fc_w = checkpoint_matrix(cp, F, C, "%smlp.c_fc.weight", p),
            .c_fc_b = checkpoint_vector(cp, F, "%smlp.c_fc.bias", p),
            .c_proj_w = checkpoint_matrix(cp, C, F, "%smlp.c_proj.weight", p),
            .c_proj_b = checkpoint_vector(cp, C, "%smlp.c_proj.bias", p),
        };
    }
    return blocks;
}

static void read_text(Checkpoint *cp, TextWeights *text) {
    const int C = text->width;
    text->token_embedding = checkpoint_matrix(cp, text->n_vocab, C, "token_embedding.weight");
    text->positional_embedding = checkpoint_matrix(cp, text->n_positions, C, "positional_embedding");
    text->blocks = read_blocks(cp, "transformer.resblocks.", text->n_layers, C, text->mlp_width);
    text->ln_final_w = checkpoint_vector(cp, C, "ln_final.weight");
    text->ln_final_b = checkpoint_vector(cp, C, "ln_final.bias");
    text->text_projection = checkpoint_matrix(cp, C, text->embed_dim, "text_projection");
    if (!cp->failed)
        text_pack(text, cp->arena);
}

static void read_vit(Checkpoint *cp, VitWeights *vit) {
    const int C = vit->width, P = vit->patch_size;
    vit->conv1_w = checkpoint_tensor(cp, "visual.conv1.weight", 4, (int64_t[]){C, 3, P, P});
    vit->class_embedding = checkpoint_vector(cp, C, "visual.class_embedding");
    vit->positional_embedding = checkpoint_matrix(cp, vit->n_tokens, C, "visual.positional_embedding");
    vit->ln_pre_w = checkpoint_vector(cp, C, "visual.ln_pre.weight");
    vit->ln_pre_b = checkpoint_vector(cp, C, "visual.ln_pre.bias");
    vit->blocks = read_blocks(cp, "visual.transformer.resblocks.", vit->n_layers, C, vit->mlp_width);
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
        cp->failed = error_memory(cp->err) != 0;
    for (int j = 0; j < resnet->n_blocks[i] && !cp->failed; j++) {
        BottleneckWeights *block = &blocks[j];
        char prefix[64];
        snprintf(prefix, sizeof prefix, "visual.layer%d.%d.", i + 1, j);
        checkpoint_conv(cp, &block->conv1, inner, n_in, 1, prefix, "conv1", "bn1");
        checkpoint_conv(cp, &block->conv2, inner, inner, 3, prefix, "conv2", "bn2");
        checkpoint_conv(cp, &block->conv3, outer, inner, 1, prefix, "conv3", "bn3");
        block->stride = i > 0 && j == 0 ? 2 : 1;
        block->has_downsample = block->stride > 1 || n_in != outer;
        if (block->has_downsample)
            checkpoint_conv(cp, &block->downsample, outer, n_in, 1, prefix, "downsample.0", "downsample.1");
        n_in = outer;
    }
    resnet->layers[i] = blocks;
}

static void read_resnet(Checkpoint *cp, ResnetWeights *resnet) {
    const int W = resnet->width, C = resnet->attn_width, E = resnet->embed_dim;
    checkpoint_conv(cp, &resnet->stem[0], W / 2, 3, 3, "visual.", "conv1", "bn1");
    checkpoint_conv(cp, &resnet->stem[1], W / 2, W / 2, 3, "visual.", "conv2", "bn2");
    checkpoint_conv(cp, &resnet->stem[2], W, W / 2, 3, "visual.", "conv3", "bn3");
    for (int i = 0; i < 4; i++)
        read_layer(cp, resnet, i);
    const char *pool = "visual.attnpool.";
    resnet->positional_embedding = checkpoint_matrix(cp, resnet->n_tokens, C, "%spositional_embedding", pool);
    resnet->q_proj_w = checkpoint_matrix(cp, C, C, "%sq_proj.weight", pool);
    resnet->q_proj_b = checkpoint_vector(cp, C, "%sq_proj.bias", pool);
    resnet->k_proj_w = checkpoint_matrix(cp, C, C, "%sk_proj.weight", pool);
    resnet->k_proj_b = checkpoint_vector(cp, C, "%sk_proj.bias", pool);
    resnet->v_proj_w = checkpoint_matrix(cp, C, C, "%sv_proj.weight", pool);
    resnet->v_proj_b = checkpoint_vector(cp, C, "%sv_proj.bias", pool);
    resnet->c_proj_w = checkpoint_matrix(cp, E, C, "%sc_proj.weight", pool);
    resnet->c_proj_b = checkpoint_vector(cp, E, "%sc_proj.bias", pool);
}

/* --- opening --- */

/* Only the text tower's shapes say something about a file that is no CLIP; this says it better. */
static void check_is_clip(Checkpoint *cp) {
    if (has(cp, "token_embedding.weight") || has(cp, "text_projection") || has(cp, "visual.conv1.weight"))
        return;
    const char *path = tensors_path(cp->file);
    int n = tensors_count(cp->file);
    if (n == 0)
        error_set(cp->err, "%s: not a CLIP checkpoint: no tensors", path);
    else
        error_set(
            cp->err,
            "%s: not a CLIP checkpoint with OpenAI's names: no token_embedding.weight, text_projection or "
            "visual.conv1.weight among its %d tensors (one is %s)",
            path, n, tensors_at(cp->file, 0)->name);
    cp->failed = true;
}

static void read_shapes(Checkpoint *cp, Clip *clip) {
    check_is_clip(cp);
    text_shapes(cp, &clip->text);
    clip->n_vocab = clip->text.n_vocab;
    clip->embed_dim = clip->text.embed_dim;
    const bool is_resnet = !has(cp, "visual.proj") && (has(cp, "visual.layer1.0.conv1.weight") ||
                                                       has(cp, "visual.attnpool.positional_embedding"));
    clip->image = is_resnet ? IMAGE_TOWER_RESNET : IMAGE_TOWER_VIT;
    if (is_resnet)
        resnet_shapes(cp, &clip->resnet, clip->embed_dim);
    else
        vit_shapes(cp, &clip->vit, clip->embed_dim);
    clip->image_size = is_resnet ? clip->resnet.image_size : clip->vit.image_size;
    set_name(clip);
}

/* A scalar, or a vector of one. */
static void read_logit_scale(Checkpoint *cp, Clip *clip) {
    const Tensor *tensor = tensors_find(cp->file, "logit_scale");
    const float *value = checkpoint_tensor(cp, "logit_scale", tensor && tensor->n_dims == 1, (int64_t[]){1});
    clip->logit_scale = value ? *value : 0;
}

Clip *clip_open(const char *path, ClipTowers towers, Error *err) {
    TensorFile *file = tensors_open(path, err);
    if (!file)
        return NULL;
    Arena *arena = arena_create();
    Clip *clip = arena ? ARENA_NEW(arena, Clip, 1) : NULL;
    if (!clip) {
        error_memory(err);
        arena_free(arena);
        tensors_close(file);
        return NULL;
    }
    clip->arena = arena;
    clip->file = file;
    memcpy(clip->mean, (float[]){0.48145466f, 0.4578275f, 0.40821073f}, sizeof clip->mean);
    memcpy(clip->std, (float[]){0.26862954f, 0.26130258f, 0.27577711f}, sizeof clip->std);

    Checkpoint cp = {.file = file, .arena = arena, .err = err};
    read_shapes(&cp, clip);
    read_logit_scale(&cp, clip);
    if (towers & CLIP_TEXT)
        read_text(&cp, &clip->text);
    else
        clip->text = (TextWeights){0};
    if ((towers & CLIP_IMAGE) && clip->image == IMAGE_TOWER_VIT)
        read_vit(&cp, &clip->vit);
    if ((towers & CLIP_IMAGE) && clip->image == IMAGE_TOWER_RESNET)
        read_resnet(&cp, &clip->resnet);
    if (cp.failed) {
        clip_free(clip);
        return NULL;
    }
    return clip;
}

void clip_free(Clip *clip) {
    if (!clip)
        return;
    tensors_close(clip->file);
    arena_free(clip->arena); /* and the Clip itself with it */
}

const char *clip_digest(Clip *clip) {
    return tensors_digest(clip->file);
}
