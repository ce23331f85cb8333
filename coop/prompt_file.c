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
enum { MAX_METADATA = 17 + PROMPT_MORE + PROVENANCE_METADATA };
#define QUICK_ASSUMED "quick_gelu" ASSUMED
#define MAX_CLASSES 1000000
#define MAX_WIDTH (1 << 24)
#define UNIT_TOLERANCE 1e-2 /* features may have been through half precision */

/* --- writing --- */

char *prompt_list_json(const char *const *names, int n) {
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

/* What is known of every learned file. The texts are in it as long as the head lasts. */
typedef struct {
    char image_size[16], heads[16], mean[64], std[64];
    ProvenanceTexts made;
    char *names;
    MetadataOut metadata[MAX_METADATA];
    int n;
} Head;

static void add_metadata(Head *head, const MetadataOut *metadata, size_t n) {
    memcpy(head->metadata + head->n, metadata, n * sizeof *metadata);
    head->n += (int)n;
}

static void add_text(Head *head, const char *key, const char *value) {
    if (value)
        head->metadata[head->n++] = (MetadataOut){key, value};
}

static int make_head(Head *head, const char *path, const char *format, const Prompt *prompt,
                     const MetadataOut *more, int n_more, Error *err) {
    snprintf(head->image_size, sizeof head->image_size, "%d", prompt->image_size);
    triple_json(head->mean, sizeof head->mean, prompt->mean);
    triple_json(head->std, sizeof head->std, prompt->std);
    head->names = prompt_list_json(prompt->class_names, prompt->n_classes);
    if (!head->names)
        return json_refuse(err, "%s: metadata: class names that are not UTF-8", path);
    const MetadataOut first[] = {{"format", format}, {"version", VERSION}, {"class_names", head->names}};
    const MetadataOut rest[] = {{"backbone", prompt->backbone},
                                {"backbone_digest", prompt->backbone_digest},
                                {"vocab_digest", prompt->vocab_digest},
                                {"dataset", prompt->dataset},
                                {"checkpoint", prompt->checkpoint},
                                {"image_size", head->image_size},
                                {"mean", head->mean},
                                {"std", head->std},
                                SAFETENSORS_CHECKED};
    head->n = 0;
    add_metadata(head, first, sizeof first / sizeof *first);
    add_metadata(head, more, (size_t)n_more);
    add_metadata(head, rest, sizeof rest / sizeof *rest);
    if (prompt->activation != CLIP_ACTIVATION_AUTO)
        head->metadata[head->n++] = (MetadataOut){"activation", clip_activation_name(prompt->activation)};
    else if (prompt->assumed)
        head->metadata[head->n++] = (MetadataOut){"activation", QUICK_ASSUMED};
    snprintf(head->heads, sizeof head->heads, "%d", prompt->heads);
    if (prompt->heads)
        head->metadata[head->n++] = (MetadataOut){"heads", head->heads};
    add_text(head, "checkpoint_stamp", prompt->checkpoint_stamp);
    add_text(head, "exif", prompt->exif_rotate ? "rotate" : NULL);
    if (prompt->precision != PRECISION_FLOAT32)
        add_text(head, "precision", precision_name(prompt->precision));
    head->n += provenance_metadata(head->metadata + head->n, &head->made, &prompt->made);
    return 0;
}

static int write_file(const char *path, const char *format, const Prompt *prompt, const TensorOut *tensors,
                      int n_tensors, const MetadataOut *more, int n_more, Error *err) {
    Head head = {0};
    if (make_head(&head, path, format, prompt, more, n_more, err) < 0)
        return -1;
    int result = safetensors_write(path, tensors, n_tensors, head.metadata, head.n, err);
    free(head.names);
    return result;
}

int prompt_write(const char *path, const Prompt *prompt, Error *err) {
    char n_ctx[16];
    snprintf(n_ctx, sizeof n_ctx, "%d", prompt->n_ctx);
    const MetadataOut more[] = {{"class_token_position", position_name(prompt->class_token_position)},
                                {"csc", prompt->csc ? "true" : "false"},
                                {"n_ctx", n_ctx},
                                {"around", prompt->around}};
    TensorOut tensors[PROMPT_TENSORS];
    prompt_tensors(tensors, prompt);
    return write_file(path, FORMAT, prompt, tensors, PROMPT_TENSORS, more, prompt->around ? 4 : 3, err);
}

int prompt_write_as(const char *path, const char *format, const Prompt *prompt, const TensorOut *tensors,
                    int n_tensors, const MetadataOut *more, int n_more, Error *err) {
    Arena *arena = arena_create();
    TensorOut *all = ARENA_NEW(arena, TensorOut, (size_t)n_tensors + PROMPT_TENSORS);
    int result = -1;
    if (all) {
        const int first = prompt->text_features ? 1 : PROMPT_TENSORS;
        prompt_tensors(all, prompt);
        for (int i = 0; i < n_tensors; i++)
            all[PROMPT_TENSORS + i] = tensors[i];
        result = write_file(path, format, prompt, all + first, n_tensors + PROMPT_TENSORS - first, more,
                            n_more, err);
    } else
        error_memory(err);
    arena_free(arena);
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

const char **prompt_list_read(const TensorFile *file, const char *key, int *n_texts, Arena *arena,
                              Error *err) {
    const char *value = need(file, key, err);
    if (!value)
        return NULL;
    json_error_t why;
    json_t *list = json_read(value, strlen(value), &why);
    const size_t n = json_array_size(list);
    const char **texts = NULL;
    if (n >= 1 && n <= MAX_CLASSES)
        texts = ARENA_NEW(arena, const char *, n);
    else
        json_refuse(err, "%s: metadata: %s is not a list of names", tensors_path(file), key);
    bool is_whole = texts != NULL;
    for (size_t i = 0; is_whole && i < n; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text)
            is_whole = error_set(err, "%s: metadata: %s[%zu] is not a text", tensors_path(file), key, i) == 0;
        else
            texts[i] = arena_strdup(arena, text);
    }
    if (arena_failed(arena))
        is_whole = error_memory(err) == 0;
    json_decref(list);
    *n_texts = (int)n;
    return is_whole ? texts : NULL;
}

static int read_contexts_metadata(const TensorFile *file, Prompt *prompt, Arena *arena, Error *err) {
    const char *position, *csc, *around = tensors_metadata(file, "around");
    if (around && !strstr(around, "{}"))
        return error_set(err, "%s: metadata: around '%.40s' has no {}", tensors_path(file), around);
    prompt->around = around ? arena_strdup(arena, around) : NULL;
    if (!(position = need(file, "class_token_position", err)) || !(csc = need(file, "csc", err)))
        return -1;
    if (position_parse(&prompt->class_token_position, position) < 0)
        return error_set(err, "%s: metadata: class_token_position '%.40s'", tensors_path(file), position);
    if (strcmp(csc, "true") != 0 && strcmp(csc, "false") != 0)
        return error_set(err, "%s: metadata: csc '%.40s'", tensors_path(file), csc);
    prompt->csc = strcmp(csc, "true") == 0;
    return need_int(file, "n_ctx", &prompt->n_ctx, err);
}

/* What was done with its images. */
static int read_images(const TensorFile *file, Prompt *prompt, Error *err) {
    const char *precision = tensors_metadata(file, "precision");
    const char *exif = tensors_metadata(file, "exif");
    prompt->exif_rotate = exif && strcmp(exif, "rotate") == 0;
    if (exif && !prompt->exif_rotate && strcmp(exif, "ignore") != 0)
        return error_set(err, "%s: metadata: exif '%.40s'", tensors_path(file), exif);
    if (precision && precision_from(&prompt->precision, precision) < 0)
        return error_set(err, "%s: metadata: precision '%.40s'", tensors_path(file), precision);
    return 0;
}

static int read_head(const TensorFile *file, const char *wanted, Prompt *prompt, Arena *arena, Error *err) {
    const char *format = tensors_metadata(file, "format"), *version;
    if (!format)
        return error_set(err, "%s: metadata: not a prompt (no format \"%s\")", tensors_path(file), wanted);
    if (strcmp(format, wanted) != 0)
        return error_set(err, "%s: metadata: not a prompt (format '%.40s' where '%s' is needed)",
                         tensors_path(file), format, wanted);
    if (provenance_read(&prompt->made, file, arena, err) < 0 || read_images(file, prompt, err) < 0)
        return -1;
    if (!(version = need(file, "version", err)))
        return -1;
    if (strcmp(version, VERSION) != 0)
        return error_set(err, "%s: metadata: version '%.20s' where " VERSION " is known", tensors_path(file),
                         version);
    const char *activation = tensors_metadata(file, "activation");
    prompt->assumed = activation && strcmp(activation, QUICK_ASSUMED) == 0;
    if (activation && !prompt->assumed && clip_activation_from(&prompt->activation, activation) < 0)
        return error_set(err, "%s: metadata: activation '%.40s'", tensors_path(file), activation);
    if (tensors_metadata(file, "heads") && need_int(file, "heads", &prompt->heads, err) < 0)
        return -1;
    prompt->class_names = prompt_list_read(file, "class_names", &prompt->n_classes, arena, err);
    if (!prompt->class_names || need_int(file, "image_size", &prompt->image_size, err) < 0 ||
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

/* text_features and logit_scale */
static int read_classes(const TensorFile *file, Prompt *prompt, Arena *arena, Error *err) {
    const int64_t features[] = {prompt->n_classes, -1};
    const Tensor *text = tensors_need(file, "text_features", 2, features, err);
    const Tensor *scale = text ? tensors_need(file, "logit_scale", 0, NULL, err) : NULL;
    if (!scale || need_width(file, text, &prompt->embed_dim, err) < 0)
        return -1;
    prompt->text_features = need_floats(file, text, arena, err);
    if (!prompt->text_features || tensor_to_float(file, scale, &prompt->logit_scale, err) < 0)
        return -1;
    if (prompt->logit_scale > MAX_LOGIT_SCALE)
        return error_set(err, "%s: tensor logit_scale: %g: a logarithm of at most %d is needed",
                         tensors_path(file), (double)prompt->logit_scale, MAX_LOGIT_SCALE);
    return check_unit_length(file, prompt, err);
}

static int read_contexts(const TensorFile *file, Prompt *prompt, Arena *arena, Error *err) {
    const int64_t per_class[] = {prompt->n_classes, prompt->n_ctx, -1};
    const Tensor *ctx =
        tensors_need(file, "ctx", prompt->csc ? 3 : 2, prompt->csc ? per_class : per_class + 1, err);
    if (!ctx || need_width(file, ctx, &prompt->width, err) < 0)
        return -1;
    prompt->ctx = need_floats(file, ctx, arena, err);
    return prompt->ctx ? 0 : -1;
}

int prompt_read_head(Prompt *prompt, const TensorFile *file, const char *format, Arena *arena, Error *err) {
    *prompt = (Prompt){0};
    return read_head(file, format, prompt, arena, err);
}

int prompt_read_texts(Prompt *prompt, const TensorFile *file, Arena *arena, Error *err) {
    return read_classes(file, prompt, arena, err);
}

int prompt_read_as(Prompt *prompt, const TensorFile *file, const char *format, Arena *arena, Error *err) {
    return prompt_read_head(prompt, file, format, arena, err) < 0 ||
                   prompt_read_texts(prompt, file, arena, err) < 0
               ? -1
               : 0;
}

int prompt_read_from(Prompt *prompt, const TensorFile *file, Arena *arena, Error *err) {
    *prompt = (Prompt){0};
    return read_head(file, FORMAT, prompt, arena, err) < 0 ||
                   read_contexts_metadata(file, prompt, arena, err) < 0 ||
                   read_contexts(file, prompt, arena, err) < 0 || read_classes(file, prompt, arena, err) < 0
               ? -1
               : 0;
}

int prompt_read(Prompt *prompt, const char *path, Arena *arena, Error *err) {
    TensorFile *file = tensors_open(path, err);
    int result = file ? prompt_read_from(prompt, file, arena, err) : -1;
    tensors_close(file);
    return result;
}

int prompt_check_sizes(const Prompt *prompt, const char *path, const Clip *clip, Error *err) {
    if (prompt->embed_dim != clip->embed_dim)
        return error_set(err, "%s: text_features: width %d where the checkpoint %s has %d", path,
                         prompt->embed_dim, tensors_path(clip->file), clip->embed_dim);
    if (prompt->ctx && clip->text.width && prompt->width != clip->text.width)
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
