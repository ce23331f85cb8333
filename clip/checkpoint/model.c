/* model.c: opens a checkpoint (model.h).
 *
 * Steps: the names tell the flavour, and the config beside the file tells what no tensor shows; the shapes of
 * a few tensors give the sizes (shapes.h); then each tower that was asked for reads its weights
 * (weights.h).
 * Layout: the Clip is in its own arena, with the converted weights; weights that are F32 stay in the mapped
 * file.
 */
#include "clip/checkpoint/model.h"

#include "clip/base/files.h"
#include "clip/checkpoint/architectures.h"
#include "clip/checkpoint/checkpoint.h"
#include "clip/checkpoint/config_named.h"
#include "clip/checkpoint/fetch.h"
#include "clip/checkpoint/locate.h"
#include "clip/checkpoint/model_config.h"
#include "clip/checkpoint/shapes.h"
#include "clip/checkpoint/weights.h"
#include "clip/math/blas.h"
#include "clip/tensors/tensors_open.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- names --- */

static void set_name(Clip *clip) {
    const VitWeights *vit = &clip->vit;
    const ResnetWeights *rn = &clip->resnet;
    const bool is_vit = clip->image == IMAGE_TOWER_VIT;
    int vision[4] = {vit->width, vit->n_layers, vit->patch_size, 0};
    if (!is_vit)
        memcpy(vision, rn->n_blocks, sizeof vision);
    for (int i = 0; architecture_at(i); i++) {
        const Architecture *known = architecture_at(i);
        if (memcmp(vision, known->vision, sizeof vision) == 0 &&
            known->resnet_width == (is_vit ? 0 : rn->width) && known->image_size == clip->image_size &&
            known->embed_dim == clip->embed_dim && known->text_width == clip->text.width &&
            clip->text.n_layers == ARCHITECTURE_TEXT_LAYERS &&
            clip->text.n_positions == ARCHITECTURE_POSITIONS) {
            snprintf(clip->name, sizeof clip->name, "%s", known->name);
            return;
        }
    }
    if (!clip->has_image)
        snprintf(clip->name, sizeof clip->name, "text w%d l%d", clip->text.width, clip->text.n_layers);
    else if (is_vit)
        snprintf(clip->name, sizeof clip->name, "ViT w%d l%d p%d", vision[0], vision[1], vision[2]);
    else
        snprintf(clip->name, sizeof clip->name, "RN w%d (%d,%d,%d,%d)", rn->width, vision[0], vision[1],
                 vision[2], vision[3]);
}

/* --- opening --- */

/* Finds the flavour, and refuses what is not a CLIP. */
static int read_flavour(Checkpoint *cp, Clip *clip) {
    const char *path = tensors_path(cp->file);
    const bool known = names_detect(&cp->names, cp->file);
    clip->flavour = names_title(cp->names.flavour);
    if (tensors_count(cp->file) == 0)
        return error_set(cp->err, "%s: not a CLIP checkpoint: no tensors", path);
    if (names_refuse(cp->file, cp->err) < 0)
        return -1;
    if (!known)
        return error_set(
            cp->err,
            "%s: not a CLIP checkpoint: no token embedding, text projection or patch convolution by the "
            "names of OpenAI, OpenCLIP or Hugging Face among its tensors (one is %s)",
            path, tensors_at(cp->file, 0)->name);
    return 0;
}

/* What the config says overrides what OpenAI's models have in common. */
static int read_config(Checkpoint *cp, Clip *clip, ModelConfig *config, int heads, const Named *named) {
    const char *path = tensors_path(cp->file);
    if (model_config_read(config, path, cp->names.flavour, cp->arena, cp->err) < 0)
        return -1;
    if (named)
        config_add_named(config, named, path, cp->arena);
    clip->config = config->path;
    if (config->path && cp->names.flavour == NAMES_OPENAI)
        clip->flavour = names_title(NAMES_OPENCLIP);
    if (heads && config->image.n_heads && config->image.n_heads != heads)
        return error_set(cp->err, "%s: %d heads of the image tower, where --heads or model.heads is %d",
                         config->path, config->image.n_heads, heads);
    if (heads)
        config->image.n_heads = heads;
    if (config->has_pixels) {
        memcpy(clip->mean, config->mean, sizeof clip->mean);
        memcpy(clip->std, config->std, sizeof clip->std);
    }
    clip->images = config->images;
    return 0;
}

/* What the tensors say, as a config would. */
static ModelConfig found_sizes(const Clip *clip) {
    const TextWeights *text = &clip->text;
    const VitWeights *vit = &clip->vit;
    const ResnetWeights *resnet = &clip->resnet;
    ModelConfig found = {.embed_dim = clip->embed_dim,
                         .text = {.width = text->width,
                                  .n_layers = text->n_layers,
                                  .n_positions = text->n_positions,
                                  .n_vocab = text->n_vocab}};
    if (clip->image == IMAGE_TOWER_VIT) {
        found.image =
            (TowerConfig){.width = vit->width, .n_layers = vit->n_layers, .patch_size = vit->patch_size};
    } else {
        found.image.width = resnet->width;
        memcpy(found.image.n_blocks, resnet->n_blocks, sizeof resnet->n_blocks);
    }
    found.image.image_size = clip->image_size;
    return found;
}

/* What is asked of a file with one tower. */
static int check_towers(Checkpoint *cp, const Clip *clip, ClipTowers towers) {
    const char *path = tensors_path(cp->file);
    if (names_check_projections(&cp->names, cp->file, cp->err) < 0)
        return -1;
    if ((towers & CLIP_TEXT) && !(towers & CLIP_PRESENT) && !clip->has_text)
        return error_set(cp->err, "%s: only an image tower, and the text tower is needed", path);
    if ((towers & CLIP_IMAGE) && !(towers & CLIP_PRESENT) && !clip->has_image)
        return error_set(cp->err, "%s: only a text tower, and the image tower is needed", path);
    return 0;
}

/* The config against the tensors, as far as these go. */
static int check_config(Checkpoint *cp, const Clip *clip, const ModelConfig *config, ClipTowers towers) {
    const char *path = tensors_path(cp->file);
    const ModelConfig found = found_sizes(clip);
    ModelConfig says = *config;
    if (!clip->has_text)
        says.text = (TowerConfig){0};
    if (!clip->has_image) {
        says.image = (TowerConfig){0};
        says.input_size = 0;
    }
    if (model_config_check(&says, &found, path, cp->err) < 0)
        return -1;
    return towers & CLIP_IMAGE ? model_config_check_images(config, clip->image_size, path, cp->err) : 0;
}

static void read_shapes(Checkpoint *cp, Clip *clip, const ModelConfig *config, ClipTowers towers) {
    clip->embed_dim = -1; /* any */
    if (clip->has_text) {
        text_shapes(cp, &clip->text, &config->text);
        clip->n_vocab = clip->text.n_vocab;
        clip->embed_dim = clip->text.embed_dim;
    }
    const bool is_resnet = names_is_resnet(&cp->names, cp->file);
    clip->image = is_resnet ? IMAGE_TOWER_RESNET : IMAGE_TOWER_VIT;
    if (is_resnet)
        resnet_shapes(cp, &clip->resnet, clip->embed_dim, &config->image);
    else if (clip->has_image)
        vit_shapes(cp, &clip->vit, clip->embed_dim, &config->image);
    clip->image_size = is_resnet ? clip->resnet.image_size : clip->vit.image_size;
    if (!clip->has_text)
        clip->embed_dim = clip->vit.embed_dim;
    set_name(clip);
    if (!cp->failed && check_config(cp, clip, config, towers) < 0)
        cp->failed = true;
}

static void set_activations(Checkpoint *cp, Clip *clip, const ModelConfig *config,
                            const ClipOptions *options) {
    const bool is_vit = clip->has_image && clip->image == IMAGE_TOWER_VIT;
    Activations found = {0};
    if (!cp->failed)
        cp->failed =
            activations_find(&found, cp->file, config, is_vit, is_vit || (options->towers & CLIP_TEXT),
                             options->activation, cp->arena, cp->err) < 0;
    clip->text.activation = found.text;
    clip->vit.activation = found.image;
    clip->activation_source = found.source;
    if (is_vit && clip->has_text && found.text != found.image)
        snprintf(clip->activation, sizeof clip->activation, "text %s, image %s", activation_name(found.text),
                 activation_name(found.image));
    else
        snprintf(clip->activation, sizeof clip->activation, "%s%s",
                 activation_name(clip->has_text ? found.text : found.image), found.assumed ? ASSUMED : "");
    clip->note = found.note && config->note ? arena_printf(cp->arena, "%s; %s", config->note, found.note)
                 : found.note               ? found.note
                                            : config->note;
    clip->assumed = found.assumed || config->note;
}

/* Another normalisation of the pixels than CLIP's. */
static void add_pixels(Clip *clip, int used) {
    const float mean[] = CLIP_MEAN, std[] = CLIP_STD, *m = clip->mean, *s = clip->std;
    if (memcmp(m, mean, sizeof mean) != 0 || memcmp(s, std, sizeof std) != 0)
        snprintf(clip->variant + used, sizeof clip->variant - (size_t)used,
                 "%spixels (x - (%.9g, %.9g, %.9g)) / (%.9g, %.9g, %.9g)", used > 0 ? ", " : "", (double)m[0],
                 (double)m[1], (double)m[2], (double)s[0], (double)s[1], (double)s[2]);
}

/* Two models with the same weights are different models if these differ. */
static void set_variant(const Checkpoint *cp, Clip *clip) {
    const TextWeights *text = &clip->text;
    const bool is_vit = clip->image == IMAGE_TOWER_VIT;
    const int heads = is_vit ? clip->vit.n_heads : clip->resnet.n_heads;
    const int plain = (is_vit ? clip->vit.width : clip->resnet.attn_width) / HEAD_SIZE;
    const char *activation = is_vit ? activation_name(clip->vit.activation) : "relu";
    char towers[128] = "", images[80];
    const float text_eps = clip->has_text ? text->norm_eps : LAYER_NORM_EPS;
    const float image_eps = is_vit && clip->has_image ? clip->vit.norm_eps : LAYER_NORM_EPS;
    const bool other_eps = text_eps != LAYER_NORM_EPS || image_eps != LAYER_NORM_EPS;
    const bool other_text =
        text->activation != ACTIVATION_QUICK_GELU || text->n_heads != text->width / HEAD_SIZE;
    const bool other_image = (is_vit && clip->vit.activation != ACTIVATION_QUICK_GELU) || heads != plain;
    int n = 0;
    if (cp->failed)
        return;
    if (other_text || other_image || other_eps)
        n = snprintf(towers, sizeof towers, "text %s %d heads, image %s %d heads",
                     activation_name(text->activation), text->n_heads, activation, heads);
    if (other_eps)
        snprintf(towers + n, sizeof towers - (size_t)n, ", eps %.9g and %.9g", (double)text_eps,
                 (double)image_eps);
    model_config_images_text(images, &clip->images, clip->image_size);
    n = snprintf(clip->variant, sizeof clip->variant, "%s%s%s%s", towers, *towers && *images ? ", " : "",
                 *images ? "images " : "", images);
    add_pixels(clip, n);
}

/* A scalar, or a vector of one; one tower alone may have none, and needs none. */
static void read_logit_scale(Checkpoint *cp, Clip *clip) {
    const Tensor *tensor = tensors_find(cp->file, names_place(&cp->names, "logit_scale").names[0]);
    if (!tensor && !(clip->has_text && clip->has_image))
        return;
    const float *value = checkpoint_tensor(cp, "logit_scale", tensor && tensor->n_dims == 1, (int64_t[]){1});
    if (value && *value > MAX_LOGIT_SCALE)
        checkpoint_fail(cp, "logit_scale", "%g: a logarithm of at most %d is needed", (double)*value,
                        MAX_LOGIT_SCALE);
    clip->logit_scale = value ? *value : 0;
}

static void read_weights(Checkpoint *cp, Clip *clip, ClipTowers towers) {
    if ((towers & CLIP_TEXT) && clip->has_text)
        text_read(cp, &clip->text);
    else
        clip->text = (TextWeights){0};
    if ((towers & CLIP_IMAGE) && clip->has_image && clip->image == IMAGE_TOWER_VIT)
        vit_read(cp, &clip->vit);
    if ((towers & CLIP_IMAGE) && clip->image == IMAGE_TOWER_RESNET)
        resnet_read(cp, &clip->resnet);
    if (!cp->failed) /* last: what is missing says more than what is there instead */
        cp->failed = names_check(&cp->names, cp->file, cp->err) < 0;
}

/* Reads everything from the open file; *clip has its arena already. */
static void read_clip(Checkpoint *cp, Clip *clip, const ClipOptions *options, const Named *named) {
    const ClipTowers towers = options->towers;
    ModelConfig config = {0};
    memcpy(clip->mean, (float[])CLIP_MEAN, sizeof clip->mean);
    memcpy(clip->std, (float[])CLIP_STD, sizeof clip->std);
    cp->failed = read_flavour(cp, clip) < 0 || read_config(cp, clip, &config, options->heads, named) < 0;
    clip->has_text = names_has_tower(&cp->names, cp->file, false);
    clip->has_image = names_has_tower(&cp->names, cp->file, true);
    if (!cp->failed)
        cp->failed = check_towers(cp, clip, towers) < 0;
    read_shapes(cp, clip, &config, towers);
    read_logit_scale(cp, clip);
    set_activations(cp, clip, &config, options);
    set_variant(cp, clip);
    if (!(towers & CLIP_UNREAD)) {
        if (!cp->failed && !tensors_checked(cp->file)) /* else all of it has just been read */
            fetch_tensors(cp->file, towers & CLIP_IMAGE, towers & CLIP_TEXT, options->pool);
        read_weights(cp, clip, towers);
    }
    if ((towers & CLIP_BOTH) && !cp->failed) /* where no number is computed yet, it can still be said */
        cp->failed = blas_room_prepare(cp->err) < 0;
    checkpoint_read(cp, options->pool);
}

Clip *clip_open(const char *path, ClipTowers towers, Error *err) {
    return clip_open_with(path, &(ClipOptions){.towers = towers}, err);
}

Clip *clip_open_with(const char *path, const ClipOptions *options, Error *err) {
    Arena *arena = arena_create(), *scratch = arena_create();
    Clip *clip = arena ? ARENA_NEW(arena, Clip, 1) : NULL;
    bool failed = true;
    if (!clip) {
        error_memory(err);
        arena_free(arena);
        goto out;
    }
    clip->arena = arena;
    if (options->towers & CLIP_FEW_IMAGES && (clip->late = ARENA_NEW(arena, LateCheck, 1)))
        clip->late->queue.arena = arena;
    clip->precision = precision_here(options->precision);
    const Named *named;
    const char *weights = locate_named(path, &named, arena, err);
    const bool digest = (options->towers & CLIP_DIGEST) && pool_threads(options->pool) > 1;
    if (weights)
        clip->file = tensors_open_large(weights, digest, options->pool, err);
    if (clip->file) {
        Checkpoint cp = {.file = clip->file,
                         .arena = arena,
                         .queue.arena = scratch,
                         .late = clip->late,
                         .precision = clip->precision,
                         .err = err};
        read_clip(&cp, clip, options, named);
        failed = cp.failed;
    }
    if (failed) {
        clip_free(clip);
        clip = NULL;
    }
out:
    arena_free(scratch);
    return clip;
}

int clip_check_used(const Clip *clip, Error *err) {
    return clip->late && atomic_load(&clip->late->bad)
               ? matrices_read(&clip->late->queue, clip->file, NULL, err)
               : 0;
}

int clip_prepare_training(Clip *clip, Error *err) {
    text_prepare_training(&clip->text, clip->arena);
    if (clip->file) /* from now on memory is wanted for activations */
        tensors_rest(clip->file);
    return clip->text.backward ? 0 : error_memory(err);
}

void clip_free(Clip *clip) {
    if (!clip)
        return;
    tensors_close(clip->file);
    arena_free(clip->arena); /* and the Clip itself with it */
}

const char *clip_digest(Clip *clip) {
    const char *file = tensors_digest(clip->file);
    char text[sizeof clip->variant + 80];
    if (*clip->variant == '\0')
        return file;
    if (*clip->digest == '\0') {
        int n = snprintf(text, sizeof text, "%s %s", file, clip->variant);
        digest_bytes(clip->digest, text, (size_t)n);
    }
    return clip->digest;
}

const char *clip_stamp(const Clip *clip) {
    return *clip->variant == '\0' ? tensors_stamp(clip->file) : NULL;
}

bool clip_is_checkpoint(const TensorFile *file) {
    NameScheme scheme;
    return names_detect(&scheme, file);
}
