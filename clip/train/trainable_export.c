/* trainable_export.c: see trainable_export.h. Sources: transformers configuration_clip.py and
 * modeling_clip.py; openai/CLIP model.py (build_model).
 */
#include "clip/train/trainable_export.h"

#include "clip/base/files.h"
#include "clip/checkpoint/architectures.h"
#include "clip/checkpoint/names.h"
#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/torch_write.h"

#include <string.h>

static int mlp_width(const TrainableClip *clip, const char *prefix) {
    const Parameter *bias =
        parameters_find(&clip->parameters, "%stransformer.resblocks.0.mlp.c_fc.bias", prefix);
    return bias ? (int)bias->count : 0;
}

static int check_scales(const TrainableClip *clip, const char *program, Error *err) {
    for (int i = 0; i < clip->parameters.n; i++)
        if (strstr(clip->parameters.items[i].name, ".gamma"))
            return error_set(err, "%s: LayerScale, which %s has not", clip->parameters.items[i].name,
                             program);
    return 0;
}

static TensorOut tensor_of(const Parameter *parameter) {
    TensorOut out = {
        .name = parameter->name, .dtype = DTYPE_F32, .n_dims = parameter->n_dims, .data = parameter->value};
    memcpy(out.shape, parameter->shape, sizeof parameter->shape);
    return out;
}

/* --- Hugging Face --- */

typedef struct {
    TensorOut *tensors;
    int n;
    Arena *arena;
} TensorList;

static void add_transposed(TensorList *list, const Parameter *parameter, const char *name) {
    const size_t rows = (size_t)parameter->shape[0], columns = (size_t)parameter->shape[1];
    float *turned = arena_floats(list->arena, columns, rows);
    for (size_t i = 0; turned && i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            turned[j * rows + i] = parameter->value[i * columns + j];
    list->tensors[list->n++] = (TensorOut){.name = name,
                                           .dtype = DTYPE_F32,
                                           .n_dims = 2,
                                           .shape = {(int64_t)columns, (int64_t)rows},
                                           .data = turned};
}

static void add_renamed(TensorList *list, const Parameter *parameter) {
    const NameScheme scheme = {NAMES_HUGGING_FACE, ""};
    const Place place = names_place(&scheme, parameter->name);
    const int n_parts = place.form == PLACE_THREE ? 3 : 1;
    for (int i = 0; i < n_parts; i++) {
        const char *name = arena_strdup(list->arena, place.names[i]);
        if (place.form == PLACE_TRANSPOSED) {
            add_transposed(list, parameter, name);
            continue;
        }
        TensorOut *out = &list->tensors[list->n++];
        *out = tensor_of(parameter);
        out->name = name;
        out->shape[0] /= n_parts;
        out->data = parameter->value + (size_t)i * parameter->count / (size_t)n_parts;
    }
}

static int save_renamed(const TrainableClip *clip, const char *folder, Arena *arena, Error *err) {
    const MetadataOut metadata[] = {{"format", "pt"}, SAFETENSORS_CHECKED};
    TensorList list = {ARENA_NEW(arena, TensorOut, 3 * (size_t)clip->parameters.n), 0, arena};
    for (int i = 0; list.tensors && i < clip->parameters.n; i++)
        add_renamed(&list, &clip->parameters.items[i]);
    const char *path = path_join(arena, folder, "model.safetensors");
    return arena_failed(arena) ? error_memory(err)
                               : safetensors_write(path, list.tensors, list.n, metadata, 2, err);
}

static const char *tower_keys(const TowerConfig *tower, int mlp, int embed_dim, Arena *arena) {
    return arena_printf(arena,
                        "\"hidden_size\": %d, \"intermediate_size\": %d, \"num_hidden_layers\": %d, "
                        "\"num_attention_heads\": %d, \"hidden_act\": \"%s\", \"layer_norm_eps\": %.9g, "
                        "\"projection_dim\": %d",
                        tower->width, mlp, tower->n_layers, tower->n_heads,
                        tower->activation == ACTIVATION_QUICK_GELU ? "quick_gelu" : "gelu",
                        (double)tower->norm_eps, embed_dim);
}

static int save_config(const TrainableClip *clip, const char *folder, Arena *arena, Error *err) {
    const char *text = tower_keys(&clip->text, mlp_width(clip, ""), clip->embed_dim, arena);
    const char *image = tower_keys(&clip->image, mlp_width(clip, "visual."), clip->embed_dim, arena);
    const int n_vocab = clip->text.n_vocab;
    const char *path = path_join(arena, folder, "config.json");
    const char *json = arena_printf(
        arena,
        "{\n  \"architectures\": [\"CLIPModel\"],\n  \"model_type\": \"clip\",\n  \"projection_dim\": %d,\n"
        "  \"logit_scale_init_value\": 2.6592,\n"
        "  \"text_config\": {\"model_type\": \"clip_text_model\", %s, \"vocab_size\": %d, "
        "\"max_position_embeddings\": %d, \"bos_token_id\": %d, \"eos_token_id\": %d, \"pad_token_id\": "
        "%d},\n"
        "  \"vision_config\": {\"model_type\": \"clip_vision_model\", %s, \"image_size\": %d, "
        "\"patch_size\": %d, \"num_channels\": 3}\n}\n",
        clip->embed_dim, text ? text : "", n_vocab, clip->text.n_positions, n_vocab - 2, n_vocab - 1,
        n_vocab - 1, image ? image : "", clip->image.image_size, clip->image.patch_size);
    return arena_failed(arena) ? error_memory(err) : file_write(path, json, strlen(json), err);
}

static int save_preprocessor(const TrainableClip *clip, const char *folder, Arena *arena, Error *err) {
    const ImagePreparation *images = &clip->images;
    const int size = clip->image.image_size, resize = images->resize ? images->resize : size;
    const char *path = path_join(arena, folder, "preprocessor_config.json");
    const char *side = images->squash ? arena_printf(arena, "{\"height\": %d, \"width\": %d}", resize, resize)
                                      : arena_printf(arena, "{\"shortest_edge\": %d}", resize);
    const char *json = arena_printf(
        arena,
        "{\n  \"image_processor_type\": \"CLIPImageProcessor\",\n  \"do_resize\": true, \"size\": %s, "
        "\"resample\": %d,\n  \"do_center_crop\": true, \"crop_size\": {\"height\": %d, \"width\": %d},\n"
        "  \"do_rescale\": true, \"do_normalize\": true, \"do_convert_rgb\": true,\n"
        "  \"image_mean\": [%.9g, %.9g, %.9g],\n  \"image_std\": [%.9g, %.9g, %.9g]\n}\n",
        side ? side : "", images->bilinear ? 2 : 3, size, size, (double)clip->mean[0], (double)clip->mean[1],
        (double)clip->mean[2], (double)clip->std[0], (double)clip->std[1], (double)clip->std[2]);
    return arena_failed(arena) ? error_memory(err) : file_write(path, json, strlen(json), err);
}

int trainable_export_hugging_face(const TrainableClip *clip, const char *folder, Error *err) {
    if (clip->is_resnet)
        return error_set(err, "a ResNet, which Hugging Face's CLIP has not");
    if (clip->images.pad)
        return error_set(err, "images that are padded, which Hugging Face's CLIP cannot do");
    if (check_scales(clip, "Hugging Face's CLIP", err) < 0)
        return -1;
    Arena *arena = arena_create();
    int status = arena ? 0 : error_memory(err);
    if (status == 0)
        status = save_config(clip, folder, arena, err);
    if (status == 0)
        status = save_preprocessor(clip, folder, arena, err);
    if (status == 0)
        status = save_renamed(clip, folder, arena, err);
    arena_free(arena);
    return status;
}

/* --- OpenAI --- */

static int check_tower(const TrainableClip *clip, const TowerConfig *tower, const char *name, int heads,
                       const char *prefix, bool is_transformer, Error *err) {
    if (tower->n_heads != heads)
        return error_set(err,
                         "the %s tower has %d heads, where OpenAI's code takes one for each 64 of its "
                         "width: %d",
                         name, tower->n_heads, heads);
    if (!is_transformer)
        return 0;
    if (tower->activation != ACTIVATION_QUICK_GELU)
        return error_set(err, "the %s tower has the exact GELU, OpenAI's code the quick one", name);
    if (mlp_width(clip, prefix) != 4 * tower->width)
        return error_set(err, "the %s tower has MLPs of %d, OpenAI's code of four times %d", name,
                         mlp_width(clip, prefix), tower->width);
    if (tower->norm_eps != 1e-5F)
        return error_set(err, "the %s tower has layer norms with epsilon %g, OpenAI's code with 1e-5", name,
                         (double)tower->norm_eps);
    return 0;
}

/* A state_dict has no place for these. */
static int check_pixels(const TrainableClip *clip, Error *err) {
    const float mean[] = CLIP_MEAN, std[] = CLIP_STD;
    const ImagePreparation *images = &clip->images;
    if (memcmp(clip->mean, mean, sizeof mean) != 0 || memcmp(clip->std, std, sizeof std) != 0)
        return error_set(err, "pixels of another mean and deviation (the first %g, %g) than in OpenAI's code",
                         (double)clip->mean[0], (double)clip->std[0]);
    if (images->squash || images->pad || images->bilinear ||
        (images->resize && images->resize != clip->image.image_size))
        return error_set(err, "images that are %s, where OpenAI's code resizes the short side to %d, bicubic",
                         images->squash     ? "squashed"
                         : images->pad      ? "padded"
                         : images->bilinear ? "resized bilinearly"
                                            : "resized to more than is cut out",
                         clip->image.image_size);
    return 0;
}

int trainable_export_openai(const TrainableClip *clip, const char *path, Error *err) {
    const int image_heads = clip->image.width * (clip->is_resnet ? 32 : 1) / 64;
    if (check_tower(clip, &clip->text, "text", clip->text.width / 64, "", true, err) < 0 ||
        check_tower(clip, &clip->image, "image", image_heads, "visual.", !clip->is_resnet, err) < 0 ||
        check_scales(clip, "OpenAI's CLIP", err) < 0 || check_pixels(clip, err) < 0)
        return -1;
    Arena *arena = arena_create();
    int n = clip->parameters.n;
    const int64_t n_positions = clip->text.n_positions;
    TensorOut *tensors = ARENA_NEW(arena, TensorOut, (size_t)n + 1);
    int64_t *counters = ARENA_NEW(arena, int64_t, n);
    for (int i = 0; !arena_failed(arena) && i < n; i++) {
        const Parameter *parameter = &clip->parameters.items[i];
        tensors[i] = tensor_of(parameter);
        if (!parameter->is_buffer || parameter->n_dims > 0)
            continue;
        counters[i] = (int64_t)*parameter->value; /* batches that a norm has seen */
        tensors[i].dtype = DTYPE_I64;
        tensors[i].data = &counters[i];
    }
    if (!arena_failed(arena) && n_positions != ARCHITECTURE_POSITIONS)
        tensors[n++] = (TensorOut){.name = "context_length", .dtype = DTYPE_I64, .data = &n_positions};
    int status = arena_failed(arena) ? error_memory(err) : torch_state_dict_write(path, tensors, n, err);
    arena_free(arena);
    return status;
}
