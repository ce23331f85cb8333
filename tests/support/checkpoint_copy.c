/* checkpoint_copy.c: see checkpoint_copy.h */
#include "tests/support/checkpoint_copy.h"

#include "clip/math/half.h"
#include "clip/tensors/safetensors_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

Copy *copy_of(const TensorFile *file, Arena *arena) {
    Copy *copy = ARENA_NEW(arena, Copy, 1);
    assert_non_null(copy);
    copy->n = tensors_count(file);
    assert_true(copy->n <= COPY_MAX);
    for (int i = 0; i < copy->n; i++) {
        const Tensor *t = tensors_at(file, i);
        copy->tensors[i] = (TensorOut){t->name, t->dtype, t->n_dims, {0}, t->data};
        memcpy(copy->tensors[i].shape, t->shape, sizeof t->shape);
    }
    return copy;
}

TensorOut *copy_find(Copy *copy, const char *name) {
    for (int i = 0; i < copy->n; i++)
        if (strcmp(copy->tensors[i].name, name) == 0)
            return &copy->tensors[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static size_t count_of(const TensorOut *t) {
    size_t count = 1;
    for (int i = 0; i < t->n_dims; i++)
        count *= (size_t)t->shape[i];
    return count;
}

TensorOut *copy_add(Copy *copy, Arena *arena, const char *name, DType dtype, int n_dims, const int *shape) {
    assert_true(copy->n < COPY_MAX);
    TensorOut *t = &copy->tensors[copy->n++];
    *t = (TensorOut){arena_strdup(arena, name), dtype, n_dims, {0}, NULL};
    for (int i = 0; i < n_dims; i++)
        t->shape[i] = shape[i];
    t->data = arena_alloc(arena, count_of(t), dtype_size(dtype));
    assert_false(arena_failed(arena));
    return t;
}

void copy_remove(Copy *copy, const char *name) {
    *copy_find(copy, name) = copy->tensors[copy->n - 1];
    copy->n--;
}

void copy_write(const Copy *copy, const char *path) {
    Error err = {0};
    if (safetensors_write(path, copy->tensors, copy->n, NULL, 0, &err) < 0)
        fail_msg("%s", err.text);
}

void copy_to_float(Copy *copy, Arena *arena) {
    for (int i = 0; i < copy->n; i++) {
        TensorOut *t = &copy->tensors[i];
        if (t->dtype != DTYPE_F16)
            continue;
        float *values = arena_floats(arena, count_of(t), 1);
        half_to_float(values, t->data, count_of(t));
        t->data = values;
        t->dtype = DTYPE_F32;
    }
}

void copy_rename(Copy *copy, Arena *arena, const char *from, const char *to) {
    for (int i = 0; i < copy->n; i++)
        if (strncmp(copy->tensors[i].name, from, strlen(from)) == 0)
            copy->tensors[i].name = arena_printf(arena, "%s%s", to, copy->tensors[i].name + strlen(from));
}

/* The end of every name that has it. */
static void rename_ends(Copy *copy, Arena *arena, const char *from, const char *to) {
    for (int i = 0; i < copy->n; i++) {
        const char *at = strstr(copy->tensors[i].name, from);
        if (at)
            copy->tensors[i].name = arena_printf(arena, "%.*s%s%s", (int)(at - copy->tensors[i].name),
                                                 copy->tensors[i].name, to, at + strlen(from));
    }
}

static void transpose(TensorOut *t, Arena *arena) {
    const size_t size = dtype_size(t->dtype), rows = (size_t)t->shape[0], columns = (size_t)t->shape[1];
    char *out = arena_alloc(arena, rows * columns, size);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            memcpy(out + (c * rows + r) * size, (const char *)t->data + (r * columns + c) * size, size);
    t->data = out;
    t->shape[0] = (int64_t)columns;
    t->shape[1] = (int64_t)rows;
}

/* "attn.in_proj_weight" into three. */
static void split_thirds(Copy *copy, Arena *arena, const char *part, const char *end) {
    for (int i = copy->n - 1; i >= 0; i--) {
        TensorOut whole = copy->tensors[i];
        const char *at = strstr(whole.name, part);
        if (!at)
            continue;
        whole.shape[0] /= 3;
        const size_t bytes = count_of(&whole) * dtype_size(whole.dtype);
        for (int k = 0; k < 3; k++) {
            TensorOut *third = k == 0 ? &copy->tensors[i] : &copy->tensors[copy->n++];
            assert_true(copy->n <= COPY_MAX);
            *third = whole;
            third->name = arena_printf(arena, "%.*sself_attn.%c_proj.%s", (int)(at - whole.name), whole.name,
                                       "qkv"[k], end);
            third->data = (const char *)whole.data + (size_t)k * bytes;
        }
    }
}

void copy_to_hugging_face(Copy *copy, Arena *arena) {
    transpose(copy_find(copy, "text_projection"), arena);
    transpose(copy_find(copy, "visual.proj"), arena);
    split_thirds(copy, arena, "attn.in_proj_weight", "weight");
    split_thirds(copy, arena, "attn.in_proj_bias", "bias");
    const char *ends[][2] = {{".attn.out_proj.", ".self_attn.out_proj."},
                             {".ln_1.", ".layer_norm1."},
                             {".ln_2.", ".layer_norm2."},
                             {".mlp.c_fc.", ".mlp.fc1."},
                             {".mlp.c_proj.", ".mlp.fc2."}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        rename_ends(copy, arena, ends[i][0], ends[i][1]);
    const char *starts[][2] = {
        {"transformer.resblocks.", "text_model.encoder.layers."},
        {"visual.transformer.resblocks.", "vision_model.encoder.layers."},
        {"token_embedding.", "text_model.embeddings.token_embedding."},
        {"positional_embedding", "text_model.embeddings.position_embedding.weight"},
        {"ln_final.", "text_model.final_layer_norm."},
        {"text_projection", "text_projection.weight"},
        {"visual.conv1.", "vision_model.embeddings.patch_embedding."},
        {"visual.class_embedding", "vision_model.embeddings.class_embedding"},
        {"visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"},
        {"visual.ln_pre.", "vision_model.pre_layrnorm."},
        {"visual.ln_post.", "vision_model.post_layernorm."},
        {"visual.proj", "visual_projection.weight"},
    };
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        copy_rename(copy, arena, starts[i][0], starts[i][1]);
}
