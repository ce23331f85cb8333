/* contrastive_trainer.h: a step of training CLIP on image-caption pairs.
 *
 * A step takes the pairs of accum_freq batches as one: a first pass encodes all of them and keeps the
 * features alone; then the loss of all is differentiated, and each batch is encoded again for its backward
 * pass (OpenCLIP's accum_freq). So the gradient is that of the large batch in the memory of a small one;
 * batch norms see each batch twice, as in OpenCLIP. With one batch there is one pass.
 */
#ifndef CLIP_TRAIN_CONTRASTIVE_TRAINER_H
#define CLIP_TRAIN_CONTRASTIVE_TRAINER_H

#include "clip/train/image_trainer.h"
#include "clip/train/text_trainer.h"

typedef struct ContrastiveTrainer ContrastiveTrainer;

typedef struct {
    int batch_size, accum_freq;
    size_t memory_budget; /* bytes, of activations; 0: no bound */
} ContrastiveOptions;

/* What is trained was said before (parameters_train); a tower in which nothing is runs in PASS_TEST. Clip and
 * pool are borrowed. */
ContrastiveTrainer *contrastive_trainer_create(TrainableClip *clip, Pool *pool, ContrastiveOptions options,
                                               Error *err);
void contrastive_trainer_free(ContrastiveTrainer *trainer);

typedef struct {
    int n;                       /* at most batch_size */
    const unsigned char *images; /* (n, S, S, 3): bytes, not yet normalised */
    const int *const *captions;  /* (n) tokens, from SOS to EOS: no more than there are positions */
    const int *lengths;          /* (n) */
} PairBatch;

/* Zeroes the gradients, fills them, and returns the loss over all n_batches (at most accum_freq) batches.
 * ERROR_SIGNAL between batches when the pool is stopped, then nothing but running statistics has changed.
 * A loss or gradient that is not finite is ERROR_RUN. */
int contrastive_trainer_gradients(ContrastiveTrainer *trainer, double *loss, const PairBatch *batches,
                                  int n_batches, Error *err);

/* --- a step that several processes share, each with some of its batches --- */

/* Encodes a batch whose first pair is number `first` of the step. is_last: its activations are kept, and it
 * is the first whose gradients are asked for. */
int contrastive_trainer_encode(ContrastiveTrainer *trainer, const PairBatch *batch, int first, bool is_last,
                               Error *err);
/* The features of the step's pairs and their gradients (batch_size accum_freq, E): those of the other
 * processes go to their rows, and the gradients of this one are filled in before the backward passes. */
typedef struct {
    float *image, *text, *d_image, *d_text; /* gradients of a tower that is not trained are NULL */
} StepFeatures;
StepFeatures contrastive_trainer_features(ContrastiveTrainer *trainer);
/* Adds to the gradients of a tower. `again`: the batch is not the one whose activations were kept. */
int contrastive_trainer_image_gradients(ContrastiveTrainer *trainer, const PairBatch *batch, int first,
                                        bool again, Error *err);
int contrastive_trainer_text_gradients(ContrastiveTrainer *trainer, const PairBatch *batch, int first,
                                       bool again, Error *err);

/* Features of a batch as they are in a test, for evaluation: (n, E), not of unit length. */
int contrastive_trainer_images(ContrastiveTrainer *trainer, float *features, const unsigned char *images,
                               int n, Error *err);
int contrastive_trainer_texts(ContrastiveTrainer *trainer, float *features, const int *const *captions,
                              const int *lengths, int n, Error *err);

/* logit_scale is kept within [0, ln 100], as OpenCLIP does after each step. */
void contrastive_clamp_scale(TrainableClip *clip);

#endif
