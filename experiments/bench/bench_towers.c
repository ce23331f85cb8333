/* bench_towers.c: the image towers with random weights. */
#include "experiments/bench/bench_towers.h"

#include "clip/checkpoint/random_clip.h"
#include "clip/image/image_tower.h"
#include "experiments/bench/bench_loops.h"

#include <stdio.h>

typedef struct {
    const char *name;
    int batch;
} TowerShape;

static const TowerShape TOWERS[] = {{"RN50", 1},      {"RN50", 32},     {"RN101", 32},   {"ViT-B/32", 1},
                                    {"ViT-B/32", 32}, {"ViT-B/16", 32}, {"ViT-L/14", 32}};
static const TowerShape GROWING[] = {{"RN50", 8},     {"RN50", 16},     {"RN50", 32},     {"RN50", 64},
                                     {"ViT-B/32", 8}, {"ViT-B/32", 16}, {"ViT-B/32", 32}, {"ViT-B/32", 64}};

typedef struct {
    const Clip *clip;
    Pool *pool;
    float *pixels, *features; /* (n, 3, S, S), (n, E) */
    int n;
} Tower;

static int tower_loop(void *context, Error *err) {
    Tower *tower = context;
    return image_tower_forward(tower->clip, tower->pool, tower->pixels, tower->n, tower->features, err);
}

int bench_tower(const Bench *bench, const char *name, int n, Pool *pool, Sample *sample, Error *err) {
    int result = -1;
    Arena *arena = arena_create();
    Clip *clip = clip_random(architecture_find(name), CLIP_IMAGE, bench->precision, 1, err);
    if (!arena || !clip)
        goto out;
    size_t pixels = (size_t)n * 3 * (size_t)clip->image_size * (size_t)clip->image_size;
    Tower tower = {.clip = clip, .pool = pool, .n = n};
    tower.pixels = arena_floats(arena, pixels, 1);
    tower.features = arena_floats(arena, (size_t)n, (size_t)clip->embed_dim);
    if (arena_failed(arena)) {
        error_memory(err);
        goto out;
    }
    bench_fill(tower.pixels, pixels, 1);
    if (bench_median(&sample->seconds, tower_loop, &tower, err) < 0)
        goto out;
    sample->flops = n * image_tower_flops(clip);
    snprintf(sample->note, sizeof sample->note, "%.1f images/s, %.1f ms for each", n / sample->seconds,
             1000 * sample->seconds / n);
    result = 0;
out:
    clip_free(clip);
    arena_free(arena);
    return result;
}

static int measure_tower(const Bench *bench, void *context, Pool *pool, Sample *sample, Error *err) {
    const TowerShape *shape = context;
    return bench_tower(bench, shape->name, shape->batch, pool, sample, err);
}

int bench_towers(Bench *bench, Error *err) {
    const TowerShape *shapes = bench->linear ? GROWING : TOWERS;
    const size_t n = bench->linear ? sizeof GROWING / sizeof *GROWING : sizeof TOWERS / sizeof *TOWERS;
    int result = 0;
    for (size_t i = 0; result == 0 && i < n; i++) {
        char label[64];
        TowerShape shape = shapes[i];
        snprintf(label, sizeof label, "%s, %d image%s", shape.name, shape.batch, shape.batch == 1 ? "" : "s");
        result = bench_row(bench, label, measure_tower, &shape, err);
    }
    return result;
}
