/* support.c: see support.h */
#include "tests/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

double relative_error(const float *a, const float *b, size_t n) {
    double difference = 0, reference = 0;
    for (size_t i = 0; i < n; i++) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        reference += (double)b[i] * b[i];
    }
    double error = sqrt(difference / reference);
    return reference > 0 && isfinite(error) ? error : INFINITY;
}

void assert_close(const char *what, const float *a, const float *b, size_t n, double tolerance) {
    double error = relative_error(a, b, n);
    if (!(error <= tolerance))
        fail_msg("%s: relative error %.3g over %zu elements where %.3g is allowed", what, error, n,
                 tolerance);
}

void fill_normal(float *x, size_t n, double scale, uint32_t seed) {
    Rng rng;
    rng_stream(&rng, seed, STREAM_BENCH, 0, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(scale * rng_normal(&rng));
}

TensorFile *fixture_open(const char *path) {
    Error err = {0};
    TensorFile *file = tensors_open(path, &err);
    if (!file)
        fail_msg("%s", err.text);
    return file;
}

const float *fixture_floats(const TensorFile *file, const char *name, Arena *arena, size_t *count) {
    Error err = {0};
    const Tensor *tensor = tensors_find(file, name);
    if (!tensor)
        fail_msg("%s: no tensor %s", tensors_path(file), name);
    float *values = arena_floats(arena, tensor->count, 1);
    if (!values || tensor_to_float(file, tensor, values, &err) < 0)
        fail_msg("%s", err.text);
    if (count)
        *count = tensor->count;
    return values;
}

const int *fixture_ints(const TensorFile *file, const char *name, Arena *arena, size_t *count) {
    const Tensor *tensor = tensors_find(file, name);
    if (!tensor || tensor->dtype != DTYPE_I32)
        fail_msg("%s: no I32 tensor %s", tensors_path(file), name);
    int *values = ARENA_NEW(arena, int, tensor->count);
    memcpy(values, tensor->data, tensor->size);
    if (count)
        *count = tensor->count;
    return values;
}

static const float *random_floats(Arena *arena, size_t n, double scale, uint32_t *seed) {
    float *x = arena_floats(arena, n, 1);
    fill_normal(x, n, scale, (*seed)++);
    return x;
}

static const float *near_one(Arena *arena, size_t n, uint32_t *seed) {
    float *x = arena_floats(arena, n, 1);
    fill_normal(x, n, 0.1, (*seed)++);
    for (size_t i = 0; i < n; i++)
        x[i] += 1;
    return x;
}

TextWeights random_text_tower(int C, int n_layers, int V, int E, uint32_t seed, Arena *arena) {
    size_t c = (size_t)C, F = 4 * c;
    double s = 1 / sqrt((double)C);
    BlockWeights *blocks = ARENA_NEW(arena, BlockWeights, n_layers);
    for (int l = 0; l < n_layers; l++)
        blocks[l] = (BlockWeights){.ln_1_w = near_one(arena, c, &seed),
                                   .ln_1_b = random_floats(arena, c, 0.1, &seed),
                                   .in_proj_w = random_floats(arena, 3 * c * c, s, &seed),
                                   .in_proj_b = random_floats(arena, 3 * c, 0.1, &seed),
                                   .out_proj_w = random_floats(arena, c * c, s, &seed),
                                   .out_proj_b = random_floats(arena, c, 0.1, &seed),
                                   .ln_2_w = near_one(arena, c, &seed),
                                   .ln_2_b = random_floats(arena, c, 0.1, &seed),
                                   .c_fc_w = random_floats(arena, F * c, s, &seed),
                                   .c_fc_b = random_floats(arena, F, 0.1, &seed),
                                   .c_proj_w = random_floats(arena, c * F, s / 2, &seed),
                                   .c_proj_b = random_floats(arena, c, 0.1, &seed)};
    return (TextWeights){.n_vocab = V,
                         .n_positions = 77,
                         .width = C,
                         .n_heads = C < 64 ? 1 : C / 64,
                         .n_layers = n_layers,
                         .mlp_width = (int)F,
                         .embed_dim = E,
                         .activation = ACTIVATION_QUICK_GELU,
                         .token_embedding = random_floats(arena, (size_t)V * c, 0.1, &seed),
                         .positional_embedding = random_floats(arena, 77 * c, 0.1, &seed),
                         .blocks = blocks,
                         .ln_final_w = near_one(arena, c, &seed),
                         .ln_final_b = random_floats(arena, c, 0.1, &seed),
                         .text_projection = random_floats(arena, c * (size_t)E, s, &seed)};
}
