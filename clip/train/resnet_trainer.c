/* resnet_trainer.c: see resnet_trainer.h */
#include "clip/train/resnet_trainer.h"

#include "clip/base/minimum.h"
#include "clip/train/attention_pool.h"
#include "clip/train/resnet_unit.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { STRIDE = 32, TEST_IMAGES = 8 };

struct ResnetTrainer {
    Arena *arena;
    int image_size, embed_dim;
    int max_images; /* at a time: of a tower that is not trained, a few */
    ResnetUnit *units;
    int n_units, lowest; /* the lowest unit that is trained; n_units: none is */
    bool trained;        /* anything at all */
    int first_kept;      /* units from it on have maps of their own */
    float *shared;       /* the maps of the others */
    UnitRoom room;
    AttentionPool *attention;
    int n;         /* images of a PASS_TRAIN whose backward pass may follow; 0: none */
    int in_shared; /* the unit whose maps are in `shared`; -1: none */
};

/* --- the plan --- */

static int count_units(const TrainableClip *clip) {
    int n = 1;
    for (int i = 0; i < 4; i++)
        n += clip->image.n_blocks[i];
    return n;
}

/* units (count_units) */
static void list_units(ResnetUnit *units, const TrainableClip *clip, Arena *arena) {
    const Parameters *parameters = &clip->parameters;
    const int width = clip->image.width;
    ResnetUnit *unit = units;
    *unit = unit_stem(parameters, clip->image.image_size, width, arena);
    for (int layer = 0; layer < 4; layer++)
        for (int i = 0; i < clip->image.n_blocks[layer]; i++, unit++) {
            char prefix[64];
            snprintf(prefix, sizeof prefix, "visual.layer%d.%d.", layer + 1, i);
            unit[1] = unit_bottleneck(parameters, prefix, unit->out_side, unit->n_out, width << layer,
                                      layer > 0 && i == 0 ? 2 : 1, arena);
        }
}

static int list_shapes(const ResnetTrainer *t, ConvShape *shapes, int *sides) {
    int n = 0;
    for (int i = 0; i < t->n_units; i++)
        for (int k = 0; k < 3 + t->units[i].has_shortcut; k++) {
            const ConvNorm *c = k < 3 ? &t->units[i].conv[k] : &t->units[i].shortcut;
            shapes[n] = c->shape;
            sides[n++] = c->side;
        }
    return n;
}

/* Packed weights, sums: what does not grow with the maps. */
static void create_room(ResnetTrainer *t, const TrainableClip *clip, Pool *pool) {
    ConvShape *shapes = ARENA_NEW(t->arena, ConvShape, 4 * t->n_units);
    int *sides = ARENA_NEW(t->arena, int, 4 * t->n_units);
    if (arena_failed(t->arena))
        return;
    const int n_shapes = list_shapes(t, shapes, sides);
    const size_t sums = 2 * (size_t)t->max_images * STRIDE * (size_t)clip->image.width;
    t->room.pool = pool;
    t->room.conv = conv_room_create(shapes, n_shapes, clip->precision, pool, t->arena);
    if (t->lowest < t->n_units)
        t->room.gradient =
            conv_gradient_create(shapes, sides, n_shapes, t->max_images, clip->precision, pool, t->arena);
    t->room.sums = ARENA_NEW(t->arena, double, sums);
    t->room.shortcut_sums = ARENA_NEW(t->arena, double, sums);
    t->attention = attention_pool_create(clip, pool, t->max_images, t->arena);
}

static size_t out_floats(const ResnetUnit *unit) {
    return (size_t)unit->out_side * (size_t)unit->out_side * (size_t)unit->n_out;
}

/* The backward pass reads the result of this unit. */
static bool keeps_out(const ResnetTrainer *t, int unit) {
    return t->trained && unit + 1 >= t->lowest;
}

typedef struct {
    size_t outs;       /* the largest result of those that are not kept, which take turns in two places */
    size_t x, y[2], g; /* gradients: t; u; g and h */
    size_t kept;       /* results that are kept */
} Sizes;               /* in floats of one image */

static Sizes sizes_of(const ResnetTrainer *t) {
    Sizes s = {0};
    for (int i = 0; i < t->n_units; i++) {
        const ResnetUnit *unit = &t->units[i];
        if (keeps_out(t, i))
            s.kept += out_floats(unit);
        else
            s.outs = max_size(s.outs, out_floats(unit));
        if (i < t->lowest)
            continue;
        s.x = max_size(s.x, unit_x_size(unit));
        for (int k = 0; k < 2; k++)
            s.y[k] = max_size(s.y[k], unit_y_size(unit, k));
        s.g = max_size(s.g, out_floats(unit));
        if (i > t->lowest)
            s.g = max_size(s.g, out_floats(unit - 1));
    }
    return s;
}

/* The maps that units before `first_kept` share. */
static size_t shared_floats(const ResnetTrainer *t, int first_kept) {
    size_t shared = 0;
    for (int i = 0; i < first_kept; i++)
        shared = max_size(shared, unit_maps_size(&t->units[i]));
    return shared;
}

/* Bytes of all maps, if units from first_kept on have their own. */
static size_t maps_bytes(const ResnetTrainer *t, int first_kept) {
    const Sizes s = sizes_of(t);
    size_t floats = s.kept + 2 * s.outs + s.x + s.y[0] + s.y[1] + 2 * s.g + shared_floats(t, first_kept);
    for (int i = first_kept; i < t->n_units; i++)
        floats += unit_maps_size(&t->units[i]);
    return floats * (size_t)t->max_images * sizeof(float);
}

/* Chooses first_kept. Nothing below the lowest trained unit is kept. */
static int fit_budget(ResnetTrainer *t, size_t budget, Error *err) {
    const size_t used = arena_used(t->arena);
    const int lowest = t->trained ? t->lowest : t->n_units;
    size_t least = SIZE_MAX;
    for (t->first_kept = lowest; t->first_kept <= t->n_units; t->first_kept++) {
        const size_t bytes = used + maps_bytes(t, t->first_kept);
        least = bytes < least ? bytes : least;
        if (budget == 0 || bytes <= budget)
            return 0;
    }
    return error_set(err, "memory_budget %.1f MiB: the image tower with %d images needs %.1f MiB at least",
                     (double)budget / (1 << 20), t->max_images, (double)least / (1 << 20));
}

static void create_maps(ResnetTrainer *t) {
    const Sizes s = sizes_of(t);
    const size_t n = (size_t)t->max_images;
    float *turns[2] = {arena_floats(t->arena, n, s.outs), arena_floats(t->arena, n, s.outs)};
    t->room.t = arena_floats(t->arena, n, s.x);
    for (int k = 0; k < 2; k++)
        t->room.u[k] = arena_floats(t->arena, n, s.y[k]);
    t->room.g = arena_floats(t->arena, n, s.g);
    t->room.h = arena_floats(t->arena, n, s.g);
    t->shared = arena_floats(t->arena, n, shared_floats(t, t->first_kept));
    for (int i = 0; i < t->n_units; i++) {
        ResnetUnit *unit = &t->units[i];
        unit->out = keeps_out(t, i) ? arena_floats(t->arena, n, out_floats(unit)) : turns[i % 2];
        unit->in = i > 0 ? t->units[i - 1].out : NULL;
        float *maps = i < t->first_kept ? t->shared : arena_floats(t->arena, n, unit_maps_size(unit));
        if (maps)
            unit_place_maps(unit, maps, t->max_images);
    }
}

/* Which units are trained, and so how many images are together. */
static void find_lowest(ResnetTrainer *t) {
    while (t->lowest < t->n_units && !unit_is_trained(&t->units[t->lowest]))
        t->lowest++;
}

static bool tower_is_trained(const TrainableClip *clip) {
    for (int i = 0; i < clip->parameters.n; i++) {
        const Parameter *p = &clip->parameters.items[i];
        if (p->gradient && strncmp(p->name, "visual.", 7) == 0)
            return true;
    }
    return false;
}

ResnetTrainer *resnet_trainer_create(TrainableClip *clip, Pool *pool, int max_images, size_t memory_budget,
                                     Error *err) {
    Arena *arena = arena_create();
    ResnetTrainer *t = ARENA_NEW(arena, ResnetTrainer, 1);
    ResnetUnit *units = ARENA_NEW(arena, ResnetUnit, count_units(clip));
    assert(clip->is_resnet && clip->image.image_size % STRIDE == 0);
    if (!t || !units)
        goto memory;
    *t = (ResnetTrainer){.arena = arena,
                         .image_size = clip->image.image_size,
                         .embed_dim = clip->embed_dim,
                         .trained = tower_is_trained(clip),
                         .units = units,
                         .n_units = count_units(clip),
                         .in_shared = -1};
    t->max_images = t->trained ? max_images : min_int(max_images, TEST_IMAGES);
    list_units(units, clip, arena);
    for (int i = 0; clip->frozen_norms && i < t->n_units; i++)
        unit_freeze_norms(&units[i]);
    find_lowest(t);
    create_room(t, clip, pool);
    if (arena_failed(arena))
        goto memory;
    if (fit_budget(t, memory_budget, err) < 0)
        goto fail;
    create_maps(t);
    if (!arena_failed(arena))
        return t;
memory:
    error_memory(err);
fail:
    arena_free(arena);
    return NULL;
}

void resnet_trainer_free(ResnetTrainer *t) {
    if (t)
        arena_free(t->arena);
}

/* --- passes --- */

static void forward(ResnetTrainer *t, float *features, const float *pixels, int n, NormBy by) {
    t->units[0].pixels = pixels;
    for (int i = 0; i < t->n_units; i++)
        unit_forward(&t->units[i], &t->room, n, by);
    t->in_shared = t->first_kept - 1;
    attention_pool_forward(t->attention, features, t->units[t->n_units - 1].out, n);
}

void resnet_trainer_forward(ResnetTrainer *t, float *features, const float *pixels, int n, Pass pass) {
    const size_t image = 3 * (size_t)t->image_size * (size_t)t->image_size;
    t->n = 0;
    if (pass == PASS_TEST) {
        for (int first = 0; first < n; first += t->max_images)
            forward(t, features + (size_t)first * (size_t)t->embed_dim, pixels + (size_t)first * image,
                    min_int(t->max_images, n - first), NORM_RUNNING);
        return;
    }
    assert(t->trained && n <= t->max_images);
    forward(t, features, pixels, n, NORM_BATCH);
    t->n = pass == PASS_TRAIN ? n : 0;
}

void resnet_trainer_backward(ResnetTrainer *t, const float *d_features) {
    assert(t->n > 0);
    attention_pool_backward(t->attention, t->lowest < t->n_units ? t->room.g : NULL, d_features, t->n);
    for (int i = t->n_units - 1; i >= t->lowest; i--) {
        if (i < t->first_kept && t->in_shared != i) {
            unit_forward(&t->units[i], &t->room, t->n, NORM_AGAIN);
            t->in_shared = i;
        }
        unit_backward(&t->units[i], &t->room, t->n, i > t->lowest);
    }
    t->n = 0;
}

double resnet_trainer_flops(const TrainableClip *clip, bool backward) {
    Arena *arena = arena_create();
    ResnetUnit *units = ARENA_NEW(arena, ResnetUnit, count_units(clip));
    double flops = attention_pool_flops(clip, backward);
    if (units)
        list_units(units, clip, arena);
    for (int i = 0; units && i < count_units(clip); i++)
        flops += unit_flops(&units[i], backward);
    arena_free(arena);
    return flops;
}
