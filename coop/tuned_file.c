/* tuned_file.c: see tuned_file.h. */
#include "coop/tuned_file.h"

#include "clip/image/image_tower.h"
#include "clip/tensors/safetensors_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHTS "coop-weights"
#define LOW_RANK "coop-lora"

static const char *const part_names[] = {"image_encoder", "text_encoder", "all",     "image_projection",
                                         "bias",          "layer_norm",   "low_rank"};
enum { N_PARTS = sizeof part_names / sizeof *part_names, MAX_RANK = 4096 };

const char *tuned_part_name(TunedPart part) {
    return part_names[part];
}

bool tuned_is_one(const TensorFile *file) {
    const char *format = tensors_metadata(file, "format");
    return format && (strcmp(format, WEIGHTS) == 0 || strcmp(format, LOW_RANK) == 0);
}

/* --- writing --- */

typedef struct {
    TensorOut *tensors;
    int n, capacity;
    Arena *arena;
} Tensors;

static void add(Tensors *out, const char *name, int n_dims, const int64_t *shape, const float *data) {
    TensorOut *grown = arena_grow(out->arena, out->tensors, &out->capacity, out->n + 1, sizeof *grown);
    if (!grown || !name)
        return;
    out->tensors = grown;
    TensorOut tensor = {.name = name, .dtype = DTYPE_F32, .n_dims = n_dims, .data = data};
    for (int i = 0; i < n_dims; i++)
        tensor.shape[i] = shape[i];
    grown[out->n++] = tensor;
}

static void add_low_rank(Tensors *out, const LowRank *l, bool image) {
    for (int layer = l ? l->config.first : 0; l && layer < l->config.end; layer++)
        for (int which = 0; which < 3; which++) {
            float *A, *B;
            const int64_t r = l->config.rank, C = l->width, shape[] = {r, C, r};
            if (!low_rank_matrices(l, layer, which, &A, &B))
                continue;
            const char *stem = arena_printf(out->arena, "%stransformer.resblocks.%d.attn.%c_proj",
                                            image ? "visual." : "", layer, "qkv"[which]);
            if (!stem)
                return;
            add(out, arena_printf(out->arena, "%s.lora_A", stem), 2, shape, A);
            add(out, arena_printf(out->arena, "%s.lora_B", stem), 2, shape + 1, B);
        }
}

static void add_weights(Tensors *out, const TrainableClip *clip) {
    for (int i = 0; i < clip->parameters.n; i++) {
        const Parameter *p = &clip->parameters.items[i];
        if (p->gradient)
            add(out, p->name, p->n_dims, p->shape, p->value);
    }
}

int tuned_write(const char *path, const Tuned *tuned, const TrainableClip *clip, const TunerConfig *config,
                const Tuner *tuner, Error *err) {
    char rank[16], alpha[32];
    const bool is_low_rank = config->part == TUNE_LOW_RANK;
    const LowRankConfig *low = config->image.rank ? &config->image : &config->text;
    Tensors out = {.arena = arena_create()};
    snprintf(rank, sizeof rank, "%d", low->rank);
    snprintf(alpha, sizeof alpha, "%.17g", low->alpha);
    char *templates = prompt_list_json(tuned->templates, tuned->n_templates);
    int result = -1;
    add_low_rank(&out, tuner_low_rank(tuner, false), false);
    add_low_rank(&out, tuner_low_rank(tuner, true), true);
    add_weights(&out, clip);
    const MetadataOut more[] = {{"part", tuned_part_name(config->part)},
                                {"templates", templates},
                                {"rank", rank},
                                {"alpha", alpha},
                                {"scaling", low->by_root ? "root" : "rank"}};
    if (!templates)
        error_set(err, "%s: metadata: templates that are not UTF-8", path);
    else if (!out.arena || arena_failed(out.arena))
        error_memory(err);
    else
        result = prompt_write_as(path, is_low_rank ? LOW_RANK : WEIGHTS, &tuned->head, out.tensors, out.n,
                                 more, is_low_rank ? 5 : 2, err);
    free(templates);
    arena_free(out.arena);
    return result;
}

int tuned_write_projection(const char *path, const Tuned *tuned, const Clip *clip, const float *w,
                           Error *err) {
    const bool is_vit = clip->image == IMAGE_TOWER_VIT; /* whose projection is kept as x proj */
    const int C = image_tower_width(clip), E = clip->embed_dim;
    char *templates = prompt_list_json(tuned->templates, tuned->n_templates);
    Arena *arena = arena_create();
    float *proj = arena_floats(arena, (size_t)C, (size_t)E);
    int result = -1;
    for (size_t i = 0; proj && i < (size_t)C * (size_t)E; i++)
        proj[i] = w[i % (size_t)E * (size_t)C + i / (size_t)E];
    const TensorOut tensor = {.name = is_vit ? "visual.proj" : "visual.attnpool.c_proj.weight",
                              .dtype = DTYPE_F32,
                              .n_dims = 2,
                              .shape = {is_vit ? C : E, is_vit ? E : C},
                              .data = is_vit ? proj : w};
    const MetadataOut more[] = {{"part", tuned_part_name(TUNE_IMAGE_PROJECTION)}, {"templates", templates}};
    if (!templates)
        error_set(err, "%s: metadata: templates that are not UTF-8", path);
    else if (!proj)
        error_memory(err);
    else
        result = prompt_write_as(path, WEIGHTS, &tuned->head, &tensor, 1, more, 2, err);
    free(templates);
    arena_free(arena);
    return result;
}

/* --- reading --- */

static int bad_metadata(const TensorFile *file, const char *key, Error *err) {
    const char *text = tensors_metadata(file, key);
    return error_set(err, "%s: metadata: %s '%.40s'", tensors_path(file), key, text ? text : "");
}

static int read_part(Tuned *tuned, const TensorFile *file, Error *err) {
    const char *part = tensors_metadata(file, "part");
    for (int i = 0; part && i < N_PARTS; i++)
        if (strcmp(part, part_names[i]) == 0) {
            tuned->part = (TunedPart)i;
            return 0;
        }
    return bad_metadata(file, "part", err);
}

static int read_number(const TensorFile *file, const char *key, double max, double *out, Error *err) {
    const char *text = tensors_metadata(file, key);
    char *end = NULL;
    *out = text ? strtod(text, &end) : 0;
    return text && *text && *end == '\0' && *out > 0 && *out <= max ? 0 : bad_metadata(file, key, err);
}

static int read_scale(Tuned *tuned, const TensorFile *file, Error *err) {
    double rank, alpha;
    const char *scaling = tensors_metadata(file, "scaling");
    if (read_number(file, "rank", MAX_RANK, &rank, err) < 0 ||
        read_number(file, "alpha", 1e6, &alpha, err) < 0)
        return -1;
    if (rank != floor(rank))
        return bad_metadata(file, "rank", err);
    if (!scaling || (strcmp(scaling, "root") != 0 && strcmp(scaling, "rank") != 0))
        return bad_metadata(file, "scaling", err);
    tuned->rank = (int)rank;
    const LowRankConfig config = {
        .rank = tuned->rank, .alpha = alpha, .by_root = strcmp(scaling, "root") == 0};
    tuned->scale = low_rank_scale(&config);
    return 0;
}

int tuned_read(Tuned *tuned, const TensorFile *file, Arena *arena, Error *err) {
    *tuned = (Tuned){0};
    const char *format = tensors_metadata(file, "format");
    const bool is_low_rank = format && strcmp(format, LOW_RANK) == 0;
    if (prompt_read_as(&tuned->head, file, is_low_rank ? LOW_RANK : WEIGHTS, arena, err) < 0 ||
        read_part(tuned, file, err) < 0 || (is_low_rank && read_scale(tuned, file, err) < 0))
        return -1;
    if (is_low_rank != (tuned->part == TUNE_LOW_RANK))
        return bad_metadata(file, "part", err);
    tuned->templates = prompt_list_read(file, "templates", &tuned->n_templates, arena, err);
    return tuned->templates ? 0 : -1;
}

/* --- applying --- */

static int unknown_tensor(const TensorFile *file, const Tensor *tensor, Error *err) {
    return error_set(err, "%s: tensor %s: not a weight of this checkpoint", tensors_path(file), tensor->name);
}

static int apply_weight(const TensorFile *file, const Tensor *tensor, TrainableClip *clip, Error *err) {
    const Parameter *p = parameters_find(&clip->parameters, "%s", tensor->name);
    if (!p || p->is_buffer)
        return unknown_tensor(file, tensor, err);
    tensor = tensors_need(file, p->name, p->n_dims, p->shape, err);
    return tensor ? tensor_to_float(file, tensor, p->value, err) : -1;
}

/* "transformer.resblocks.0.attn.q_proj.lora_A", and the B beside it. */
static int apply_matrices(const Tuned *tuned, const TensorFile *file, const Tensor *tensor,
                          TrainableClip *clip, Arena *arena, Error *err) {
    static const char letters[] = "qkv";
    const char *end = strstr(tensor->name, "_proj.lora_");
    const char *which = end && end > tensor->name ? strchr(letters, end[-1]) : NULL;
    const char *matrix = end ? end + strlen("_proj.lora_") : "";
    if (which && strcmp(matrix, "B") == 0)
        return 0; /* beside its A */
    if (!which || strcmp(matrix, "A") != 0)
        return unknown_tensor(file, tensor, err);
    const int length = (int)(end - tensor->name);
    const Parameter *w = parameters_find(&clip->parameters, "%.*sin_proj_weight", length - 1, tensor->name);
    if (!w || w->n_dims != 2)
        return unknown_tensor(file, tensor, err);
    const int64_t C = w->shape[1], r = tuned->rank, of_A[] = {r, C}, of_B[] = {C, r};
    const char *name = arena_printf(arena, "%.*s_proj.lora_B", length, tensor->name);
    if (!name)
        return error_memory(err);
    const Tensor *a = tensors_need(file, tensor->name, 2, of_A, err);
    const Tensor *b = a ? tensors_need(file, name, 2, of_B, err) : NULL;
    if (!b)
        return -1;
    float *A = arena_floats(arena, a->count, 1), *B = arena_floats(arena, b->count, 1);
    if (arena_failed(arena))
        return error_memory(err);
    if (tensor_to_float(file, a, A, err) < 0 || tensor_to_float(file, b, B, err) < 0)
        return -1;
    low_rank_merge(w->value + (size_t)(which - letters) * (size_t)(C * C), A, B, (int)C, (int)r,
                   tuned->scale);
    return 0;
}

int tuned_apply(const Tuned *tuned, const TensorFile *file, TrainableClip *clip, bool *image, bool *text,
                Error *err) {
    Arena *arena = arena_create();
    int result = arena ? 0 : error_memory(err);
    *image = *text = false;
    for (int i = 0; result == 0 && i < tensors_count(file); i++) {
        const Tensor *tensor = tensors_at(file, i);
        if (strcmp(tensor->name, "text_features") == 0 || strcmp(tensor->name, "logit_scale") == 0)
            continue;
        *(strncmp(tensor->name, "visual.", 7) == 0 ? image : text) = true;
        result = tuned->part == TUNE_LOW_RANK ? apply_matrices(tuned, file, tensor, clip, arena, err)
                                              : apply_weight(file, tensor, clip, err);
    }
    arena_free(arena);
    return result;
}
