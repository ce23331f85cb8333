/* image_trainer.c: see image_trainer.h. The kind of the tower decides. */
#include "clip/train/image_trainer.h"

#include "clip/train/vit_trainer.h"

#include <stdlib.h>

struct ImageTrainer {
    VitTrainer *vit;
};

ImageTrainer *image_trainer_create(TrainableClip *clip, Pool *pool, int max_images, size_t memory_budget,
                                   Error *err) {
    if (clip->is_resnet) {
        error_set(err, "training the image tower of a ResNet is not supported");
        return NULL;
    }
    ImageTrainer *trainer = calloc(1, sizeof *trainer);
    if (!trainer) {
        error_memory(err);
        return NULL;
    }
    trainer->vit = vit_trainer_create(clip, pool, max_images, memory_budget, err);
    if (trainer->vit)
        return trainer;
    free(trainer);
    return NULL;
}

void image_trainer_free(ImageTrainer *trainer) {
    if (trainer)
        vit_trainer_free(trainer->vit);
    free(trainer);
}

void image_trainer_forward(ImageTrainer *trainer, float *features, const float *pixels, int n, Pass pass) {
    vit_trainer_forward(trainer->vit, features, pixels, n, pass);
}

void image_trainer_backward(ImageTrainer *trainer, const float *d_features) {
    vit_trainer_backward(trainer->vit, d_features);
}

double image_trainer_flops(const TrainableClip *clip, bool backward) {
    return vit_trainer_flops(clip, backward);
}
