/* tuner.h: CLIP's own weights, or low-rank matrices beside them, trained on labelled images.
 *
 *     logits = e^s unit(image tower(crop)) . unit(mean over templates of unit(text tower(prompt)))
 *
 * with cross-entropy; e^s, the checkpoint's scale, is not trained. A tower of which nothing is trained runs
 * as in a test, texts of such a tower once. Batch norms keep the running statistics of pretraining and use
 * them: those of a batch of few-shot crops would be noise, and would make a feature depend on its batch.
 *
 * What the parts are, by the names of openai/CLIP's model.py:
 *
 *     image_encoder     "visual.*"
 *     text_encoder      transformer.*, token_embedding, positional_embedding, ln_final, text_projection
 *     all               both
 *     image_projection  visual.proj; of a ResNet visual.attnpool.c_proj
 *     bias              all biases of both towers (BitFit, Ben Zaken et al. 2022)
 *     layer_norm        gains and biases of all layer norms of both towers
 *
 * Biases are those of linear layers, of layer norms, and of a ResNet's batch norms; a ResNet has layer norms
 * in its text tower alone.
 */
#ifndef COOP_TUNER_H
#define COOP_TUNER_H

#include "clip/checkpoint/model.h"
#include "clip/train/image_trainer.h"
#include "clip/train/text_trainer.h"
#include "coop/low_rank.h"
#include "coop/trainer.h"

typedef enum {
    TUNE_IMAGE_ENCODER,
    TUNE_TEXT_ENCODER,
    TUNE_ALL,
    TUNE_IMAGE_PROJECTION,
    TUNE_BIAS,
    TUNE_LAYER_NORM,
    TUNE_LOW_RANK
} TunedPart;

typedef struct {
    TunedPart part;
    LowRankConfig image, text; /* LOW_RANK: rank 0 leaves that tower alone. A ResNet's image tower has no
                                * blocks to put matrices into: rank 0 */
    uint32_t seed;             /* of matrices, masks, and the order of the images */
    int batch_size;
    size_t memory_budget; /* bytes, of activations; 0: no bound */
} TunerConfig;

typedef struct Tuner Tuner;

/* The texts of K classes: n_templates K prompts, or features that stay. */
typedef struct {
    const TokenTree *tree; /* (n_templates, K); only asked for where the text tower is trained */
    int n_templates;
    const float *features; /* (K, E), unit length; only asked for elsewhere */
    int n_classes;
} TunedTexts;

bool tuner_trains_image(const TrainableClip *clip, const TunerConfig *config);
bool tuner_trains_text(const TrainableClip *clip, const TunerConfig *config);

/* frozen is the same checkpoint, for an image tower of which nothing is trained. It, clip, pool and texts are
 * borrowed; the clip is the tuner's until tuner_free, and its values are then those
 * that were learned. Caller frees. */
Tuner *tuner_create(TrainableClip *clip, const Clip *frozen, const TunerConfig *config,
                    const TunedTexts *texts, Pool *pool, Error *err);
void tuner_free(Tuner *tuner); /* NULL is fine */

/* What the training loop sees; its images (B, 3 S S) are normalised pixels. Owned by the tuner. */
const Trainee *tuner_trainee(Tuner *tuner);
/* Said before the loss of each step, counted from 1 over the whole training: what masks depend on. */
void tuner_begin_step(Tuner *tuner, long step);

/* The matrices of a tower; NULL: none. */
const LowRank *tuner_low_rank(const Tuner *tuner, bool image);

/* As in a test: features (K, E) of the classes, of unit length. */
int tuner_texts(Tuner *tuner, float *features, Error *err);

#endif
