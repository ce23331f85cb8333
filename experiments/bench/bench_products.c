/* bench_products.c: products with frozen weights alone, in the shapes of the towers: what is left between
 * them and the units that multiply and add.
 */
#include "clip/math/packed.h"
#include "experiments/bench/bench_loops.h"

#include <stdint.h>
#include <stdio.h>

/* The widest layer of a block, for a batch of 32 images, or for the nodes of a step of 100 classes. */
typedef struct {
    const char *of;
    int rows, k, n;
} ProductShape;

static const ProductShape SHAPES[] = {{"text step", 430, 512, 2048},
                                      {"ViT-B/32", 32 * 50, 768, 3072},
                                      {"ViT-B/16", 32 * 197, 768, 3072},
                                      {"ViT-L/14", 32 * 257, 1024, 4096}};

typedef struct {
    const ProductShape *shape;
    PackedMatrix matrix;
    float *in, *out; /* (rows, k), (rows, n) */
    Pool *pool;
} ProductLoop;

/* Enough of them that a clock can tell. */
static int product_loop(void *context, Error *err) {
    const ProductLoop *loop = context;
    (void)err;
    for (int i = 0; i < 10; i++)
        packed_product(loop->pool, loop->out, loop->in, &loop->matrix, NULL, NULL, loop->shape->rows);
    return 0;
}

static int measure_product(const Bench *bench, void *context, Pool *pool, Sample *sample, Error *err) {
    const ProductShape *shape = context;
    const size_t rows = (size_t)shape->rows, k = (size_t)shape->k, n = (size_t)shape->n;
    ProductLoop loop = {.shape = shape, .pool = pool};
    Arena *arena = arena_create();
    float *weights = arena_floats(arena, n, k);
    loop.in = arena_floats(arena, rows, k);
    loop.out = arena_floats(arena, rows, n);
    int result = arena_failed(arena) ? error_memory(err) : 0;
    if (result == 0) {
        bench_fill(weights, n * k, 0.05);
        bench_fill(loop.in, rows * k, 1);
        packed_create(&loop.matrix, weights, shape->k, shape->n, true, bench->precision, arena);
        result = arena_failed(arena) ? error_memory(err)
                                     : bench_median(&sample->seconds, product_loop, &loop, err);
    }
    sample->seconds /= 10;
    sample->flops = 2.0 * (double)rows * (double)k * (double)n;
    snprintf(sample->note, sizeof sample->note, "%d rows, %d to %d", shape->rows, shape->k, shape->n);
    arena_free(arena);
    return result;
}

int bench_products(Bench *bench, Error *err) {
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof SHAPES / sizeof *SHAPES && !bench->linear; i++) {
        char label[64];
        snprintf(label, sizeof label, "product alone, %s", SHAPES[i].of);
        result = bench_row(bench, label, measure_product, (void *)(uintptr_t)&SHAPES[i], err);
    }
    return result;
}
