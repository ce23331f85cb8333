/* learned_files.c: see learned_files.h. What was learned is drawn at random. */
#include "tests/coop/library/learned_files.h"

#include "clip/math/ops.h"
#include "coop/classifier_file.h"
#include "coop/learned/cache_kind.h"
#include "coop/loaded_model.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { K = LEARNED_CLASSES, N_KEYS = 7 };

const char *const LEARNED_NAMES[LEARNED_CLASSES] = {"ring", "key", "red fox", "r\xc3\xb3sa"};

static float *unit_rows(int rows, int columns, uint32_t seed, Arena *arena) {
    float *x = arena_floats(arena, (size_t)rows, (size_t)columns);
    fill_normal(x, (size_t)rows * (size_t)columns, 1, seed);
    unit_rows_forward(x, NULL, x, rows, columns);
    return x;
}

static int write_prompt(const char *path, Prompt *head, int width, Arena *arena, Error *err) {
    head->n_ctx = 1;
    head->width = width;
    head->ctx = unit_rows(1, width, 5, arena);
    return prompt_write(path, head, err);
}

static int write_linear(const char *path, Prompt *head, Arena *arena, Error *err) {
    const int E = head->embed_dim;
    double *weights = ARENA_NEW(arena, double, K *(size_t)E), bias[K] = {0.5, -1, 0, 3};
    const float *drawn = unit_rows(K, E, 6, arena);
    for (int i = 0; i < K * E; i++)
        weights[i] = 3 * (double)drawn[i];
    const TensorOut tensors[] = {{"weights", DTYPE_F64, 2, {K, E}, weights},
                                 {"bias", DTYPE_F64, 1, {K}, bias}};
    head->text_features = NULL;
    head->exif_rotate = true;
    return classifier_file_write(path, head, &linear_kind, tensors, 2, err);
}

static int write_cache(const char *path, const Prompt *head, Arena *arena, Error *err) {
    static const int labels[N_KEYS] = {0, 1, 2, 3, 0, 1, 2};
    const ImageCache cache = {N_KEYS, unit_rows(N_KEYS, head->embed_dim, 7, arena), labels, 1.25f, 5.5f};
    TensorOut tensors[IMAGE_CACHE_TENSORS];
    image_cache_tensors(tensors, &cache, head->embed_dim);
    return classifier_file_write(path, head, &cache_kind, tensors, IMAGE_CACHE_TENSORS, err);
}

void learned_file_write(const char *path, LearnedKind kind) {
    Error err = {0};
    LoadedModel model;
    Arena *arena = arena_create();
    const LoadedModelOptions options = {.towers = CLIP_BOTH | CLIP_DIGEST, .vocab = LEARNED_VOCAB};
    if (loaded_model_open(&model, LEARNED_WEIGHTS, &options, &err) < 0)
        fail_msg("%s", err.text);
    Clip *clip = model.clip;
    Prompt head = {.n_classes = K,
                   .embed_dim = clip->embed_dim,
                   .class_names = (const char **)LEARNED_NAMES,
                   .text_features = unit_rows(K, clip->embed_dim, 3, arena),
                   .logit_scale = 3,
                   .backbone = clip->name,
                   .backbone_digest = clip_digest(clip),
                   .vocab_digest = tokenizer_digest(model.tokenizer),
                   .dataset = "rings",
                   .checkpoint = LEARNED_WEIGHTS,
                   .image_size = clip->image_size,
                   .made = {.method = "somehow",
                            .num_shots = 16,
                            .seed = 2,
                            .val_accuracy = 0.75,
                            .accuracy = 0.5,
                            .key = "k",
                            .program = "coop"}};
    memcpy(head.mean, clip->mean, sizeof head.mean);
    memcpy(head.std, clip->std, sizeof head.std);
    const int result = kind == LEARNED_PROMPT ? write_prompt(path, &head, clip->text.width, arena, &err)
                       : kind == LEARNED_COSINE
                           ? classifier_file_write(path, &head, &cosine_kind, NULL, 0, &err)
                       : kind == LEARNED_LINEAR ? write_linear(path, &head, arena, &err)
                                                : write_cache(path, &head, arena, &err);
    if (result < 0)
        fail_msg("%s", err.text);
    loaded_model_close(&model);
    arena_free(arena);
}

unsigned char *jpeg_on_its_side(const unsigned char *jpeg, size_t *size, Arena *arena) {
    static const unsigned char app1[] = {0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0,    'M', 'M',
                                         0,    '*',  0, 0,  0,   8,   0,   1,   1, 0x12, 0,   3,
                                         0,    0,    0, 1,  0,   6,   0,   0,   0, 0,    0,   0};
    unsigned char *out = ARENA_NEW(arena, unsigned char, *size + sizeof app1);
    memcpy(out, jpeg, 2);
    memcpy(out + 2, app1, sizeof app1);
    memcpy(out + 2 + sizeof app1, jpeg + 2, *size - 2);
    *size += sizeof app1;
    return out;
}
