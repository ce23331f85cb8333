/* provenance.c: see provenance.h. */
#include "coop/learned/provenance.h"

#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/tensors_open.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const keys[PROVENANCE_METADATA] = {"method",   "num_shots", "seed",   "val_accuracy",
                                                      "accuracy", "key",       "program"};

/* --- writing --- */

static const char *number_text(char out[16], int number) {
    snprintf(out, 16, "%d", number);
    return number >= 0 ? out : NULL;
}

static const char *share_text(char out[32], double share) {
    snprintf(out, 32, "%.9g", share);
    return share >= 0 ? out : NULL;
}

int provenance_metadata(MetadataOut out[PROVENANCE_METADATA], ProvenanceTexts *texts,
                        const Provenance *made) {
    const char *shots = number_text(texts->num_shots, made->num_shots);
    const char *values[PROVENANCE_METADATA] = {made->method,
                                               made->num_shots == ALL_SHOTS ? "all" : shots,
                                               number_text(texts->seed, made->seed),
                                               share_text(texts->val_accuracy, made->val_accuracy),
                                               share_text(texts->accuracy, made->accuracy),
                                               made->key,
                                               made->program};
    int n = 0;
    for (int i = 0; made->method && i < PROVENANCE_METADATA; i++)
        if (values[i])
            out[n++] = (MetadataOut){keys[i], values[i]};
    return n;
}

static bool is_replaced(const char *key) {
    for (int i = 0; i < PROVENANCE_METADATA; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return strcmp(key, SAFETENSORS_CHECKSUM) == 0;
}

static int write_again(const char *path, const TensorFile *file, const Provenance *made, Arena *arena,
                       Error *err) {
    ProvenanceTexts texts;
    const int n_tensors = tensors_count(file), n_old = tensors_metadata_count(file);
    TensorOut *tensors = ARENA_NEW(arena, TensorOut, n_tensors);
    MetadataOut *metadata = ARENA_NEW(arena, MetadataOut, n_old + PROVENANCE_METADATA + 1);
    if (arena_failed(arena))
        return error_memory(err);
    for (int i = 0; i < n_tensors; i++) {
        const Tensor *t = tensors_at(file, i);
        tensors[i] = (TensorOut){.name = t->name, .dtype = t->dtype, .n_dims = t->n_dims, .data = t->data};
        memcpy(tensors[i].shape, t->shape, sizeof t->shape);
    }
    int n = 0;
    for (int i = 0; i < n_old; i++) {
        tensors_metadata_at(file, i, &metadata[n].key, &metadata[n].value);
        n += !is_replaced(metadata[n].key);
    }
    n += provenance_metadata(metadata + n, &texts, made);
    metadata[n++] = SAFETENSORS_CHECKED;
    return safetensors_write(path, tensors, n_tensors, metadata, n, err);
}

int provenance_put(const char *path, const Provenance *made, Error *err) {
    TensorFile *file = tensors_open(path, err);
    Arena *arena = file ? arena_create() : NULL;
    int result = -1;
    if (arena)
        result = write_again(path, file, made, arena, err);
    else if (file)
        error_memory(err);
    arena_free(arena);
    tensors_close(file);
    return result;
}

/* --- reading --- */

/* A number in 0 .. high; *out stays as it is where there is none. */
static int read_number(const TensorFile *file, const char *key, double high, double *out, Error *err) {
    const char *text = tensors_metadata(file, key);
    char *end;
    if (!text)
        return 0;
    *out = strtod(text, &end);
    if (end > text && *end == '\0' && *out >= 0 && *out <= high)
        return 0;
    return error_set(err, "%s: metadata: %s '%.40s'", tensors_path(file), key, text);
}

static const char *read_text(const TensorFile *file, const char *key, Arena *arena) {
    const char *text = tensors_metadata(file, key);
    return text ? arena_strdup(arena, text) : NULL;
}

int provenance_read(Provenance *made, const TensorFile *file, Arena *arena, Error *err) {
    const char *shots = tensors_metadata(file, "num_shots");
    const bool all = shots && strcmp(shots, "all") == 0;
    double num_shots = -1, seed = -1;
    *made = (Provenance){.val_accuracy = NAN, .accuracy = NAN};
    if ((!all && read_number(file, "num_shots", ALL_SHOTS - 1, &num_shots, err) < 0) ||
        read_number(file, "seed", 2147483647, &seed, err) < 0 ||
        read_number(file, "val_accuracy", 1, &made->val_accuracy, err) < 0 ||
        read_number(file, "accuracy", 1, &made->accuracy, err) < 0)
        return -1;
    made->num_shots = all ? ALL_SHOTS : (int)num_shots;
    made->seed = (int)seed;
    made->method = read_text(file, "method", arena);
    made->key = read_text(file, "key", arena);
    made->program = read_text(file, "program", arena);
    return arena_failed(arena) ? error_memory(err) : 0;
}
