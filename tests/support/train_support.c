/* train_support.c: see train_support.h */
#include "tests/support/train_support.h"

#include "tests/support/support.h"
#include "tests/support/tower_support.h"
#include "tests/support/tree_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { IMAGE_WIDTH = 24, TEXT_WIDTH = 16, POSITIONS = 12, EMBED = 10, TIMES = 3, SIDE = 16, PATCH = 4 };

static void add(TrainableClip *clip, double mean, double scale, int64_t rows, int64_t columns,
                const char *prefix, const char *name) {
    const int64_t shape[] = {rows, columns};
    Parameter *p = parameters_add(&clip->parameters, columns ? 2 : 1, shape, "%s%s", prefix, name);
    assert_non_null(p);
    fill_normal(p->value, p->count, scale, (uint32_t)clip->parameters.n);
    for (size_t i = 0; i < p->count; i++)
        p->value[i] += (float)mean;
}

static void add_norm(TrainableClip *clip, int C, const char *prefix, const char *name) {
    char path[96];
    snprintf(path, sizeof path, "%s%s", prefix, name);
    add(clip, 1, 0.2, C, 0, path, ".weight");
    add(clip, 0, 0.2, C, 0, path, ".bias");
}

static void add_blocks(TrainableClip *clip, const TowerConfig *config, const char *tower, bool has_gains) {
    const int C = config->width, F = TIMES * C;
    for (int l = 0; l < config->n_layers; l++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "%stransformer.resblocks.%d.", tower, l);
        add_norm(clip, C, prefix, "ln_1");
        add(clip, 0, 1.5 / sqrt(C), 3 * C, C, prefix, "attn.in_proj_weight");
        add(clip, 0, 0.2, 3 * C, 0, prefix, "attn.in_proj_bias");
        add(clip, 0, 1 / sqrt(C), C, C, prefix, "attn.out_proj.weight");
        add(clip, 0, 0.2, C, 0, prefix, "attn.out_proj.bias");
        add_norm(clip, C, prefix, "ln_2");
        add(clip, 0, 1 / sqrt(C), F, C, prefix, "mlp.c_fc.weight");
        add(clip, 0, 0.2, F, 0, prefix, "mlp.c_fc.bias");
        add(clip, 0, 1 / sqrt(F), C, F, prefix, "mlp.c_proj.weight");
        add(clip, 0, 0.2, C, 0, prefix, "mlp.c_proj.bias");
        if (has_gains) {
            add(clip, 0.7, 0.2, C, 0, prefix, "ls_1.gamma");
            add(clip, 0.7, 0.2, C, 0, prefix, "ls_2.gamma");
        }
    }
}

static void add_image_tower(TrainableClip *clip, bool has_gains) {
    const int C = clip->image.width, P = clip->image.patch_size, grid = clip->image.image_size / P;
    const int64_t conv1[] = {C, 3, P, P};
    Parameter *p = parameters_add(&clip->parameters, 4, conv1, "visual.conv1.weight");
    fill_normal(p->value, p->count, 0.2, 99);
    add(clip, 0, 0.5, C, 0, "visual.", "class_embedding");
    add(clip, 0, 0.5, grid * grid + 1, C, "visual.", "positional_embedding");
    add_norm(clip, C, "visual.", "ln_pre");
    add_blocks(clip, &clip->image, "visual.", has_gains);
    add_norm(clip, C, "visual.", "ln_post");
    add(clip, 0, 1 / sqrt(C), C, clip->embed_dim, "visual.", "proj");
}

static void add_text_tower(TrainableClip *clip, bool has_gains) {
    const int C = clip->text.width;
    add(clip, 0, 0.7, clip->text.n_vocab, C, "", "token_embedding.weight");
    add(clip, 0, 0.3, clip->text.n_positions, C, "", "positional_embedding");
    add_blocks(clip, &clip->text, "", has_gains);
    add_norm(clip, C, "", "ln_final");
    add(clip, 0, 1 / sqrt(C), C, clip->embed_dim, "", "text_projection");
}

static TrainableClip *create(void) {
    Arena *arena = arena_create();
    TrainableClip *clip = ARENA_NEW(arena, TrainableClip, 1);
    assert_non_null(clip);
    *clip = (TrainableClip){.arena = arena, .parameters = {.arena = arena}};
    return clip;
}

TrainableClip *train_clip_tiny(TinyClip kind) {
    TrainableClip *clip = create();
    clip->embed_dim = EMBED;
    clip->image = (TowerConfig){.width = IMAGE_WIDTH,
                                .n_layers = kind.layers,
                                .n_heads = 3,
                                .image_size = SIDE,
                                .patch_size = PATCH,
                                .activation = kind.activation,
                                .norm_eps = 0.01f};
    clip->text = (TowerConfig){.width = TEXT_WIDTH,
                               .n_layers = kind.layers,
                               .n_heads = 2,
                               .n_positions = POSITIONS,
                               .n_vocab = TREE_VOCABULARY,
                               .activation = kind.activation,
                               .norm_eps = 0.01f};
    add_image_tower(clip, kind.has_gains);
    add_text_tower(clip, kind.has_gains);
    return clip;
}

TrainableClip *train_clip_read(const char *path) {
    TrainableClip *clip = create();
    Clip *frozen = tower_open(path, CLIP_BOTH);
    const TextWeights *t = &frozen->text;
    const VitWeights *v = &frozen->vit;
    clip->embed_dim = frozen->embed_dim;
    clip->text = (TowerConfig){.width = t->width,
                               .n_layers = t->n_layers,
                               .n_heads = t->n_heads,
                               .n_positions = t->n_positions,
                               .n_vocab = t->n_vocab,
                               .activation = t->activation,
                               .norm_eps = t->norm_eps};
    clip->image = (TowerConfig){.width = v->width,
                                .n_layers = v->n_layers,
                                .n_heads = v->n_heads,
                                .image_size = v->image_size,
                                .patch_size = v->patch_size,
                                .activation = v->activation,
                                .norm_eps = v->norm_eps};
    clip_free(frozen);
    TensorFile *file = fixture_open(path);
    for (int i = 0; i < tensors_count(file); i++) {
        const Tensor *tensor = tensors_at(file, i);
        size_t count;
        if (tensor->dtype != DTYPE_F16 && tensor->dtype != DTYPE_F32)
            continue; /* sizes as integers */
        const float *values = fixture_floats(file, tensor->name, clip->arena, &count);
        Parameter *p = parameters_add(&clip->parameters, tensor->n_dims, tensor->shape, "%s", tensor->name);
        memcpy(p->value, values, count * sizeof *values);
    }
    tensors_close(file);
    return clip;
}

void train_clip_free(TrainableClip *clip) {
    if (clip)
        arena_free(clip->arena);
}

float *train_gradients(const TrainableClip *clip, Arena *arena, size_t *count) {
    const Parameters *all = &clip->parameters;
    float *out = arena_floats(arena, parameters_count(all, true), 1);
    *count = 0;
    for (int i = 0; i < all->n; i++)
        if (all->items[i].gradient) {
            memcpy(out + *count, all->items[i].gradient, all->items[i].count * sizeof *out);
            *count += all->items[i].count;
        }
    return out;
}

/* --- central differences --- */

static void move(const Parameter *p, const float *start, const float *direction, double step) {
    for (size_t i = 0; i < p->count; i++)
        p->value[i] = (float)((double)start[i] + step * (double)direction[i]);
}

/* Of fourth order, so that steps may be long enough for floats. */
static double difference(const Parameter *p, const float *direction, double step, TrainLoss loss,
                         void *context, Arena *arena) {
    float *start = arena_floats(arena, p->count, 1);
    memcpy(start, p->value, p->count * sizeof *start);
    double sum = 0;
    for (int side = -2; side <= 2; side++) {
        const double weights[] = {1, -8, 0, 8, -1};
        move(p, start, direction, side * step);
        sum += side ? weights[side + 2] * loss(context) : 0;
    }
    memcpy(p->value, start, p->count * sizeof *start);
    return sum / (12 * step);
}

static double length(const float *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

/* Short steps are lost in rounding and long ones in curvature, each parameter at another length: one of three
 * must agree. */
static void check_direction(const Parameter *p, const float *direction, TrainLoss loss, void *context,
                            Arena *arena) {
    static const double steps[] = {0.002, 0.006, 0.018};
    const double along = length(direction, p->count), scale = length(p->value, p->count);
    double want = 0, got = 0, tolerance = 1e-3 * length(p->gradient, p->count);
    for (size_t i = 0; i < p->count; i++)
        want += (double)direction[i] / along * (double)p->gradient[i];
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        got = difference(p, direction, steps[i] * scale / along, loss, context, arena) / along;
        if (fabs(got - want) <= tolerance)
            return;
    }
    fail_msg("%s: differences give %.6g, the gradient %.6g (of length %.3g)", p->name, got, want,
             length(p->gradient, p->count));
}

void train_check_differences(const Parameters *parameters, TrainLoss loss, void *context) {
    Arena *arena = arena_create();
    double total = 0;
    for (int i = 0; i < parameters->n; i++)
        if (parameters->items[i].gradient)
            total += length(parameters->items[i].gradient, parameters->items[i].count);
    for (int i = 0; i < parameters->n; i++) {
        const Parameter *p = &parameters->items[i];
        if (!p->gradient)
            continue;
        assert_true(length(p->gradient, p->count) > 1e-5 * total);
        float *direction = arena_floats(arena, p->count, 1);
        fill_normal(direction, p->count, 1, 1000 + (uint32_t)i);
        check_direction(p, direction, loss, context, arena);
        memcpy(direction, p->gradient, p->count * sizeof *direction);
        check_direction(p, direction, loss, context, arena);
    }
    arena_free(arena);
}
