/* bench_checkpoint.c: see bench_checkpoint.h. Names and shapes are those of openai/CLIP's model.py. */
#include "experiments/bench/bench_checkpoint.h"

#include "clip/checkpoint/random_clip.h"
#include "clip/math/half.h"
#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/tensors_open.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { MAX_TENSORS = 1024 };

typedef struct {
    TensorOut tensors[MAX_TENSORS];
    int n;
    Arena *arena;
} Listing;

/* An extent of 0 ends the shape. */
static void put(Listing *list, const float *values, const char *prefix, const char *name, int64_t rows,
                int64_t columns) {
    assert(list->n < MAX_TENSORS);
    TensorOut *out = &list->tensors[list->n++];
    *out = (TensorOut){.name = arena_printf(list->arena, "%s%s", prefix, name),
                       .dtype = DTYPE_F16,
                       .n_dims = columns ? 2 : 1,
                       .shape = {rows, columns}};
    size_t n = (size_t)rows * (size_t)(columns ? columns : 1);
    uint16_t *halves = ARENA_NEW(list->arena, uint16_t, n);
    for (size_t i = 0; halves && i < n; i++)
        halves[i] = float_to_half(values[i]);
    out->data = halves;
}

static void put_blocks(Listing *list, const BlockWeights *blocks, int n_layers, int C, const char *tower) {
    const int F = 4 * C;
    for (int l = 0; l < n_layers; l++) {
        const BlockWeights *b = &blocks[l];
        char prefix[64];
        snprintf(prefix, sizeof prefix, "%stransformer.resblocks.%d.", tower, l);
        put(list, b->ln_1_w, prefix, "ln_1.weight", C, 0);
        put(list, b->ln_1_b, prefix, "ln_1.bias", C, 0);
        put(list, b->in_proj_w, prefix, "attn.in_proj_weight", 3 * C, C);
        put(list, b->in_proj_b, prefix, "attn.in_proj_bias", 3 * C, 0);
        put(list, b->out_proj_w, prefix, "attn.out_proj.weight", C, C);
        put(list, b->out_proj_b, prefix, "attn.out_proj.bias", C, 0);
        put(list, b->ln_2_w, prefix, "ln_2.weight", C, 0);
        put(list, b->ln_2_b, prefix, "ln_2.bias", C, 0);
        put(list, b->c_fc_w, prefix, "mlp.c_fc.weight", F, C);
        put(list, b->c_fc_b, prefix, "mlp.c_fc.bias", F, 0);
        put(list, b->c_proj_w, prefix, "mlp.c_proj.weight", C, F);
        put(list, b->c_proj_b, prefix, "mlp.c_proj.bias", C, 0);
    }
}

static void put_text(Listing *list, const TextWeights *text) {
    const int C = text->width;
    put(list, text->token_embedding, "", "token_embedding.weight", text->n_vocab, C);
    put(list, text->positional_embedding, "", "positional_embedding", text->n_positions, C);
    put_blocks(list, text->blocks, text->n_layers, C, "");
    put(list, text->ln_final_w, "", "ln_final.weight", C, 0);
    put(list, text->ln_final_b, "", "ln_final.bias", C, 0);
    put(list, text->text_projection, "", "text_projection", C, text->embed_dim);
}

static void put_vit(Listing *list, const VitWeights *vit) {
    const int C = vit->width, P = vit->patch_size;
    put(list, vit->conv1_w, "visual.", "conv1.weight", C, 3 * P * P);
    TensorOut *conv1 = &list->tensors[list->n - 1];
    conv1->n_dims = 4;
    memcpy(conv1->shape, (int64_t[]){C, 3, P, P}, 4 * sizeof *conv1->shape);
    put(list, vit->class_embedding, "visual.", "class_embedding", C, 0);
    put(list, vit->positional_embedding, "visual.", "positional_embedding", vit->n_tokens, C);
    put(list, vit->ln_pre_w, "visual.", "ln_pre.weight", C, 0);
    put(list, vit->ln_pre_b, "visual.", "ln_pre.bias", C, 0);
    put_blocks(list, vit->blocks, vit->n_layers, C, "visual.");
    put(list, vit->ln_post_w, "visual.", "ln_post.weight", C, 0);
    put(list, vit->ln_post_b, "visual.", "ln_post.bias", C, 0);
    put(list, vit->proj, "visual.", "proj", C, vit->embed_dim);
}

static int digest_file(char digest[65], const char *path, Error *err) {
    TensorFile *file = tensors_open(path, err);
    if (!file)
        return -1;
    snprintf(digest, 65, "%s", tensors_digest(file));
    tensors_close(file);
    return 0;
}

int bench_checkpoint_write(const char *path, char digest[65], const Architecture *architecture, Error *err) {
    assert(!architecture->resnet_width);
    int result = -1;
    Clip *clip = clip_random(architecture, CLIP_BOTH, PRECISION_FLOAT32, 1, err);
    Arena *arena = arena_create();
    Listing *list = ARENA_NEW(arena, Listing, 1);
    if (!clip)
        goto out;
    if (list) {
        list->arena = arena;
        put_text(list, &clip->text);
        put_vit(list, &clip->vit);
        put(list, &clip->logit_scale, "", "logit_scale", 1, 0);
    }
    if (arena_failed(arena))
        error_memory(err);
    else if (safetensors_write(path, list->tensors, list->n, NULL, 0, err) == 0)
        result = digest_file(digest, path, err);
out:
    arena_free(arena);
    clip_free(clip);
    return result;
}
