/* bench_checkpoint.c: see bench_checkpoint.h */
#include "experiments/bench/bench_checkpoint.h"

#include "clip/math/half.h"
#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/tensors_open.h"
#include "experiments/bench/bench_folder.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* OpenCLIP's config of an architecture. */
static int write_config(const char *path, const Architecture *a, int text_layers, bool quick_gelu,
                        Error *err) {
    FILE *file = fopen(path, "w");
    if (!file)
        return error_run(err, "%s: cannot be written", path);
    const int *v = a->vision;
    fprintf(file, "{\"embed_dim\": %d, \"quick_gelu\": %s, \"vision_cfg\": {\"image_size\": %d, ",
            a->embed_dim, quick_gelu ? "true" : "false", a->image_size);
    if (a->resnet_width)
        fprintf(file, "\"layers\": [%d, %d, %d, %d], \"width\": %d}", v[0], v[1], v[2], v[3],
                a->resnet_width);
    else
        fprintf(file, "\"layers\": %d, \"width\": %d, \"patch_size\": %d}", v[1], v[0], v[2]);
    fprintf(file,
            ", \"text_cfg\": {\"context_length\": %d, \"vocab_size\": %d, \"width\": %d, \"heads\": %d, "
            "\"layers\": %d}}\n",
            ARCHITECTURE_POSITIONS, ARCHITECTURE_VOCABULARY, a->text_width, a->text_width / 64, text_layers);
    return fclose(file) == 0 ? 0 : error_run(err, "%s: cannot be written", path);
}

TrainableClip *bench_clip(const Architecture *architecture, int text_layers, bool quick_gelu,
                          Precision precision, Error *err) {
    char folder[BENCH_PATH], path[BENCH_PATH + 16];
    TrainableClip *clip = NULL;
    if (bench_folder_make(folder, err) < 0)
        return NULL;
    snprintf(path, sizeof path, "%s/model.json", folder);
    if (write_config(path, architecture, text_layers, quick_gelu, err) == 0)
        clip = trainable_clip_create(path, 1, precision, err);
    bench_folder_remove(folder);
    return clip;
}

/* --- files --- */

static int put_halves(TensorOut *out, const TensorFile *file, const Tensor *tensor, Arena *arena,
                      Error *err) {
    float *values = arena_floats(arena, tensor->count, 1);
    uint16_t *halves = ARENA_NEW(arena, uint16_t, tensor->count);
    if (arena_failed(arena))
        return error_memory(err);
    if (tensor_to_float(file, tensor, values, err) < 0)
        return -1;
    for (size_t i = 0; i < tensor->count; i++)
        halves[i] = float_to_half(values[i]);
    out->dtype = DTYPE_F16;
    out->data = halves;
    return 0;
}

/* The same tensors again, those of floats of that type, without what only coop's own files have. */
static int rewrite_file(const char *path, const TensorFile *file, DType dtype, Arena *arena, Error *err) {
    const int n = tensors_count(file);
    TensorOut *tensors = ARENA_NEW(arena, TensorOut, n);
    if (!tensors)
        return error_memory(err);
    for (int i = 0; i < n; i++) {
        const Tensor *tensor = tensors_at(file, i);
        tensors[i] = (TensorOut){
            .name = tensor->name, .dtype = tensor->dtype, .n_dims = tensor->n_dims, .data = tensor->data};
        memcpy(tensors[i].shape, tensor->shape, sizeof tensors[i].shape);
        if (dtype == DTYPE_F16 && dtype_is_floating(tensor->dtype) &&
            put_halves(&tensors[i], file, tensor, arena, err) < 0)
            return -1;
    }
    return safetensors_write(path, tensors, n, NULL, 0, err);
}

static int rewrite(const char *path, DType dtype, Error *err) {
    Arena *arena = arena_create();
    TensorFile *file = arena ? tensors_open(path, err) : NULL;
    const int result = file ? rewrite_file(path, file, dtype, arena, err) : arena ? -1 : error_memory(err);
    tensors_close(file);
    arena_free(arena);
    return result;
}

static int digest_file(char digest[65], const char *path, Error *err) {
    TensorFile *file = tensors_open(path, err);
    if (!file)
        return -1;
    snprintf(digest, 65, "%s", tensors_digest(file));
    tensors_close(file);
    return 0;
}

int bench_checkpoint_write(const char *path, char digest[65], const Architecture *architecture, DType dtype,
                           Error *err) {
    assert(dtype == DTYPE_F32 || dtype == DTYPE_F16);
    TrainableClip *clip = bench_clip(architecture, ARCHITECTURE_TEXT_LAYERS, true, PRECISION_FLOAT32, err);
    const int saved = clip ? trainable_clip_save(clip, path, err) : -1;
    trainable_clip_free(clip);
    return saved < 0 || rewrite(path, dtype, err) < 0 ? -1 : digest_file(digest, path, err);
}
