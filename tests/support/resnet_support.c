/* resnet_support.c: see resnet_support.h */
#include "tests/support/resnet_support.h"

#include "clip/train/clip_parameters.h"
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

static bool has(const Parameter *p, const char *part) {
    return strstr(p->name, part) != NULL;
}

/* Gains near one, variances above zero, the rest about zero, as large as keeps a signal as large as it is. */
static void fill(const Parameter *p, uint32_t seed) {
    const double fan_in = p->n_dims > 1 ? (double)p->count / (double)p->shape[0] : 1;
    const bool is_gain = p->n_dims == 1 && has(p, "weight"), is_variance = has(p, "running_var");
    const double scale = p->n_dims == 4 ? sqrt(2 / fan_in) : p->n_dims == 2 ? 1.5 / sqrt(fan_in) : 0.2;
    fill_normal(p->value, p->count, scale, seed);
    for (size_t i = 0; i < p->count; i++) {
        p->value[i] += is_gain || is_variance ? 1 : 0;
        if (is_variance)
            p->value[i] = fabsf(p->value[i]) + 0.1f;
    }
}

TrainableClip *resnet_clip(ResnetSize size) {
    Arena *arena = arena_create();
    TrainableClip *clip = ARENA_NEW(arena, TrainableClip, 1);
    *clip = (TrainableClip){
        .parameters = {.arena = arena},
        .image = {.width = size.width, .n_heads = size.width * 32 / 64, .image_size = size.image_size},
        .embed_dim = size.embed_dim,
        .is_resnet = true,
        .precision = PRECISION_FLOAT32,
        .arena = arena};
    memcpy(clip->image.n_blocks, size.n_blocks, sizeof size.n_blocks);
    const TowerConfig text = {.width = 4, .n_layers = 1, .n_heads = 1, .n_positions = 2, .n_vocab = 3};
    clip_parameters_add(&clip->parameters, &text, &clip->image, size.embed_dim, (BlockShape){.mlp_width = 4},
                        (BlockShape){0});
    for (int i = 0; i < clip->parameters.n; i++)
        if (clip->parameters.items[i].n_dims > 0)
            fill(&clip->parameters.items[i], (uint32_t)i);
    parameters_train(&clip->parameters, NULL, NULL);
    return clip;
}

TrainableClip *resnet_clip_read(const char *path, ResnetSize size) {
    TrainableClip *clip = resnet_clip(size);
    Arena *arena = arena_create();
    TensorFile *file = fixture_open(path);
    for (int i = 0; i < clip->parameters.n; i++) {
        const Parameter *p = &clip->parameters.items[i];
        if (p->n_dims > 0 && has(p, "visual."))
            memcpy(p->value, fixture_floats(file, p->name, arena, NULL), p->count * sizeof *p->value);
    }
    tensors_close(file);
    arena_free(arena);
    return clip;
}

void resnet_clip_free(TrainableClip *clip) {
    arena_free(clip->arena);
}

static float *collect(const TrainableClip *clip, Arena *arena, size_t *count, bool statistics) {
    float *all = NULL;
    for (int copy = 0; copy < 2; copy++) {
        *count = 0;
        for (int i = 0; i < clip->parameters.n; i++) {
            const Parameter *p = &clip->parameters.items[i];
            const float *values = statistics ? p->is_buffer ? p->value : NULL : p->gradient;
            if (!values)
                continue;
            if (all)
                memcpy(all + *count, values, p->count * sizeof *values);
            *count += p->count;
        }
        if (!all)
            all = arena_floats(arena, *count, 1);
    }
    return all;
}

float *resnet_gradients(const TrainableClip *clip, Arena *arena, size_t *count) {
    return collect(clip, arena, count, false);
}

float *resnet_statistics(const TrainableClip *clip, Arena *arena, size_t *count) {
    return collect(clip, arena, count, true);
}
