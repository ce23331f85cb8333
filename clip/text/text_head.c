/* text_head.c: see text_head.h */
#include "clip/text/text_head.h"

#include "clip/math/gemm.h"
#include "clip/math/ops.h"

#include <string.h>

static void transpose_projection(TextHead *head) {
    const TextWeights *w = head->w;
    for (int row = 0; row < w->width; row++)
        for (int column = 0; column < w->embed_dim; column++)
            head->projection[(size_t)column * (size_t)w->width + (size_t)row] =
                w->text_projection[(size_t)row * (size_t)w->embed_dim + (size_t)column];
}

TextHead text_head(const TextWeights *weights, int n_leaves, int n_prompts, const int *leaf_of_prompt,
                   bool training, Arena *arena) {
    const size_t C = (size_t)weights->width, E = (size_t)weights->embed_dim, U = (size_t)n_leaves;
    TextHead head = {.w = weights,
                     .n_leaves = n_leaves,
                     .n_prompts = n_prompts,
                     .leaf_of_prompt = leaf_of_prompt,
                     .x = arena_floats(arena, U, C),
                     .d_x = training ? arena_floats(arena, U, C) : NULL,
                     .h = arena_floats(arena, U, C),
                     .mean = arena_floats(arena, U, 1),
                     .rstd = arena_floats(arena, U, 1),
                     .features = arena_floats(arena, U, E),
                     .projection = arena_floats(arena, E, C)};
    if (!arena_failed(arena))
        transpose_projection(&head);
    return head;
}

void text_head_forward(TextHead *head, Pool *pool, float *features) {
    const TextWeights *w = head->w;
    const size_t E = (size_t)w->embed_dim;
    layer_norm_forward(head->h, head->mean, head->rstd, head->x, w->ln_final_w, w->ln_final_b, w->norm_eps,
                       head->n_leaves, w->width);
    linear_forward(pool, head->features, head->h, head->projection, NULL, head->n_leaves, w->width,
                   w->embed_dim, false);
    for (int i = 0; i < head->n_prompts; i++)
        memcpy(features + (size_t)i * E, head->features + (size_t)head->leaf_of_prompt[i] * E,
               E * sizeof *features);
}

void text_head_backward(TextHead *head, Pool *pool, const float *d_features) {
    const TextWeights *w = head->w;
    const size_t C = (size_t)w->width, E = (size_t)w->embed_dim, U = (size_t)head->n_leaves;
    memset(head->features, 0, U * E * sizeof(float));
    for (int i = 0; i < head->n_prompts; i++)
        add_rows(head->features + (size_t)head->leaf_of_prompt[i] * E, d_features + (size_t)i * E, E);
    linear_backward(pool, head->h, head->features, head->projection, head->n_leaves, w->width, w->embed_dim,
                    false);
    memset(head->d_x, 0, U * C * sizeof(float));
    layer_norm_backward(head->d_x, head->h, head->x, head->mean, head->rstd, w->ln_final_w, head->n_leaves,
                        w->width);
}
