/* trainable_clip.c: see trainable_clip.h; making a new one is in trainable_new.c, saving in trainable_save.c
 */
#include "clip/train/trainable_clip.h"

#include "clip/base/text_ends.h"
#include "clip/checkpoint/checkpoint.h"
#include "clip/checkpoint/config_training.h"
#include "clip/checkpoint/model.h"
#include "clip/checkpoint/shapes.h"
#include "clip/checkpoint/weights.h"
#include "clip/train/clip_parameters.h"

#include <stdio.h>
#include <string.h>

TrainableClip *trainable_clip_empty(Precision precision) {
    Arena *arena = arena_create();
    TrainableClip *clip = arena ? ARENA_NEW(arena, TrainableClip, 1) : NULL;
    if (!clip) {
        arena_free(arena);
        return NULL;
    }
    clip->arena = clip->parameters.arena = arena;
    clip->precision = precision_here(precision);
    return clip;
}

void trainable_clip_free(TrainableClip *clip) {
    if (clip)
        arena_free(clip->arena); /* and the TrainableClip itself with it */
}

/* --- sizes --- */

static void take_sizes(TrainableClip *clip, const Clip *from) {
    const TextWeights *text = &from->text;
    const VitWeights *vit = &from->vit;
    const ResnetWeights *resnet = &from->resnet;
    clip->text = (TowerConfig){.width = text->width,
                               .n_layers = text->n_layers,
                               .n_heads = text->n_heads,
                               .n_positions = text->n_positions,
                               .n_vocab = text->n_vocab,
                               .activation = text->activation,
                               .norm_eps = text->norm_eps};
    clip->is_resnet = from->image == IMAGE_TOWER_RESNET;
    if (clip->is_resnet) {
        clip->image = (TowerConfig){.width = resnet->width,
                                    .n_heads = resnet->n_heads,
                                    .activation = text->activation,
                                    .norm_eps = LAYER_NORM_EPS};
        memcpy(clip->image.n_blocks, resnet->n_blocks, sizeof resnet->n_blocks);
    } else {
        clip->image = (TowerConfig){.width = vit->width,
                                    .n_layers = vit->n_layers,
                                    .n_heads = vit->n_heads,
                                    .patch_size = vit->patch_size,
                                    .activation = vit->activation,
                                    .norm_eps = vit->norm_eps};
    }
    clip->image.image_size = from->image_size;
    clip->embed_dim = from->embed_dim;
    memcpy(clip->mean, from->mean, sizeof clip->mean);
    memcpy(clip->std, from->std, sizeof clip->std);
    clip->images = from->images;
}

/* What is said when it was opened, and what the saved config will not say. */
static void take_note(TrainableClip *clip, const Clip *from) {
    const char *said = from->note;
    clip->assumed = from->assumed;
    clip->note = said ? arena_strdup(clip->arena, said) : NULL;
    if (clip->images.resize && clip->images.resize != clip->image.image_size)
        clip->note =
            arena_printf(clip->arena,
                         "%s%simages are resized to %d and cut to %d, which a saved config cannot say: "
                         "programs that read it resize to %d",
                         said ? said : "", said ? "; " : "", clip->images.resize, clip->image.image_size,
                         clip->image.image_size);
}

/* What can be read, but not trained and saved. */
static int refuse(const Clip *from, const Checkpoint *cp, Arena *scratch, Error *err) {
    const char *path = tensors_path(from->file), *positions = "positional_embedding_res";
    if (checkpoint_has(cp, positions))
        return error_set(
            err,
            "%s: tensor %s: not supported in training: Long-CLIP's second table of positions, of "
            "which only a part is learned",
            path, names_place(&cp->names, positions).names[0]);
    if (from->image == IMAGE_TOWER_VIT && from->text.activation != from->vit.activation)
        return error_set(
            err,
            "%s: not supported in training: %s in the text tower and %s in the image tower, which "
            "no config of OpenCLIP can say",
            from->config ? from->config : path, activation_name(from->text.activation),
            activation_name(from->vit.activation));
    return from->config && cp->names.flavour != NAMES_HUGGING_FACE
               ? config_check_training(from->config, scratch, err)
               : 0;
}

/* --- numbers --- */

/* A counter, which may be missing. */
static float read_counter(const Checkpoint *cp, const char *name) {
    const Tensor *tensor = tensors_find(cp->file, names_place(&cp->names, name).names[0]);
    int64_t count = 0;
    if (tensor && tensor->dtype == DTYPE_I64 && tensor->count == 1)
        memcpy(&count, tensor->data, sizeof count);
    return count > 0 ? (float)count : 0;
}

static void check_variance(Checkpoint *cp, const Parameter *p) {
    for (size_t i = 0; i < p->count && !cp->failed; i++)
        if (p->value[i] < 0)
            checkpoint_fail(cp, p->name, "%g at index %zu: a variance is not negative", (double)p->value[i],
                            i);
}

/* A convolution beside a block that has none is in no table of the checkpoint's names. */
static void check_downsample(Checkpoint *cp, const TrainableClip *clip) {
    for (int layer = 0; layer < 4 && clip->is_resnet; layer++)
        for (int block = 1; block < clip->image.n_blocks[layer]; block++) {
            char name[NAME_SIZE];
            snprintf(name, sizeof name, "visual.layer%d.%d.downsample.0.weight", layer + 1, block);
            if (checkpoint_has(cp, name))
                checkpoint_fail(cp, name, "CLIP has no such weight in this block");
        }
}

static void read_numbers(Checkpoint *cp, TrainableClip *clip, float logit_scale, Pool *pool) {
    Parameters *parameters = &clip->parameters;
    for (int i = 0; i < parameters->n; i++) {
        Parameter *p = &parameters->items[i];
        if (strcmp(p->name, "logit_scale") == 0)
            *p->value = logit_scale;
        else if (p->n_dims == 0)
            *p->value = read_counter(cp, p->name);
        else
            checkpoint_fill(cp, p->value, p->name, p->n_dims, p->shape);
    }
    check_downsample(cp, clip);
    if (!cp->failed) /* last: what is missing says more than what is there instead */
        cp->failed = names_check(&cp->names, cp->file, cp->err) < 0;
    checkpoint_read(cp, pool);
    for (int i = 0; i < parameters->n && !cp->failed; i++)
        if (ends_with(parameters->items[i].name, ".running_var"))
            check_variance(cp, &parameters->items[i]);
}

/* --- opening --- */

static BlockShape block_shape(const Checkpoint *cp, const char *prefix, int n_layers, int mlp_width) {
    return (BlockShape){mlp_width, weights_have_layer_scale(cp, prefix, n_layers)};
}

static int read_all(TrainableClip *clip, const Clip *from, Arena *scratch, Pool *pool, Error *err) {
    Checkpoint cp = {.file = from->file, .arena = scratch, .queue.arena = scratch, .err = err};
    names_detect(&cp.names, from->file);
    if (refuse(from, &cp, scratch, err) < 0)
        return -1;
    take_sizes(clip, from);
    take_note(clip, from);
    clip_parameters_add(
        &clip->parameters, &clip->text, &clip->image, clip->embed_dim,
        block_shape(&cp, "transformer.resblocks.", clip->text.n_layers, from->text.mlp_width),
        block_shape(&cp, "visual.transformer.resblocks.", clip->image.n_layers, from->vit.mlp_width));
    if (arena_failed(clip->arena))
        return error_memory(err);
    read_numbers(&cp, clip, from->logit_scale, pool);
    return cp.failed ? -1 : 0;
}

TrainableClip *trainable_clip_open(const char *path, ClipActivation activation, int heads,
                                   Precision precision, Pool *pool, Error *err) {
    const ClipOptions options = {.towers = CLIP_BOTH | CLIP_UNREAD,
                                 .activation = activation,
                                 .heads = heads,
                                 .precision = precision,
                                 .pool = pool};
    Clip *from = clip_open_with(path, &options, err);
    if (!from)
        return NULL;
    Arena *scratch = arena_create();
    TrainableClip *clip = trainable_clip_empty(precision);
    const int result = clip ? read_all(clip, from, scratch, pool, err) : error_memory(err);
    arena_free(scratch);
    clip_free(from);
    if (result == 0)
        return clip;
    trainable_clip_free(clip);
    return NULL;
}
