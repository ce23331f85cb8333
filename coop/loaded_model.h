/* loaded_model.h: a checkpoint with its vocabulary and threads: what a learned classifier needs to run. */
#ifndef COOP_LOADED_MODEL_H
#define COOP_LOADED_MODEL_H

#include "clip/base/parallel.h"
#include "clip/checkpoint/model.h"
#include "clip/text/tokenizer.h"
#include "coop/prompt_file.h"
#include "datasets/features/features.h"

typedef struct {
    Clip *clip;
    Tokenizer *tokenizer; /* NULL without the text tower */
    Pool *pool;
    char name[48];               /* for tables: "RN50", "RN50 bfloat16" */
    Precision asked;             /* clip->precision is what came of it */
    char tower_digest[65];       /* loaded_model_tower_digest's */
    bool upright;                /* images are turned first as their EXIF orientation says */
    char unprojected_digest[65]; /* of loaded_model_unprojected_source */
    EncodeFn encode;             /* in place of the image tower: tuned_clip_lend. NULL: the tower itself */
    void *encode_context;
} LoadedModel;

/* Zeroed: the vocabulary beside the weights, the checkpoint's own activation, float32, a thread per core. */
typedef struct {
    ClipTowers towers;
    const char *vocab; /* of the text tower: a file or its folder; NULL: looked for beside the weights */
    ClipActivation activation;
    int heads; /* of the image tower; 0: as the checkpoint says */
    Precision precision;
    int n_threads;
    StopFn stop; /* asked during long work whether to go on (clip/base/parallel.h); may be NULL */
    void *stop_context;
} LoadedModelOptions;

/* Opens the checkpoint (a file or its folder, clip/checkpoint/locate.h) and, with the text tower, its
 * vocabulary. Caller closes, also after a failure. */
int loaded_model_open(LoadedModel *model, const char *weights, const LoadedModelOptions *options, Error *err);
void loaded_model_close(LoadedModel *model);

/* CLIP_FEW_IMAGES if n images are too few to pay for packing the tower's weights; else 0. */
ClipTowers loaded_model_few(int n_images);

/* Which checkpoint to use with a prompt: `given`, or, when that is NULL, the one it was learned with. NULL,
 * with an error that names --model, when that file is gone. path is the prompt's. */
const char *loaded_model_prompt_weights(const Prompt *prompt, const char *path, const char *given,
                                        Error *err);

/* A prompt's words mean something else under another vocabulary: fails unless the model's has this digest.
 * path is the prompt's, with which the error begins. */
int loaded_model_check_vocab(const LoadedModel *model, const char *path, const char *vocab_digest,
                             Error *err);

/* features (n, E) of image files under the test transform, kept nowhere: of unit length, or as the tower
 * gives them. bad (n), zeroed, gets what is wrong with an image whose row is left out; with NULL such images
 * are the error, and go to *faults (which may be NULL). progress (may be NULL) is called between batches and
 * can stop the work, as in features_get. */
int loaded_model_encode(LoadedModel *model, float *features, Error *bad, const char *const *paths, int n,
                        bool unit, ProgressFn progress, void *progress_context, ImageFaults *faults,
                        Error *err);

/* How test images of this size are made, as a checkpoint wants them prepared. */
Transform image_transform(const ImagePreparation *images, int image_size);

/* The image tower as the feature cache sees it. Borrows the model. A cache on disk needs model_digest too:
 * loaded_model_tower_digest. */
FeatureSource loaded_model_source(LoadedModel *model);

/* The same tower before its last layer (image_tower_width numbers an image), whatever stands in its place;
 * with its model_digest. */
FeatureSource loaded_model_unprojected_source(LoadedModel *model);

/* Names what the image tower computes: clip_digest, and the precision. Borrowed from the model. */
const char *loaded_model_tower_digest(LoadedModel *model);

#endif
