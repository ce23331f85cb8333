/* plan.c: see plan.h */
#include "experiments/stage/plan.h"

#include "clip/base/clock.h"
#include "clip/image/image_tower.h"
#include "clip/math/gemm.h"
#include "clip/math/packed.h"
#include "experiments/methods/method.h"

#include <math.h>
#include <string.h>

int plan_points(double *flops, Stage *stage, Error *err) {
    for (int i = 0; i < stage->grid.n; i++) {
        const Point *point = &stage->grid.points[i];
        flops[i] = 0;
        if (!stage->pending[i] || point->learned || !method_of(point)->flops)
            continue;
        if (method_of(point)->flops(&flops[i], &stage->session, point, err) < 0)
            return -1;
    }
    return 0;
}

int plan_make(Plan *plan, Stage *stage, const LoadedModel *model, Error *err) {
    *plan = (Plan){.points = ARENA_NEW(stage->arena, double, stage->grid.n)};
    if (!plan->points)
        return error_memory(err);
    if (stage->n_pending == 0)
        return 0;
    if (stage_count_images(stage, model, &plan->n_images, err) < 0 ||
        plan_points(plan->points, stage, err) < 0)
        return -1;
    plan->flops = (double)plan->n_images * image_tower_flops(model->clip);
    for (int i = 0; i < stage->grid.n; i++)
        plan->flops += plan->points[i];
    return 0;
}

/* GFLOP/s of one thread in bfloat16: the best of several products of the text tower's size. 0 when memory is
 * missing. */
static double bf16_gflops(void) {
    enum { ROWS = 512, K = 512, N = 2048, TRIES = 20 };
    double best = 0;
    PackedMatrix matrix;
    Arena *arena = arena_create();
    float *in = arena_floats(arena, ROWS, K), *w = arena_floats(arena, N, K);
    float *out = arena_floats(arena, ROWS, N);
    if (!arena_failed(arena)) {
        for (int i = 0; i < ROWS * K; i++)
            in[i] = (float)(i % 7) - 3;
        for (int i = 0; i < N * K; i++)
            w[i] = (float)(i % 5) - 2;
        packed_create(&matrix, w, K, N, true, PRECISION_BFLOAT16, arena);
    }
    for (int i = 0; i < TRIES && !arena_failed(arena); i++) {
        double start = clock_seconds();
        packed_product(NULL, out, in, &matrix, NULL, NULL, ROWS);
        best = fmax(best, 2e-9 * ROWS * K * N / (clock_seconds() - start));
    }
    arena_free(arena);
    return best;
}

/* On a Xeon with AMX steps and towers reach 80 to 90 % of the sgemm peak, and in bfloat16, where products are
 * five times as fast and the rest is not, 30 to 55 % of the rate of products. */
double plan_rate(Precision precision, int n_threads) {
    bool bf16 = precision_here(precision) == PRECISION_BFLOAT16;
    return 1e9 * n_threads * (bf16 ? 0.4 * bf16_gflops() : 0.6 * gemm_peak_gflops());
}
