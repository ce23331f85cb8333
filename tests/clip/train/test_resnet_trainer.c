/* ModifiedResNet in training: against the frozen tower and PyTorch, and against itself on other threads and
 * in less memory. */
#include "clip/train/resnet_trainer.h"

#include "clip/image/image_tower.h"
#include "tests/support/resnet_support.h"
#include "tests/support/support.h"
#include "tests/support/tower_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GOLDEN FIXTURES "clip_rn.safetensors"
static const ResnetSize golden_size = {64, 16, {1, 2, 1, 1}, 48};
static const ResnetSize small_size = {64, 8, {1, 2, 1, 2}, 10};
enum { N = 4, PIXELS = 3 * 64 * 64 };

typedef struct {
    Arena *arena;
    Pool *pool;
    TrainableClip *clip;
    ResnetTrainer *trainer;
    float *pixels, *d, *features; /* (N, ...) */
} Case;

static void case_open(Case *c, int threads, size_t budget) {
    Error err = {0};
    const size_t E = (size_t)c->clip->embed_dim;
    c->arena = arena_create();
    c->pool = pool_create(threads);
    c->trainer = resnet_trainer_create(c->clip, c->pool, N, budget, &err);
    if (!c->trainer)
        fail_msg("%s", err.text);
    c->pixels = arena_floats(c->arena, N, PIXELS);
    c->d = arena_floats(c->arena, N, E);
    c->features = arena_floats(c->arena, N, E);
    fill_waves(c->pixels, N, PIXELS, 0.3, 0.71);
    for (size_t i = 0; i < (size_t)N * PIXELS; i++)
        c->pixels[i] *= 80; /* about 1 */
    fill_waves(c->d, N, (int)E, 0.1, 1.3);
}

static void case_close(Case *c) {
    resnet_trainer_free(c->trainer);
    resnet_clip_free(c->clip);
    pool_free(c->pool);
    arena_free(c->arena);
}

static void step(Case *c) {
    resnet_trainer_forward(c->trainer, c->features, c->pixels, N, PASS_TRAIN);
    resnet_trainer_backward(c->trainer, c->d);
}

static void test_frozen(void **state) {
    (void)state;
    Error err = {0};
    Case c = {.clip = resnet_clip_read(GOLDEN, golden_size)};
    case_open(&c, 2, 0);
    size_t count;
    const float *before = resnet_statistics(c.clip, c.arena, &count);
    Clip *clip = tower_open(GOLDEN, CLIP_IMAGE);
    float *want = arena_floats(c.arena, N, 48);
    assert_int_equal(image_tower_forward(clip, NULL, c.pixels, N, want, &err), 0);
    resnet_trainer_forward(c.trainer, c.features, c.pixels, N, PASS_TEST);
    assert_close("features", c.features, want, N * 48, 1e-5);
    assert_memory_equal(resnet_statistics(c.clip, c.arena, &count), before, count * sizeof *before);
    clip_free(clip);
    case_close(&c);
}

/* Each tensor's length, and its product with a wave: two numbers that a wrong gradient does not have. */
static void check_summary(const TensorFile *file, const char *name, const float *values, size_t n,
                          Arena *arena) {
    const float *want = fixture_floats(file, name, arena, NULL);
    double square = 0, wave = 0;
    for (size_t i = 0; i < n; i++) {
        square += (double)values[i] * values[i];
        wave += values[i] * sin(0.5 + 1.7 * (double)i);
    }
    if (!(fabs(sqrt(square) - want[0]) <= 2e-5 * want[0] && fabs(wave - want[1]) <= 2e-5 * want[0]))
        fail_msg("%s: length %.9g, wave %.9g where PyTorch has %.9g, %.9g", name, sqrt(square), wave, want[0],
                 want[1]);
}

static void test_torch(void **state) {
    (void)state;
    Case c = {.clip = resnet_clip_read(GOLDEN, golden_size)};
    case_open(&c, 2, 0);
    step(&c);
    TensorFile *file = fixture_open(FIXTURES "train_rn.safetensors");
    assert_close("features", c.features, fixture_floats(file, "features", c.arena, NULL), N * 48, 1e-5);
    for (int i = 0; i < c.clip->parameters.n; i++) {
        const Parameter *p = &c.clip->parameters.items[i];
        if (!strstr(p->name, "visual."))
            continue;
        if (p->is_buffer && p->n_dims == 0)
            assert_true(p->value[0] == 1); /* num_batches_tracked */
        else if (strcmp(p->name, "visual.attnpool.k_proj.bias") != 0)
            check_summary(file, p->name, p->is_buffer ? p->value : p->gradient, p->count, c.arena);
    }
    tensors_close(file);
    case_close(&c);
}

static bool late(const Parameter *p, void *context) {
    (void)context;
    return strstr(p->name, "layer4.") || strstr(p->name, "layer3.0.bn3");
}

static bool norm_biases(const Parameter *p, void *context) {
    (void)context;
    return strstr(p->name, "visual.") && (strstr(p->name, "bn") || strstr(p->name, "downsample.1")) &&
           strstr(p->name, "bias");
}

/* What is trained has the same gradients whatever else is, and the rest has none. */
static void check_partly(bool (*wants)(const Parameter *p, void *context)) {
    Case all = {.clip = resnet_clip(small_size)}, part = {.clip = resnet_clip(small_size)};
    parameters_train(&part.clip->parameters, wants, NULL);
    case_open(&all, 2, 0);
    case_open(&part, 2, 0);
    step(&all);
    step(&part);
    for (int i = 0; i < all.clip->parameters.n; i++) {
        const Parameter *a = &all.clip->parameters.items[i], *p = &part.clip->parameters.items[i];
        if (wants(p, NULL) && !p->is_buffer)
            assert_memory_equal(p->gradient, a->gradient, p->count * sizeof *p->gradient);
        else
            assert_null(p->gradient);
    }
    case_close(&all);
    case_close(&part);
}

static void test_partly(void **state) {
    (void)state;
    check_partly(late);
    check_partly(norm_biases);
}

static bool pool_only(const Parameter *p, void *context) {
    (void)context;
    return strstr(p->name, "attnpool");
}

static bool nothing(const Parameter *p, void *context) {
    (void)p, (void)context;
    return false;
}

/* Nothing but the attention pool; nothing at all, where more images than are taken together go through. */
static void test_pool_only(void **state) {
    (void)state;
    Case all = {.clip = resnet_clip(small_size)}, part = {.clip = resnet_clip(small_size)};
    parameters_train(&part.clip->parameters, pool_only, NULL);
    case_open(&all, 2, 0);
    case_open(&part, 2, 0);
    step(&all);
    step(&part);
    const Parameter *a = parameters_find(&all.clip->parameters, "visual.attnpool.q_proj.weight");
    const Parameter *p = parameters_find(&part.clip->parameters, "visual.attnpool.q_proj.weight");
    assert_memory_equal(p->gradient, a->gradient, p->count * sizeof *p->gradient);

    Error err = {0};
    parameters_train(&part.clip->parameters, nothing, NULL);
    ResnetTrainer *frozen = resnet_trainer_create(part.clip, part.pool, 100, 0, &err);
    enum { MANY = 19 };
    float *pixels = arena_floats(part.arena, MANY, PIXELS), *features = arena_floats(part.arena, MANY, 10);
    float one[10];
    fill_normal(pixels, (size_t)MANY * PIXELS, 1, 1);
    resnet_trainer_forward(frozen, features, pixels, MANY, PASS_TEST);
    for (int i = 0; i < MANY; i++) {
        resnet_trainer_forward(all.trainer, one, pixels + (size_t)i * PIXELS, 1, PASS_TEST);
        assert_close("alone", features + i * 10, one, 10, 1e-5);
    }
    resnet_trainer_free(frozen);
    case_close(&all);
    case_close(&part);
}

/* A pass that forgets moves the statistics as one that does not. */
static void test_forget(void **state) {
    (void)state;
    Case a = {.clip = resnet_clip(small_size)}, b = {.clip = resnet_clip(small_size)};
    size_t count;
    case_open(&a, 2, 0);
    case_open(&b, 2, 0);
    const float *before = resnet_statistics(a.clip, a.arena, &count);
    resnet_trainer_forward(a.trainer, a.features, a.pixels, N, PASS_TRAIN);
    resnet_trainer_forward(b.trainer, b.features, b.pixels, N, PASS_TRAIN_FORGET);
    const float *moved = resnet_statistics(a.clip, a.arena, &count);
    assert_memory_equal(a.features, b.features, N * 10 * sizeof(float));
    assert_memory_equal(moved, resnet_statistics(b.clip, b.arena, &count), count * sizeof *moved);
    assert_true(relative_error(moved, before, count) > 0.01);
    case_close(&a);
    case_close(&b);
}

/* The least budget, which the refusal of a smaller one names. */
static size_t least_budget(int threads, Precision precision) {
    Error err = {0};
    Pool *pool = pool_create(threads);
    TrainableClip *clip = resnet_clip(small_size);
    clip->precision = precision;
    assert_null(resnet_trainer_create(clip, pool, N, 1 << 20, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    const char *needs = strstr(err.text, "needs ");
    assert_non_null(needs);
    resnet_clip_free(clip);
    pool_free(pool);
    return (size_t)((atof(needs + 6) + 0.1) * (1 << 20));
}

static void check_same_bits(Precision precision) {
    float *want[3] = {NULL};
    Arena *arena = arena_create();
    for (int i = 0; i < 12; i++) {
        static const int threads[] = {1, 2, 3, 7},
                         more[] = {-1, 0, 2}; /* MiB more than the least; -1: no bound */
        const int at = i % 3;
        Case c = {.clip = resnet_clip(small_size)};
        c.clip->precision = precision;
        size_t n[3] = {0, 0, (size_t)N * 10};
        case_open(&c, threads[i / 3],
                  more[at] < 0 ? 0 : least_budget(threads[i / 3], precision) + ((size_t)more[at] << 20));
        step(&c);
        step(&c); /* and running statistics move once for each */
        float *got[3] = {resnet_gradients(c.clip, arena, &n[0]), resnet_statistics(c.clip, arena, &n[1])};
        got[2] = arena_floats(arena, n[2], 1);
        memcpy(got[2], c.features, n[2] * sizeof(float));
        for (int k = 0; k < 3; k++) {
            if (i == 0)
                want[k] = got[k];
            assert_memory_equal(got[k], want[k], n[k] * sizeof(float));
        }
        case_close(&c);
    }
    arena_free(arena);
}

static void test_same_bits(void **state) {
    (void)state;
    check_same_bits(PRECISION_FLOAT32);
    check_same_bits(PRECISION_BFLOAT16);
}

/* Batch norms over so few images enlarge the rounding; PyTorch's autocast is farther from float. */
static void test_bfloat16(void **state) {
    (void)state;
    if (precision_here(PRECISION_BFLOAT16) != PRECISION_BFLOAT16)
        skip();
    Case a = {.clip = resnet_clip(golden_size)}, b = {.clip = resnet_clip(golden_size)};
    b.clip->precision = PRECISION_BFLOAT16;
    case_open(&a, 2, 0);
    case_open(&b, 2, 0);
    step(&a);
    step(&b);
    assert_close("features", b.features, a.features, N * 48, 0.25);
    assert_true(relative_error(b.features, a.features, N * 48) > 1e-4); /* it is another precision */
    const Parameter *p = parameters_find(&a.clip->parameters, "visual.layer4.0.conv3.weight");
    const Parameter *q = parameters_find(&b.clip->parameters, "visual.layer4.0.conv3.weight");
    assert_close("gradient", q->gradient, p->gradient, p->count, 0.5);
    case_close(&a);
    case_close(&b);
}

static void test_flops(void **state) {
    (void)state;
    TrainableClip *clip = resnet_clip(golden_size);
    Clip *frozen = tower_open(GOLDEN, CLIP_IMAGE);
    const double flops = resnet_trainer_flops(clip, false);
    assert_true(fabs(flops / image_tower_flops(frozen) - 1) < 1e-9);
    assert_true(resnet_trainer_flops(clip, true) < 3 * flops);
    assert_true(resnet_trainer_flops(clip, true) > 2.9 * flops);
    clip_free(frozen);
    resnet_clip_free(clip);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frozen),    cmocka_unit_test(test_torch),  cmocka_unit_test(test_partly),
        cmocka_unit_test(test_pool_only), cmocka_unit_test(test_forget), cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_bfloat16),  cmocka_unit_test(test_flops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
