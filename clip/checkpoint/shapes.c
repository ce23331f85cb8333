/* shapes.c: see shapes.h */
#include "clip/checkpoint/shapes.h"

#include "clip/checkpoint/architectures.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const block_parts[] = {"ln_1.weight",          "ln_1.bias",
                                          "attn.in_proj_weight",  "attn.in_proj_bias",
                                          "attn.out_proj.weight", "attn.out_proj.bias",
                                          "ln_2.weight",          "ln_2.bias",
                                          "mlp.c_fc.weight",      "mlp.c_fc.bias",
                                          "mlp.c_proj.weight",    "mlp.c_proj.bias",
                                          "ls_1.gamma", /* LayerScale, of some OpenCLIP models */
                                          "ls_2.gamma",           NULL};

static const char *const bottleneck_parts[] = {"conv1.weight",
                                               "bn1.weight",
                                               "bn1.bias",
                                               "bn1.running_mean",
                                               "bn1.running_var",
                                               "bn1.num_batches_tracked",
                                               "conv2.weight",
                                               "bn2.weight",
                                               "bn2.bias",
                                               "bn2.running_mean",
                                               "bn2.running_var",
                                               "bn2.num_batches_tracked",
                                               "conv3.weight",
                                               "bn3.weight",
                                               "bn3.bias",
                                               "bn3.running_mean",
                                               "bn3.running_var",
                                               "bn3.num_batches_tracked",
                                               "downsample.0.weight",
                                               "downsample.1.weight",
                                               "downsample.1.bias",
                                               "downsample.1.running_mean",
                                               "downsample.1.running_var",
                                               "downsample.1.num_batches_tracked",
                                               NULL};

/* Widths above 1024 of OpenCLIP's published towers, and the sizes of their heads. Every published tower up to
 * there has heads of 64. */
enum { MAX_USUAL_WIDTH = 1024 };
typedef struct {
    int width, head_size;
} Published;
static const Published published_text[] = {{1280, 64}, {0, 0}};
static const Published published_vit[] = {
    {1280, 80}, {1408, 88}, {1664, 104}, {1792, 112}, {0, 0}}; /* H, g, bigG, e */

/* Heads of a transformer of the given width, which the tensor `name` has shown. No shape shows their number:
 * `says` is the config's or the user's, or 0; then only a width of published models tells it. */
static int heads_of(Checkpoint *cp, const char *name, int width, int says, const Published *published,
                    const char *advice) {
    if (cp->failed)
        return 0;
    if (says > 0) {
        if (width % says != 0)
            checkpoint_fail(cp, name, "width %d is no multiple of %d heads", width, says);
        return says;
    }
    while (published->width && published->width != width)
        published++;
    if (published->width)
        return width / published->head_size;
    if (width > MAX_USUAL_WIDTH || width % HEAD_SIZE != 0) {
        checkpoint_fail(cp, name, "width %d is no published one, so its number of heads is not known: %s",
                        width, advice);
        return 0;
    }
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

/* OpenAI's own files have this number among their tensors, and no other code's files have it. */
static bool says_positions(const Checkpoint *cp, int n_positions) {
    const Tensor *tensor = tensors_find(cp->file, "context_length");
    int64_t says = 0;
    if (tensor && tensor->dtype == DTYPE_I64 && tensor->count == 1)
        memcpy(&says, tensor->data, sizeof says);
    return says == n_positions;
}

/* A second table of positions is Long-CLIP's, whose sizes are fixed. Without it, and where neither a config
 * nor the file says so, another number of positions than CLIP's is a sign of another model: CLIPA's texts,
 * say, are read in another way. */
static void check_positions(Checkpoint *cp, const TextWeights *text, const TowerConfig *config) {
    const char *name = "positional_embedding_res";
    if (cp->failed)
        return;
    if (!checkpoint_has(cp, name)) {
        if (config->n_positions == 0 && text->n_positions != ARCHITECTURE_POSITIONS &&
            !says_positions(cp, text->n_positions))
            checkpoint_fail(cp, "positional_embedding",
                            "%d positions where CLIP has %d: a config beside it must say how texts are read",
                            text->n_positions, ARCHITECTURE_POSITIONS);
        return;
    }
    const int n = checkpoint_extent(cp, name, 0, 2, (int64_t[]){text->n_positions, text->width});
    if (!cp->failed && n != LONG_CLIP_POSITIONS)
        checkpoint_fail(cp, name, "%d positions where Long-CLIP has %d", n, LONG_CLIP_POSITIONS);
}

void text_shapes(Checkpoint *cp, TextWeights *text, const TowerConfig *config) {
    const char *blocks = "transformer.resblocks.", *tokens = "token_embedding.weight";
    text->n_vocab = checkpoint_extent(cp, tokens, 0, 2, (int64_t[]){-1, -1});
    text->width = checkpoint_extent(cp, tokens, 1, 2, (int64_t[]){-1, -1});
    text->n_heads =
        heads_of(cp, tokens, text->width, config->n_heads, published_text, "a config beside it must say");
    text->n_positions = checkpoint_extent(cp, "positional_embedding", 0, 2, (int64_t[]){-1, text->width});
    check_positions(cp, text, config);
    text->embed_dim = checkpoint_extent(cp, "text_projection", 1, 2, (int64_t[]){text->width, -1});
    text->norm_eps = config->norm_eps > 0 ? config->norm_eps : LAYER_NORM_EPS;
    text->n_layers = checkpoint_layers(cp, blocks, block_parts);
    text->mlp_width = mlp_width_of(cp, blocks, text->width);
}

void vit_shapes(Checkpoint *cp, VitWeights *vit, int embed_dim, const TowerConfig *config) {
    const char *blocks = "visual.transformer.resblocks.", *positions = "visual.positional_embedding";
    const char *conv1 = "visual.conv1.weight";
    vit->width = checkpoint_extent(cp, conv1, 0, 4, (int64_t[]){-1, 3, -1, -1});
    vit->patch_size = checkpoint_extent(cp, conv1, 2, 4, (int64_t[]){-1, 3, -1, -1});
    vit->patch_size = checkpoint_extent(cp, conv1, 3, 4, (int64_t[]){-1, 3, -1, vit->patch_size});
    vit->n_heads = heads_of(cp, conv1, vit->width, config->n_heads, published_vit,
                            "say it (--heads, model.heads of an experiment, or a config beside it)");
    vit->n_tokens = checkpoint_extent(cp, positions, 0, 2, (int64_t[]){-1, vit->width});
    /* also when only texts are wanted: a ViT without them (CLIPA's, say) comes with another text tower */
    checkpoint_extent(cp, "visual.class_embedding", 0, 1, (int64_t[]){vit->width});
    checkpoint_extent(cp, "visual.ln_pre.weight", 0, 1, (int64_t[]){vit->width});
    checkpoint_extent(cp, "visual.ln_post.weight", 0, 1, (int64_t[]){vit->width});
    int grid = grid_of(cp, positions, vit->n_tokens);
    vit->image_size = checked_image_size(cp, positions, grid, vit->patch_size);
    vit->embed_dim = checkpoint_extent(cp, "visual.proj", 1, 2, (int64_t[]){vit->width, embed_dim});
    vit->norm_eps = config->norm_eps > 0 ? config->norm_eps : LAYER_NORM_EPS;
    vit->n_layers = checkpoint_layers(cp, blocks, block_parts);
    vit->mlp_width = mlp_width_of(cp, blocks, vit->width);
}

void resnet_shapes(Checkpoint *cp, ResnetWeights *resnet, int embed_dim, const TowerConfig *config) {
    const char *conv1 = "visual.layer1.0.conv1.weight", *positions = "visual.attnpool.positional_embedding";
    resnet->width = checkpoint_extent(cp, conv1, 0, 4, (int64_t[]){-1, -1, 1, 1});
    if (!cp->failed && (resnet->width % 2 != 0 || resnet->width > CHECKPOINT_MAX_DIM / 32))
        checkpoint_fail(cp, conv1, "width %d is odd or too large", resnet->width);
    resnet->attn_width = cp->failed ? 0 : 32 * resnet->width;
    resnet->n_heads = config->n_heads > 0 ? config->n_heads : resnet->attn_width / HEAD_SIZE;
    if (!cp->failed && resnet->attn_width % resnet->n_heads != 0)
        checkpoint_fail(cp, conv1, "width %d is no multiple of %d heads", resnet->attn_width,
                        resnet->n_heads);
    resnet->n_tokens = checkpoint_extent(cp, positions, 0, 2, (int64_t[]){-1, resnet->attn_width});
    int grid = grid_of(cp, positions, resnet->n_tokens);
    resnet->image_size = checked_image_size(cp, positions, grid, 32);
    resnet->embed_dim = checkpoint_extent(cp, "visual.attnpool.c_proj.weight", 0, 2,
                                          (int64_t[]){embed_dim, resnet->attn_width});
    for (int i = 0; i < 4; i++) {
        char layer[64];
        snprintf(layer, sizeof layer, "visual.layer%d.", i + 1);
        resnet->n_blocks[i] = checkpoint_layers(cp, layer, bottleneck_parts);
        snprintf(layer, sizeof layer, "visual.layer%d.0.conv1.weight", i + 1);
        if (resnet->n_blocks[i] == 0)
            checkpoint_fail(cp, layer, "missing");
    }
}
