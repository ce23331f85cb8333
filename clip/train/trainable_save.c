/* trainable_save.c: saves a model as OpenCLIP does (trainable_clip.h): its state_dict as safetensors, and the
 * config that says what no tensor shows.
 */
#include "clip/base/files.h"
#include "clip/checkpoint/config_types.h"
#include "clip/checkpoint/shapes.h"
#include "clip/tensors/safetensors_write.h"
#include "clip/train/trainable_clip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the config --- */

/* As few digits as give the same float back. */
static const char *float_text(float x, Arena *arena) {
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)x);
        if (strtof(text, NULL) == x)
            break;
    }
    return arena_strdup(arena, text);
}

/* Keys that only some transformers need, each behind a comma. The initial value of LayerScale serves a new
 * model alone; that there is one says that the file has gains. */
static const char *transformer_keys(const TrainableClip *clip, const TowerConfig *tower, const char *prefix,
                                    Arena *arena) {
    const Parameters *parameters = &clip->parameters;
    const int width = tower->width;
    const int mlp =
        (int)parameters_find(parameters, "%stransformer.resblocks.0.mlp.c_fc.bias", prefix)->count;
    const bool scaled = parameters_find(parameters, "%stransformer.resblocks.0.ls_1.gamma", prefix) != NULL;
    /* readers take the whole part of width x ratio: a ratio that is rounded must not lose one */
    const double ratio = mlp % width == 0 ? (double)(mlp / width) : (mlp + 0.25) / width;
    const char *mlp_key = mlp == 4 * width ? "" : arena_printf(arena, ", \"mlp_ratio\": %.12g", ratio);
    const char *eps = tower->norm_eps == LAYER_NORM_EPS ? NULL : float_text(tower->norm_eps, arena);
    const char *eps_key = eps ? arena_printf(arena, ", \"norm_kwargs\": {\"eps\": %s}", eps) : "";
    return arena_printf(arena, "%s%s%s", mlp_key ? mlp_key : "", eps_key ? eps_key : "",
                        scaled ? ", \"ls_init_value\": 1e-05" : "");
}

static const char *image_config(const TrainableClip *clip, Arena *arena) {
    const TowerConfig *image = &clip->image;
    const int *blocks = image->n_blocks, n_heads = image->n_heads;
    const char *more = clip->is_resnet ? "" : transformer_keys(clip, image, "visual.", arena);
    const char *layers =
        clip->is_resnet ? arena_printf(arena, "[%d, %d, %d, %d]", blocks[0], blocks[1], blocks[2], blocks[3])
                        : arena_printf(arena, "%d, \"patch_size\": %d", image->n_layers, image->patch_size);
    return arena_printf(arena, "{\"image_size\": %d, \"width\": %d, \"head_width\": %d, \"layers\": %s%s}",
                        image->image_size, image->width, image->width * (clip->is_resnet ? 32 : 1) / n_heads,
                        layers ? layers : "", more ? more : "");
}

static const char *text_config(const TrainableClip *clip, Arena *arena) {
    const TowerConfig *text = &clip->text;
    const char *more = transformer_keys(clip, text, "", arena);
    return arena_printf(arena,
                        "{\"context_length\": %d, \"vocab_size\": %d, \"width\": %d, \"heads\": %d, "
                        "\"layers\": %d%s}",
                        text->n_positions, text->n_vocab, text->width, text->n_heads, text->n_layers,
                        more ? more : "");
}

static const char *triple(const float x[3], Arena *arena) {
    const char *texts[3];
    for (int i = 0; i < 3; i++)
        texts[i] = float_text(x[i], arena);
    return arena_failed(arena) ? NULL : arena_printf(arena, "[%s, %s, %s]", texts[0], texts[1], texts[2]);
}

static const char *pixels_config(const TrainableClip *clip, Arena *arena) {
    const ImagePreparation *images = &clip->images;
    const char *mean = triple(clip->mean, arena), *std = triple(clip->std, arena);
    return arena_printf(arena,
                        "{\"size\": %d, \"mode\": \"RGB\", \"mean\": %s, \"std\": %s, \"interpolation\": "
                        "\"%s\", \"resize_mode\": \"%s\", \"fill_color\": %d}",
                        clip->image.image_size, mean ? mean : "", std ? std : "",
                        images->bilinear ? "bilinear" : "bicubic",
                        images->squash ? "squash"
                        : images->pad  ? "longest"
                                       : "shortest",
                        images->fill);
}

/* Written only if it would change. */
static int save_config(const TrainableClip *clip, const char *path, Arena *arena, Error *err) {
    const char *folder = path_folder(arena, path), *image = image_config(clip, arena);
    const char *text = text_config(clip, arena), *pixels = pixels_config(clip, arena);
    const bool quick = clip->text.activation == ACTIVATION_QUICK_GELU;
    if (arena_failed(arena))
        return error_memory(err);
    const char *name = path_join(arena, folder, "open_clip_config.json");
    const char *json = arena_printf(arena,
                                    "{\n  \"model_cfg\": {\n    \"embed_dim\": %d,\n    \"quick_gelu\": %s,\n"
                                    "    \"vision_cfg\": %s,\n    \"text_cfg\": %s\n  },\n"
                                    "  \"preprocess_cfg\": %s\n}\n",
                                    clip->embed_dim, quick ? "true" : "false", image, text, pixels);
    if (arena_failed(arena))
        return error_memory(err);
    size_t size = 0;
    const char *old = file_exists(name) ? file_read(name, strlen(json), arena, &size, NULL) : NULL;
    return old && strcmp(old, json) == 0 ? 0 : file_write(name, json, strlen(json), err);
}

/* --- the weights --- */

static TensorOut tensor_of(const Parameter *p, int64_t *counter) {
    TensorOut out = {.name = p->name, .dtype = DTYPE_F32, .n_dims = p->n_dims, .data = p->value};
    memcpy(out.shape, p->shape, sizeof p->shape);
    if (p->is_buffer && p->n_dims == 0) { /* batches that a norm has seen */
        *counter = (int64_t)*p->value;
        out.dtype = DTYPE_I64;
        out.data = counter;
    }
    return out;
}

static int save_weights(const Parameters *parameters, const char *path, Arena *arena, Error *err) {
    const MetadataOut metadata[] = {{"format", "pt"}, SAFETENSORS_CHECKED};
    TensorOut *tensors = ARENA_NEW(arena, TensorOut, parameters->n);
    int64_t *counters = ARENA_NEW(arena, int64_t, parameters->n);
    if (arena_failed(arena))
        return error_memory(err);
    for (int i = 0; i < parameters->n; i++)
        tensors[i] = tensor_of(&parameters->items[i], &counters[i]);
    return safetensors_write(path, tensors, parameters->n, metadata, 2, err);
}

int trainable_clip_save(const TrainableClip *clip, const char *path, Error *err) {
    Arena *arena = arena_create();
    /* the config first: no weights ever lie without it */
    const int result = arena && save_config(clip, path, arena, err) == 0
                           ? save_weights(&clip->parameters, path, arena, err)
                           : -1;
    if (!arena)
        error_memory(err);
    arena_free(arena);
    return result;
}
