/* tower_support.c: see tower_support.h */
#include "tests/support/tower_support.h"

#include "clip/image/image_tower.h"
#include "clip/math/gemm.h"
#include "clip/tensors/safetensors_write.h"
#include "datasets/images/image.h"
#include "datasets/images/transform.h"
#include "datasets/lists/dataset_open.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

Clip *tower_open(const char *path, ClipTowers towers) {
    Error err = {0};
    Clip *clip = clip_open(path, towers, &err);
    if (!clip)
        fail_msg("%s", err.text);
    return clip;
}

/* pixels (n, 3, S, S) of a list of images, owned by the arena */
static const float *load_pixels(const ItemList *list, const Clip *clip, Arena *arena) {
    Error err = {0};
    const int S = clip->image_size;
    const size_t size = 3 * (size_t)S * (size_t)S;
    float *pixels = arena_floats(arena, (size_t)list->n, size);
    unsigned char *rgb = arena_alloc(arena, size, 1);
    for (int i = 0; i < list->n; i++) {
        Image image;
        const char *path = arena_printf(arena, FIXTURES "images/%s", list->items[i].path);
        if (image_load(&image, path, arena, &err) < 0 ||
            transform_fit(rgb, &image, &(Transform){.size = S}, arena, &err) < 0)
            fail_msg("%s", err.text);
        transform_normalize(pixels + (size_t)i * size, rgb, S, clip->mean, clip->std);
    }
    return pixels;
}

void tower_check_golden(const char *model, const char *golden) {
    Error err = {0};
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    Clip *clip = tower_open(model, CLIP_IMAGE);
    TensorFile *file = fixture_open(golden);
    DatasetSpec spec = {
        .format = "split", .images = FIXTURES "images", .split = FIXTURES "split_zhou_Golden.json"};
    Dataset dataset;
    if (dataset_open(&dataset, &spec, arena, &err) < 0)
        fail_msg("%s", err.text);
    const ItemList *lists[] = {&dataset.train, &dataset.test};
    const char *names[] = {"train_features", "test_features"};
    for (int i = 0; i < 2; i++) {
        size_t count;
        const float *want = fixture_floats(file, names[i], arena, &count);
        assert_int_equal(count, (size_t)lists[i]->n * (size_t)clip->embed_dim);
        float *got = arena_floats(arena, count, 1);
        const float *pixels = load_pixels(lists[i], clip, arena);
        assert_int_equal(image_tower_forward(clip, pool, pixels, lists[i]->n, got, &err), 0);
        assert_close(names[i], got, want, count, 2e-6);
    }
    tensors_close(file);
    clip_free(clip);
    pool_free(pool);
    arena_free(arena);
}

static void write_floats(const char *path, const char *model) {
    Error err = {0};
    Arena *arena = arena_create();
    TensorFile *file = fixture_open(model);
    const int n = tensors_count(file);
    TensorOut *tensors = ARENA_NEW(arena, TensorOut, n);
    for (int i = 0; i < n; i++) {
        const Tensor *tensor = tensors_at(file, i);
        float *values = arena_floats(arena, tensor->count, 1);
        assert_int_equal(tensor_to_float(file, tensor, values, &err), 0);
        tensors[i] =
            (TensorOut){.name = tensor->name, .dtype = DTYPE_F32, .n_dims = tensor->n_dims, .data = values};
        memcpy(tensors[i].shape, tensor->shape, sizeof tensors[i].shape);
    }
    assert_int_equal(safetensors_write(path, tensors, n, NULL, 0, &err), 0);
    tensors_close(file);
    arena_free(arena);
}

static void check_few(const char *model) {
    enum { N = 3 };
    Error err = {0};
    Clip *many = tower_open(model, CLIP_IMAGE), *few = tower_open(model, CLIP_IMAGE | CLIP_FEW_IMAGES);
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    const size_t size = N * 3 * (size_t)many->image_size * (size_t)many->image_size;
    const size_t E = (size_t)many->embed_dim;
    float *pixels = arena_floats(arena, size, 1);
    float *want = arena_floats(arena, N, E), *got = arena_floats(arena, N, E);
    fill_normal(pixels, size, 1, 5);
    assert_int_equal(image_tower_forward(many, pool, pixels, N, want, &err), 0);
    assert_int_equal(image_tower_forward(few, pool, pixels, N, got, &err), 0);
    assert_memory_equal(got, want, N * E * sizeof *got);
    tower_check_independence(few, 7);
    pool_free(pool);
    arena_free(arena);
    clip_free(few);
    clip_free(many);
}

void tower_check_few(void **state, const char *model) {
    char path[512];
    check_few(model);
    write_floats(scratch_path(state, "floats.safetensors", path, sizeof path), model);
    check_few(path);
}

void tower_check_independence(const Clip *clip, int n_images) {
    Error err = {0};
    Arena *arena = arena_create();
    const size_t S = (size_t)clip->image_size, n = (size_t)n_images, E = (size_t)clip->embed_dim;
    float *pixels = arena_floats(arena, n, 3 * S * S), *together = arena_floats(arena, n, E);
    float *threaded = arena_floats(arena, n, E), *alone = arena_floats(arena, n, E);
    fill_normal(pixels, n * 3 * S * S, 1, 5);
    for (size_t i = 0; i < n * 3 * S * S; i++) /* noise alone averages out: give the images colours */
        pixels[i] += 0.5f * (float)(i / (S * S) % 5);
    Pool *one = pool_create(1), *three = pool_create(3);
    assert_int_equal(image_tower_forward(clip, one, pixels, n_images, together, &err), 0);
    assert_int_equal(image_tower_forward(clip, three, pixels, n_images, threaded, &err), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(image_tower_forward(clip, one, pixels + i * 3 * S * S, 1, alone + i * E, &err), 0);
    assert_memory_equal(together, threaded, n * E * sizeof *together);
    assert_memory_equal(together, alone, n * E * sizeof *together);
    assert_true(relative_error(together, together + E, E) > 1e-3); /* the images do differ */
    assert_int_equal(image_tower_forward(clip, three, pixels, 0, together, &err), 0);
    pool_free(one);
    pool_free(three);
    arena_free(arena);
}

void tower_check_unprojected(const Clip *clip, int n) {
    const int C = image_tower_width(clip), E = clip->embed_dim;
    const size_t size = (size_t)n * 3 * (size_t)clip->image_size * (size_t)clip->image_size;
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    float *pixels = arena_floats(arena, size, 1), *x = arena_floats(arena, (size_t)n, (size_t)C);
    float *want = arena_floats(arena, (size_t)n, (size_t)E), *got = arena_floats(arena, (size_t)n, (size_t)E);
    float *w = arena_floats(arena, (size_t)E, (size_t)C);
    const float *bias;
    fill_normal(pixels, size, 1, 5);
    image_tower_projection(clip, w, &bias);
    assert_int_equal(image_tower_forward(clip, pool, pixels, n, want, NULL), 0);
    assert_int_equal(image_tower_forward_unprojected(clip, pool, pixels, n, x, NULL), 0);
    linear_forward(pool, got, x, w, bias, n, C, E, false);
    assert_close("projected features", got, want, (size_t)n * (size_t)E, 1e-5);
    pool_free(pool);
    arena_free(arena);
}
