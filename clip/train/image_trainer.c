/* image_trainer.c: see image_trainer.h. The kind of the tower decides. */
#include "clip/train/image_trainer.h"

#include "clip/train/resnet_trainer.h"
#include "clip/train/vit_trainer.h"

#include <stdlib.h>

/* One of the two. */
struct ImageTrainer {
    VitTrainer *vit;
    ResnetTrainer *resnet;
};

ImageTrainer *image_trainer_create(TrainableClip *clip, Pool *pool, int max_images, size_t memory_budget,
                                   Error *err) {
    ImageTrainer *trainer = calloc(1, sizeof *trainer);
    if (!trainer) {
        error_memory(err);
        return NULL;
    }
    if (clip->is_resnet)
        trainer->resnet = resnet_trainer_create(clip, pool, max_images, memory_budget, err);
    else
        trainer->vit = vit_trainer_create(clip, pool, max_images, memory_budget, err);
    if (trainer->vit || trainer->resnet)
        return trainer;
    free(trainer);
    return NULL;
}

void image_trainer_free(ImageTrainer *trainer) {
    if (trainer && trainer->resnet)
        resnet_trainer_free(trainer->resnet);
    else if (trainer)
        vit_trainer_free(trainer->vit);
    free(trainer);
}

void image_trainer_forward(ImageTrainer *trainer, float *features, const float *pixels, int n, Pass pass) {
    if (trainer->resnet)
        resnet_trainer_forward(trainer->resnet, features, pixels, n, pass);
    else
        vit_trainer_forward(trainer->vit, features, pixels, n, pass);
}

void image_trainer_backward(ImageTrainer *trainer, const float *d_features) {
    if (trainer->resnet)
        resnet_trainer_backward(trainer->resnet, d_features);
    else
        vit_trainer_backward(trainer->vit, d_features);
}

double image_trainer_flops(const TrainableClip *clip, bool backward) {
    return clip->is_resnet ? resnet_trainer_flops(clip, backward) : vit_trainer_flops(clip, backward);
}
