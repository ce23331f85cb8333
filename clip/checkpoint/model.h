/* model.h: a frozen CLIP as tables of weights, opened from a checkpoint.
 */
#ifndef CLIP_CHECKPOINT_MODEL_H
#define CLIP_CHECKPOINT_MODEL_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/checkpoint/activations.h"
#include "clip/checkpoint/config_types.h"
#include "clip/checkpoint/matrices.h"
#include "clip/checkpoint/tower_weights.h"
#include "clip/math/precision.h"
#include "clip/tensors/tensors.h"

#include <stdbool.h>

typedef enum { IMAGE_TOWER_VIT, IMAGE_TOWER_RESNET } ImageTowerKind;

typedef struct {
    bool has_text, has_image; /* false: the file holds only the other tower (Hugging Face's) */
    TextWeights text;         /* zero when the text tower was not asked for */
    ImageTowerKind image;     /* which of the two is filled */
    VitWeights vit;
    ResnetWeights resnet;
    int image_size, embed_dim;
    int n_vocab;           /* rows of token_embedding; known even without the text tower */
    Precision precision;   /* of the blocks' matrices and of convolutions: FLOAT32 or BFLOAT16 */
    float logit_scale;     /* as stored: a logarithm; 0 if a single tower has none */
    float mean[3], std[3]; /* pixel normalisation */
    ImagePreparation images;
    char name[32]; /* "ViT-B/32"; "ViT w128 l4 p8" or "RN w16 (1,2,1,1)" if no known model has its sizes */
    const char *flavour; /* whose names the tensors have: "OpenAI", "OpenCLIP", "Hugging Face" */
    const char *config;  /* path of the config beside the weights; NULL if there is none */
    char activation[48]; /* "gelu", "quick_gelu (assumed)", "text gelu, image quick_gelu"; for people */
    const char *activation_source; /* what tells the activations, for people; NULL: nothing does */
    const char *note;              /* one line that the user should know, or NULL */
    bool assumed;                  /* it says that something is assumed on which all numbers depend */
    char variant[352];             /* how it differs from OpenAI's model with the same weights, or "" */
    char digest[65];               /* of a variant: what clip_digest returns; "" until computed */
    Arena *arena;                  /* converted weights and the texts above; owned */
    TensorFile *file;              /* mapped weights; owned */
    LateCheck *late;               /* of weights that are checked as they are used; NULL: all are checked */
} Clip;

/* Whether the weights that have been used were all finite; else the error that clip_open would have had. */
int clip_check_used(const Clip *clip, Error *err);

/* What a checkpoint is opened for. DIGEST: clip_digest will be asked for, so it is computed on a thread of
 * its own while the towers are read and used. FEW_IMAGES: only a few images will be encoded, so the image
 * tower is not prepared for many: its matrices are read, and a NaN in them refused, as they are used
 * (image_tower.h); the bits are the same. PRESENT: a tower that is not in the file is not needed. UNREAD: all
 * is found and checked but the weights, which whoever asks reads himself; sizes are there, tables of weights
 * are not. */
typedef enum {
    CLIP_TEXT = 1,
    CLIP_IMAGE = 2,
    CLIP_BOTH = 3,
    CLIP_DIGEST = 4,
    CLIP_FEW_IMAGES = 8,
    CLIP_PRESENT = 16,
    CLIP_UNREAD = 32
} ClipTowers;

/* Reads a checkpoint: a file of weights, or a folder that holds one (locate.h), with the names of OpenAI,
 * OpenCLIP or Hugging Face (names.h). Finds the architecture in the shapes and the config, checks every
 * shape, converts F16 / BF16 / F64 to float, maps F32 without a copy where it is aligned and needs no
 * rearranging (Hugging Face's queries, keys, values and projections do), folds batch norms and LayerScale.
 * The text tower is needed to learn or encode prompts, the image tower to encode images; a tower that is not
 * asked for costs nothing. clip_open: activation AUTO, precision FLOAT32. Returns NULL with "FILE: tensor
 * NAME: reason". Caller frees with clip_free. */
Clip *clip_open(const char *path, ClipTowers towers, Error *err);

typedef struct {
    ClipTowers towers;
    ClipActivation activation;
    int heads; /* of the image tower, where neither config nor width tells; 0: one of them does */
    Precision precision;
    Pool *pool; /* reads the weights; NULL: the calling thread alone. The bits are the same. Borrowed */
} ClipOptions;
Clip *clip_open_with(const char *path, const ClipOptions *options, Error *err);

/* Makes the text tower ready for backward passes. A second call costs nothing. */
int clip_prepare_training(Clip *clip, Error *err);
void clip_free(Clip *clip); /* NULL is fine */

/* Identifies what the model computes, in 64 hexadecimal digits: the SHA-256 of the weights' file, computed at
 * the first call (or earlier, see CLIP_DIGEST); for a variant, the SHA-256 of that and of the differences.
 * Once that call has returned, any thread may ask. */
const char *clip_digest(Clip *clip);
/* The stamp of the weights' file (files.h), for callers that remember a digest by it; NULL for sharded
 * weights and for a variant, whose digest depends on more than the file. */
const char *clip_stamp(const Clip *clip);

/* The largest logit_scale: CLIP's are 4.6. Beyond 88 its exponential, the scale, is no float, and every
 * probability is NaN; a scale of e^80 leaves room for sums. */
#define MAX_LOGIT_SCALE 80

/* Whether the file holds tensors with the names of a CLIP, complete or not. */
bool clip_is_checkpoint(const TensorFile *file);

#endif
