/* clip_parameters.c: see clip_parameters.h */
#include "clip/train/clip_parameters.h"

#include <stdio.h>

static void vector(Parameters *parameters, int n, const char *name) {
    parameters_add(parameters, 1, (int64_t[]){n}, "%s", name);
}

static void matrix(Parameters *parameters, int rows, int columns, const char *name) {
    parameters_add(parameters, 2, (int64_t[]){rows, columns}, "%s", name);
}

/* PREFIX.weight and PREFIX.bias, both (n) */
static void layer_norm(Parameters *parameters, int n, const char *prefix) {
    parameters_add(parameters, 1, (int64_t[]){n}, "%s.weight", prefix);
    parameters_add(parameters, 1, (int64_t[]){n}, "%s.bias", prefix);
}

static void linear(Parameters *parameters, int n_out, int n_in, const char *prefix) {
    parameters_add(parameters, 2, (int64_t[]){n_out, n_in}, "%s.weight", prefix);
    parameters_add(parameters, 1, (int64_t[]){n_out}, "%s.bias", prefix);
}

/* --- transformers --- */

static void block(Parameters *parameters, const char *prefix, int i, int C, BlockShape shape) {
    char p[96], name[128];
    snprintf(p, sizeof p, "%stransformer.resblocks.%d", prefix, i);
#define NAME(part) (snprintf(name, sizeof name, "%s." part, p), name)
    layer_norm(parameters, C, NAME("ln_1"));
    matrix(parameters, 3 * C, C, NAME("attn.in_proj_weight"));
    vector(parameters, 3 * C, NAME("attn.in_proj_bias"));
    linear(parameters, C, C, NAME("attn.out_proj"));
    if (shape.layer_scale)
        vector(parameters, C, NAME("ls_1.gamma"));
    layer_norm(parameters, C, NAME("ln_2"));
    linear(parameters, shape.mlp_width, C, NAME("mlp.c_fc"));
    linear(parameters, C, shape.mlp_width, NAME("mlp.c_proj"));
    if (shape.layer_scale)
        vector(parameters, C, NAME("ls_2.gamma"));
#undef NAME
}

static void vit(Parameters *parameters, const TowerConfig *image, int E, BlockShape shape) {
    const int C = image->width, P = image->patch_size, side = image->image_size / P;
    vector(parameters, C, "visual.class_embedding");
    matrix(parameters, side * side + 1, C, "visual.positional_embedding");
    matrix(parameters, C, E, "visual.proj");
    parameters_add(parameters, 4, (int64_t[]){C, 3, P, P}, "visual.conv1.weight");
    layer_norm(parameters, C, "visual.ln_pre");
    for (int i = 0; i < image->n_layers; i++)
        block(parameters, "visual.", i, C, shape);
    layer_norm(parameters, C, "visual.ln_post");
}

/* --- the ResNet --- */

static void buffer(Parameters *parameters, int n_dims, int n, const char *prefix, const char *part) {
    Parameter *p = parameters_add(parameters, n_dims, (int64_t[]){n}, "%s.%s", prefix, part);
    if (p)
        p->is_buffer = true;
}

/* A convolution and the batch norm behind it. */
static void convolution(Parameters *parameters, int n_out, int n_in, int kernel, const char *prefix,
                        const char *conv, const char *norm) {
    char name[96];
    snprintf(name, sizeof name, "%s%s", prefix, norm);
    parameters_add(parameters, 4, (int64_t[]){n_out, n_in, kernel, kernel}, "%s%s.weight", prefix, conv);
    layer_norm(parameters, n_out, name);
    buffer(parameters, 1, n_out, name, "running_mean");
    buffer(parameters, 1, n_out, name, "running_var");
    buffer(parameters, 0, 1, name, "num_batches_tracked");
}

/* `width << layer` channels inside, four times as many outside. */
static void layer_blocks(Parameters *parameters, const TowerConfig *image, int layer) {
    const int inner = image->width << layer, outer = 4 * inner;
    int n_in = layer == 0 ? image->width : 2 * inner;
    for (int j = 0; j < image->n_blocks[layer]; j++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "visual.layer%d.%d.", layer + 1, j);
        convolution(parameters, inner, n_in, 1, prefix, "conv1", "bn1");
        convolution(parameters, inner, inner, 3, prefix, "conv2", "bn2");
        convolution(parameters, outer, inner, 1, prefix, "conv3", "bn3");
        if (j == 0)
            convolution(parameters, outer, n_in, 1, prefix, "downsample.0", "downsample.1");
        n_in = outer;
    }
}

static void resnet(Parameters *parameters, const TowerConfig *image, int E) {
    const int W = image->width, C = 32 * W, side = image->image_size / 32;
    convolution(parameters, W / 2, 3, 3, "visual.", "conv1", "bn1");
    convolution(parameters, W / 2, W / 2, 3, "visual.", "conv2", "bn2");
    convolution(parameters, W, W / 2, 3, "visual.", "conv3", "bn3");
    for (int i = 0; i < 4; i++)
        layer_blocks(parameters, image, i);
    matrix(parameters, side * side + 1, C, "visual.attnpool.positional_embedding");
    linear(parameters, C, C, "visual.attnpool.k_proj");
    linear(parameters, C, C, "visual.attnpool.q_proj");
    linear(parameters, C, C, "visual.attnpool.v_proj");
    linear(parameters, E, C, "visual.attnpool.c_proj");
}

void clip_parameters_add(Parameters *parameters, const TowerConfig *text, const TowerConfig *image,
                         int embed_dim, BlockShape text_block, BlockShape image_block) {
    const int C = text->width;
    matrix(parameters, text->n_positions, C, "positional_embedding");
    matrix(parameters, C, embed_dim, "text_projection");
    parameters_add(parameters, 0, NULL, "logit_scale");
    if (image->n_layers)
        vit(parameters, image, embed_dim, image_block);
    else
        resnet(parameters, image, embed_dim);
    for (int i = 0; i < text->n_layers; i++)
        block(parameters, "", i, C, text_block);
    matrix(parameters, text->n_vocab, C, "token_embedding.weight");
    layer_norm(parameters, C, "ln_final");
}
