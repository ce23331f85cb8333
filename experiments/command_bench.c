/* command_bench.c: coop bench
 *
 * Random weights of the published sizes, so nothing has to be downloaded. Operations are counted on what the
 * loop needs (one row per node of the prefix tree), and compared with the sgemm peak that the same run
 * measures on every thread at once.
 */
#include "clip/base/gemm.h"
#include "clip/base/random.h"
#include "clip/image_tower.h"
#include "clip/random_clip.h"
#include "clip/text_encoder.h"
#include "datasets/jpeg_write.h"
#include "datasets/transform.h"
#include "experiments/clock.h"
#include "experiments/command.h"
#include "experiments/interrupt.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
    TRIES = 5,
    ENOUGH_SECONDS = 4,
    N_CTX = 16,
    START_TOKEN = 49406,
    END_TOKEN = 49407,
    PERIOD_TOKEN = 269
};

typedef struct {
    Pool *pool;
    Precision precision;
    OptionTexts words; /* only loops with one of these in their names; none: all */
    bool json;
    int n_rows;
    double peak; /* GFLOP/s of all threads */
} Bench;

static double peak_memory_bytes(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss * 1024;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Runs the loop once to warm up and TRIES times, or until it took ENOUGH_SECONDS; returns the median. */
static double median_seconds(void (*loop)(void *), void *context) {
    double seconds[TRIES];
    loop(context);
    int n = 0;
    for (double spent = 0; n < TRIES && spent < ENOUGH_SECONDS; spent += seconds[n++]) {
        double start = clock_seconds();
        loop(context);
        seconds[n] = clock_seconds() - start;
    }
    qsort(seconds, (size_t)n, sizeof *seconds, compare_doubles);
    return seconds[n / 2];
}

static bool wanted(const Bench *bench, const char *loop) {
    for (int i = 0; i < bench->words.n; i++)
        if (strstr(loop, bench->words.values[i]))
            return true;
    return bench->words.n == 0;
}

/* One row; flops is 0 for a loop whose operations are not counted. */
static int print_row(Bench *bench, const char *loop, double seconds, double flops, const char *detail,
                     Error *err) {
    double gflop = flops * 1e-9, rate = gflop / seconds, memory = peak_memory_bytes();
    if (bench->json) {
        json_t *row =
            json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:I, s:s}", "loop", loop, "threads",
                      pool_threads(bench->pool), "seconds", seconds, "gflop", gflop, "gflops", rate, "share",
                      rate / bench->peak, "peak_bytes", (json_int_t)memory, "detail", detail);
        if (!row)
            return error_memory(err);
        json_dumpf(row, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
        json_decref(row);
        printf("\n");
    } else if (flops > 0) {
        printf("%-34s %8.3f s %9.1f GFLOP %8.1f GFLOP/s %5.0f %%   %.2f GiB  %s\n", loop, seconds, gflop,
               rate, 100 * rate / bench->peak, memory / (1 << 30), detail);
    } else {
        printf("%-34s %8.5f s %49.2f GiB  %s\n", loop, seconds, memory / (1 << 30), detail);
    }
    bench->n_rows++;
    return command_flush(err);
}

/* --- sgemm on all threads at once --- */

typedef struct {
    double *rates; /* (n_threads) */
} Peak;

static void peak_tile(void *context, int tile, int worker) {
    (void)worker;
    ((Peak *)context)->rates[tile] = gemm_peak_gflops();
}

static int measure_peak(Bench *bench, Arena *arena, Error *err) {
    int n = pool_threads(bench->pool);
    Peak peak = {.rates = ARENA_NEW(arena, double, n)};
    if (!peak.rates)
        return error_memory(err);
    pool_run(bench->pool, n, peak_tile, &peak);
    bench->peak = 0;
    for (int i = 0; i < n; i++)
        bench->peak += peak.rates[i];
    if (!bench->json)
        printf("%d threads, sgemm peak %.1f GFLOP/s (%.1f per thread)\n\n", n, bench->peak, bench->peak / n);
    return 0;
}

/* --- the text side of a training step --- */

typedef struct {
    const char *name;
    int n_classes;
    bool csc;
    int before; /* context vectors before the class name: M at the end, M / 2, 0 */
} StepShape;

static const StepShape STEPS[] = {{"train step, 100 classes, end", 100, false, N_CTX},
                                  {"train step, 10 classes, end", 10, false, N_CTX},
                                  {"train step, 100 classes, middle", 100, false, N_CTX / 2},
                                  {"train step, 100 classes, front", 100, false, 0},
                                  {"train step, 100 classes, end, csc", 100, true, N_CTX}};

/* Names of two tokens, every eighth of three: 430 nodes for 100 classes, like as many ImageNet names. */
static int build_tree(TokenTree *tree, const StepShape *shape, Arena *arena, Error *err) {
    const int **prompts = ARENA_NEW(arena, const int *, shape->n_classes);
    int *lengths = ARENA_NEW(arena, int, shape->n_classes);
    for (int k = 0; k < shape->n_classes && !arena_failed(arena); k++) {
        int *prompt = ARENA_NEW(arena, int, N_CTX + 8), n = 0;
        if (!prompt)
            break;
        prompt[n++] = START_TOKEN;
        for (int m = 0; m <= N_CTX; m++) {
            for (int j = 0; m == shape->before && j < 2 + (k % 8 == 0); j++)
                prompt[n++] = 1000 + 3 * k + j;
            if (m < N_CTX)
                prompt[n++] = SYMBOL_CONTEXT((shape->csc ? k * N_CTX : 0) + m);
        }
        prompt[n++] = PERIOD_TOKEN;
        prompt[n++] = END_TOKEN;
        prompts[k] = prompt;
        lengths[k] = n;
    }
    if (arena_failed(arena))
        return error_memory(err);
    return token_tree_build(tree, prompts, lengths, shape->n_classes, arena, err);
}

typedef struct {
    TextEncoder *encoder;
    float *features, *d_features; /* (K, E) */
    float *ctx, *d_ctx;
    size_t n_ctx;
} Step;

static void step_loop(void *context) {
    Step *step = context;
    memset(step->d_ctx, 0, step->n_ctx * sizeof *step->d_ctx);
    text_encoder_forward(step->encoder, step->features, step->ctx);
    text_encoder_backward(step->encoder, step->d_ctx, step->d_features);
}

static void fill_normal(float *x, size_t n, double scale) {
    Rng rng;
    rng_stream(&rng, 1, STREAM_BENCH, 1, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(scale * rng_normal(&rng));
}

static int bench_step(Bench *bench, const TextWeights *w, const StepShape *shape, Error *err) {
    int result = -1;
    Arena *arena = arena_create();
    TokenTree tree;
    Step step = {0};
    char detail[64];
    if (!arena || build_tree(&tree, shape, arena, err) < 0)
        goto out;
    size_t K = (size_t)shape->n_classes, E = (size_t)w->embed_dim;
    step.n_ctx = (shape->csc ? K : 1) * N_CTX * (size_t)w->width;
    step.features = arena_floats(arena, K, E);
    step.d_features = arena_floats(arena, K, E);
    step.ctx = arena_floats(arena, step.n_ctx, 1);
    step.d_ctx = arena_floats(arena, step.n_ctx, 1);
    if (arena_failed(arena)) {
        error_memory(err);
        goto out;
    }
    fill_normal(step.ctx, step.n_ctx, 0.02);
    fill_normal(step.d_features, K * E, 0.01);
    step.encoder = text_encoder_create(w, &tree, bench->pool, true, 0, err);
    if (!step.encoder)
        goto out;
    snprintf(detail, sizeof detail, "%d nodes, %d frozen", tree.n_nodes, tree.n_frozen);
    result = print_row(bench, shape->name, median_seconds(step_loop, &step),
                       text_encoder_flops(w, &tree, true), detail, err);
out:
    text_encoder_free(step.encoder);
    arena_free(arena);
    return result;
}

static int bench_steps(Bench *bench, Error *err) {
    Clip *clip = NULL;
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof STEPS / sizeof *STEPS; i++) {
        if (!wanted(bench, STEPS[i].name))
            continue;
        if (!clip)
            clip = clip_random(architecture_find("ViT-B/32"), CLIP_TEXT, bench->precision, 1, err);
        result = !clip || interrupt_check(err) < 0 ? -1 : bench_step(bench, &clip->text, &STEPS[i], err);
    }
    clip_free(clip);
    return result;
}

/* --- image towers --- */

/* Fewer images where a tower takes seconds for each. */
static const struct {
    const char *name;
    int batch;
} TOWERS[] = {{"RN50", 32}, {"RN101", 32}, {"ViT-B/32", 32}, {"ViT-B/16", 16}, {"ViT-L/14", 4}};

typedef struct {
    const Clip *clip;
    Pool *pool;
    float *pixels, *features; /* (n, 3, S, S), (n, E) */
    int n;
    int status;
    Error *err;
} Tower;

static void tower_loop(void *context) {
    Tower *tower = context;
    if (tower->status == 0)
        tower->status = image_tower_forward(tower->clip, tower->pool, tower->pixels, tower->n,
                                            tower->features, tower->err);
}

static int bench_tower(Bench *bench, const char *name, int n, Error *err) {
    char label[64], detail[64];
    snprintf(label, sizeof label, "%s, %d images", name, n);
    if (!wanted(bench, label))
        return 0;
    int result = -1;
    Arena *arena = arena_create();
    Clip *clip = clip_random(architecture_find(name), CLIP_IMAGE, bench->precision, 1, err);
    if (!arena || !clip)
        goto out;
    size_t pixels = (size_t)n * 3 * (size_t)clip->image_size * (size_t)clip->image_size;
    Tower tower = {.clip = clip, .pool = bench->pool, .n = n, .err = err};
    tower.pixels = arena_floats(arena, pixels, 1);
    tower.features = arena_floats(arena, (size_t)n, (size_t)clip->embed_dim);
    if (arena_failed(arena)) {
        error_memory(err);
        goto out;
    }
    fill_normal(tower.pixels, pixels, 1);
    double seconds = median_seconds(tower_loop, &tower);
    snprintf(detail, sizeof detail, "%.1f images/s", n / seconds);
    result =
        tower.status < 0 ? -1 : print_row(bench, label, seconds, n * image_tower_flops(clip), detail, err);
out:
    clip_free(clip);
    arena_free(arena);
    return result;
}

static int bench_towers(Bench *bench, Error *err) {
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof TOWERS / sizeof *TOWERS; i++)
        result = interrupt_check(err) < 0 ? -1 : bench_tower(bench, TOWERS[i].name, TOWERS[i].batch, err);
    return result;
}

/* --- a photo to the input of a tower, on one thread --- */

enum { PHOTO_WIDTH = 500, PHOTO_HEIGHT = 375, PHOTO_QUALITY = 90, PHOTO_REPEATS = 5, PHOTO_OUT = 224 };

typedef struct {
    const unsigned char *jpeg;
    size_t size;
    unsigned char *crop; /* (PHOTO_OUT, PHOTO_OUT, 3) */
    float *pixels;       /* (3, PHOTO_OUT, PHOTO_OUT) */
    int status;
    Error *err;
} Photo;

/* Waves and grain, which compress like a photograph. tests/peer/peer.py draws the same. */
static int draw_photo(Photo *photo, Arena *arena, Error *err) {
    Image image = {.width = PHOTO_WIDTH, .height = PHOTO_HEIGHT};
    int n = PHOTO_WIDTH * PHOTO_HEIGHT * 3;
    image.rgb = ARENA_NEW(arena, unsigned char, n);
    if (!image.rgb)
        return error_memory(err);
    for (int i = 0; i < n; i++) {
        int c = i % 3, x = i / 3 % PHOTO_WIDTH, y = i / 3 / PHOTO_WIDTH;
        int grain = (int)((uint32_t)(x * 73 + y * 179 + c * 283) * 2654435761u >> 27) - 16;
        image.rgb[i] = (unsigned char)(128 + 60 * sin(x / 17.0 + c) + 40 * sin(y / 11.0 - x / 29.0) + grain);
    }
    unsigned char *data;
    if (jpeg_write(&image, PHOTO_QUALITY, &data, &photo->size, arena, err) < 0)
        return -1;
    photo->jpeg = data;
    return 0;
}

static void photo_loop(void *context) {
    const float mean[] = {0.5f, 0.5f, 0.5f}, std[] = {0.25f, 0.25f, 0.25f};
    Photo *photo = context;
    Arena *arena = arena_create();
    if (!arena)
        photo->status = error_memory(photo->err);
    for (int i = 0; i < PHOTO_REPEATS && photo->status == 0; i++) {
        Image image;
        size_t mark = arena_mark(arena);
        photo->status = image_decode(&image, photo->jpeg, photo->size, "photo", arena, photo->err);
        if (photo->status == 0)
            photo->status = transform_center_crop(photo->crop, &image, PHOTO_OUT, arena, photo->err);
        if (photo->status == 0)
            transform_normalize(photo->pixels, photo->crop, PHOTO_OUT, mean, std);
        arena_reset(arena, mark);
    }
    arena_free(arena);
}

static int bench_photo(Bench *bench, Arena *arena, Error *err) {
    char label[64], detail[64];
    snprintf(label, sizeof label, "JPEG %dx%d to %d, 1 thread", PHOTO_WIDTH, PHOTO_HEIGHT, PHOTO_OUT);
    if (!wanted(bench, label))
        return 0;
    size_t n = (size_t)PHOTO_OUT * PHOTO_OUT * 3;
    Photo photo = {
        .crop = ARENA_NEW(arena, unsigned char, n), .pixels = arena_floats(arena, n, 1), .err = err};
    if (arena_failed(arena))
        return error_memory(err);
    if (draw_photo(&photo, arena, err) < 0)
        return -1;
    double seconds = median_seconds(photo_loop, &photo) / PHOTO_REPEATS;
    snprintf(detail, sizeof detail, "%.0f images/s, %.0f kB each", 1 / seconds, (double)photo.size / 1000);
    return photo.status < 0 ? -1 : print_row(bench, label, seconds, 0, detail, err);
}

static int bench_all(Bench *bench, Arena *arena, Error *err) {
    if (measure_peak(bench, arena, err) < 0 || bench_steps(bench, err) < 0 ||
        bench_photo(bench, arena, err) < 0 || bench_towers(bench, err) < 0)
        return -1;
    if (bench->n_rows == 0)
        return error_usage(err, "no loop has %s in its name", bench->words.values[0]);
    return 0;
}

static int run(int argc, char **argv, Arena *arena, Error *err) {
    CommonOptions common;
    Bench bench = {.precision = PRECISION_FLOAT32};
    const Option options[] = {{"json", OPTION_FLAG, &bench.json, 0, 0, NULL, "one JSON object per row"}};
    int status =
        command_parse(&command_bench, &bench.words, &common, argc, argv, options, 1, 0, -1, arena, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    bench.pool = pool_create(common.threads);
    if (!bench.pool)
        return error_run(err, "cannot start %d threads", common.threads);
    status = bench_all(&bench, arena, err);
    pool_free(bench.pool);
    return status;
}

const Command command_bench = {
    .name = "bench",
    .usage = "coop bench [LOOP...] [--json] [--threads N]",
    .summary = "this machine's speed on the main loops",
    .help =
        "Each row: median time, operations that the loop needs, rate, share of the sgemm peak measured "
        "in the\nsame run, peak memory so far. Full-size towers with random weights; a minute or so. LOOP "
        "is a part of\na loop's name: only such loops are measured.\n",
    .example = "coop bench",
    .run = run};
