/* bench_classifiers.c: classifiers that are not trained by steps: the linear probe with its search of C, and
 * the zero-shot classifier of 80 templates.
 *
 * Features are a centre for each class and noise, of integers that are mixed alike in tests/peer, so that
 * both search the same data. Templates are five tokens before the name and one or four behind it, names two
 * or three: about what the templates of ImageNet have.
 */
#include "clip/checkpoint/random_clip.h"
#include "clip/text/text_encoder.h"
#include "coop/probe/linear_probe.h"
#include "coop/zeroshot.h"
#include "experiments/bench/bench_letters.h"
#include "experiments/bench/bench_loops.h"

#include <stdint.h>
#include <stdio.h>

/* --- the linear probe --- */

typedef struct {
    int n_classes, shots, n_features;
    bool takes_minutes;
} ProbeShape;

static const ProbeShape PROBES[] = {{100, 16, 512, false}, {1000, 16, 1024, true}};

enum { VALIDATION = 4 /* images of a class */, TRAIN_KEY = 1, VALIDATION_KEY = 2, CENTRE_KEY = 3 };

/* -0.5 .. 0.5, of lowbias32 (Wellons, Hash Function Prospector). */
static float mixed(uint32_t x, uint32_t key) {
    x += key * 0x9e3779b9u;
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return (float)((double)(x ^ x >> 16) / 4294967296.0 - 0.5);
}

static ProbeData probe_data(const ProbeShape *shape, int each, uint32_t key, Arena *arena) {
    const int n = shape->n_classes * each;
    float *features = arena_floats(arena, (size_t)n, (size_t)shape->n_features);
    int *labels = ARENA_NEW(arena, int, n);
    for (int i = 0; i < n && !arena_failed(arena); i++) {
        labels[i] = i / each;
        for (int k = 0; k < shape->n_features; k++)
            features[(size_t)i * (size_t)shape->n_features + (size_t)k] =
                0.2f * mixed((uint32_t)(labels[i] * shape->n_features + k), CENTRE_KEY) +
                mixed((uint32_t)(i * shape->n_features + k), key);
    }
    return (ProbeData){features, labels, n};
}

typedef struct {
    const ProbeShape *shape;
    ProbeData train, val;
    LinearProbe found;
    Pool *pool;
} ProbeLoop;

static int probe_loop(void *context, Error *err) {
    ProbeLoop *loop = context;
    Arena *arena = arena_create();
    if (!arena)
        return error_memory(err);
    const int result = linear_probe_search(&loop->found, &loop->train, &loop->val, loop->shape->n_features,
                                           loop->shape->n_classes, loop->pool, arena, err);
    arena_free(arena);
    return result;
}

static int measure_probe(const Bench *bench, void *context, Pool *pool, Sample *sample, Error *err) {
    ProbeLoop loop = {.shape = context, .pool = pool};
    Arena *arena = arena_create();
    (void)bench;
    if (!arena)
        return error_memory(err);
    loop.train = probe_data(loop.shape, loop.shape->shots, TRAIN_KEY, arena);
    loop.val = probe_data(loop.shape, VALIDATION, VALIDATION_KEY, arena);
    const int result =
        arena_failed(arena) ? error_memory(err) : bench_median(&sample->seconds, probe_loop, &loop, err);
    if (result == 0)
        snprintf(sample->note, sizeof sample->note, "C %.6g, %.2f %% of %d validation images", loop.found.C,
                 100 * loop.found.val_accuracy, loop.val.n);
    arena_free(arena);
    return result;
}

static int bench_probes(Bench *bench, Error *err) {
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof PROBES / sizeof *PROBES; i++) {
        char label[80];
        snprintf(label, sizeof label, "linear probe, %d x %d of %d", PROBES[i].n_classes, PROBES[i].shots,
                 PROBES[i].n_features);
        if (!PROBES[i].takes_minutes || bench_asked(bench, label))
            result = bench_row(bench, label, measure_probe, (void *)(uintptr_t)&PROBES[i], err);
    }
    return result;
}

/* --- zero-shot --- */

enum { TEMPLATES = 80, PREFIX = 5 };

static const int ZEROSHOTS[] = {10, 1000}; /* classes; the second takes a minute */

typedef struct {
    const Clip *clip;
    const Tokenizer *tokenizer;
    const char *templates[TEMPLATES];
    const char **names;
    float *features;
    int n_classes;
    Pool *pool;
} ZeroshotLoop;

static int zeroshot_loop(void *context, Error *err) {
    const ZeroshotLoop *loop = context;
    return zeroshot_features(loop->features, loop->clip, loop->tokenizer, loop->pool, loop->templates,
                             TEMPLATES, loop->names, loop->n_classes, err);
}

/* Words of letters, each of which is a token: no two templates begin alike. */
static int make_texts(ZeroshotLoop *loop, Arena *arena) {
    loop->names = ARENA_NEW(arena, const char *, loop->n_classes);
    for (int t = 0; t < TEMPLATES; t++)
        loop->templates[t] =
            arena_printf(arena, "%c%cabc {}%s", 'a' + t / 26, 'a' + t % 26, t % 8 == 0 ? " abc." : ".");
    for (int k = 0; k < loop->n_classes && loop->names; k++)
        loop->names[k] = arena_printf(arena, "%c%c%s", 'a' + k / 26 % 26, 'a' + k % 26,
                                      k >= 676     ? "x"
                                      : k % 8 == 0 ? "z"
                                                   : "");
    return arena_failed(arena) ? -1 : 0;
}

static int measure_zeroshot(const Bench *bench, void *context, Pool *pool, Sample *sample, Error *err) {
    ZeroshotLoop *loop = context;
    Arena *arena = arena_create();
    TokenTree tree;
    (void)bench;
    loop->pool = pool;
    loop->features = arena_floats(arena, (size_t)loop->n_classes, (size_t)loop->clip->embed_dim);
    int result = !arena || !loop->features || make_texts(loop, arena) < 0 ? error_memory(err) : 0;
    if (result == 0)
        result = zeroshot_tree(&tree, loop->clip, loop->tokenizer, loop->templates, TEMPLATES, loop->names,
                               loop->n_classes, false, arena, err);
    if (result == 0 && (result = bench_median(&sample->seconds, zeroshot_loop, loop, err)) == 0) {
        sample->flops = text_encoder_flops(&loop->clip->text, &tree, false);
        snprintf(sample->note, sizeof sample->note, "%d texts, %d nodes", TEMPLATES * loop->n_classes,
                 tree.n_nodes);
    }
    arena_free(arena);
    return result;
}

static int bench_zeroshots(Bench *bench, Error *err) {
    Arena *arena = arena_create();
    Clip *clip = NULL;
    Tokenizer *tokenizer = NULL;
    int result = arena ? 0 : error_memory(err);
    for (int i = 0; result == 0 && i < 2; i++) {
        char label[80];
        snprintf(label, sizeof label, "zero-shot, %d templates, %d classes", TEMPLATES, ZEROSHOTS[i]);
        if (!bench_wanted(bench, label) || (i > 0 && !bench_asked(bench, label)))
            continue;
        if (!clip) {
            clip = clip_random(architecture_find("ViT-B/32"), CLIP_TEXT, bench->precision, 1, err);
            tokenizer = clip ? bench_letters(arena, err) : NULL;
        }
        ZeroshotLoop loop = {.clip = clip, .tokenizer = tokenizer, .n_classes = ZEROSHOTS[i]};
        result = tokenizer ? bench_row(bench, label, measure_zeroshot, &loop, err) : -1;
    }
    tokenizer_free(tokenizer);
    clip_free(clip);
    arena_free(arena);
    return result;
}

int bench_classifiers(Bench *bench, Error *err) {
    if (bench->linear)
        return 0;
    return bench_probes(bench, err) < 0 ? -1 : bench_zeroshots(bench, err);
}
