/* image_crops.h: the images of a training's batches, decoded when they are asked for: in each epoch a fresh
 * random resized crop and flip of every image, the same as the views of features.h: a function of seed, the
 * image's content and the epoch. */
#ifndef COOP_IMAGE_CROPS_H
#define COOP_IMAGE_CROPS_H

#include "coop/loaded_model.h"
#include "coop/trainer.h"

typedef struct CropsAhead CropsAhead;

typedef struct {
    LoadedModel *model; /* says what pixels are, and how many threads there are. All is borrowed */
    const char *root;
    const ItemList *items;
    uint32_t seed;
    bool random;       /* false: the test transform */
    CropsAhead *ahead; /* NULL at first */
} ImageCrops;

int image_crops_size(const ImageCrops *crops); /* 3 S S, numbers of an image */

/* images (B, 3, S, S) of these items, normalised, in an epoch from 1. */
int image_crops_load(ImageCrops *crops, float *images, const int *items, int B, int epoch, Error *err);

/* Begins to decode, on threads of its own, what the next call of image_crops_load will ask for, and returns
 * at once. If that asks for something else, or this cannot be done, nothing but time is lost. */
void image_crops_prepare(ImageCrops *crops, const int *items, int B, int epoch);

void image_crops_close(ImageCrops *crops); /* waits for what was begun */

#endif
