/* The trainable ViT: features as of the frozen path, gradients as of central differences, and the same bits
 * for any number of threads and any memory budget. */
#include "clip/train/vit_trainer.h"

#include "clip/image/vit.h"
#include "tests/support/support.h"
#include "tests/support/tower_support.h"
#include "tests/support/train_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 3 };

/* A trainer, images for it, and the gradient of some loss of their features. */
typedef struct {
    TrainableClip *clip;
    Pool *pool;
    VitTrainer *trainer;
    Arena *arena;
    float *pixels, *features, *d_features;
} Bench;

static bool of_image(const Parameter *p, void *context) {
    (void)context;
    return strncmp(p->name, "visual.", 7) == 0;
}

typedef bool (*Wants)(const Parameter *parameter, void *context);

static Bench open_bench(TinyClip kind, Wants wants, void *context, int threads, size_t budget) {
    Bench b = {.clip = train_clip_tiny(kind), .pool = pool_create(threads), .arena = arena_create()};
    Error err = {0};
    const size_t S = (size_t)b.clip->image.image_size, E = (size_t)b.clip->embed_dim;
    parameters_train(&b.clip->parameters, wants, context);
    b.trainer = vit_trainer_create(b.clip, b.pool, N, budget, &err);
    if (!b.trainer)
        fail_msg("%s", err.text);
    b.pixels = arena_floats(b.arena, N, 3 * S * S);
    b.features = arena_floats(b.arena, N, E);
    b.d_features = arena_floats(b.arena, N, E);
    fill_normal(b.pixels, N * 3 * S * S, 1, 5);
    fill_normal(b.d_features, N * E, 1, 6);
    return b;
}

static void close_bench(Bench *b) {
    vit_trainer_free(b->trainer);
    train_clip_free(b->clip);
    pool_free(b->pool);
    arena_free(b->arena);
}

static void step(Bench *b, int n) {
    vit_trainer_forward(b->trainer, b->features, b->pixels, n, PASS_TRAIN);
    vit_trainer_backward(b->trainer, b->d_features);
}

static double loss(void *context) {
    Bench *b = context;
    double sum = 0;
    vit_trainer_forward(b->trainer, b->features, b->pixels, N, PASS_TEST);
    for (int i = 0; i < N * b->clip->embed_dim; i++)
        sum += (double)b->features[i] * (double)b->d_features[i];
    return sum;
}

static void test_frozen_path(void **state) {
    (void)state;
    enum { IMAGES = 5 };
    Error err = {0};
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    Clip *frozen = tower_open(FIXTURES "clip_vit.safetensors", CLIP_IMAGE);
    TrainableClip *clip = train_clip_read(FIXTURES "clip_vit.safetensors");
    const size_t S = (size_t)frozen->image_size, E = (size_t)frozen->embed_dim;
    float *pixels = arena_floats(arena, IMAGES, 3 * S * S);
    float *want = arena_floats(arena, IMAGES, E), *got = arena_floats(arena, IMAGES, E);
    fill_normal(pixels, IMAGES * 3 * S * S, 1, 5);
    assert_int_equal(vit_forward(&frozen->vit, pool, pixels, IMAGES, want, &err), 0);
    VitTrainer *trainer = vit_trainer_create(clip, pool, IMAGES, 0, &err);
    assert_non_null(trainer);
    for (Pass pass = PASS_TEST; pass <= PASS_TRAIN_FORGET; pass++) {
        memset(got, 0, IMAGES * E * sizeof *got);
        vit_trainer_forward(trainer, got, pixels, IMAGES, pass);
        assert_close("features", got, want, IMAGES * E, 2e-6);
    }
    vit_trainer_free(trainer);
    train_clip_free(clip);
    clip_free(frozen);
    pool_free(pool);
    arena_free(arena);
}

static void check_differences(TinyClip kind) {
    Bench b = open_bench(kind, of_image, NULL, 2, 0);
    step(&b, N);
    train_check_differences(&b.clip->parameters, loss, &b);
    close_bench(&b);
}

static void test_differences(void **state) {
    (void)state;
    check_differences((TinyClip){.activation = ACTIVATION_QUICK_GELU, .layers = 3});
    check_differences((TinyClip){.activation = ACTIVATION_GELU, .layers = 2, .has_gains = true});
    check_differences((TinyClip){.activation = ACTIVATION_GELU, .layers = 1});
}

static void assert_same_gradients(const Bench *a, const Bench *b) {
    size_t n, n_b;
    const float *x = train_gradients(a->clip, a->arena, &n), *y = train_gradients(b->clip, b->arena, &n_b);
    assert_int_equal(n, n_b);
    assert_memory_equal(x, y, n * sizeof *x);
}

static void test_threads(void **state) {
    (void)state;
    const TinyClip kind = {.layers = 2, .has_gains = true};
    Bench one = open_bench(kind, of_image, NULL, 1, 0);
    step(&one, N);
    for (int threads = 2; threads <= 7; threads += threads == 3 ? 4 : 1) {
        Bench b = open_bench(kind, of_image, NULL, threads, 0);
        step(&b, N);
        assert_memory_equal(b.features, one.features, N * (size_t)b.clip->embed_dim * sizeof(float));
        assert_same_gradients(&b, &one);
        close_bench(&b);
    }
    close_bench(&one);
}

/* The least memory that a budget may give, as the error of a smaller one says. */
static void test_budget(void **state) {
    (void)state;
    const TinyClip kind = {.layers = 4};
    Bench all = open_bench(kind, of_image, NULL, 2, 0);
    const size_t most = vit_trainer_bytes(all.trainer);
    size_t last = 0;
    int n_sizes = 0;
    step(&all, N);
    for (size_t budget = most; budget > 1; budget -= most / 40) {
        Error err = {0};
        VitTrainer *trainer = vit_trainer_create(all.clip, all.pool, N, budget, &err);
        if (!trainer) {
            assert_non_null(strstr(err.text, "memory_budget: "));
            assert_non_null(strstr(err.text, "3 images"));
            break;
        }
        assert_true(vit_trainer_bytes(trainer) <= budget);
        n_sizes += vit_trainer_bytes(trainer) != last;
        last = vit_trainer_bytes(trainer);
        vit_trainer_free(trainer);
        Bench b = open_bench(kind, of_image, NULL, 2, budget);
        step(&b, N);
        assert_same_gradients(&b, &all);
        close_bench(&b);
    }
    assert_true(n_sizes >= 4); /* with every number of blocks kept */
    assert_true(last < most);
    close_bench(&all);
}

/* Gradients are added to what is there; a batch may be smaller than the largest; and passes without a
 * backward pass leave no trace. */
static void test_accumulation(void **state) {
    (void)state;
    const TinyClip kind = {.layers = 2};
    Bench a = open_bench(kind, of_image, NULL, 2, 0), b = open_bench(kind, of_image, NULL, 2, 0);
    step(&a, N);
    const size_t E = (size_t)a.clip->embed_dim, image = 3 * 16 * 16;
    vit_trainer_forward(b.trainer, b.features, b.pixels, N, PASS_TRAIN_FORGET);
    for (int i = 0; i < N; i++) {
        float feature[64];
        vit_trainer_forward(b.trainer, feature, b.pixels + (size_t)i * image, 1, PASS_TRAIN);
        assert_close("feature", feature, b.features + (size_t)i * E, E, 2e-6);
        vit_trainer_backward(b.trainer, b.d_features + (size_t)i * E);
    }
    size_t n;
    const float *x = train_gradients(a.clip, a.arena, &n), *y = train_gradients(b.clip, b.arena, &n);
    assert_close("gradients", y, x, n, 2e-6);
    close_bench(&a);
    close_bench(&b);
}

static bool named(const Parameter *p, void *context) {
    return strstr(p->name, context) != NULL && strncmp(p->name, "visual.", 7) == 0;
}

/* Each parameter alone has the gradient that it has among all: what is skipped is not needed. */
static void test_parts(void **state) {
    (void)state;
    const TinyClip kind = {.layers = 2, .has_gains = true};
    Bench all = open_bench(kind, of_image, NULL, 2, 0);
    step(&all, N);
    const size_t most = vit_trainer_bytes(all.trainer);
    for (int i = 0; i < all.clip->parameters.n; i++) {
        const Parameter *want = &all.clip->parameters.items[i];
        if (!want->gradient)
            continue;
        Bench b = open_bench(kind, named, (void *)want->name, 2, 0);
        step(&b, N);
        const Parameter *got = &b.clip->parameters.items[i];
        assert_int_equal(parameters_count(&b.clip->parameters, true), want->count);
        assert_memory_equal(got->gradient, want->gradient, want->count * sizeof(float));
        assert_true(vit_trainer_bytes(b.trainer) <= most);
        assert_true(vit_trainer_flops(b.clip, true) < vit_trainer_flops(all.clip, true));
        close_bench(&b);
    }
    close_bench(&all);
}

/* A tower in which nothing is trained takes no memory for a backward pass; no images are no work. */
static void test_nothing(void **state) {
    (void)state;
    const TinyClip kind = {.layers = 6};
    Bench all = open_bench(kind, of_image, NULL, 2, 0),
          frozen = open_bench(kind, named, (void *)"nobody", 2, 0);
    assert_true(vit_trainer_bytes(frozen.trainer) < vit_trainer_bytes(all.trainer) / 2);
    assert_true(vit_trainer_flops(frozen.clip, true) == vit_trainer_flops(frozen.clip, false));
    step(&frozen, N);
    step(&frozen, 0);
    step(&all, 0);
    size_t n;
    const float *x = train_gradients(all.clip, all.arena, &n);
    for (size_t i = 0; i < n; i++)
        assert_true(x[i] == 0);
    close_bench(&all);
    close_bench(&frozen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),     cmocka_unit_test(test_frozen_path),
        cmocka_unit_test(test_differences), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_budget),      cmocka_unit_test(test_accumulation),
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
