/* prompt_file.c: see prompt_file.h for the layout. Lists in the metadata are JSON, through jansson. */
#include "coop/prompt_file.h"

#include "clip/base/json.h"
#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/tensors_open.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "coop-prompt"
#define VERSION "1"
#define MAX_METADATA 18
#define QUICK_ASSUMED "quick_gelu" ASSUMED
#define MAX_CLASSES 1000000
#define MAX_WIDTH (1 << 24)
#define UNIT_TOLERANCE 1e-2 /* features may have been through half precision */

/* --- writing --- */

static char *names_json(const char **names, int n) {
    json_begin();
    json_t *list = json_array();
    for (int i = 0; list && i < n; i++)
        if (json_array_append_new(list, json_string(names[i])) < 0) {
            json_decref(list);
            list = NULL;
        }
    char *text = list ? json_write(list, JSON_COMPACT) : NULL;
    json_decref(list);
    return text;
}

static void triple_json(char *out, size_t size, const float v[3]) {
    snprintf(out, size, "[%.9g, %.9g, %.9g]", (double)v[0], (double)v[1], (double)v[2]);
}

void prompt_tensors(TensorOut out[PROMPT_TENSORS], const Prompt *prompt) {
    int64_t K = prompt->n_classes, M = prompt->n_ctx, C = prompt->width, E = prompt->embed_dim;
    out[0] =
        (TensorOut){.name = "ctx", .dtype = DTYPE_F32, .n_dims = 2, .shape = {M, C}, .data = prompt->ctx};
    if (prompt->csc)
        out[0] = (TensorOut){
            .name = "ctx", .dtype = DTYPE_F32, .n_dims = 3, .shape = {K, M, C}, .data = prompt->ctx};
    out[1] = (TensorOut){.name = "text_features",
                         .dtype = DTYPE_F32,
                         .n_dims = 2,
                         .shape = {K, E},
                         .data = prompt->text_features};
    out[2] =
        (TensorOut){.name = "logit_scale", .dtype = DTYPE_F32, .n_dims = 0, .data = &prompt->logit_scale};
}

int prompt_write(const char *path, const Prompt *prompt, Error *err) {
    char n_ctx[16], image_size[16], heads[16], mean[64], std[64];
    snprintf(n_ctx, sizeof n_ctx, "%d", prompt->n_ctx);
    snprintf(image_size, sizeof image_size, "%d", prompt->image_size);
    triple_json(mean, sizeof mean, prompt->mean);
    triple_json(std, sizeof std, prompt->std);
    char *names = names_json(prompt->class_names, prompt->n_classes);
    if (!names)
        return json_refuse(err, "%s: metadata: class names that are not UTF-8", path);
    TensorOut tensors[PROMPT_TENSORS];
    prompt_tensors(tensors, prompt);
    MetadataOut metadata[MAX_METADATA] = {
        {"format", FORMAT},
        {"version", VERSION},
        {"class_names", names},
        {"class_token_position", position_name(prompt->class_token_position)},
        {"csc", prompt->csc ? "true" : "false"},
        {"n_ctx", n_ctx},
        {"backbone", prompt->backbone},
        {"backbone_digest", prompt->backbone_digest},
        {"vocab_digest", prompt->vocab_digest},
        {"dataset", prompt->dataset},
        {"checkpoint", prompt->checkpoint},
        {"image_size", image_size},
        {"mean", mean},
        {"std", std},
        SAFETENSORS_CHECKED};
    int n_metadata = 15;
    if (prompt->activation != CLIP_ACTIVATION_AUTO)
        metadata[n_metadata++] = (MetadataOut){"activation", clip_activation_name(prompt->activation)};
    else if (prompt->assumed)
        metadata[n_metadata++] = (MetadataOut){"activation", QUICK_ASSUMED};
    snprintf(heads, sizeof heads, "%d", prompt->heads);
    if (prompt->heads)
        metadata[n_metadata++] = (MetadataOut){"heads", heads};
    if (prompt->checkpoint_stamp)
        metadata[n_metadata++] = (MetadataOut){"checkpoint_stamp", prompt->checkpoint_stamp};
    int result = safetensors_write(path, tensors, PROMPT_TENSORS, metadata, n_metadata, err);
    free(names);
    return result;
}

/* --- reading --- */

static const char *need(const TensorFile *file, const char *key, Error *err) {
    const char *value = tensors_metadata(file, key);
    if (!value)
        error_set(err, "%s: metadata: no %s", tensors_path(file), key);
    return value;
}

static const char *need_copy(const TensorFile *file, const char *key, Arena *arena, Error *err) {
    const char *value = need(file, key, err);
    char *copy = value ? arena_strdup(arena, value) : NULL;
    if (value && !copy)
        error_memory(err);
    return copy;
}

static int need_int(const TensorFile *file, const char *key, int *out, Error *err) {
    const char *value = need(file, key, err);
    if (!value)
        return -1;
    char *end;
    long number = strtol(value, &end, 10);
    if (*value == '\0' || *end != '\0' || number < 1 || number > 100000)
        return error_set(err, "%s: metadata: %s '%.40s'", tensors_path(file), key, value);
    *out = (int)number;
    return 0;
}

static int need_triple(const TensorFile *file, const char *key, float out[3], Error *err) {
    const char *value = need(file, key, err);
    if (!value)
        return -1;
    json_error_t why;
    json_t *list = json_read(value, strlen(value), &why);
    int result = 0;
    for (size_t i = 0; i < 3; i++) {
        const json_t *number = json_array_get(list, i);
        out[i] = (float)json_number_value(number);
        if (json_array_size(list) != 3 || !json_is_number(number) || !isfinite(out[i]))
            result = json_refuse(err, "%s: metadata: %s is not three numbers", tensors_path(file), key);
    }
    json_decref(list);
    return result;
}

static int need_names(const TensorFile *file, Prompt *prompt, Arena *arena, Error *err) {
    const char *value = need(file, "class_names", err);
    if (!value)
        return -1;
    json_error_t why;
    json_t *list = json_read(value, strlen(value), &why);
    size_t n = json_array_size(list);
    int result =
        n >= 1 && n <= MAX_CLASSES
            ? 0
            : json_refuse(err, "%s: metadata: class_names is not a list of names", tensors_path(file));
    prompt->n_classes = (int)n;
    prompt->class_names = result == 0 ? ARENA_NEW(arena, const char *, n) : NULL;
    for (size_t i = 0; result == 0 && i < n; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name)
            result = error_set(err, "%s: metadata: class_names[%zu] is not a text", tensors_path(file), i);
        else if (prompt->class_names)
            prompt->class_names[i] = arena_strdup(arena, name);
        if (arena_failed(arena))
            result = error_memory(err);
    }
    json_decref(list);
    return result;
}

static int read_metadata(const TensorFile *file, Prompt *prompt, Arena *arena, Error *err) {
    const char *format = tensors_metadata(file, "format"), *version, *position, *csc;
    if (!format || strcmp(format, FORMAT) != 0)
        return error_set(err, "%s: metadata: not a prompt (no format \"" FORMAT "\")", tensors_path(file));
    if (!(version = need(file, "version", err)) || !(position = need(file, "class_token_position", err)) ||
        !(csc = need(file, "csc", err)))
        return -1;
    if (strcmp(version, VERSION) != 0)
        return error_set(err, "%s: metadata: version '%.20s' where " VERSION " is known", tensors_path(file),
                         version);
    if (position_parse(&prompt->class_token_position, position) < 0)
        return error_set(err, "%s: metadata: class_token_position '%.40s'", tensors_path(file), position);
    if (strcmp(csc, "true") != 0 && strcmp(csc, "false") != 0)
        return error_set(err, "%s: metadata: csc '%.40s'", tensors_path(file), csc);
    prompt->csc = strcmp(csc, "true") == 0;
    const char *activation = tensors_metadata(file, "activation");
    prompt->assumed = activation && strcmp(activation, QUICK_ASSUMED) == 0;
    if (activation && !prompt->assumed && clip_activation_from(&prompt->activation, activation) < 0)
        return error_set(err, "%s: metadata: activation '%.40s'", tensors_path(file), activation);
    if (tensors_metadata(file, "heads") && need_int(file, "heads", &prompt->heads, err) < 0)
        return -1;
    if (need_names(file, prompt, arena, err) < 0 || need_int(file, "n_ctx", &prompt->n_ctx, err) < 0 ||
        need_int(file, "image_size", &prompt->image_size, err) < 0 ||
        need_triple(file, "mean", prompt->mean, err) < 0 || need_triple(file, "std", prompt->std, err) < 0)
        return -1;
    for (int i = 0; i < 3; i++)
        if (prompt->std[i] <= 0)
            return error_set(err, "%s: metadata: std is not positive", tensors_path(file));
    if (!(prompt->backbone = need_copy(file, "backbone", arena, err)) ||
        !(prompt->backbone_digest = need_copy(file, "backbone_digest", arena, err)) ||
        !(prompt->vocab_digest = need_copy(file, "vocab_digest", arena, err)) ||
        !(prompt->dataset = need_copy(file, "dataset", arena, err)) ||
        !(prompt->checkpoint = need_copy(file, "checkpoint", arena, err)))
        return -1;
    const char *stamp = tensors_metadata(file, "checkpoint_stamp");
    prompt->checkpoint_stamp = stamp ? arena_strdup(arena, stamp) : NULL;
    return arena_failed(arena) ? error_memory(err) : 0;
}

/* The last extent of a tensor. */
static int need_width(const TensorFile *file, const Tensor *tensor, int *out, Error *err) {
    int64_t width = tensor->shape[tensor->n_dims - 1];
    if (width < 1 || width > MAX_WIDTH)
        return error_set(err, "%s: tensor %s: width %lld", tensors_path(file), tensor->name,
                         (long long)width);
    *out = (int)width;
    return 0;
}

/* A feature of another length would shift the logits of its class. */
static int check_unit_length(const TensorFile *file, const Prompt *prompt, Error *err) {
    for (int k = 0; k < prompt->n_classes; k++) {
        const float *row = prompt->text_features + (size_t)k * (size_t)prompt->embed_dim;
        double square = 0;
        for (int e = 0; e < prompt->embed_dim; e++)
            square += (double)row[e] * row[e];
        if (!(fabs(sqrt(square) - 1) <= UNIT_TOLERANCE))
            return error_set(err, "%s: tensor text_features: row %d has length %.3g where 1 is needed",
                             tensors_path(file), k, sqrt(square));
    }
    return 0;
}

static const float *need_floats(const TensorFile *file, const Tensor *tensor, Arena *arena, Error *err) {
    float *values = arena_floats(arena, tensor->count, 1);
    if (!values) {
        error_memory(err);
        return NULL;
    }
    return tensor_to_float(file, tensor, values, err) < 0 ? NULL : values;
}

static int read_tensors(const TensorFile *file, Prompt *prompt, Arena *arena, Error *err) {
    const int64_t per_class[] = {prompt->n_classes, prompt->n_ctx, -1}, features[] = {prompt->n_classes, -1};
    const Tensor *ctx =
        tensors_need(file, "ctx", prompt->csc ? 3 : 2, prompt->csc ? per_class : per_class + 1, err);
    const Tensor *text = ctx ? tensors_need(file, "text_features", 2, features, err) : NULL;
    const Tensor *scale = text ? tensors_need(file, "logit_scale", 0, NULL, err) : NULL;
    if (!scale)
        return -1;
    if (need_width(file, ctx, &prompt->width, err) < 0 || need_width(file, text, &prompt->embed_dim, err) < 0)
        return -1;
    prompt->ctx = need_floats(file, ctx, arena, err);
    prompt->text_features = prompt->ctx ? need_floats(file, text, arena, err) : NULL;
    if (!prompt->text_features || tensor_to_float(file, scale, &prompt->logit_scale, err) < 0)
        return -1;
    if (prompt->logit_scale > MAX_LOGIT_SCALE)
        return error_set(err, "%s: tensor logit_scale: %g: a logarithm of at most %d is needed",
                         tensors_path(file), (double)prompt->logit_scale, MAX_LOGIT_SCALE);
    return check_unit_length(file, prompt, err);
}

int prompt_read(Prompt *prompt, const char *path, Arena *arena, Error *err) {
    *prompt = (Prompt){0};
    TensorFile *file = tensors_open(path, err);
    if (!file)
        return -1;
    int result =
        read_metadata(file, prompt, arena, err) < 0 || read_tensors(file, prompt, arena, err) < 0 ? -1 : 0;
    tensors_close(file);
    return result;
}

int prompt_check_sizes(const Prompt *prompt, const char *path, const Clip *clip, Error *err) {
    if (prompt->embed_dim != clip->embed_dim)
        return error_set(err, "%s: text_features: width %d where the checkpoint %s has %d", path,
                         prompt->embed_dim, tensors_path(clip->file), clip->embed_dim);
    if (clip->text.width && prompt->width != clip->text.width)
        return error_set(err, "%s: ctx: width %d where the checkpoint %s has %d", path, prompt->width,
                         tensors_path(clip->file), clip->text.width);
    if (prompt->image_size != clip->image_size)
        return error_set(err, "%s: image_size: %d where the checkpoint %s has %d", path, prompt->image_size,
                         tensors_path(clip->file), clip->image_size);
    return 0;
}

int prompt_check_model(const Prompt *prompt, const char *path, Clip *clip, Error *err) {
    if (prompt_check_sizes(prompt, path, clip, err) < 0)
        return -1;
    const char *stamp = clip_stamp(clip);
    if (stamp && prompt->checkpoint_stamp && strcmp(stamp, prompt->checkpoint_stamp) == 0)
        return 0;
    const char *digest = clip_digest(clip);
    if (strcmp(prompt->backbone_digest, digest) != 0)
        return error_set(
            err, "%s: backbone_digest: learned with another checkpoint (%s %.12s..., this one is %.12s...)",
            path, prompt->backbone, prompt->backbone_digest, digest);
    return 0;
}
